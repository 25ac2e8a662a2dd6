//! Where the pacer takes its packets from.

use std::{sync::Arc, time::Duration};

use crate::flight::FlightRecorder;

/// Largest Opus packet a source may hand over, in bytes.
pub const MAX_PACKET: usize = 1568;

/// Gives one Opus packet of 20 ms (48 kHz) at a time.
pub trait FrameSource: Send {
    /// Writes the next packet to the front of `packet` and returns its length in bytes (1 to [`MAX_PACKET`]).
    ///
    /// Called by a pacer thread once per due slot of 20 ms while the connection may send. `None` means that there is
    /// nothing to send now. Must not block, allocate or do I/O: every other connection of that thread waits meanwhile.
    fn next_frame(&mut self, packet: &mut [u8; MAX_PACKET]) -> Option<usize>;

    /// What the last [`next_frame`](Self::next_frame) saw, for the flight recorder. Same rules.
    fn report(&self) -> SourceReport {
        SourceReport::default()
    }

    /// Where the fate of every slot is to be written; asked once per connection, not by a pacer.
    fn recorder(&self) -> Option<Arc<FlightRecorder>> {
        None
    }
}

/// What a source knows about a packet, or about why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceReport {
    /// Packets that are ready behind it.
    pub queued: usize,
    /// How long it had been ready.
    pub ready_for: Duration,
    /// Whether the track's input is out of bytes.
    pub is_starved: bool,
    /// Why there is no packet although audio is due; `None` when none is due, as without a track or while paused.
    pub lack: Option<Lack>,
}

/// Why a source has no packet although audio is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The track's bytes did not come.
    Bytes,
    /// A seek is under way.
    Seek,
    /// Nobody has got round to making one.
    Work {
        /// Whether the thread that should have was kept from running by something else.
        was_hindered: bool,
    },
}

/// A source shared with its owner. The pacer only tries the lock: whoever holds it when a slot is due costs that
/// connection one packet, never the thread.
pub type SharedSource = Arc<parking_lot::Mutex<dyn FrameSource>>;
