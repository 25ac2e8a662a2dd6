//! Lateness of packets against a 20 ms grid, and gaps.

use crate::report::{Gap, HISTORY_LIMIT, TimingReport};

/// Frame interval, ns.
const FRAME_NS: i64 = 20_000_000;
/// Width of a fine histogram bucket, ns; they cover the first 50 ms.
const FINE_NS: u64 = 50_000;
/// Number of fine buckets.
const FINE: usize = 1000;
/// Width of a coarse bucket, ns; they cover the next second.
const COARSE_NS: u64 = 1_000_000;
/// Number of coarse buckets, the last one open-ended.
const COARSE: usize = 1001;

/// Measures one stream. Times are ns of any common clock.
///
/// The grid of a run of audio stands where its earliest packets put it; lateness is the distance from the grid.
/// A run ends with the pause after silence frames, and with a gap, after which the sender may have moved its grid.
pub(crate) struct Timing {
    gap_ns: i64,
    first: Option<i64>,
    last: i64,
    last_silent: bool,
    /// When packet 0 of the run was due, and the number of the next packet.
    anchor: i64,
    index: i64,
    histogram: Box<[u32]>,
    max_late: i64,
    measured: u64,
    gaps: Vec<Gap>,
    gap_count: u64,
}

impl Timing {
    /// Intervals over `gap_threshold` are gaps unless a silence frame preceded them.
    pub(crate) fn new(gap_threshold: std::time::Duration) -> Self {
        Self {
            gap_ns: i64::try_from(gap_threshold.as_nanos()).unwrap_or(i64::MAX),
            first: None,
            last: 0,
            last_silent: false,
            anchor: 0,
            index: 0,
            histogram: vec![0; FINE + COARSE].into_boxed_slice(),
            max_late: 0,
            measured: 0,
            gaps: Vec::new(),
            gap_count: 0,
        }
    }

    /// Takes the arrival of a packet, `missing` packets after its predecessor.
    pub(crate) fn observe(&mut self, at: i64, missing: u16, silent: bool) {
        let Some(first) = self.first else {
            self.first = Some(at);
            self.start_run(at);
            self.record(0);
            self.finish(at, silent);
            return;
        };
        let interval = at - self.last;
        let long = interval > self.gap_ns;
        if long && self.last_silent {
            self.start_run(at);
            self.record(0);
        } else {
            self.index += i64::from(missing);
            let late = at - (self.anchor + self.index * FRAME_NS);
            if late < 0 {
                self.anchor += late;
            }
            self.record(late.max(0));
            self.index += 1;
            if long {
                self.gap_count += 1;
                if self.gaps.len() < HISTORY_LIMIT {
                    self.gaps.push(Gap {
                        at_ms: ms(self.last - first),
                        length_ms: ms(interval),
                    });
                }
                self.start_run(at);
            }
        }
        self.finish(at, silent);
    }

    fn start_run(&mut self, at: i64) {
        self.anchor = at;
        self.index = 1;
    }

    fn finish(&mut self, at: i64, silent: bool) {
        self.last = at;
        self.last_silent = silent;
    }

    fn record(&mut self, late: i64) {
        self.measured += 1;
        self.max_late = self.max_late.max(late);
        let late = late.unsigned_abs();
        let fine = late / FINE_NS;
        let bucket = if fine < FINE as u64 {
            fine as usize
        } else {
            let coarse = (late - FINE as u64 * FINE_NS) / COARSE_NS;
            FINE + (coarse as usize).min(COARSE - 1)
        };
        self.histogram[bucket] = self.histogram[bucket].saturating_add(1);
    }

    /// Upper edge of the bucket holding the `share` quantile, ns, at most the maximum.
    fn quantile(&self, share: f64) -> i64 {
        let rank = (self.measured as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.histogram.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank && seen > 0 {
                let edge = match bucket.checked_sub(FINE) {
                    None => (bucket as u64 + 1) * FINE_NS,
                    Some(coarse) if coarse == COARSE - 1 => return self.max_late,
                    Some(coarse) => FINE as u64 * FINE_NS + (coarse as u64 + 1) * COARSE_NS,
                };
                return (edge as i64).min(self.max_late);
            }
        }
        self.max_late
    }

    /// The figures so far.
    pub(crate) fn report(&self) -> TimingReport {
        TimingReport {
            measured: self.measured,
            late_p50_ms: ms(self.quantile(0.5)),
            late_p99_ms: ms(self.quantile(0.99)),
            late_p999_ms: ms(self.quantile(0.999)),
            late_max_ms: ms(self.max_late),
            gaps: self.gaps.clone(),
            gap_count: self.gap_count,
            span_ms: self.first.map_or(0.0, |first| ms(self.last - first)),
            first_at_ms: self.first.map_or(0.0, ms),
            last_at_ms: ms(self.last),
        }
    }
}

/// Nanoseconds as milliseconds.
fn ms(ns: i64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MS: i64 = 1_000_000;

    fn timing(arrivals_ms: &[f64]) -> TimingReport {
        let mut timing = Timing::new(Duration::from_millis(60));
        for at in arrivals_ms {
            timing.observe((at * 1e6) as i64 + 5_000 * MS, 0, false);
        }
        timing.report()
    }

    #[test]
    fn a_perfect_stream_is_never_late() {
        let report = timing(&(0..500).map(|n| f64::from(n) * 20.0).collect::<Vec<_>>());
        assert_eq!(
            (report.measured, report.late_max_ms, report.gap_count),
            (500, 0.0, 0)
        );
        assert_eq!(report.span_ms, 499.0 * 20.0);
    }

    #[test]
    fn one_percent_late_shows_in_the_tail_only() {
        let report = timing(
            &(0..1000)
                .map(|n| f64::from(n) * 20.0 + if n % 50 == 25 { 7.0 } else { 0.0 })
                .collect::<Vec<_>>(),
        );
        assert!(report.late_p50_ms <= 0.05);
        assert!((report.late_p99_ms - 7.0).abs() < 0.06, "{report:?}");
        assert_eq!(report.late_max_ms, 7.0);
    }

    #[test]
    fn a_late_first_packet_moves_the_grid_back() {
        // The first packet is 5 ms late; the others are on the grid.
        let report = timing(&[5.0, 20.0, 40.0, 60.0, 80.0]);
        assert_eq!(report.late_max_ms, 0.0);
    }

    #[test]
    fn a_stall_is_one_gap_and_not_lasting_lateness() {
        let mut arrivals: Vec<f64> = (0..50).map(|n| f64::from(n) * 20.0).collect();
        arrivals.extend((0..50).map(|n| 1_100.0 + f64::from(n) * 20.0));
        let report = timing(&arrivals);
        assert_eq!(
            report.gaps,
            vec![Gap {
                at_ms: 980.0,
                length_ms: 120.0
            }]
        );
        assert_eq!(report.late_max_ms, 100.0);
        assert!(report.late_p50_ms <= 0.05, "{report:?}");
    }

    #[test]
    fn a_pause_after_silence_is_no_gap() {
        let mut timing = Timing::new(Duration::from_millis(60));
        timing.observe(0, 0, false);
        timing.observe(20 * MS, 0, true);
        timing.observe(5_000 * MS, 0, false);
        timing.observe(5_020 * MS, 0, false);
        let report = timing.report();
        assert_eq!((report.gap_count, report.late_max_ms), (0, 0.0));
    }

    #[test]
    fn lost_packets_keep_their_place_in_the_grid() {
        let mut timing = Timing::new(Duration::from_millis(60));
        timing.observe(0, 0, false);
        timing.observe(40 * MS, 1, false);
        timing.observe(60 * MS, 0, false);
        assert_eq!(timing.report().late_max_ms, 0.0);
    }

    #[test]
    fn great_lateness_is_bounded_by_the_maximum() {
        let mut timing = Timing::new(Duration::from_secs(10));
        timing.observe(0, 0, false);
        timing.observe(3_020 * MS, 0, false);
        let report = timing.report();
        assert_eq!((report.late_p999_ms, report.late_max_ms), (3_000.0, 3_000.0));
    }
}
