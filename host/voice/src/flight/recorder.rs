//! The ring of slots. One pacer writes, anybody reads, nobody waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::entry::{DUE_RANGE_MS, Outcome, Slot};
use crate::pacer::clock::process_clock;

/// Slots kept: a minute of them, and some the writer may be overwriting while they are read.
const SLOTS: usize = 3_072;

/// Slots at the old end that a reader leaves alone because the writer may get there meanwhile.
const MARGIN: u64 = 64;

/// Longest time looked back.
const WINDOW: Duration = Duration::from_secs(60);

/// Memory of one recorder, bytes.
pub const FLIGHT_RECORDER_BYTES: usize = SLOTS * size_of::<AtomicU64>();

const _: () = assert!(FLIGHT_RECORDER_BYTES <= 64 * 1024);

/// What became of each slot of a player's last 60 s with audio. Survives changes of the voice connection.
pub struct FlightRecorder {
    slots: Box<[AtomicU64]>,
    /// Slots written so far; all but the last [`SLOTS`] of them are overwritten.
    written: AtomicU64,
    /// Slots before this number are so old that their due times are ambiguous.
    valid_from: AtomicU64,
    last_due_ms: AtomicU64,
}

/// A copy of a recorder's content.
#[derive(Debug, Clone)]
pub struct Flight {
    /// Slots of the last 60 s, the oldest first. Times are on the pacers' clock.
    pub slots: Vec<Slot>,
    /// The pacers' clock when they were copied.
    pub now: Duration,
}

impl FlightRecorder {
    /// An empty recorder.
    pub fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            written: AtomicU64::new(0),
            valid_from: AtomicU64::new(0),
            last_due_ms: AtomicU64::new(0),
        }
    }

    /// Adds a slot. For one writer at a time; wait-free.
    pub(crate) fn record(&self, slot: &Slot) {
        let written = self.written.load(Ordering::Relaxed);
        let due_ms = slot.due.as_millis() as u64;
        if due_ms.saturating_sub(self.last_due_ms.load(Ordering::Relaxed)) > DUE_RANGE_MS / 2 {
            self.valid_from.store(written, Ordering::Relaxed);
        }
        self.last_due_ms.store(due_ms, Ordering::Relaxed);
        if let Some(place) = self.slots.get(written as usize % SLOTS) {
            place.store(slot.pack(), Ordering::Relaxed);
        }
        self.written.store(written + 1, Ordering::Release);
    }

    /// What was recorded last.
    pub(crate) fn last_outcome(&self) -> Option<Outcome> {
        let last = self.written.load(Ordering::Acquire).checked_sub(1)?;
        let bits = self.slots.get(last as usize % SLOTS)?.load(Ordering::Relaxed);
        Slot::unpack(bits, Duration::ZERO).map(|slot| slot.outcome)
    }

    /// Copies what there is of the last 60 s.
    pub fn read(&self) -> Flight {
        self.read_at(process_clock())
    }

    /// As [`read`](Self::read), at a time of the pacers' clock.
    pub(crate) fn read_at(&self, now: Duration) -> Flight {
        let written = self.written.load(Ordering::Acquire);
        // A slot may be run a little before the clock was read and be due a little after.
        let mut not_after = Duration::from_millis(self.last_due_ms.load(Ordering::Relaxed));
        let oldest = written
            .saturating_sub(SLOTS as u64 - MARGIN)
            .max(self.valid_from.load(Ordering::Relaxed));
        let mut slots = Vec::new();
        for number in (oldest..written).rev() {
            let place = self.slots.get(number as usize % SLOTS);
            let Some(slot) = place.and_then(|place| Slot::unpack(place.load(Ordering::Relaxed), not_after))
            else {
                break;
            };
            if slot.due + WINDOW < now {
                break;
            }
            not_after = slot.due;
            slots.push(slot);
        }
        slots.reverse();
        Flight { slots, now }
    }
}

impl Default for FlightRecorder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for FlightRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlightRecorder")
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(due_ms: u64) -> Slot {
        Slot {
            due: Duration::from_millis(due_ms),
            lateness: Duration::ZERO,
            ready_for: Duration::ZERO,
            queued: 2,
            outcome: Outcome::Sent,
            is_starved: false,
            epoch: 0,
        }
    }

    fn dues(flight: &Flight) -> Vec<u64> {
        flight
            .slots
            .iter()
            .map(|slot| slot.due.as_millis() as u64)
            .collect()
    }

    #[test]
    fn the_last_minute_is_kept_and_nothing_older() {
        let recorder = FlightRecorder::new();
        assert!(recorder.read_at(Duration::from_secs(5)).slots.is_empty());
        // Days after the start, so that stored times have wrapped many times.
        let start = 500_000_000;
        (0..10_000).for_each(|n| recorder.record(&slot(start + n * 20)));
        let end = start + 9_999 * 20;
        let read = dues(&recorder.read_at(Duration::from_millis(end)));
        assert_eq!(read.last(), Some(&end));
        assert_eq!(read.first(), Some(&(end - 60_000)));
        assert_eq!(read.len(), 3_001);
        assert!(dues(&recorder.read_at(Duration::from_millis(end + 61_000))).is_empty());
    }

    #[test]
    fn a_long_pause_leaves_no_ambiguous_times() {
        let recorder = FlightRecorder::new();
        (0..100).for_each(|n| recorder.record(&slot(n * 20)));
        let later = DUE_RANGE_MS + 10;
        recorder.record(&slot(later));
        assert_eq!(dues(&recorder.read_at(Duration::from_millis(later))), [later]);
    }
}
