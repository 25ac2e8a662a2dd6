//! One slot in 64 bits, so that the pacer writes it with a single store and a reader never sees half of one.
//!
//! | bits | content |
//! |---|---|
//! | 0-19 | when it was due, in ms, modulo 2^20 (17 minutes) |
//! | 20-31 | how late it was, in 0.1 ms, at most 409.5 ms |
//! | 32-41 | how long the frame had been ready, in ms, at most 1023 ms |
//! | 42-45 | frames left in the queue, at most 15 |
//! | 46-50 | outcome; 0 marks an entry never written |
//! | 51 | whether the track's input was out of bytes |
//! | 52-59 | number of the end-to-end key in use, modulo 256 |

use std::time::Duration;

use super::cause::GapCause;

/// Outcomes below this number have a meaning of their own; those from it on are causes of a missing frame.
const FIRST_MISSED: u64 = 8;

/// What became of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A frame was sent in time, or late for no fault that is known.
    Sent,
    /// A frame was sent late because this node had too much to do.
    SentLateOverrun,
    /// A frame was sent late because the machine ran something else.
    SentLateStolen,
    /// There was nothing to send: no track, or paused. Only the first such slot in a row is recorded.
    Idle,
    /// A voice connection took over.
    Joined,
    /// A frame was due and none was sent.
    Missed(GapCause),
}

impl Outcome {
    fn code(self) -> u64 {
        match self {
            Self::Sent => 1,
            Self::SentLateOverrun => 2,
            Self::SentLateStolen => 3,
            Self::Idle => 4,
            Self::Joined => 5,
            Self::Missed(cause) => FIRST_MISSED + cause.index() as u64,
        }
    }

    fn from_code(code: u64) -> Option<Self> {
        match code {
            1 => Some(Self::Sent),
            2 => Some(Self::SentLateOverrun),
            3 => Some(Self::SentLateStolen),
            4 => Some(Self::Idle),
            5 => Some(Self::Joined),
            _ => {
                let index = usize::try_from(code.checked_sub(FIRST_MISSED)?).ok()?;
                GapCause::ALL.get(index).copied().map(Self::Missed)
            }
        }
    }

    /// Whether a frame went out.
    pub fn is_sent(self) -> bool {
        matches!(self, Self::Sent | Self::SentLateOverrun | Self::SentLateStolen)
    }

    /// Whether a listener expects audio after this slot.
    pub(crate) fn is_playing(self) -> bool {
        self.is_sent() || matches!(self, Self::Missed(_))
    }
}

/// One slot of 20 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When it was due, on the pacers' clock, to the millisecond.
    pub due: Duration,
    /// How much later it was run, to 0.1 ms, at most 409.5 ms.
    pub lateness: Duration,
    /// How long before sending the frame was ready, to the millisecond, at most 1023 ms. Zero without a frame.
    pub ready_for: Duration,
    /// Frames that were left in the queue, at most 15.
    pub queued: u8,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether the track's input was out of bytes.
    pub is_starved: bool,
    /// Number of the end-to-end key in use; differs from the slot before after a change.
    pub epoch: u8,
}

/// Range of the stored due time, ms.
pub(super) const DUE_RANGE_MS: u64 = 1 << 20;

impl Slot {
    /// The slot in 64 bits.
    pub(super) fn pack(&self) -> u64 {
        let due = self.due.as_millis() as u64 % DUE_RANGE_MS;
        let lateness = (self.lateness.as_micros() / 100).min(0xfff) as u64;
        let ready = self.ready_for.as_millis().min(0x3ff) as u64;
        due | lateness << 20
            | ready << 32
            | u64::from(self.queued.min(15)) << 42
            | self.outcome.code() << 46
            | u64::from(self.is_starved) << 51
            | u64::from(self.epoch) << 52
    }

    /// The slot in `bits`, its due time being at or before `not_after`; `None` when none was ever written.
    pub(super) fn unpack(bits: u64, not_after: Duration) -> Option<Self> {
        let field = |shift: u32, width: u32| (bits >> shift) & ((1 << width) - 1);
        let outcome = Outcome::from_code(field(46, 5))?;
        let latest = not_after.as_millis() as u64;
        let back = (latest % DUE_RANGE_MS + DUE_RANGE_MS - field(0, 20)) % DUE_RANGE_MS;
        Some(Self {
            due: Duration::from_millis(latest.saturating_sub(back)),
            lateness: Duration::from_micros(field(20, 12) * 100),
            ready_for: Duration::from_millis(field(32, 10)),
            queued: field(42, 4) as u8,
            outcome,
            is_starved: field(51, 1) == 1,
            epoch: field(52, 8) as u8,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcomes() -> Vec<Outcome> {
        let missed = GapCause::ALL.into_iter().map(Outcome::Missed);
        [
            Outcome::Sent,
            Outcome::SentLateOverrun,
            Outcome::SentLateStolen,
            Outcome::Idle,
            Outcome::Joined,
        ]
        .into_iter()
        .chain(missed)
        .collect()
    }

    proptest! {
        #[test]
        fn slots_survive_packing(
            due in 0u64..100_000_000_000,
            after in 0u64..DUE_RANGE_MS,
            lateness in 0u64..4096,
            ready in 0u64..1024,
            queued in 0u8..16,
            outcome in prop::sample::select(outcomes()),
            is_starved: bool,
            epoch: u8,
        ) {
            let slot = Slot {
                due: Duration::from_millis(due),
                lateness: Duration::from_micros(lateness * 100),
                ready_for: Duration::from_millis(ready),
                queued,
                outcome,
                is_starved,
                epoch,
            };
            prop_assert_eq!(Slot::unpack(slot.pack(), Duration::from_millis(due + after)), Some(slot));
        }

        #[test]
        fn any_bits_are_a_slot_or_none(bits: u64, latest in 0u64..10_000_000) {
            let latest = Duration::from_millis(latest);
            if let Some(slot) = Slot::unpack(bits, latest) {
                prop_assert!(slot.due <= latest);
            }
        }
    }

    #[test]
    fn too_much_is_the_most() {
        let slot = Slot {
            due: Duration::ZERO,
            lateness: Duration::from_secs(9),
            ready_for: Duration::from_secs(9),
            queued: 200,
            outcome: Outcome::Sent,
            is_starved: false,
            epoch: 0,
        };
        let read = Slot::unpack(slot.pack(), Duration::ZERO).expect("written");
        assert_eq!(read.lateness, Duration::from_micros(409_500));
        assert_eq!((read.ready_for, read.queued), (Duration::from_millis(1023), 15));
        assert_eq!(Slot::unpack(0, Duration::ZERO), None);
    }
}
