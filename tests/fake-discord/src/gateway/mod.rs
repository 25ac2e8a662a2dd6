//! The voice gateway: WebSocket links, their messages, and the sessions that outlive them.

pub(crate) mod flood;
pub(crate) mod link;
pub(crate) mod message;
pub(crate) mod outbox;
pub(crate) mod session;

/// Gateway opcodes by name.
pub(crate) mod op {
    pub(crate) const IDENTIFY: u8 = 0;
    pub(crate) const SELECT_PROTOCOL: u8 = 1;
    pub(crate) const READY: u8 = 2;
    pub(crate) const HEARTBEAT: u8 = 3;
    pub(crate) const SESSION_DESCRIPTION: u8 = 4;
    pub(crate) const SPEAKING: u8 = 5;
    pub(crate) const HEARTBEAT_ACK: u8 = 6;
    pub(crate) const RESUME: u8 = 7;
    pub(crate) const HELLO: u8 = 8;
    pub(crate) const RESUMED: u8 = 9;
    pub(crate) const CLIENTS_CONNECT: u8 = 11;
    pub(crate) const VIDEO: u8 = 12;
    pub(crate) const CLIENT_DISCONNECT: u8 = 13;
    pub(crate) const SESSION_UPDATE: u8 = 14;
    pub(crate) const MEDIA_SINK_WANTS: u8 = 15;
    pub(crate) const CLIENT_FLAGS: u8 = 18;
    pub(crate) const PREPARE_TRANSITION: u8 = 21;
    pub(crate) const EXECUTE_TRANSITION: u8 = 22;
    pub(crate) const TRANSITION_READY: u8 = 23;
    pub(crate) const PREPARE_EPOCH: u8 = 24;
    pub(crate) const EXTERNAL_SENDER: u8 = 25;
    pub(crate) const KEY_PACKAGE: u8 = 26;
    pub(crate) const PROPOSALS: u8 = 27;
    pub(crate) const COMMIT_WELCOME: u8 = 28;
    pub(crate) const ANNOUNCE_COMMIT: u8 = 29;
    pub(crate) const WELCOME: u8 = 30;
    pub(crate) const INVALID_COMMIT_WELCOME: u8 = 31;
}

/// Close codes the server itself decides on.
pub(crate) mod close_code {
    pub(crate) const UNKNOWN_OPCODE: u16 = 4001;
    pub(crate) const DECODE_ERROR: u16 = 4002;
    pub(crate) const NOT_AUTHENTICATED: u16 = 4003;
    pub(crate) const AUTHENTICATION_FAILED: u16 = 4004;
    pub(crate) const ALREADY_AUTHENTICATED: u16 = 4005;
    pub(crate) const SESSION_INVALID: u16 = 4006;
    pub(crate) const SESSION_TIMEOUT: u16 = 4009;
    pub(crate) const UNKNOWN_PROTOCOL: u16 = 4012;
    pub(crate) const UNKNOWN_ENCRYPTION_MODE: u16 = 4016;
    pub(crate) const E2EE_REQUIRED: u16 = 4017;
    pub(crate) const BAD_REQUEST: u16 = 4020;

    /// Whether a session stays resumable after the server closed a socket with `code`.
    pub(crate) fn is_resumable(code: u16) -> bool {
        matches!(code, 1001 | 1006 | 4000 | 4009 | 4015 | 4900)
    }
}
