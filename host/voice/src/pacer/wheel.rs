//! The streams of one pacer thread, spread over the slots of the 20 ms grid.

use std::sync::Arc;
use std::time::Duration;

use super::clock::{FRAME, SLOT_STEP, SLOTS, next_on_grid};
use super::stream::{Moment, Ran, Scratch, Stream};
use super::watch::Blame;
use crate::counters::VoiceCounters;
use crate::totals::LatenessHistogram;

/// A slot run later than this counts as late.
pub(super) const LATE: Duration = Duration::from_millis(5);

/// Frames a slot may be behind before the missed ones are given up.
const MAX_FRAMES_BEHIND: u32 = 3;

/// Shortest distance between two runs of a slot: a slot that is behind catches up at twice the pace, not in a burst.
const CATCH_UP: Duration = Duration::from_millis(10);

/// Streams that share a slot before the next slot is used. One wake-up costs more than several packets, and this many
/// packets take some 0.2 ms, which no listener notices.
const BUNDLE: usize = 32;

/// Streams each slot has room for before its list has to grow, which happens only when one is added.
const INITIAL_CAPACITY: usize = 64;

struct Slot {
    #[expect(
        clippy::vec_box,
        reason = "streams are large and change lists; only their pointers move"
    )]
    streams: Vec<Box<Stream>>,
    offset: Duration,
    /// When the slot should run next.
    due: Duration,
    /// When it will run next; later than `due` while catching up.
    run_at: Duration,
}

/// All streams of a pacer thread.
pub(crate) struct Wheel {
    slots: Vec<Slot>,
    scratch: Scratch,
    lateness: Arc<LatenessHistogram>,
}

impl Wheel {
    /// An empty wheel whose grid is shifted by `phase`, so that threads do not all wake at once, and which
    /// notes in `lateness` how late it is run.
    pub(crate) fn new(phase: Duration, lateness: Arc<LatenessHistogram>) -> Self {
        let slot = |index| Slot {
            streams: Vec::with_capacity(INITIAL_CAPACITY),
            offset: phase + SLOT_STEP * index,
            due: Duration::ZERO,
            run_at: Duration::ZERO,
        };
        Self {
            slots: (0..SLOTS).map(slot).collect(),
            scratch: Scratch::new(),
            lateness,
        }
    }

    /// Puts a stream into a slot: few streams share few slots, many are spread evenly.
    pub(crate) fn insert(&mut self, stream: Box<Stream>, now: Duration) {
        let lengths = self.slots.iter().map(|slot| slot.streams.len());
        let Some(slot) = preferred(lengths).and_then(|index| self.slots.get_mut(index)) else {
            return;
        };
        if slot.streams.is_empty() {
            slot.due = next_on_grid(now, slot.offset);
            slot.run_at = slot.due;
        }
        slot.streams.push(stream);
    }

    /// When the next slot with streams runs; `None` without any stream.
    pub(crate) fn next_run(&self) -> Option<Duration> {
        self.busy().map(|slot| slot.run_at).min()
    }

    fn busy(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| !slot.streams.is_empty())
    }

    /// Runs the slot that is next, if its time has come. Streams that ended are sent back; returns how many.
    pub(super) fn run(&mut self, now: Duration, blame: Blame) -> usize {
        let next = self
            .slots
            .iter_mut()
            .filter(|slot| !slot.streams.is_empty())
            .min_by_key(|slot| slot.run_at);
        match next {
            Some(slot) if slot.run_at <= now => {
                let behind = now.saturating_sub(slot.due);
                self.lateness.record(behind, slot.streams.len() as u64);
                slot.run(now, behind, blame, &mut self.scratch)
            }
            _ => 0,
        }
    }
}

/// The slot a new stream goes to: the fullest with room in its bundle, else the emptiest.
fn preferred(lengths: impl Iterator<Item = usize> + Clone) -> Option<usize> {
    let open = lengths.clone().enumerate().filter(|(_, length)| *length < BUNDLE);
    let fullest = open.max_by_key(|(index, length)| (*length, std::cmp::Reverse(*index)));
    let emptiest = || lengths.enumerate().min_by_key(|(_, length)| *length);
    fullest.or_else(emptiest).map(|(index, _)| index)
}

impl Slot {
    fn run(&mut self, now: Duration, behind: Duration, blame: Blame, scratch: &mut Scratch) -> usize {
        let missed_due = self.due;
        let mut lost = 0;
        if behind > FRAME * MAX_FRAMES_BEHIND {
            lost = (behind.as_nanos() / FRAME.as_nanos()) as u64;
            self.due = next_on_grid(now + Duration::from_nanos(1), self.offset).saturating_sub(FRAME);
        }
        let lateness = now.saturating_sub(self.due);
        let moment = Moment {
            due: self.due,
            lateness,
            is_late: lateness > LATE,
            blame,
        };
        let mut ended = 0;
        let mut any_locked = false;
        let mut index = 0;
        while let Some(stream) = self.streams.get_mut(index) {
            let counters = stream.counters();
            if behind > LATE {
                VoiceCounters::add(&counters.late_slots, 1);
            }
            if lost > 0 {
                VoiceCounters::add(&counters.lost_slots, lost);
                stream.gave_up(missed_due, lost, blame);
            }
            let ran = stream.run(scratch, moment, false);
            stream.retry = ran == Ran::Locked;
            any_locked |= stream.retry;
            if ran == Ran::Finished {
                self.streams.swap_remove(index).send_back();
                ended += 1;
            } else {
                index += 1;
            }
        }
        if any_locked {
            for stream in self.streams.iter_mut().filter(|stream| stream.retry) {
                stream.run(scratch, moment, true);
            }
        }
        self.due += FRAME;
        self.run_at = self.due.max(now + CATCH_UP);
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_streams_share_a_slot_and_many_are_spread_evenly() {
        let mut lengths = [0; 4];
        for count in 1..=BUNDLE * 4 {
            lengths[preferred(lengths.iter().copied()).expect("there are slots")] += 1;
            let used = lengths.iter().filter(|length| **length > 0).count();
            assert_eq!(used, count.div_ceil(BUNDLE), "{lengths:?}");
        }
        for _ in 0..4 {
            lengths[preferred(lengths.iter().copied()).expect("there are slots")] += 1;
        }
        assert_eq!(lengths, [BUNDLE + 1; 4]);
        assert_eq!(
            preferred([3, 5, 0].into_iter()),
            Some(1),
            "gaps left by ended streams are filled first"
        );
        assert_eq!(preferred(std::iter::empty()), None);
    }
}
