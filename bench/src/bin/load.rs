//! Load bench: the real node plays many tracks at once into a fake Discord voice server.
//!
//! `cargo run --release -p lavalink-bench --bin load -- --players 50 --kind mp3 --seconds 60 --dave on`
//!
//! The voice server runs in this process, so its own work competes with the node for cores; the node's CPU time is the
//! kernel's count for the node alone. Lateness includes what the voice server's threads add.
//!
//! With `--evil COMPONENT` (`lavalink-rust plugin build tests/plugins/evil` makes it) look-ups of a plugin that computes without
//! end and takes all the memory it gets go on meanwhile; what they cost the audio is the difference to a run without.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fake_discord::{Config, ConnectionReport, Content, FakeDiscord};
use futures_util::{StreamExt, TryStreamExt, stream};
use lavalink_bench::media::{self, Kind};
use lavalink_bench::node::{self, Node};
use lavalink_bench::process;
use lavalink_bench::report::{Frames, LoadReport, Spread, wrongs};
use lavalink_bench::session::Session;
use tokio::task::JoinSet;

/// How long the idle node is left alone before its memory is read.
const IDLE_TIME: Duration = Duration::from_secs(2);

/// How long all players play before the measurement begins.
const WARM_UP: Duration = Duration::from_secs(3);

/// Longest wait until every player is heard.
const HEARD_TIMEOUT: Duration = Duration::from_secs(60);

/// Different pieces of music. Players share them, but no two play the same place at the same time: encoding the same audio
/// twice in a row is cheaper than what a node has to do.
const PIECES: u32 = 8;

/// How far apart players of one piece are.
const STAGGER: Duration = Duration::from_millis(730);

/// What `--evil` asks of the plugin, all at once and again and again.
const DEEDS: [&str; 8] = [
    "evil:hang",
    "evil:hang",
    "evil:hang",
    "evil:hang",
    "evil:bomb",
    "evil:many",
    "evil:long",
    "evil:floods",
];

/// Requests under way at once while players are set up.
const PARALLEL: usize = 8;

const USAGE: &str = "usage: load [--players N] [--kind mp3|opus] [--seconds S] [--dave on|off] [--evil COMPONENT] [--node PATH]";

struct Options {
    players: u32,
    kind: Kind,
    seconds: u32,
    dave: bool,
    evil: Option<PathBuf>,
    node: PathBuf,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            players: 10,
            kind: Kind::Mp3,
            seconds: 30,
            dave: true,
            evil: None,
            node: node::built(),
        };
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a value\n{USAGE}"))?;
            match name.as_str() {
                "--players" => options.players = value.parse().context("--players is a number")?,
                "--kind" => options.kind = value.parse()?,
                "--seconds" => options.seconds = value.parse().context("--seconds is a number")?,
                "--dave" => {
                    options.dave = match value.as_str() {
                        "on" => true,
                        "off" => false,
                        _ => bail!("--dave is on or off"),
                    }
                }
                "--evil" => options.evil = Some(value.into()),
                "--node" => options.node = value.into(),
                _ => bail!("{name} is unknown\n{USAGE}"),
            }
        }
        if options.players == 0 || options.seconds == 0 {
            bail!("players and seconds are at least 1");
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    let report = run(&options).await?;
    writeln!(std::io::stdout(), "{report}").context("the report cannot be printed")
}

async fn run(options: &Options) -> Result<LoadReport> {
    let binary = fs::canonicalize(&options.node).with_context(|| {
        format!(
            "{} is missing; build the node or name it with --node",
            options.node.display()
        )
    })?;
    let directory = tempfile::tempdir().context("no temporary folder can be made")?;
    let files = make_music(options, directory.path())?;

    let discord = FakeDiscord::start(voice_config(options.dave)).await?;
    let ca_file = directory.path().join("ca.pem");
    discord.write_ca_bundle(&ca_file)?;

    if let Some(evil) = &options.evil {
        let plugins = directory.path().join("plugins");
        fs::create_dir_all(&plugins).context("the plugin folder cannot be made")?;
        fs::copy(evil, plugins.join("evil.wasm"))
            .with_context(|| format!("{} is missing", evil.display()))?;
    }
    let node = Arc::new(Node::start(&binary, directory.path(), &ca_file).await?);
    tokio::time::sleep(IDLE_TIME).await;
    let idle_bytes = process::resident_bytes(node.pid())?;
    let session = Session::open(&node).await?;
    let outcome = measure(options, &discord, &node, &session, &files).await;
    let measured = outcome.with_context(|| format!("the node's log:\n{}", last_lines(&node.log(), 40)))?;

    let quantile = |of: fn(&ConnectionReport) -> f64| Spread::of(measured.reports.iter().map(of).collect());
    Ok(LoadReport {
        kind: options.kind,
        players: options.players,
        dave: options.dave,
        window: measured.window,
        frames: measured.frames,
        late_p50: quantile(|report| report.timing.late_p50_ms),
        late_p99: quantile(|report| report.timing.late_p99_ms),
        late_p999: quantile(|report| report.timing.late_p999_ms),
        cpu: measured.cpu,
        idle_bytes,
        playing_bytes: measured.playing_bytes,
        start: node.start_time(),
        binary_bytes: fs::metadata(&binary)?.len(),
        wrongs: wrongs(&measured.reports),
        problems: session.events().problems(),
    })
}

/// Where a player of number `guild` (from 1) starts in its piece.
fn start_of(guild: u64) -> Duration {
    STAGGER * u32::try_from((guild - 1) / u64::from(PIECES)).unwrap_or(u32::MAX)
}

/// Pieces long enough for the last player's start, set-up, warm-up and measurement, so that no track ends meanwhile.
fn make_music(options: &Options, directory: &Path) -> Result<Vec<PathBuf>> {
    let last_start = start_of(u64::from(options.players)).as_secs() + 1;
    let length = options.seconds + 120 + u32::try_from(last_start).context("too many players")?;
    (0..PIECES.min(options.players))
        .map(|piece| media::make(directory, options.kind, piece, length))
        .collect()
}

/// Frames are told apart, not decoded: the listener must not cost more than the speaker.
fn voice_config(dave: bool) -> Config {
    let (dave_version, listeners) = if dave { (1, 1) } else { (0, 0) };
    Config {
        content: Content::TransportOnly,
        dave_version,
        listeners,
        ..Config::default()
    }
}

struct Measured {
    window: Duration,
    frames: [Frames; 2],
    cpu: Duration,
    playing_bytes: u64,
    reports: Vec<ConnectionReport>,
}

async fn measure(
    options: &Options,
    discord: &FakeDiscord,
    node: &Arc<Node>,
    session: &Session,
    files: &[PathBuf],
) -> Result<Measured> {
    let mut tracks = Vec::new();
    for file in files {
        tracks.push(node.load_track(&file.to_string_lossy()).await?);
    }
    let guilds: Vec<u64> = (1..=u64::from(options.players)).collect();
    // Connected first and started together afterwards, so that key exchanges do not disturb the audio measured.
    let endpoint = discord.endpoint();
    stream::iter(guilds.clone())
        .map(|guild| session.connect(node, guild, discord.channel_of(guild), &endpoint))
        .buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await?;
    wait_until(
        discord,
        "every player is in its call",
        |report| report.mode.is_some() && (!options.dave || report.dave.encrypted),
        &guilds,
    )
    .await?;
    stream::iter(guilds.clone())
        .map(|guild| {
            session.play(
                node,
                guild,
                &tracks[guild as usize % tracks.len()],
                start_of(guild),
            )
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await?;
    wait_until(
        discord,
        "every player is heard",
        |report| report.frames.media > 0,
        &guilds,
    )
    .await?;
    tokio::time::sleep(WARM_UP).await;

    let before = Frames::of(&discord.reports());
    let cpu_before = process::cpu_time(node.pid())?;
    let started = Instant::now();
    let _evil = options.evil.as_ref().map(|_| do_evil(node));
    tokio::time::sleep(Duration::from_secs(options.seconds.into())).await;
    let reports = discord.reports();
    let window = started.elapsed();
    let cpu = process::cpu_time(node.pid())?.saturating_sub(cpu_before);
    let playing_bytes = process::resident_bytes(node.pid())?;
    if let Some(fault) = discord.faults().first() {
        bail!("the voice server itself failed: {fault}");
    }
    Ok(Measured {
        window,
        frames: [before, Frames::of(&reports)],
        cpu,
        playing_bytes,
        reports,
    })
}

/// Has the evil plugin asked for all of its deeds until the returned value is dropped.
fn do_evil(node: &Arc<Node>) -> JoinSet<()> {
    let mut deeds = JoinSet::new();
    for deed in DEEDS {
        let node = Arc::clone(node);
        deeds.spawn(async move {
            loop {
                // None of them is a track; while the plugin is suspended they are answered at once.
                let _refused = node.load_track(deed).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }
    deeds
}

async fn wait_until(
    discord: &FakeDiscord,
    what: &str,
    predicate: impl Fn(&ConnectionReport) -> bool,
    guilds: &[u64],
) -> Result<()> {
    let deadline = Instant::now() + HEARD_TIMEOUT;
    for &guild in guilds {
        let left = deadline.saturating_duration_since(Instant::now());
        discord.wait_for(guild, what, left, &predicate).await?;
    }
    Ok(())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
