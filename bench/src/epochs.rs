//! Many calls whose members come and go: every change is a new MLS epoch and a new media key for the node.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fake_discord::{Config, ConnectionReport, Content, FakeDiscord};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::media::{self, Kind};
use crate::node::Node;
use crate::process;
use crate::session::Session;

/// Longest wait until every player is in its group and heard.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// How long all players play before the first change, and after the last.
const MARGIN: Duration = Duration::from_secs(3);

/// Requests under way at once while players are set up.
const PARALLEL: usize = 8;

/// Different pieces of music, shared by the players.
const PIECES: u32 = 4;

/// How far apart players of one piece are.
const STAGGER: Duration = Duration::from_millis(730);

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls, each with the node and a listener.
    pub players: u32,
    /// Changes of each call: in turns a second listener comes and goes.
    pub epochs: u32,
    /// Time between two changes of one call; those of all calls are spread evenly over it.
    pub interval: Duration,
    /// The node's binary.
    pub node: PathBuf,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct EpochReport {
    /// The options' numbers.
    pub options: Options,
    /// From the first change to the end of the last.
    pub duration: Duration,
    /// CPU time of the node meanwhile, audio included.
    pub cpu: Duration,
    /// The fewest keys any player used, that of its first group included.
    pub fewest_keys: usize,
    /// Changes the voice server could not complete.
    pub failed_changes: u64,
    /// Frames opened with a group's key.
    pub decrypted: u64,
    /// Frames no key opens.
    pub undecryptable: u64,
    /// Frames without end-to-end encryption after the first group.
    pub plain: u64,
    /// Nonces used twice, of the transport and of the group's keys.
    pub nonces_reused: u64,
    /// Frames under a key before op 22.
    pub early_key: u64,
    /// Frames under a key after op 22 for its successor.
    pub late_key: u64,
    /// Longest time such a key was used for, ms.
    pub late_key_max_ms: f64,
    /// Transitions executed without our op 23.
    pub transitions_missed: u64,
    /// Holes of more than 60 ms.
    pub gaps: u64,
    /// The longest of them, ms.
    pub longest_gap_ms: f64,
    /// Packets that never came.
    pub lost: u64,
    /// Worst 99.9th percentile of lateness of any player, ms.
    pub late_p999_ms: f64,
    /// Everything a well-behaved client never sends.
    pub violations: Vec<String>,
}

impl EpochReport {
    /// What must not be, one line each; empty when the run passed.
    pub fn failures(&self) -> Vec<String> {
        let wanted = self.options.epochs as usize + 1;
        let mut failures: Vec<String> = [
            ("plain frames after the first group", self.plain),
            ("nonces used twice", self.nonces_reused),
            ("holes of more than 60 ms", self.gaps),
            ("frames no key opens", self.undecryptable),
            ("frames under a key before its time", self.early_key),
            ("changes that were not completed", self.failed_changes),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
        if self.fewest_keys < wanted {
            failures.push(format!(
                "a player used {} keys instead of {wanted}",
                self.fewest_keys
            ));
        }
        failures.extend(self.violations.iter().cloned());
        failures
    }
}

impl std::fmt::Display for EpochReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Options {
            players,
            epochs,
            interval,
            ..
        } = &self.options;
        let changes = f64::from(*players) * f64::from(*epochs);
        let seconds = self.duration.as_secs_f64();
        writeln!(
            f,
            "epochs: {players} players, {epochs} changes each, one every {:.1} s per player",
            interval.as_secs_f64()
        )?;
        writeln!(
            f,
            "changes             {changes:.0} in {seconds:.1} s ({:.1} a second)",
            changes / seconds
        )?;
        writeln!(f, "frames opened       {}", self.decrypted)?;
        writeln!(f, "plain / unopened    {} / {}", self.plain, self.undecryptable)?;
        writeln!(f, "nonces used twice   {}", self.nonces_reused)?;
        writeln!(
            f,
            "early / late key    {} / {} frames, at most {:.1} ms late",
            self.early_key, self.late_key, self.late_key_max_ms
        )?;
        writeln!(f, "op 23 not in time   {}", self.transitions_missed)?;
        writeln!(
            f,
            "gaps over 60 ms     {}, the longest {:.1} ms",
            self.gaps, self.longest_gap_ms
        )?;
        writeln!(f, "packets lost        {}", self.lost)?;
        writeln!(
            f,
            "lateness p99.9      {:.2} ms (worst player)",
            self.late_p999_ms
        )?;
        write!(
            f,
            "node CPU            {:.1} s, {:.0} % of one core",
            self.cpu.as_secs_f64(),
            self.cpu.as_secs_f64() / seconds * 100.0
        )?;
        for failure in self.failures() {
            write!(f, "\nFAILED: {failure}")?;
        }
        Ok(())
    }
}

/// Runs it in `directory`.
///
/// # Errors
/// When the calls cannot be set up; what goes wrong afterwards is in the report.
pub async fn run(options: &Options, directory: &Path) -> Result<EpochReport> {
    let files = make_music(options, directory)?;
    let discord = Arc::new(
        FakeDiscord::start(Config {
            content: Content::Decrypt,
            record_limit: Duration::from_secs(1),
            ..Config::default()
        })
        .await?,
    );
    let ca_file = directory.join("ca.pem");
    discord.write_ca_bundle(&ca_file)?;
    let node = Node::start(&options.node, directory, &ca_file).await?;
    let session = Session::open(&node).await?;
    let guilds: Vec<u64> = (1..=u64::from(options.players)).collect();
    set_up(&discord, &node, &session, &files, &guilds).await?;
    tokio::time::sleep(MARGIN).await;

    let plain_before: u64 = plain(&reports(&discord));
    let cpu_before = process::cpu_time(node.pid())?;
    let start = Instant::now();
    let failed_changes = change(options, &discord, &guilds).await;
    let duration = start.elapsed();
    let cpu = process::cpu_time(node.pid())?.saturating_sub(cpu_before);
    tokio::time::sleep(MARGIN).await;
    let reports = reports(&discord);
    if let Some(fault) = discord.faults().first() {
        bail!("the voice server itself failed: {fault}");
    }
    let sum = |count: fn(&ConnectionReport) -> u64| reports.iter().map(count).sum();
    let most = |value: fn(&ConnectionReport) -> f64| reports.iter().map(value).fold(0.0, f64::max);
    let longest = |report: &ConnectionReport| {
        let lengths = report.timing.gaps.iter().map(|gap| gap.length_ms);
        lengths.fold(0.0, f64::max)
    };
    Ok(EpochReport {
        options: options.clone(),
        duration,
        cpu,
        fewest_keys: reports
            .iter()
            .map(|report| report.dave.epochs.len())
            .min()
            .unwrap_or(0),
        failed_changes,
        decrypted: sum(|report| report.dave.decrypted),
        undecryptable: sum(|report| report.dave.failed),
        plain: plain(&reports) - plain_before,
        nonces_reused: sum(|report| report.rtp.nonce_reuse + report.dave.nonce_not_increasing),
        early_key: sum(|report| report.dave.early_key),
        late_key: sum(|report| report.dave.late_key),
        late_key_max_ms: most(|report| report.dave.late_key_max_ms),
        transitions_missed: sum(|report| report.dave.transitions_missed),
        gaps: sum(|report| report.timing.gap_count),
        longest_gap_ms: reports.iter().map(longest).fold(0.0, f64::max),
        lost: sum(|report| report.rtp.lost),
        late_p999_ms: most(|report| report.timing.late_p999_ms),
        violations: reports.iter().flat_map(ConnectionReport::violations).collect(),
    })
}

/// Reports of the node's sessions.
fn reports(discord: &FakeDiscord) -> Vec<ConnectionReport> {
    discord.reports()
}

/// Frames without end-to-end encryption.
fn plain(reports: &[ConnectionReport]) -> u64 {
    reports
        .iter()
        .map(|report| report.dave.plain_while_encrypted + report.dave.plain_before_group + report.dave.plain)
        .sum()
}

/// Pieces long enough that no track ends meanwhile.
fn make_music(options: &Options, directory: &Path) -> Result<Vec<PathBuf>> {
    let changes = options.interval * options.epochs;
    let starts = STAGGER * (options.players / PIECES + 1);
    let length = changes + starts + START_TIMEOUT + MARGIN * 3;
    let seconds = u32::try_from(length.as_secs()).context("too many changes")?;
    (0..PIECES.min(options.players))
        .map(|piece| media::make(directory, Kind::Opus, piece, seconds))
        .collect()
}

/// Lets every player join its call and play.
async fn set_up(
    discord: &FakeDiscord,
    node: &Node,
    session: &Session,
    files: &[PathBuf],
    guilds: &[u64],
) -> Result<()> {
    let mut tracks = Vec::new();
    for file in files {
        tracks.push(node.load_track(&file.to_string_lossy()).await?);
    }
    let endpoint = discord.endpoint();
    stream::iter(guilds.iter().copied())
        .map(|guild| session.connect(node, guild, discord.channel_of(guild), &endpoint))
        .buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await?;
    for &guild in guilds {
        discord
            .wait_for(guild, "a first group", START_TIMEOUT, |report| {
                report.dave.encrypted
            })
            .await?;
    }
    stream::iter(guilds.iter().copied())
        .map(|guild| {
            let piece = guild as usize % tracks.len();
            let start = STAGGER * u32::try_from(guild / u64::from(PIECES)).unwrap_or(u32::MAX);
            session.play(node, guild, &tracks[piece], start)
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await?;
    for &guild in guilds {
        discord
            .wait_for(guild, "encrypted audio", START_TIMEOUT, |report| {
                report.dave.decrypted > 0
            })
            .await?;
    }
    Ok(())
}

/// Lets the second listener of every call come and go; the number of changes that did not work.
async fn change(options: &Options, discord: &Arc<FakeDiscord>, guilds: &[u64]) -> u64 {
    let start = Instant::now();
    let mut calls = JoinSet::new();
    for (position, &guild) in guilds.iter().enumerate() {
        let discord = discord.clone();
        let (interval, epochs) = (options.interval, options.epochs);
        let offset = interval.mul_f64(position as f64 / guilds.len() as f64);
        calls.spawn(async move {
            let mut failed = 0;
            for number in 0..epochs {
                sleep_until(start + offset + interval * number).await;
                let outcome = match number % 2 {
                    0 => discord.add_listener(guild).await,
                    _ => discord.remove_listener(guild).await,
                };
                failed += u64::from(outcome.is_err());
            }
            failed
        });
    }
    calls.join_all().await.into_iter().sum()
}
