//! What all connections of an engine did together, for metrics.
//!
//! The pacers write only to their own connection's counters and their own thread's histogram; everything is added up
//! when somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::counters::VoiceCounters;
use crate::flight::GapCause;

/// Upper bounds of the lateness buckets, microseconds; a last bucket without bound follows. 5 ms is where a slot counts
/// as late, 20 ms a whole frame, 60 ms where frames are given up.
pub const LATENESS_BOUNDS_US: [u64; 10] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 60_000, 250_000,
];

/// Connections after which ended ones are looked for the first time.
const FIRST_SWEEP: usize = 64;

/// Sums over all connections an engine ever opened, ended ones included; every value only grows. See
/// [`VoiceCounters`] for what they mean.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct VoiceTotals {
    /// Packets of the sources handed to the network.
    pub frames_sent: u64,
    /// Opus silence packets sent after a source ran dry.
    pub silence_sent: u64,
    /// Slots of 20 ms in which a source had nothing, idle connections included.
    pub empty_slots: u64,
    /// Slots in which a source was locked by somebody else.
    pub locked_slots: u64,
    /// Slots held back because the end-to-end encryption had no key yet.
    pub held_slots: u64,
    /// Slots run more than 5 ms late.
    pub late_slots: u64,
    /// Slots given up because the thread was too far behind.
    pub lost_slots: u64,
    /// Packets the system refused.
    pub send_errors: u64,
    /// Slots in which audio was due and none was sent, in the order of [`GapCause::ALL`].
    pub missed: [u64; GapCause::ALL.len()],
    /// Packets sent more than 5 ms late, in the same order.
    pub late: [u64; GapCause::ALL.len()],
    /// Gaps, by the cause they began with, in the same order.
    pub gaps: [u64; GapCause::ALL.len()],
}

impl VoiceTotals {
    fn add(&mut self, counters: &VoiceCounters) {
        self.frames_sent += counters.frames_sent();
        self.silence_sent += counters.silence_sent();
        self.empty_slots += counters.empty_slots();
        self.locked_slots += counters.locked_slots();
        self.held_slots += counters.held_slots();
        self.late_slots += counters.late_slots();
        self.lost_slots += counters.lost_slots();
        self.send_errors += counters.send_errors();
        for (index, cause) in GapCause::ALL.into_iter().enumerate() {
            self.missed[index] += counters.missed(cause);
            self.late[index] += counters.late(cause);
            self.gaps[index] += counters.gaps(cause);
        }
    }
}

/// The counters of all connections, and the sums of those that have ended.
#[derive(Debug)]
pub(crate) struct Ledger {
    entries: Mutex<Entries>,
}

#[derive(Debug)]
struct Entries {
    live: Vec<Arc<VoiceCounters>>,
    ended: VoiceTotals,
    sweep_at: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        let entries = Entries {
            live: Vec::new(),
            ended: VoiceTotals::default(),
            sweep_at: FIRST_SWEEP,
        };
        Self {
            entries: Mutex::new(entries),
        }
    }
}

impl Ledger {
    /// Counts a connection from now on.
    pub(crate) fn register(&self, counters: Arc<VoiceCounters>) {
        let mut entries = self.entries.lock();
        if entries.live.len() >= entries.sweep_at {
            entries.sweep();
            entries.sweep_at = (entries.live.len() * 2).max(FIRST_SWEEP);
        }
        entries.live.push(counters);
    }

    /// The sums of this moment.
    pub(crate) fn totals(&self) -> VoiceTotals {
        let mut entries = self.entries.lock();
        entries.sweep();
        let mut totals = entries.ended;
        for counters in &entries.live {
            totals.add(counters);
        }
        totals
    }
}

impl Entries {
    /// Keeps only the sums of connections nobody else holds any more: those cannot change again.
    fn sweep(&mut self) {
        let ended = &mut self.ended;
        self.live.retain(|counters| {
            let is_live = Arc::strong_count(counters) > 1;
            if !is_live {
                ended.add(counters);
            }
            is_live
        });
    }
}

/// How late slots were run. Written by one pacer thread, read by anybody.
#[derive(Debug, Default)]
pub(crate) struct LatenessHistogram {
    buckets: [AtomicU64; LATENESS_BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl LatenessHistogram {
    /// Notes `packets` slots of as many connections, all run `late` after they were due.
    pub(crate) fn record(&self, late: Duration, packets: u64) {
        let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENESS_BOUNDS_US.partition_point(|bound| *bound < late);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(packets, Ordering::Relaxed);
        }
        self.sum_us
            .fetch_add(late.saturating_mul(packets), Ordering::Relaxed);
    }
}

/// How late slots were run, all pacer threads together.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Lateness {
    /// Slots per bucket, not cumulative: one for each of [`LATENESS_BOUNDS_US`], then those beyond.
    pub buckets: [u64; LATENESS_BOUNDS_US.len() + 1],
    /// Sum of all latenesses, microseconds.
    pub sum_us: u64,
}

impl Lateness {
    pub(crate) fn add(&mut self, histogram: &LatenessHistogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum += bucket.load(Ordering::Relaxed);
        }
        self.sum_us += histogram.sum_us.load(Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_connections_stay_in_the_sums_and_leave_the_memory() {
        let ledger = Ledger::default();
        let first = Arc::<VoiceCounters>::default();
        ledger.register(Arc::clone(&first));
        VoiceCounters::add(&first.frames_sent, 3);
        assert_eq!(ledger.totals().frames_sent, 3);
        VoiceCounters::add(&first.frames_sent, 1);
        drop(first);
        for round in 1..=10 * FIRST_SWEEP as u64 {
            let counters = Arc::<VoiceCounters>::default();
            ledger.register(Arc::clone(&counters));
            VoiceCounters::add(&counters.lost_slots, 1);
            drop(counters);
            assert!(ledger.entries.lock().live.len() <= FIRST_SWEEP + 1);
            if round % 100 == 0 {
                assert_eq!(ledger.totals().lost_slots, round);
            }
        }
        assert_eq!(ledger.totals().frames_sent, 4);
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let histogram = LatenessHistogram::default();
        histogram.record(Duration::ZERO, 1);
        histogram.record(Duration::from_micros(100), 2);
        histogram.record(Duration::from_micros(101), 4);
        histogram.record(Duration::from_secs(5), 8);
        let mut lateness = Lateness::default();
        lateness.add(&histogram);
        lateness.add(&LatenessHistogram::default());
        assert_eq!(lateness.buckets[..2], [3, 4]);
        assert_eq!(lateness.buckets[LATENESS_BOUNDS_US.len()], 8);
        assert_eq!(lateness.sum_us, 200 + 404 + 40_000_000);
    }
}
