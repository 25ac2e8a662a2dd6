//! Time as the pacers see it: a monotonic clock and the 20 ms grid.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Where the clock of all pacers begins.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The clock all pacers share.
pub(crate) fn process_clock() -> Duration {
    START.elapsed()
}

/// Length of one Opus packet.
pub(crate) const FRAME: Duration = Duration::from_millis(20);

/// Slots the 20 ms are divided into, so that the players of a thread do not all send at the same moment.
pub(crate) const SLOTS: u32 = 5;

/// Distance of two slots of the same thread.
pub(crate) const SLOT_STEP: Duration = Duration::from_millis(FRAME.as_millis() as u64 / SLOTS as u64);

/// A monotonic clock a pacer sleeps by; tests put a fake one in its place.
pub(crate) trait Clock {
    /// Time since an arbitrary start.
    fn now(&self) -> Duration;

    /// Returns at `deadline` or later, at once if it has passed.
    fn sleep_until(&mut self, deadline: Duration);

    /// Waits until there is something new to do.
    fn park(&mut self);

    /// CPU time used by the calling thread.
    fn thread_cpu(&self) -> Duration;

    /// CPU time used by all threads of the process.
    fn process_cpu(&self) -> Duration;
}

/// The system's monotonic clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        process_clock()
    }

    fn sleep_until(&mut self, deadline: Duration) {
        let wait = deadline.saturating_sub(self.now());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
    }

    fn park(&mut self) {
        std::thread::park();
    }

    fn thread_cpu(&self) -> Duration {
        cpu_time(ClockId::ThreadCPUTime)
    }

    fn process_cpu(&self) -> Duration {
        cpu_time(ClockId::ProcessCPUTime)
    }
}

fn cpu_time(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// The first point of the grid `offset + n * 20 ms` at or after `now`.
pub(crate) fn next_on_grid(now: Duration, offset: Duration) -> Duration {
    let Some(since) = now.checked_sub(offset) else {
        return offset;
    };
    let frames = since.as_nanos().div_ceil(FRAME.as_nanos());
    // 20 ms fit into u32::MAX frames for 994 days; beyond that the grid point is simply now.
    u32::try_from(frames).map_or(now, |frames| offset + FRAME * frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn grid_points() {
        assert_eq!(next_on_grid(Duration::ZERO, Duration::ZERO), Duration::ZERO);
        assert_eq!(next_on_grid(MS, Duration::ZERO), 20 * MS);
        assert_eq!(next_on_grid(20 * MS, Duration::ZERO), 20 * MS);
        assert_eq!(next_on_grid(3 * MS, 4 * MS), 4 * MS);
        assert_eq!(next_on_grid(25 * MS, 4 * MS), 44 * MS);
    }

    #[test]
    fn slots_cover_a_frame() {
        assert_eq!(SLOT_STEP * SLOTS, FRAME);
    }
}
