//! How much a voice server may send: past that its socket is read no faster than a healthy server ever writes, so that
//! one that floods us keeps neither a core nor memory busy.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes that may come at once: far more than the largest call sends when everybody joins.
const BURST: u64 = 8 << 20;

/// Bytes per second afterwards.
const RATE: u64 = 1 << 20;

/// What a message costs beside its bytes: taking one apart takes longer than reading a few bytes.
const PER_MESSAGE: u64 = 256;

/// The account of one socket.
#[derive(Debug)]
pub(super) struct Inflow {
    /// Bytes taken and not yet paid for by time.
    debt: u64,
    updated: Instant,
}

impl Inflow {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            debt: 0,
            updated: now,
        }
    }

    /// A message of `bytes` was read. Returns when the next one may be.
    pub(super) fn took(&mut self, bytes: usize, now: Instant) -> Instant {
        let elapsed = now.duration_since(self.updated);
        let paid = u64::try_from(elapsed.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_mul(RATE)
            / 1000;
        if paid > 0 {
            self.debt = self.debt.saturating_sub(paid);
            self.updated = now;
        }
        self.debt = self.debt.saturating_add(bytes as u64).saturating_add(PER_MESSAGE);
        let over = self.debt.saturating_sub(BURST);
        now + Duration::from_millis(over.saturating_mul(1000) / RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_full_of_people_is_never_held_back() {
        let now = Instant::now();
        let mut inflow = Inflow::new(now);
        for _ in 0..100 {
            assert_eq!(inflow.took(40_000, now), now);
        }
    }

    #[test]
    fn a_flood_is_read_at_the_agreed_rate() {
        let start = Instant::now();
        let mut inflow = Inflow::new(start);
        let (mut now, mut read) = (start, 0);
        while read < 100 << 20 {
            now = inflow.took(1 << 20, now).max(now);
            read += 1 << 20;
        }
        let taken = now.duration_since(start).as_secs();
        assert!((90..=95).contains(&taken), "{taken} s for 100 MiB");
    }

    #[test]
    fn tiny_messages_count_too() {
        let start = Instant::now();
        let mut inflow = Inflow::new(start);
        let mut now = start;
        for _ in 0..100_000 {
            now = inflow.took(3, now).max(now);
        }
        assert!(now > start + Duration::from_secs(10), "{:?}", now - start);
    }

    #[test]
    fn quiet_time_pays_off() {
        let start = Instant::now();
        let mut inflow = Inflow::new(start);
        inflow.took(BURST as usize, start);
        let later = start + Duration::from_secs(60);
        assert_eq!(inflow.took(1000, later), later);
    }
}
