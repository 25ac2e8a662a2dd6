//! Where the pacer takes its packets from.

use std::sync::Arc;

/// Largest Opus packet a source may hand over, in bytes.
pub const MAX_PACKET: usize = 1568;

/// Gives one Opus packet of 20 ms (48 kHz) at a time.
pub trait FrameSource: Send {
    /// Writes the next packet to the front of `packet` and returns its length in bytes (1 to [`MAX_PACKET`]).
    ///
    /// Called by a pacer thread once per due slot of 20 ms while the connection may send. `None` means that there is
    /// nothing to send now. Must not block, allocate or do I/O: every other connection of that thread waits meanwhile.
    fn next_frame(&mut self, packet: &mut [u8; MAX_PACKET]) -> Option<usize>;
}

/// A source shared with its owner. The pacer only tries the lock: whoever holds it when a slot is due costs that
/// connection one packet, never the thread.
pub type SharedSource = Arc<parking_lot::Mutex<dyn FrameSource>>;
