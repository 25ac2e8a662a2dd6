//! Whether a plugin may be called, judged by how its calls ended. Pure: whoever asks says what time it is.
//!
//! Closed, the plugin is called. Faults that come close together and are not outweighed by calls that went well open the
//! breaker for a pause; after it one call is let through, and its end decides. Each pause is twice as long as the one
//! before it, until the plugin has been well for as long as the longest pause.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// When a plugin is suspended, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Faults that suspend it. At least 1.
    pub faults: usize,
    /// Time within which they have to happen.
    pub window: Duration,
    /// Calls that went well in that time, per fault, that keep it from being suspended: one identifier that makes it
    /// panic must not take a busy plugin away from everybody.
    pub tolerance: u64,
    /// The first pause.
    pub first_pause: Duration,
    /// The longest pause, and the time without one after which the first pause is used again.
    pub longest_pause: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            faults: 5,
            window: Duration::from_secs(60),
            tolerance: 4,
            first_pause: Duration::from_secs(10),
            longest_pause: Duration::from_secs(600),
        }
    }
}

/// What a call says about the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It did its work.
    Good,
    /// It answered, but that proves little: the identifier was another source's, or the call never began.
    Neutral,
    /// It crashed or did not answer in time.
    Fault,
}

/// The right to make one call, to be given back with its end.
#[derive(Debug)]
#[must_use]
pub(crate) struct Ticket {
    /// Number of the attempt after a pause, when this call is one.
    attempt: Option<u64>,
}

/// What changed by a call's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// No calls for this time.
    Suspended(Duration),
    /// The attempt went well.
    Resumed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant },
    Attempt { number: u64 },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Breaker {
    policy: BreakerPolicy,
    state: State,
    /// The last faults, and how many calls had gone well by then.
    faults: VecDeque<(Instant, u64)>,
    good: u64,
    attempts: u64,
    /// The last pause and its end.
    last_pause: Option<(Duration, Instant)>,
}

impl Breaker {
    pub(crate) fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy: BreakerPolicy {
                faults: policy.faults.max(1),
                ..policy
            },
            state: State::Closed,
            faults: VecDeque::new(),
            good: 0,
            attempts: 0,
            last_pause: None,
        }
    }

    /// Asks to make a call.
    ///
    /// # Errors
    /// The time until it is worth asking again; zero while an attempt is being made.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Ticket, Duration> {
        match self.state {
            State::Closed => Ok(Ticket { attempt: None }),
            State::Open { until } if now < until => Err(until - now),
            State::Open { .. } => {
                self.attempts += 1;
                self.state = State::Attempt {
                    number: self.attempts,
                };
                Ok(Ticket {
                    attempt: Some(self.attempts),
                })
            }
            State::Attempt { .. } => Err(Duration::ZERO),
        }
    }

    /// A call that was admitted has come to an end.
    pub(crate) fn report(&mut self, now: Instant, ticket: Ticket, sign: Sign) -> Option<Change> {
        match self.state {
            State::Closed => match sign {
                Sign::Good => {
                    self.good += 1;
                    None
                }
                Sign::Neutral => None,
                Sign::Fault => self.fault(now),
            },
            State::Attempt { number } if ticket.attempt == Some(number) => {
                if sign == Sign::Fault {
                    return Some(self.suspend(now));
                }
                self.state = State::Closed;
                Some(Change::Resumed)
            }
            // Calls from before the pause say nothing new.
            State::Attempt { .. } | State::Open { .. } => None,
        }
    }

    fn fault(&mut self, now: Instant) -> Option<Change> {
        self.faults.push_back((now, self.good));
        if self.faults.len() > self.policy.faults {
            self.faults.pop_front();
        }
        let (first, good_before) = *self.faults.front()?;
        let good = self.good - good_before;
        let is_full = self.faults.len() == self.policy.faults;
        let is_close = now.saturating_duration_since(first) <= self.policy.window;
        let is_outweighed = good >= self.policy.tolerance.saturating_mul(self.policy.faults as u64);
        (is_full && is_close && !is_outweighed).then(|| self.suspend(now))
    }

    fn suspend(&mut self, now: Instant) -> Change {
        let longest = self.policy.longest_pause;
        let pause = match self.last_pause {
            Some((pause, end)) if now.saturating_duration_since(end) < longest => pause.saturating_mul(2),
            _ => self.policy.first_pause,
        }
        .min(longest);
        let until = now + pause;
        self.state = State::Open { until };
        self.last_pause = Some((pause, until));
        self.faults.clear();
        Change::Suspended(pause)
    }

    /// Whether the plugin is out of use: for how long yet, zero while it is being tried again.
    pub(crate) fn suspended(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Closed => None,
            State::Open { until } => Some(until.saturating_duration_since(now)),
            State::Attempt { .. } => Some(Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn call(breaker: &mut Breaker, now: Instant, sign: Sign) -> Option<Change> {
        let ticket = breaker.admit(now).expect("admitted");
        breaker.report(now, ticket, sign)
    }

    fn suspend(breaker: &mut Breaker, now: Instant) -> Duration {
        for _ in 0..100 {
            if let Some(Change::Suspended(pause)) = call(breaker, now, Sign::Fault) {
                return pause;
            }
        }
        panic!("it never opens");
    }

    #[test]
    fn five_faults_in_a_minute_suspend_and_four_do_not() {
        let (mut breaker, start) = (Breaker::new(BreakerPolicy::default()), Instant::now());
        for second in 0..4 {
            assert_eq!(call(&mut breaker, start + SECOND * second, Sign::Fault), None);
        }
        // The first of them is forgotten by now.
        assert_eq!(call(&mut breaker, start + SECOND * 61, Sign::Fault), None);
        assert_eq!(
            call(&mut breaker, start + SECOND * 61, Sign::Fault),
            Some(Change::Suspended(SECOND * 10))
        );
        assert_eq!(breaker.admit(start + SECOND * 62).unwrap_err(), SECOND * 9);
        assert_eq!(breaker.suspended(start + SECOND * 62), Some(SECOND * 9));
    }

    #[test]
    fn rare_faults_of_a_busy_plugin_are_borne() {
        let (mut breaker, now) = (Breaker::new(BreakerPolicy::default()), Instant::now());
        for _ in 0..100 {
            for _ in 0..5 {
                assert_eq!(call(&mut breaker, now, Sign::Good), None);
            }
            assert_eq!(call(&mut breaker, now, Sign::Fault), None);
        }
        // Answers that prove nothing do not make up for faults.
        for _ in 0..4 {
            for _ in 0..50 {
                assert_eq!(call(&mut breaker, now, Sign::Neutral), None);
            }
            if call(&mut breaker, now, Sign::Fault).is_some() {
                return;
            }
        }
        assert!(matches!(
            call(&mut breaker, now, Sign::Fault),
            Some(Change::Suspended(_))
        ));
    }

    #[test]
    fn after_the_pause_one_call_decides() {
        let (mut breaker, start) = (Breaker::new(BreakerPolicy::default()), Instant::now());
        let late = breaker.admit(start).unwrap();
        suspend(&mut breaker, start);
        let then = start + SECOND * 10;
        let attempt = breaker.admit(then).unwrap();
        assert_eq!(breaker.admit(then).unwrap_err(), Duration::ZERO);
        assert_eq!(
            breaker.report(then, late, Sign::Fault),
            None,
            "it began before the pause"
        );
        assert_eq!(
            breaker.report(then, attempt, Sign::Fault),
            Some(Change::Suspended(SECOND * 20))
        );
        let then = then + SECOND * 20;
        assert_eq!(call(&mut breaker, then, Sign::Neutral), Some(Change::Resumed));
        assert_eq!(breaker.suspended(then), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_start_anew_after_good_times() {
        let (mut breaker, mut now) = (Breaker::new(BreakerPolicy::default()), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let pause = suspend(&mut breaker, now);
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(call(&mut breaker, now, Sign::Good), Some(Change::Resumed));
        assert_eq!(suspend(&mut breaker, now + SECOND * 600), SECOND * 10);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Begin,
        End(usize, Sign),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let sign = prop_oneof![
            Just(Sign::Good),
            Just(Sign::Neutral),
            Just(Sign::Fault),
            Just(Sign::Fault)
        ];
        let step = prop_oneof![
            Just(Step::Begin),
            (any::<usize>(), sign).prop_map(|(which, sign)| Step::End(which, sign)),
            (0u64..30).prop_map(Step::Wait),
        ];
        proptest::collection::vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn whatever_happens_it_never_wedges(steps in steps()) {
            let policy = BreakerPolicy::default();
            let (mut breaker, mut now) = (Breaker::new(policy), Instant::now());
            let mut running = Vec::new();
            let mut last = None;
            let mut faults = 0;
            for step in steps {
                match step {
                    Step::Begin => if let Ok(ticket) = breaker.admit(now) {
                        running.push(ticket);
                    },
                    Step::End(which, sign) if !running.is_empty() => {
                        let ticket = running.swap_remove(which % running.len());
                        faults += usize::from(sign == Sign::Fault);
                        if let Some(change) = breaker.report(now, ticket, sign) {
                            if let Change::Suspended(pause) = change {
                                prop_assert!(pause >= policy.first_pause && pause <= policy.longest_pause);
                                prop_assert!(faults >= policy.faults || matches!(last, Some(Change::Suspended(_))));
                                faults = 0;
                            } else {
                                prop_assert!(matches!(last, Some(Change::Suspended(_))));
                            }
                            last = Some(change);
                        }
                    }
                    Step::End(..) => {}
                    Step::Wait(seconds) => now += SECOND * seconds as u32,
                }
                prop_assert!(breaker.faults.len() <= policy.faults);
            }
            // All calls come back, the longest pause passes, and a plugin that is well is in use again.
            for ticket in running {
                let _change = breaker.report(now, ticket, Sign::Neutral);
            }
            now += policy.longest_pause;
            call(&mut breaker, now, Sign::Good);
            prop_assert_eq!(breaker.suspended(now), None);
        }

        #[test]
        fn a_plugin_without_faults_is_never_refused(signs in proptest::collection::vec(any::<bool>(), 0..200)) {
            let (mut breaker, now) = (Breaker::new(BreakerPolicy::default()), Instant::now());
            for good in signs {
                let change = call(&mut breaker, now, if good { Sign::Good } else { Sign::Neutral });
                prop_assert_eq!(change, None);
            }
        }
    }
}
