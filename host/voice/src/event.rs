//! What a connection tells its owner.

/// Something the owner of a voice connection has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoiceEvent {
    /// The voice server accepted us (op 2). Comes again after a reconnect that needed a fresh identify.
    Ready,
    /// The connection is over and will not come back by itself. Never sent for a close asked for on this side.
    Closed {
        /// Close code of the voice gateway, or 1006 when the connection was lost and could not be restored.
        code: u16,
        /// Text sent with the close frame; empty when there was none.
        reason: String,
        /// Whether the code came in a close frame from the voice server.
        by_remote: bool,
    },
}
