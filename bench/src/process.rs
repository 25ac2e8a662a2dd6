//! What the kernel counts about a process.

use std::time::Duration;

use anyhow::{Context, Result};

/// User and system time a process has used, in steps of a clock tick (10 ms).
///
/// # Errors
/// When the process is gone.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    let ticks = cpu_ticks(&text).with_context(|| format!("{path} has an unknown form"))?;
    Ok(Duration::from_secs_f64(ticks as f64 / ticks_per_second()))
}

/// As [`cpu_time`] in nanoseconds' resolution, of the threads that live now: only for spans in which none ends.
///
/// # Errors
/// When the process is gone.
pub fn scheduled_time(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/task");
    let mut total = 0;
    for thread in std::fs::read_dir(&path).with_context(|| format!("{path} cannot be read"))? {
        // A thread that has just ended has no figures any more.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        total += run_time(&text).with_context(|| format!("a schedstat below {path} has an unknown form"))?;
    }
    Ok(Duration::from_nanos(total))
}

/// Memory of a process that is in RAM, in bytes.
///
/// # Errors
/// When the process is gone.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    resident_kib(&text)
        .map(|kib| kib * 1024)
        .with_context(|| format!("{path} has an unknown form"))
}

/// CPU time all threads of this process have used, in nanoseconds' resolution.
pub fn own_cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a timespec of our own that lives through the call.
    #[allow(unsafe_code)]
    let outcome = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(outcome, 0, "every Linux has this clock");
    Duration::new(
        time.tv_sec.try_into().unwrap_or(0),
        time.tv_nsec.try_into().unwrap_or(0),
    )
}

fn ticks_per_second() -> f64 {
    // SAFETY: sysconf has no preconditions.
    #[allow(unsafe_code)]
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    if ticks > 0 { ticks as f64 } else { 100.0 }
}

/// Fields 14 and 15 of proc_pid_stat(5). The name, field 2, may hold spaces and parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The first of the three numbers, time on a processor in ns.
fn run_time(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_strange_names() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194304 100 0 0 0 17 5 0 0 20 0 3 0 100 1000 10 18446744073709551615\n";
        assert_eq!(cpu_ticks(stat), Some(22));
        assert_eq!(cpu_ticks("nonsense"), None);
    }

    #[test]
    fn time_of_threads_is_read() {
        assert_eq!(run_time("123456 789 10\n"), Some(123_456));
        assert_eq!(run_time(""), None);
        assert!(scheduled_time(std::process::id()).unwrap() > Duration::ZERO);
    }

    #[test]
    fn status_is_read() {
        assert_eq!(resident_kib("VmPeak:\t 999 kB\nVmRSS:\t   1234 kB\n"), Some(1234));
        assert_eq!(resident_kib("VmPeak:\t 999 kB\n"), None);
    }

    #[test]
    fn this_process_has_memory_and_uses_time() {
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000);
        let before = own_cpu_time();
        let mut sum = 0u64;
        while own_cpu_time() - before < Duration::from_millis(30) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_time(std::process::id()).unwrap() > Duration::ZERO);
    }
}
