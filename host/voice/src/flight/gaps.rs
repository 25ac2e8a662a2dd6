//! From slots to gaps: stretches in which a listener missed audio.

use std::time::Duration;

use super::cause::GapCause;
use super::entry::{Outcome, Slot};

/// A frame sent this much later than the one before it, measured by when they were due, counts as a gap. Receivers
/// delay what they play by at least two frames.
pub const AUDIBLE_LATENESS: Duration = Duration::from_millis(40);

/// Playing time of a frame.
const FRAME: Duration = Duration::from_millis(20);

/// A stretch in which audio was due and none was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// What most of its slots were missed for.
    pub cause: GapCause,
    /// When its first frame was due, on the pacers' clock.
    pub start: Duration,
    /// From then until the next frame was sent, the audio was stopped, or now.
    pub length: Duration,
    /// Slots of 20 ms in which a frame was due and none was sent.
    pub frames_missed: u32,
    /// Whether it was not over when the slots were read.
    pub is_ongoing: bool,
    /// Frames left in the queue before it.
    pub queued_before: u8,
    /// Slots of it in which the track's input was out of bytes.
    pub starved_slots: u32,
    /// Greatest lateness of a slot in it.
    pub lateness: Duration,
    /// Whether the end-to-end key changed in it.
    pub changed_key: bool,
}

/// A gap being collected.
struct Open {
    gap: Gap,
    votes: [u32; GapCause::ALL.len()],
    epoch: u8,
}

impl Open {
    fn new(first: &Slot, before: Option<&Slot>) -> Self {
        let queued_before = before.map_or(0, |slot| slot.queued);
        Self {
            gap: Gap {
                cause: GapCause::CpuOverrun,
                start: first.due,
                length: Duration::ZERO,
                frames_missed: 0,
                is_ongoing: false,
                queued_before,
                starved_slots: 0,
                lateness: Duration::ZERO,
                changed_key: false,
            },
            votes: [0; GapCause::ALL.len()],
            epoch: before.map_or(first.epoch, |slot| slot.epoch),
        }
    }

    fn vote(&mut self, cause: GapCause, slots: u32) {
        if let Some(votes) = self.votes.get_mut(cause.index()) {
            *votes += slots;
        }
    }

    fn add(&mut self, slot: &Slot) {
        self.gap.starved_slots += u32::from(slot.is_starved);
        self.gap.lateness = self.gap.lateness.max(slot.lateness);
        self.gap.changed_key |= slot.epoch != self.epoch;
    }

    fn close(mut self, end: Duration) -> Gap {
        let winner = GapCause::ALL
            .into_iter()
            .rev()
            .max_by_key(|cause| self.votes.get(cause.index()).copied());
        self.gap.cause = winner.unwrap_or(self.gap.cause);
        self.gap.length = end.saturating_sub(self.gap.start);
        self.gap
    }
}

/// The gaps in `slots` (oldest first), which were read at `now`.
pub fn find_gaps(slots: &[Slot], now: Duration) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut open: Option<Open> = None;
    let mut before: Option<&Slot> = None;
    let mut has_rejoined = false;
    for slot in slots {
        let was_playing = before.is_some_and(|before| before.outcome.is_playing());
        match slot.outcome {
            Outcome::Joined => {
                if was_playing || open.is_some() {
                    let gap = open.get_or_insert_with(|| {
                        let mut gap = Open::new(slot, before);
                        gap.gap.start = before.map_or(slot.due, |before| before.due + FRAME);
                        gap
                    });
                    gap.add(slot);
                    has_rejoined = true;
                }
            }
            Outcome::Missed(cause) => {
                let gap = open.get_or_insert_with(|| Open::new(slot, before));
                gap.add(slot);
                gap.gap.frames_missed += 1;
                gap.vote(cause, 1);
            }
            Outcome::Idle => gaps.extend(open.take().map(|gap| gap.close(slot.due))),
            sent => {
                let sent_at = slot.due + slot.lateness;
                if let Some(mut gap) = open.take() {
                    gap.add(slot);
                    // Slots that were given up left nothing but the hole they were due in.
                    let whole = slot.due.saturating_sub(gap.gap.start).as_millis() / FRAME.as_millis();
                    let whole = u32::try_from(whole).unwrap_or(u32::MAX);
                    let unrecorded = whole.saturating_sub(gap.gap.frames_missed);
                    gap.gap.frames_missed = gap.gap.frames_missed.max(whole);
                    if has_rejoined {
                        gap.vote(GapCause::VoiceReconnect, unrecorded.max(1));
                    }
                    gaps.push(gap.close(sent_at));
                } else if was_playing
                    && before.is_some_and(|before| slot.lateness >= before.lateness + AUDIBLE_LATENESS)
                {
                    let mut gap = Open::new(slot, before);
                    gap.add(slot);
                    gap.vote(late_cause(sent), 1);
                    gaps.push(gap.close(sent_at));
                }
                has_rejoined = false;
            }
        }
        if slot.outcome != Outcome::Joined || before.is_none() {
            before = Some(slot);
        }
    }
    if let Some(gap) = open {
        let mut gap = gap.close(now);
        gap.is_ongoing = true;
        gaps.push(gap);
    }
    gaps
}

fn late_cause(outcome: Outcome) -> GapCause {
    match outcome {
        Outcome::SentLateOverrun => GapCause::CpuOverrun,
        _ => GapCause::HostStolen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use GapCause::{CpuOverrun, DaveTransition, HostStolen, SourceStarved, VoiceReconnect};
    use Outcome::{Idle, Joined, Missed, Sent, SentLateStolen};

    const MS: Duration = Duration::from_millis(1);

    /// Slots every 20 ms with these outcomes.
    fn slots(outcomes: &[Outcome]) -> Vec<Slot> {
        (0..)
            .zip(outcomes)
            .map(|(number, &outcome)| Slot {
                due: FRAME * number,
                lateness: Duration::ZERO,
                ready_for: 40 * MS,
                queued: 1,
                outcome,
                is_starved: outcome == Missed(SourceStarved),
                epoch: 0,
            })
            .collect()
    }

    fn gaps(slots: &[Slot]) -> Vec<(GapCause, u64, u64, u32)> {
        let ms = |time: Duration| time.as_millis() as u64;
        find_gaps(slots, 1_000 * MS)
            .iter()
            .map(|gap| (gap.cause, ms(gap.start), ms(gap.length), gap.frames_missed))
            .collect()
    }

    #[test]
    fn clean_play_and_pauses_have_no_gap() {
        let mut clean = slots(&[Joined, Idle, Sent, Sent, Sent, Idle, Sent, Idle]);
        assert_eq!(gaps(&clean), []);
        clean[3].lateness = 39 * MS;
        assert_eq!(gaps(&clean), [], "receivers bear that");
        assert_eq!(gaps(&[]), []);
    }

    #[test]
    fn missed_frames_are_a_gap_until_the_next_one_sent() {
        let starved = Missed(SourceStarved);
        let mut recorded = slots(&[Sent, starved, starved, Missed(CpuOverrun), Sent, Sent]);
        recorded[4].lateness = 3 * MS;
        assert_eq!(gaps(&recorded), [(SourceStarved, 20, 63, 3)]);
        let gap = find_gaps(&recorded, MS)[0];
        assert_eq!(
            (gap.starved_slots, gap.queued_before, gap.is_ongoing),
            (2, 1, false)
        );
        recorded.truncate(4);
        assert_eq!(gaps(&recorded), [(SourceStarved, 20, 980, 3)]);
        assert!(find_gaps(&recorded, 1_000 * MS)[0].is_ongoing);
        recorded.extend(slots(&[Idle; 5]).into_iter().skip(4));
        assert_eq!(
            gaps(&recorded),
            [(SourceStarved, 20, 60, 3)],
            "stopped or paused meanwhile"
        );
    }

    #[test]
    fn a_late_frame_is_a_gap_of_its_lateness() {
        let mut recorded = slots(&[Sent, SentLateStolen, Sent]);
        recorded[1].lateness = 55 * MS;
        recorded[2].lateness = 45 * MS;
        assert_eq!(
            gaps(&recorded),
            [(HostStolen, 20, 55, 0)],
            "catching up is no gap of its own"
        );
    }

    #[test]
    fn slots_given_up_count() {
        let mut recorded = slots(&[Sent, Missed(HostStolen), Sent]);
        recorded[2].due = 520 * MS;
        assert_eq!(gaps(&recorded), [(HostStolen, 20, 500, 25)]);
    }

    #[test]
    fn a_new_connection_explains_the_hole_before_it() {
        let mut recorded = slots(&[Sent, Joined, Sent]);
        recorded[1].due = 300 * MS;
        recorded[2].due = 400 * MS;
        assert_eq!(gaps(&recorded), [(VoiceReconnect, 20, 380, 19)]);
    }

    #[test]
    fn a_key_change_is_noted() {
        let mut recorded = slots(&[Sent, Missed(DaveTransition), Sent]);
        recorded[2].epoch = 1;
        let gap = find_gaps(&recorded, MS)[0];
        assert!(gap.changed_key && gap.cause == DaveTransition);
    }
}
