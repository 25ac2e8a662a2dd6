//! Counts what a player sent per wall-clock minute, for `frameStats`.
//!
//! The pacer thread is the only writer of the minute buckets, the player's task the only writer of the start and end
//! times; both only store atomics. The rules are section 2.6 of the protocol notes (Lavalink's audio loss counter).

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Longest gap between two tracks that still counts as continuous, milliseconds.
const MAX_GAP_MS: i64 = 100;
const MINUTE_MS: i64 = 60_000;
/// No such time yet.
const NEVER: i64 = i64::MIN;

/// Slots of the whole process in which a track that had begun and was not paused had no frame ready. They are rare, so
/// that pacers may share the counter.
static NULLED: AtomicU64 = AtomicU64::new(0);

/// Counts one such slot.
pub fn count_nulled() {
    NULLED.fetch_add(1, Relaxed);
}

/// All such slots since the start.
pub fn nulled_frames() -> u64 {
    NULLED.load(Relaxed)
}

/// The counter of one player. Times are milliseconds since 1970.
#[derive(Debug)]
pub struct FrameCounter {
    minute: AtomicI64,
    sent: AtomicU32,
    nulled: AtomicU32,
    last_minute: AtomicI64,
    last_sent: AtomicU32,
    last_nulled: AtomicU32,
    playing_since: AtomicI64,
    last_start: AtomicI64,
    last_end: AtomicI64,
}

impl Default for FrameCounter {
    fn default() -> Self {
        Self {
            minute: AtomicI64::new(0),
            sent: AtomicU32::new(0),
            nulled: AtomicU32::new(0),
            last_minute: AtomicI64::new(NEVER),
            last_sent: AtomicU32::new(0),
            last_nulled: AtomicU32::new(0),
            playing_since: AtomicI64::new(NEVER),
            last_start: AtomicI64::new(NEVER),
            last_end: AtomicI64::new(NEVER),
        }
    }
}

impl FrameCounter {
    /// A 20 ms slot passed; `was_sent` says whether a frame was handed over in it.
    pub fn count(&self, was_sent: bool, now_ms: i64) {
        let minute = now_ms.div_euclid(MINUTE_MS);
        let current = self.minute.load(Relaxed);
        if minute != current {
            self.last_minute.store(current, Relaxed);
            self.last_sent.store(self.sent.swap(0, Relaxed), Relaxed);
            self.last_nulled.store(self.nulled.swap(0, Relaxed), Relaxed);
            self.minute.store(minute, Relaxed);
        }
        let bucket = if was_sent { &self.sent } else { &self.nulled };
        bucket.fetch_add(1, Relaxed);
    }

    /// A track started or was un-paused.
    pub fn started(&self, now_ms: i64) {
        self.last_start.store(now_ms, Relaxed);
        let ended = self.last_end.load(Relaxed);
        let is_continuous = ended != NEVER && now_ms - ended <= MAX_GAP_MS;
        if self.playing_since.load(Relaxed) == NEVER || (ended != NEVER && !is_continuous) {
            self.playing_since.store(now_ms, Relaxed);
            self.last_end.store(NEVER, Relaxed);
        }
    }

    /// A track ended or was paused.
    pub fn ended(&self, now_ms: i64) {
        self.last_end.store(now_ms, Relaxed);
    }

    /// Frames (sent, nulled) of the last full minute, when the player played through all of it.
    pub fn last_minute(&self, now_ms: i64) -> Option<(u32, u32)> {
        let (start, end) = (self.last_start.load(Relaxed), self.last_end.load(Relaxed));
        if start == NEVER || (end != NEVER && start - end > MAX_GAP_MS) {
            return None;
        }
        let since = self.playing_since.load(Relaxed);
        let previous = now_ms.div_euclid(MINUTE_MS) - 1;
        if since == NEVER || since >= previous * MINUTE_MS {
            return None;
        }
        // The buckets turn over with the first slot of a minute, which may still be to come.
        if self.minute.load(Relaxed) == previous {
            return Some((self.sent.load(Relaxed), self.nulled.load(Relaxed)));
        }
        (self.last_minute.load(Relaxed) == previous)
            .then(|| (self.last_sent.load(Relaxed), self.last_nulled.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_000 * MINUTE_MS;

    fn minute_of_frames(counter: &FrameCounter, start: i64, sent: usize, nulled: usize) {
        for slot in 0..sent + nulled {
            counter.count(slot < sent, start + (slot as i64) * 20);
        }
    }

    #[test]
    fn a_full_minute_of_play_is_reported() {
        let counter = FrameCounter::default();
        counter.started(T - 5_000);
        minute_of_frames(&counter, T, 2990, 4);
        assert_eq!(counter.last_minute(T + 30_000), None, "the minute is not over");
        assert_eq!(
            counter.last_minute(T + MINUTE_MS),
            Some((2990, 4)),
            "before the first slot of the new minute"
        );
        counter.count(true, T + MINUTE_MS);
        assert_eq!(counter.last_minute(T + MINUTE_MS + 1), Some((2990, 4)));
        assert_eq!(counter.last_minute(T + 2 * MINUTE_MS + 1), Some((1, 0)));
        assert_eq!(
            counter.last_minute(T + 3 * MINUTE_MS),
            None,
            "nobody polled for a whole minute"
        );
    }

    #[test]
    fn play_that_began_within_the_minute_does_not_count() {
        let counter = FrameCounter::default();
        counter.started(T + 10);
        minute_of_frames(&counter, T + 20, 2900, 0);
        assert_eq!(counter.last_minute(T + MINUTE_MS + 5), None);
    }

    #[test]
    fn a_quick_track_switch_is_continuous_and_a_pause_is_not() {
        let quick = FrameCounter::default();
        quick.started(T - 10_000);
        quick.ended(T + 1_000);
        quick.started(T + 1_100);
        minute_of_frames(&quick, T, 2995, 5);
        assert_eq!(quick.last_minute(T + MINUTE_MS + 1), Some((2995, 5)));
        let paused = FrameCounter::default();
        paused.started(T - 10_000);
        paused.ended(T + 1_000);
        paused.started(T + 1_101);
        minute_of_frames(&paused, T, 2995, 5);
        assert_eq!(paused.last_minute(T + MINUTE_MS + 1), None);
    }

    #[test]
    fn an_idle_player_has_nothing_to_report() {
        assert_eq!(FrameCounter::default().last_minute(T), None);
    }
}
