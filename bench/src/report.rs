//! What the load bench found, as text.

use std::collections::BTreeMap;
use std::time::Duration;

use fake_discord::ConnectionReport;

use crate::media::Kind;

/// Frames a second of each player.
const FRAMES_PER_SECOND: f64 = 50.0;

/// Quantiles of lateness over one connection each, in ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Of the median connection.
    pub typical_ms: f64,
    /// Of the worst connection.
    pub worst_ms: f64,
}

impl Spread {
    /// Over the same quantile of several connections; zeros when there are none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let typical_ms = values.get(values.len() / 2).copied().unwrap_or_default();
        Self {
            typical_ms,
            worst_ms: values.last().copied().unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} / {:.2}", self.typical_ms, self.worst_ms)
    }
}

/// Frames of all connections at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames {
    /// Audio frames received and opened.
    pub media: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Holes of more than 60 ms.
    pub gaps: u64,
    /// Whatever a well-behaved client never sends.
    pub violations: u64,
}

impl Frames {
    /// Sums over reports.
    pub fn of(reports: &[ConnectionReport]) -> Self {
        let sum = |count: fn(&ConnectionReport) -> u64| reports.iter().map(count).sum();
        Self {
            media: sum(|report| report.frames.media),
            lost: sum(|report| report.rtp.lost),
            gaps: sum(|report| report.timing.gap_count),
            violations: sum(|report| report.violations().len() as u64),
        }
    }
}

/// What the connections did wrong, by kind: how many of them and one example, commonest first.
pub fn wrongs(reports: &[ConnectionReport]) -> Vec<(u64, String)> {
    let mut kinds: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for violation in reports.iter().flat_map(ConnectionReport::violations) {
        let kind = violation
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .to_owned();
        kinds.entry(kind).or_insert((0, violation)).0 += 1;
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    kinds
}

/// One run of the load bench.
#[derive(Debug, Clone)]
pub struct LoadReport {
    /// What was played.
    pub kind: Kind,
    /// How many players.
    pub players: u32,
    /// Whether frames were end-to-end encrypted.
    pub dave: bool,
    /// How long was measured.
    pub window: Duration,
    /// Counts at the beginning and the end of that time.
    pub frames: [Frames; 2],
    /// Lateness of the connections since their first frames.
    pub late_p50: Spread,
    /// As above.
    pub late_p99: Spread,
    /// As above.
    pub late_p999: Spread,
    /// CPU time the node used in the window.
    pub cpu: Duration,
    /// Memory of the node before the first player, in bytes.
    pub idle_bytes: u64,
    /// Memory of the node at the end of the window, in bytes.
    pub playing_bytes: u64,
    /// From process start to the first `/v4/info`.
    pub start: Duration,
    /// Size of the node's binary, in bytes.
    pub binary_bytes: u64,
    /// What connections did wrong since they began: how many of them, and an example.
    pub wrongs: Vec<(u64, String)>,
    /// Exceptions, stuck tracks and closed voice connections the node reported.
    pub problems: u64,
}

impl LoadReport {
    /// Audio frames received in the window.
    pub fn sent(&self) -> u64 {
        self.frames[1].media.saturating_sub(self.frames[0].media)
    }

    /// Audio frames due in the window.
    pub fn expected(&self) -> u64 {
        (self.window.as_secs_f64() * FRAMES_PER_SECOND * f64::from(self.players)).round() as u64
    }

    /// CPU seconds per minute of one player, the node's idle work included.
    pub fn cpu_per_player_minute(&self) -> f64 {
        let player_minutes = f64::from(self.players) * self.window.as_secs_f64() / 60.0;
        self.cpu.as_secs_f64() / player_minutes
    }

    /// KiB of memory each player added.
    pub fn kib_per_player(&self) -> f64 {
        (self.playing_bytes as f64 - self.idle_bytes as f64) / 1024.0 / f64::from(self.players)
    }
}

impl std::fmt::Display for LoadReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [before, after] = self.frames;
        let mib = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
        let dave = if self.dave { "on" } else { "off" };
        let seconds = self.window.as_secs_f64();
        writeln!(
            f,
            "players             {} x {}, DAVE {dave}, {seconds:.1} s measured",
            self.players, self.kind
        )?;
        let (sent, expected) = (self.sent(), self.expected());
        let share = 100.0 * sent as f64 / expected.max(1) as f64;
        writeln!(f, "frames              {sent} of {expected} ({share:.2} %)")?;
        writeln!(
            f,
            "                    {} lost, {} gaps > 60 ms, {} kinds of violation (since start)",
            after.lost, after.gaps, after.violations
        )?;
        for (count, example) in &self.wrongs {
            writeln!(f, "                    {count} players: {example}")?;
        }
        writeln!(
            f,
            "                    {} gaps > 60 ms in the measured time",
            after.gaps.saturating_sub(before.gaps)
        )?;
        writeln!(
            f,
            "lateness p50        {} ms (median / worst player, since the first frame)",
            self.late_p50
        )?;
        writeln!(f, "lateness p99        {} ms", self.late_p99)?;
        writeln!(f, "lateness p99.9      {} ms", self.late_p999)?;
        writeln!(
            f,
            "CPU                 {:.4} s per player-minute",
            self.cpu_per_player_minute()
        )?;
        writeln!(
            f,
            "memory              {:.0} KiB per player",
            self.kib_per_player()
        )?;
        writeln!(f, "idle memory         {:.1} MiB", mib(self.idle_bytes))?;
        writeln!(
            f,
            "start to /v4/info   {:.0} ms",
            self.start.as_secs_f64() * 1000.0
        )?;
        writeln!(f, "binary              {:.1} MiB", mib(self.binary_bytes))?;
        write!(f, "problems reported   {}", self.problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> LoadReport {
        let frames = |media| Frames {
            media,
            lost: 0,
            gaps: 0,
            violations: 0,
        };
        let spread = Spread {
            typical_ms: 0.1,
            worst_ms: 0.2,
        };
        LoadReport {
            kind: Kind::Mp3,
            players: 10,
            dave: true,
            window: Duration::from_secs(30),
            frames: [frames(1000), frames(15_900)],
            late_p50: spread,
            late_p99: spread,
            late_p999: spread,
            cpu: Duration::from_secs(2),
            idle_bytes: 10 * 1024 * 1024,
            playing_bytes: 15 * 1024 * 1024,
            start: Duration::from_millis(20),
            binary_bytes: 1,
            wrongs: vec![(2, "3 malformed datagrams".to_owned())],
            problems: 0,
        }
    }

    #[test]
    fn figures_are_per_player() {
        let report = report();
        assert_eq!((report.sent(), report.expected()), (14_900, 15_000));
        assert!((report.cpu_per_player_minute() - 0.4).abs() < 1e-9);
        assert!((report.kib_per_player() - 512.0).abs() < 1e-9);
        let text = report.to_string();
        assert!(
            text.contains("14900 of 15000 (99.33 %)")
                && text.contains("2 players: 3 malformed datagrams")
                && text.contains("0.4000 s per player-minute"),
            "{text}"
        );
    }

    #[test]
    fn a_spread_names_the_median_and_the_worst() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((spread.typical_ms, spread.worst_ms), (2.0, 3.0));
        assert_eq!(Spread::of(Vec::new()).worst_ms, 0.0);
    }
}
