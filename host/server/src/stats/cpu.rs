//! CPU figures for the stats message, from `/proc`, computed at most once per 30 s for everybody.

use std::time::{Duration, Instant};

use lavalink_protocol::stats::Cpu;
use parking_lot::Mutex;

/// Age at which the figures are computed anew.
const MAX_AGE: Duration = Duration::from_secs(30);
/// `USER_HZ`, the unit of `/proc/self/stat`: 100 on every Linux the node runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Raw counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    at: Instant,
    busy: u64,
    total: u64,
    own_ticks: u64,
}

/// Keeps the last figures and the counters they were computed from.
#[derive(Debug)]
pub struct CpuMeter {
    state: Mutex<Option<(Sample, Cpu)>>,
    cores: i32,
}

impl CpuMeter {
    /// A meter that has not measured anything.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            state: Mutex::new(None),
            cores: i32::try_from(cores).unwrap_or(i32::MAX),
        }
    }

    /// The current figures, at most 30 s old; both loads are 0 the first time.
    pub fn read(&self) -> Cpu {
        let mut state = self.state.lock();
        if let Some((sample, cpu)) = *state
            && sample.at.elapsed() < MAX_AGE
        {
            return cpu;
        }
        let Some(now) = sample() else {
            return Cpu {
                cores: self.cores,
                system_load: 0.0,
                lavalink_load: 0.0,
            };
        };
        let cpu = figures(state.as_ref().map(|(sample, _)| sample), &now, self.cores);
        *state = Some((now, cpu));
        cpu
    }
}

fn figures(before: Option<&Sample>, now: &Sample, cores: i32) -> Cpu {
    let share = |part: f64, whole: f64| {
        let share = part / whole;
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    let (mut system_load, mut lavalink_load) = (0.0, 0.0);
    if let Some(before) = before {
        system_load = share(
            now.busy.saturating_sub(before.busy) as f64,
            now.total.saturating_sub(before.total) as f64,
        );
        let seconds = now.at.saturating_duration_since(before.at).as_secs_f64();
        let own = now.own_ticks.saturating_sub(before.own_ticks) as f64 / TICKS_PER_SECOND;
        lavalink_load = share(own, seconds * f64::from(cores));
    }
    Cpu {
        cores,
        system_load,
        lavalink_load,
    }
}

fn sample() -> Option<Sample> {
    let (busy, total) = machine_ticks(&std::fs::read_to_string("/proc/stat").ok()?)?;
    let own_ticks = process_ticks(&std::fs::read_to_string("/proc/self/stat").ok()?)?;
    Some(Sample {
        at: Instant::now(),
        busy,
        total,
        own_ticks,
    })
}

/// Busy and total ticks from the first line of `/proc/stat`: user nice system idle iowait irq softirq steal.
fn machine_ticks(stat: &str) -> Option<(u64, u64)> {
    let fields: Vec<u64> = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_ascii_whitespace()
        .take(8)
        .map_while(|f| f.parse().ok())
        .collect();
    let total: u64 = fields.iter().sum();
    let idle = fields.get(3)? + fields.get(4).unwrap_or(&0);
    Some((total - idle, total))
}

/// utime + stime from `/proc/self/stat`; the program name in parentheses may contain anything.
fn process_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_formats_are_understood() {
        assert_eq!(
            machine_ticks("cpu  100 0 50 800 50 0 0 0 7 7\ncpu0 1 2"),
            Some((150, 1000))
        );
        assert_eq!(machine_ticks("intr 5"), None);
        assert_eq!(
            process_ticks("12 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0"),
            Some(42)
        );
        assert_eq!(process_ticks("12 (a"), None);
    }

    #[test]
    fn loads_are_shares_of_the_time_between_samples() {
        let start = Instant::now();
        let before = Sample {
            at: start,
            busy: 100,
            total: 1000,
            own_ticks: 10,
        };
        let now = Sample {
            at: start + Duration::from_secs(10),
            busy: 350,
            total: 2000,
            own_ticks: 210,
        };
        let cpu = figures(Some(&before), &now, 4);
        assert!(
            (cpu.system_load - 0.25).abs() < 1e-9 && (cpu.lavalink_load - 0.05).abs() < 1e-9,
            "{cpu:?}"
        );
        let first = figures(None, &now, 4);
        assert_eq!(
            (first.system_load, first.lavalink_load, first.cores),
            (0.0, 0.0, 4)
        );
        let same = figures(Some(&now), &now, 4);
        assert_eq!((same.system_load, same.lavalink_load), (0.0, 0.0));
    }

    #[test]
    fn figures_are_kept_for_a_while() {
        let meter = CpuMeter::new();
        assert!(meter.read().cores >= 1);
        let kept = meter.read();
        assert_eq!(kept, meter.read());
    }
}
