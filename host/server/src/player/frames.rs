//! What the player's source pulls its packets from.

use lavalink_audio::{FrameConsumer, Popped};
use lavalink_voice::MAX_PACKET;

// Packets go from the one to the other in place.
const _: () = assert!(lavalink_audio::MAX_PACKET == MAX_PACKET);

/// One look into a queue of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// A packet was written.
    Frame {
        /// Its length in bytes.
        len: usize,
        /// Its time code in the track, milliseconds.
        position: i64,
    },
    /// Nothing there yet.
    Empty,
    /// Nothing will ever come again.
    Ended,
}

/// A queue of encoded 20 ms frames. Must neither block nor allocate.
pub trait Frames: Send + 'static {
    /// Takes the next frame.
    fn pull(&mut self, packet: &mut [u8; MAX_PACKET]) -> Pulled;
}

impl Frames for FrameConsumer {
    fn pull(&mut self, packet: &mut [u8; MAX_PACKET]) -> Pulled {
        match self.pop(packet) {
            Popped::Frame { len, position, .. } => Pulled::Frame {
                len,
                position: i64::try_from(position.as_millis()).unwrap_or(i64::MAX),
            },
            Popped::Empty { .. } => Pulled::Empty,
            Popped::Ended => Pulled::Ended,
        }
    }
}
