//! What the server saw of one connection, as plain serialisable data.

use serde::{Deserialize, Serialize};

use crate::config::Mode;

/// One voice session from Identify to its end, resumes included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectionReport {
    /// Guild (`server_id` of Identify).
    pub guild_id: u64,
    /// Channel the server assigned; the MLS group id.
    pub channel_id: u64,
    /// `user_id` of Identify.
    pub user_id: u64,
    /// `session_id` of Identify.
    pub session_id: String,
    /// `token` of Identify.
    pub token: String,
    /// `max_dave_protocol_version` of Identify, 0 when absent.
    pub max_dave_protocol_version: u16,
    /// `video` of Identify.
    pub video: bool,
    /// `v` of the gateway URL, 4..=8.
    pub gateway_version: u8,
    /// RTP synchronisation source handed out in op 2.
    pub ssrc: u32,
    /// Transport mode selected in op 1.
    pub mode: Option<Mode>,
    /// True while the session exists (its socket may be lost and resumable).
    pub alive: bool,
    /// True while its WebSocket is open.
    pub connected: bool,
    /// Gateway traffic.
    pub gateway: GatewayReport,
    /// Frames by kind.
    pub frames: FrameReport,
    /// End-to-end encryption.
    pub dave: DaveReport,
    /// RTP and transport nonce continuity.
    pub rtp: RtpReport,
    /// Arrival times.
    pub timing: TimingReport,
    /// Speaking messages in order, at most [`HISTORY_LIMIT`].
    pub speaking: Vec<SpeakingEvent>,
}

impl ConnectionReport {
    /// Everything a well-behaved client never causes, one line per finding; empty when the connection was clean.
    /// Loss, lateness and gaps are left to the caller, since they depend on the machine's load.
    pub fn violations(&self) -> Vec<String> {
        let counts = [
            (
                "packets failed transport decryption",
                self.frames.transport_failed,
            ),
            ("malformed datagrams", self.frames.malformed),
            ("packets from an unexpected address", self.frames.wrong_address),
            (
                "packets before the first speaking message",
                self.frames.before_speaking,
            ),
            ("frames failed DAVE decryption", self.dave.failed),
            (
                "plain frames while the group was active",
                self.dave.plain_while_encrypted,
            ),
            (
                "frames under a key that was not yet in force",
                self.dave.early_key,
            ),
            ("silence frames sent encrypted", self.dave.encrypted_silence),
            (
                "DAVE nonces not above the one before",
                self.dave.nonce_not_increasing,
            ),
            ("Opus packets that do not decode", self.frames.decode_failed),
            ("transport nonces used twice", self.rtp.nonce_reuse),
            ("RTP header errors", self.rtp.header_errors),
            ("RTP timestamp errors", self.rtp.timestamp_errors),
            (
                "RTP packets out of order or repeated",
                self.rtp.reordered + self.rtp.duplicates,
            ),
            ("seq_ack errors", self.gateway.seq_ack_errors),
            ("protocol errors", self.gateway.protocol_errors.len() as u64),
        ];
        counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| format!("{count} {what}"))
            .collect()
    }
}

/// Most entries kept of any list in a report; later ones are counted but not listed.
pub const HISTORY_LIMIT: usize = 1000;

/// Gateway side of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GatewayReport {
    /// Opcodes received, in order of arrival, at most [`HISTORY_LIMIT`].
    pub ops_received: Vec<u8>,
    /// Opcodes sent, heartbeat acknowledgements left out, at most [`HISTORY_LIMIT`].
    pub ops_sent: Vec<u8>,
    /// Heartbeats received.
    pub heartbeats: u64,
    /// The last `seq_ack` received, if any heartbeat or resume carried one.
    pub last_seq_ack: Option<i64>,
    /// Heartbeats or resumes whose `seq_ack` was never sent, went backwards, or ignored messages older than 1 s.
    pub seq_ack_errors: u64,
    /// Things a client must not send, in words, at most [`HISTORY_LIMIT`].
    pub protocol_errors: Vec<String>,
    /// Successful resumes.
    pub resumes: u64,
    /// Numbered messages replayed in resumes.
    pub replayed: u64,
    /// Sockets that ended without a close frame.
    pub lost_sockets: u64,
    /// How the last socket of the session ended.
    pub close: Option<CloseReport>,
    /// Bytes sent by [`crate::FakeDiscord::flood`].
    pub flooded: u64,
    /// `any` of the last op 15, if one came.
    pub media_sink_any: Option<i64>,
}

/// The close frame that ended a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseReport {
    /// Close code; 1005 when the frame carried none, 1006 when there was no frame.
    pub code: u16,
    /// Reason text.
    pub reason: String,
    /// True when the client closed first.
    pub by_client: bool,
}

/// RTP packets of a session by what they carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameReport {
    /// RTP packets received with this session's SSRC.
    pub total: u64,
    /// Packets that carried the 3-byte Opus silence frame.
    pub silence: u64,
    /// Packets that passed transport decryption and were not silence.
    pub media: u64,
    /// Packets that failed transport decryption.
    pub transport_failed: u64,
    /// Changes of the transport key the client followed.
    pub key_changes: u64,
    /// Packets still under the earlier key after a further op 4, before the first under the new one.
    pub under_previous_key: u64,
    /// Datagrams that are neither RTP, discovery nor keepalive.
    pub malformed: u64,
    /// RTP packets from another address than the discovery request.
    pub wrong_address: u64,
    /// RTP packets that arrived more than 250 ms before the first op 5, or without any.
    pub before_speaking: u64,
    /// Opus packets decoded to PCM.
    pub decoded: u64,
    /// Opus packets the decoder refused.
    pub decode_failed: u64,
    /// Opus payload bytes received (after all decryption).
    pub opus_bytes: u64,
    /// IP discovery requests, unanswered ones included.
    pub discoveries: u64,
    /// Keepalive datagrams (4 or 8 bytes).
    pub keepalives: u64,
    /// RTCP packets; only counted.
    pub rtcp: u64,
    /// Lengths of the silence runs, in frames, at most [`HISTORY_LIMIT`].
    pub silence_runs: Vec<u32>,
}

/// DAVE side of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DaveReport {
    /// `dave_protocol_version` in force: 0 or 1.
    pub version: u16,
    /// MLS epochs whose keys came into force, in order, at most [`HISTORY_LIMIT`].
    pub epochs: Vec<u64>,
    /// True while a group key is in force and plain frames are forbidden.
    pub encrypted: bool,
    /// Frames decrypted with a group key.
    pub decrypted: u64,
    /// Frames with the DAVE end marker that were not opened ([`crate::Content::TransportOnly`]).
    pub unopened: u64,
    /// Frames with the DAVE end marker that no known key opens.
    pub failed: u64,
    /// Plain frames while a group key was in force.
    pub plain_while_encrypted: u64,
    /// Plain frames before the first group, in a channel with DAVE.
    pub plain_before_group: u64,
    /// Plain frames in a channel without DAVE, or after a downgrade.
    pub plain: u64,
    /// Frames encrypted with a key before its transition was executed.
    pub early_key: u64,
    /// Frames encrypted with an earlier key after its successor came into force.
    pub late_key: u64,
    /// Longest time an earlier key was still used after its successor came into force, ms.
    pub late_key_max_ms: f64,
    /// Silence frames that were sent end-to-end encrypted.
    pub encrypted_silence: u64,
    /// Frames whose DAVE nonce was not above the one before, per key.
    pub nonce_not_increasing: u64,
    /// Key packages (op 26).
    pub key_packages: u64,
    /// Commits (op 28) that could have been announced.
    pub commits_valid: u64,
    /// Commits of this client that were announced.
    pub commits_won: u64,
    /// Commits (op 28) that could not be parsed or verified.
    pub commits_invalid: u64,
    /// Transitions whose op 23 came in time.
    pub transitions_ready: u64,
    /// Transitions executed without this client's op 23.
    pub transitions_missed: u64,
    /// Such transitions whose op 23 came after all.
    pub transitions_late: u64,
    /// Transition ids of the op 23 messages, in order, at most [`HISTORY_LIMIT`].
    pub ready: Vec<u16>,
    /// Op 31 messages.
    pub recoveries: u64,
    /// Transition ids of the op 31 messages, in order, at most [`HISTORY_LIMIT`].
    pub invalid: Vec<u16>,
}

/// Continuity of RTP headers and transport nonces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtpReport {
    /// Sequence numbers that never came, silence pauses excluded.
    pub lost: u64,
    /// Sequence numbers skipped in the pause after silence frames.
    pub skipped_in_pause: u64,
    /// Packets older than their predecessor.
    pub reordered: u64,
    /// Packets with their predecessor's sequence number.
    pub duplicates: u64,
    /// Timestamp steps that are not 960 per sequence number.
    pub timestamp_errors: u64,
    /// Packets whose first two header bytes are not 80 78.
    pub header_errors: u64,
    /// Transport nonces seen before under the same key.
    pub nonce_reuse: u64,
    /// Datagrams the server's own socket dropped while this session was alive (all sessions of that socket together).
    pub server_drops: u64,
}

/// Arrival times against the 20 ms grid of the earliest packets of each run of audio.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimingReport {
    /// Packets measured.
    pub measured: u64,
    /// Median lateness, ms.
    pub late_p50_ms: f64,
    /// 99th percentile of lateness, ms.
    pub late_p99_ms: f64,
    /// 99.9th percentile of lateness, ms.
    pub late_p999_ms: f64,
    /// Greatest lateness, ms.
    pub late_max_ms: f64,
    /// Inter-arrival times over the gap threshold, not after silence, at most [`HISTORY_LIMIT`].
    pub gaps: Vec<Gap>,
    /// Number of such gaps, listed or not.
    pub gap_count: u64,
    /// Time from the first to the last packet, ms.
    pub span_ms: f64,
    /// Arrival of the first packet, ms since the Unix epoch; 0 before it.
    pub first_at_ms: f64,
    /// Arrival of the last packet, ms since the Unix epoch; 0 before the first.
    pub last_at_ms: f64,
}

/// A hole in the stream that no silence frames announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// When it began, ms after the first packet.
    pub at_ms: f64,
    /// Its length, ms.
    pub length_ms: f64,
}

/// One op 5 of the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpeakingEvent {
    /// Arrival, ms after Identify.
    pub at_ms: f64,
    /// The bit mask: 1 microphone, 2 soundshare, 4 priority.
    pub speaking: u32,
    /// RTP packets received before it.
    pub after_packets: u64,
}
