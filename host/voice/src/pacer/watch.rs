//! Tells who is to blame when a pacer is late: this process, which wants more than the processors give, or whatever
//! else the machine runs.

use std::time::Duration;

use super::clock::Clock;
use crate::flight::GapCause;

/// How often the process's CPU time is looked at while nothing is late.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// Shortest stretch a judgement is based on.
const MIN_STRETCH: Duration = Duration::from_millis(20);

/// Share of all processors from which on the process itself is what keeps its threads waiting.
const OVERLOAD: f64 = 0.85;

/// What a slot run late, or without a frame that was not made in time, is put down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blame {
    /// Cause of the pacer's own lateness.
    pub(super) late: GapCause,
    /// Whether this process uses up the processors.
    pub(super) is_overloaded: bool,
}

#[cfg(test)]
impl Blame {
    /// Nothing is late.
    pub(super) const NONE: Self = Self {
        late: GapCause::HostStolen,
        is_overloaded: false,
    };
}

/// Watches one pacer thread.
pub(super) struct Watch {
    processors: f64,
    /// CPU time of the process, lately and before that.
    samples: [Sample; 2],
    is_overloaded: bool,
    /// When that was judged last.
    judged_at: Duration,
    woken_at: Duration,
    thread_cpu: Duration,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    process_cpu: Duration,
}

impl Watch {
    pub(super) fn new(clock: &impl Clock, processors: usize) -> Self {
        let sample = Sample {
            at: clock.now(),
            process_cpu: clock.process_cpu(),
        };
        Self {
            processors: processors.max(1) as f64,
            samples: [sample; 2],
            is_overloaded: false,
            judged_at: sample.at,
            woken_at: sample.at,
            thread_cpu: clock.thread_cpu(),
        }
    }

    /// To be called when the thread has woken for a slot meant to run at `run_at`, having begun to wait for it at
    /// `waited_from`; `is_late` when that was too late.
    pub(super) fn woke(
        &mut self,
        clock: &impl Clock,
        run_at: Duration,
        waited_from: Duration,
        is_late: bool,
    ) -> Blame {
        let now = clock.now();
        let thread_cpu = clock.thread_cpu();
        let [last, before] = self.samples;
        // Reading it costs the more the more threads the process has, and whoever is late has no time for it.
        let is_stale = now.saturating_sub(self.judged_at) >= MIN_STRETCH;
        if is_late && is_stale || now.saturating_sub(last.at) >= SAMPLE_EVERY {
            self.judged_at = now;
            let sample = Sample {
                at: now,
                process_cpu: clock.process_cpu(),
            };
            let from = if now.saturating_sub(last.at) >= MIN_STRETCH {
                last
            } else {
                before
            };
            let wall = now.saturating_sub(from.at).as_secs_f64();
            let used = sample.process_cpu.saturating_sub(from.process_cpu).as_secs_f64();
            self.is_overloaded = wall > 0.0 && used >= OVERLOAD * self.processors * wall;
            if now.saturating_sub(last.at) >= SAMPLE_EVERY {
                self.samples = [sample, last];
            }
        }
        // At work when the slot should have run: its own work, unless it was kept from doing it.
        let worked = waited_from.saturating_sub(self.woken_at);
        let ran = thread_cpu.saturating_sub(self.thread_cpu);
        let own_work = waited_from > run_at && ran >= worked / 2;
        self.woken_at = now;
        self.thread_cpu = thread_cpu;
        Blame {
            late: if own_work || self.is_overloaded {
                GapCause::CpuOverrun
            } else {
                GapCause::HostStolen
            },
            is_overloaded: self.is_overloaded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[derive(Default)]
    struct Hands {
        now: Duration,
        thread: Duration,
        process: Duration,
    }

    impl Clock for Hands {
        fn now(&self) -> Duration {
            self.now
        }
        fn sleep_until(&mut self, _: Duration) {}
        fn park(&mut self) {}
        fn thread_cpu(&self) -> Duration {
            self.thread
        }
        fn process_cpu(&self) -> Duration {
            self.process
        }
    }

    /// Woken at 0; the slot of 20 ms runs at 60 ms, waited for since `waited_from`.
    fn blame(waited_from: u32, thread: u32, process: u32) -> GapCause {
        let mut clock = Hands::default();
        let mut watch = Watch::new(&clock, 2);
        clock.now = 60 * MS;
        clock.thread = thread * MS;
        clock.process = process * MS;
        watch.woke(&clock, 20 * MS, waited_from * MS, true).late
    }

    #[test]
    fn oversleeping_is_the_hosts_fault_unless_this_process_takes_all() {
        assert_eq!(blame(1, 1, 10), GapCause::HostStolen);
        assert_eq!(blame(1, 1, 115), GapCause::CpuOverrun);
    }

    #[test]
    fn work_is_our_own_fault_unless_it_was_interrupted() {
        assert_eq!(blame(60, 59, 59), GapCause::CpuOverrun);
        assert_eq!(blame(60, 10, 10), GapCause::HostStolen);
    }
}
