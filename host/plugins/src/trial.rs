//! Judges a new version of a plugin by the calls it is given while the old one still takes the others. Pure: whoever asks
//! says what time it is.
//!
//! What the new version fails is asked of the old one as well, so that users do not suffer, and so that the two are
//! compared by the same question: only what the old version can answer and the new one cannot speaks against the new.

use std::time::{Duration, Instant};

/// Fewest losses that send a version back, so that a single hiccup does not.
const LEAST_LOSSES: u32 = 2;

/// How a new version is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialPolicy {
    /// Share of the calls the new version gets, percent, 0 to 100; 0 takes it into use without a trial.
    pub share: u8,
    /// Calls it has to answer to be taken into use. At least 2.
    pub calls: u32,
    /// Time after which it is taken into use although there were fewer.
    pub time: Duration,
}

impl Default for TrialPolicy {
    fn default() -> Self {
        Self {
            share: 25,
            calls: 20,
            time: Duration::from_secs(600),
        }
    }
}

/// Who is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Old,
    New,
}

/// What a call tells about the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The new version answered.
    NewAnswered,
    /// The new version failed what the old one then answered.
    NewLost,
    /// The old version answered.
    OldAnswered,
    /// The old version failed.
    OldFailed,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The new version takes the old one's place.
    Promoted,
    /// The new version is put away.
    RolledBack,
}

/// The figures of a trial so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrialCounts {
    /// Calls the new version answered.
    pub answered: u32,
    /// Calls the new version failed and the old one answered.
    pub lost: u32,
    /// Calls the old version answered by itself.
    pub old_answered: u32,
    /// Calls the old version failed.
    pub old_failed: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Trial {
    policy: TrialPolicy,
    begun: Instant,
    asked: u64,
    counts: TrialCounts,
    is_over: bool,
}

impl Trial {
    pub(crate) fn new(policy: TrialPolicy, now: Instant) -> Self {
        Self {
            policy: TrialPolicy {
                calls: policy.calls.max(LEAST_LOSSES),
                ..policy
            },
            begun: now,
            asked: 0,
            counts: TrialCounts::default(),
            is_over: false,
        }
    }

    /// Who gets the next call. The calls of the new version are spread evenly, and by the golden ratio rather than by
    /// every n-th: callers with a rhythm of their own would else always meet the same version. The first is the new one's.
    pub(crate) fn lane(&mut self) -> Lane {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let place = self.asked.wrapping_mul(GOLDEN) >> 32;
        self.asked += 1;
        if place * 100 < u64::from(self.policy.share) << 32 {
            Lane::New
        } else {
            Lane::Old
        }
    }

    /// A call has ended. The verdict is told once.
    pub(crate) fn record(&mut self, evidence: Evidence) -> Option<Verdict> {
        let counts = &mut self.counts;
        let count = match evidence {
            Evidence::NewAnswered => &mut counts.answered,
            Evidence::NewLost => &mut counts.lost,
            Evidence::OldAnswered => &mut counts.old_answered,
            Evidence::OldFailed => &mut counts.old_failed,
        };
        *count = count.saturating_add(1);
        if self.is_worse() {
            self.end(Verdict::RolledBack)
        } else if self.counts.answered.saturating_add(self.counts.lost) >= self.policy.calls {
            self.end(Verdict::Promoted)
        } else {
            None
        }
    }

    /// Looks at the clock.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Verdict> {
        if now.saturating_duration_since(self.begun) < self.policy.time {
            return None;
        }
        self.end(Verdict::Promoted)
    }

    /// Ends it for a reason that lies outside.
    pub(crate) fn end(&mut self, verdict: Verdict) -> Option<Verdict> {
        if self.is_over {
            return None;
        }
        self.is_over = true;
        Some(verdict)
    }

    pub(crate) fn counts(&self) -> TrialCounts {
        self.counts
    }

    /// Two losses or more, and more of them among the new version's calls than failures among the old one's.
    fn is_worse(&self) -> bool {
        let counts = &self.counts;
        let new = u64::from(counts.answered) + u64::from(counts.lost);
        let old = u64::from(counts.old_answered) + u64::from(counts.old_failed);
        counts.lost >= LEAST_LOSSES
            && u64::from(counts.lost) * old.max(1) > u64::from(counts.old_failed) * new
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trial(share: u8) -> Trial {
        Trial::new(
            TrialPolicy {
                share,
                ..TrialPolicy::default()
            },
            Instant::now(),
        )
    }

    #[test]
    fn a_version_that_answers_is_promoted_after_twenty_calls() {
        let mut trial = trial(25);
        for _ in 0..19 {
            assert_eq!(trial.record(Evidence::NewAnswered), None);
            assert_eq!(trial.record(Evidence::OldAnswered), None);
        }
        assert_eq!(trial.record(Evidence::NewAnswered), Some(Verdict::Promoted));
        assert_eq!(trial.record(Evidence::NewLost), None, "the verdict is told once");
    }

    #[test]
    fn one_loss_is_borne_and_the_second_is_not() {
        let mut trial = trial(25);
        assert_eq!(trial.record(Evidence::NewLost), None);
        assert_eq!(trial.record(Evidence::NewAnswered), None);
        assert_eq!(trial.record(Evidence::NewLost), Some(Verdict::RolledBack));
    }

    #[test]
    fn a_version_that_fails_no_more_than_the_old_one_stays() {
        let mut trial = trial(25);
        for _ in 0..10 {
            assert_eq!(trial.record(Evidence::OldFailed), None);
            assert_eq!(trial.record(Evidence::OldAnswered), None);
        }
        for _ in 0..9 {
            assert_eq!(trial.record(Evidence::NewAnswered), None);
            assert_eq!(trial.record(Evidence::NewLost), None);
        }
        assert_eq!(trial.record(Evidence::NewAnswered), None);
        assert_eq!(trial.record(Evidence::NewAnswered), Some(Verdict::Promoted));
    }

    #[test]
    fn a_version_nobody_asks_is_promoted_in_time() {
        let (policy, now) = (TrialPolicy::default(), Instant::now());
        let mut trial = Trial::new(policy, now);
        assert_eq!(trial.tick(now + policy.time / 2), None);
        assert_eq!(trial.tick(now + policy.time), Some(Verdict::Promoted));
        assert_eq!(trial.tick(now + policy.time), None);
    }

    #[test]
    fn twenty_calls_are_enough_to_find_out_that_every_second_one_fails() {
        for fails_first in [true, false] {
            let mut trial = trial(TrialPolicy::default().share);
            let mut fails = fails_first;
            let verdict = (0..20).find_map(|_| match trial.lane() {
                Lane::Old => trial.record(Evidence::OldAnswered),
                Lane::New => {
                    fails = !fails;
                    trial.record(if fails {
                        Evidence::NewAnswered
                    } else {
                        Evidence::NewLost
                    })
                }
            });
            assert_eq!(verdict, Some(Verdict::RolledBack));
        }
    }

    proptest! {
        #[test]
        fn the_share_is_kept_at_every_moment_and_in_every_rhythm(share in 0u8..=100, calls in 1usize..2000, rhythm in 1usize..12) {
            let mut trial = trial(share);
            let lanes: Vec<Lane> = (0..calls * rhythm).map(|_| trial.lane()).collect();
            // As a caller sees it who makes every `rhythm`-th call. All inputs of this range were tried: 6.3 is the most.
            let new = lanes.iter().step_by(rhythm).filter(|lane| **lane == Lane::New).count() as f64;
            let expected = calls as f64 * f64::from(share) / 100.0;
            prop_assert!((new - expected).abs() <= 7.0 + calls as f64 * 0.01, "{new} of {calls} at {share} %");
        }

        #[test]
        fn there_is_exactly_one_verdict_and_it_follows_the_rule(
            evidence in proptest::collection::vec(0u8..4, 0..200),
        ) {
            let mut trial = trial(25);
            let mut counts = TrialCounts::default();
            let mut verdict = None;
            for which in evidence {
                let (evidence, count) = match which {
                    0 => (Evidence::NewAnswered, &mut counts.answered),
                    1 => (Evidence::NewLost, &mut counts.lost),
                    2 => (Evidence::OldAnswered, &mut counts.old_answered),
                    _ => (Evidence::OldFailed, &mut counts.old_failed),
                };
                *count += 1;
                let told = trial.record(evidence);
                prop_assert_eq!(trial.counts(), counts);
                if verdict.is_some() {
                    prop_assert_eq!(told, None);
                    continue;
                }
                let rate = |bad: u32, good: u32| f64::from(bad) / f64::from((bad + good).max(1));
                let is_worse = counts.lost >= 2
                    && rate(counts.lost, counts.answered) > rate(counts.old_failed, counts.old_answered) + 1e-9;
                let is_done = counts.answered + counts.lost >= 20;
                prop_assert_eq!(told.is_some(), is_worse || is_done);
                if let Some(told) = told {
                    prop_assert_eq!(told == Verdict::RolledBack, is_worse);
                }
                verdict = told;
            }
        }

        #[test]
        fn half_failing_beside_a_sound_old_one_never_outlives_twenty_calls(order in Just([true, false].repeat(10)).prop_shuffle()) {
            let mut trial = trial(25);
            let mut verdict = None;
            for answers in order {
                verdict = verdict.or(trial.record(if answers { Evidence::NewAnswered } else { Evidence::NewLost }));
            }
            prop_assert_eq!(verdict, Some(Verdict::RolledBack));
        }
    }
}
