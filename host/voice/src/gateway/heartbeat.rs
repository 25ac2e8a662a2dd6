//! Heartbeats: when to beat, whether the gateway is still alive, and how long it takes to answer.

use std::time::Duration;

use tokio::time::Instant;

/// Beats in a row without an answer after which the connection is dead.
const MAX_MISSED: u32 = 2;

/// Limits of the interval a server may ask for.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(300);

/// What is due when the interval is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Send a heartbeat with this nonce.
    Send(u64),
    /// The gateway has stopped answering.
    Dead,
}

/// Heartbeat state of one socket.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    interval: Duration,
    next: Instant,
    nonce: u64,
    /// Nonce and time of the last beat not answered yet.
    open: Option<(u64, Instant)>,
    missed: u32,
}

impl Heartbeat {
    /// Starts with the interval of the hello message, in milliseconds; the first beat comes one interval from `now`.
    /// `None` for a number that is no interval.
    pub(crate) fn new(interval_ms: f64, now: Instant) -> Option<Self> {
        if !interval_ms.is_finite() || interval_ms <= 0.0 {
            return None;
        }
        let interval =
            Duration::from_secs_f64((interval_ms / 1000.0).min(LONGEST.as_secs_f64())).max(SHORTEST);
        Some(Self {
            interval,
            next: now + interval,
            nonce: 0,
            open: None,
            missed: 0,
        })
    }

    /// When [`beat`](Self::beat) is to be called.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// The interval is over.
    pub(crate) fn beat(&mut self, now: Instant) -> Beat {
        self.missed = if self.open.is_some() { self.missed + 1 } else { 0 };
        if self.missed >= MAX_MISSED {
            return Beat::Dead;
        }
        self.next = now + self.interval;
        Beat::Send(self.sent(now))
    }

    /// A beat out of turn, because the gateway asked for one; returns its nonce.
    pub(crate) fn sent(&mut self, now: Instant) -> u64 {
        self.nonce += 1;
        self.open = Some((self.nonce, now));
        self.nonce
    }

    /// The gateway answered `nonce`. Returns the round trip when it is the answer to the last beat.
    pub(crate) fn answered(&mut self, nonce: u64, now: Instant) -> Option<Duration> {
        // An answer to an older beat still shows that the gateway is alive.
        self.missed = 0;
        let (open, sent) = self.open?;
        if open != nonce {
            return None;
        }
        self.open = None;
        Some(now.duration_since(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn measures_the_round_trip_of_the_matching_answer() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(13_750.0, start).unwrap();
        assert_eq!(heartbeat.next(), start + 13_750 * MS);
        assert_eq!(heartbeat.beat(start), Beat::Send(1));
        assert_eq!(heartbeat.answered(9, start + MS), None);
        assert_eq!(heartbeat.answered(1, start + 42 * MS), Some(42 * MS));
        assert_eq!(heartbeat.answered(1, start + 43 * MS), None);
    }

    #[test]
    fn two_unanswered_beats_are_death() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(100.0, start).unwrap();
        assert_eq!(heartbeat.beat(start), Beat::Send(1));
        assert_eq!(heartbeat.beat(start + 100 * MS), Beat::Send(2));
        assert_eq!(heartbeat.beat(start + 200 * MS), Beat::Dead);
    }

    #[test]
    fn an_answer_between_keeps_it_alive() {
        let now = Instant::now();
        let mut heartbeat = Heartbeat::new(100.0, now).unwrap();
        for _ in 0..10 {
            assert!(matches!(heartbeat.beat(now), Beat::Send(_)));
            assert!(matches!(heartbeat.beat(now), Beat::Send(_)));
            heartbeat.answered(0, now);
            let Beat::Send(nonce) = heartbeat.beat(now) else {
                panic!("declared dead")
            };
            assert!(heartbeat.answered(nonce, now).is_some());
        }
    }

    #[test]
    fn odd_intervals() {
        let now = Instant::now();
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Heartbeat::new(bad, now).is_none());
        }
        assert_eq!(Heartbeat::new(0.001, now).unwrap().next(), now + SHORTEST);
        assert_eq!(Heartbeat::new(1e18, now).unwrap().next(), now + LONGEST);
    }
}
