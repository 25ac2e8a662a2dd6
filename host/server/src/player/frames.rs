//! What the player's source pulls its packets from.

use std::time::Duration;

use lavalink_audio::{FrameConsumer, Popped};
use lavalink_voice::{Lack, MAX_PACKET};

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
        /// Frames ready behind it.
        queued: usize,
        /// How long it had been ready.
        ready_for: Duration,
    },
    /// Nothing there yet.
    Empty {
        /// Why; `None` before the track has begun.
        lack: Option<Lack>,
    },
    /// Nothing will ever come again.
    Ended,
}

/// A queue of encoded 20 ms frames. Must neither block nor allocate.
pub trait Frames: Send + 'static {
    /// Takes the next frame.
    fn pull(&mut self, packet: &mut [u8; MAX_PACKET]) -> Pulled;

    /// Whether the track's input is out of bytes.
    fn is_starved(&self) -> bool {
        false
    }
}

impl Frames for FrameConsumer {
    fn pull(&mut self, packet: &mut [u8; MAX_PACKET]) -> Pulled {
        match self.pop(packet) {
            Popped::Frame {
                len,
                position,
                made_at,
                queued,
            } => Pulled::Frame {
                len,
                position: i64::try_from(position.as_millis()).unwrap_or(i64::MAX),
                queued,
                ready_for: made_at.elapsed(),
            },
            Popped::Empty { lack } => Pulled::Empty {
                lack: match lack {
                    lavalink_audio::Lack::Opening => None,
                    lavalink_audio::Lack::Seeking => Some(Lack::Seek),
                    lavalink_audio::Lack::Bytes => Some(Lack::Bytes),
                    lavalink_audio::Lack::Work { was_hindered } => Some(Lack::Work { was_hindered }),
                },
            },
            Popped::Ended => Pulled::Ended,
        }
    }

    fn is_starved(&self) -> bool {
        FrameConsumer::is_starved(self)
    }
}
