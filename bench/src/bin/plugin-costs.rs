//! What a plugin costs in either form: the example `tone` as a library and as a component, without a node around them.
//!
//! `cargo run --release -p lavalink-bench --bin plugin-costs -- --library target/release/liblavalink_example_tone.so \
//! --component target/lavalink/lavalink-example-tone.wasm`
//!
//! `lavalink-rust plugin build plugins/examples/tone` makes the component.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lavalink_bench::process::resident_bytes;
use lavalink_plugin_api::{Host, Media};
use lavalink_plugin_testkit::TestHost;
use lavalink_plugins::{
    AdmitAll, Grants, GuardLimits, HostFactory, Item, LoadOptions, PluginThreads, Plugins, Tail,
};

const USAGE: &str = "usage: plugin-costs --library PATH --component PATH [--calls N] [--streams N]";

/// Lends a host that does nothing, and so costs nothing.
struct Idle(Arc<TestHost>);

impl HostFactory for Idle {
    fn host_for(&self, _plugin: &str, _grants: &Arc<Grants>, _deadline: Instant) -> Arc<dyn Host> {
        Arc::clone(&self.0) as Arc<dyn Host>
    }
}

struct Options {
    library: PathBuf,
    component: PathBuf,
    calls: u32,
    streams: u32,
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let (mut library, mut component) = (None, None);
    let (mut calls, mut streams) = (2_000, 200);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} needs a value\n{USAGE}"))?;
        match name.as_str() {
            "--library" => library = Some(PathBuf::from(value)),
            "--component" => component = Some(PathBuf::from(value)),
            "--calls" => calls = value.parse().context("--calls is a number")?,
            "--streams" => streams = value.parse().context("--streams is a number")?,
            _ => bail!("{name} is unknown\n{USAGE}"),
        }
    }
    if calls == 0 || streams == 0 {
        bail!("calls and streams are at least 1");
    }
    Ok(Options {
        library: library.context(USAGE)?,
        component: component.context(USAGE)?,
        calls,
        streams,
    })
}

/// Loads a plugin alone.
fn load(file: &Path, cache: &Path) -> Result<Plugins> {
    let options = LoadOptions {
        dirs: Vec::new(),
        files: vec![file.to_owned()],
        built_in: Vec::new(),
        source_enabled: Box::new(|_| true),
        limits: GuardLimits {
            start: Duration::from_secs(60),
            ..GuardLimits::default()
        },
        admission: Arc::new(AdmitAll),
        cache_dir: Some(cache.to_owned()),
        threads: PluginThreads::new(),
    };
    let (plugins, reports) = Plugins::load(options, Arc::new(Idle(Arc::new(TestHost::new()))));
    for report in reports {
        report
            .result
            .with_context(|| format!("{} is not loaded", report.path.display()))?;
    }
    if !plugins.has_source("tone") {
        bail!("{} is not the example `tone`", file.display());
    }
    Ok(plugins)
}

fn resident() -> Result<f64> {
    Ok(resident_bytes(std::process::id())? as f64 / 1024.0)
}

/// One line of the table: what was measured, and what came out.
type Line = (&'static str, String);

/// Time per round of `work`, microseconds.
async fn per_round<F: Future<Output = Result<()>>>(rounds: u32, mut work: impl FnMut() -> F) -> Result<f64> {
    let begun = Instant::now();
    for _ in 0..rounds {
        work().await?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(rounds))
}

async fn measure(file: &Path, options: &Options) -> Result<Vec<Line>> {
    let cache = tempfile::tempdir().context("no temporary folder can be made")?;
    let cache = cache.path().join("compiled");
    let begun = Instant::now();
    drop(load(file, &cache)?);
    let first = begun.elapsed();
    let before = resident()?;
    let begun = Instant::now();
    let plugins = load(file, &cache)?;
    let again = begun.elapsed();
    let loaded = resident()? - before;

    let plugins = &plugins;
    let look_up = per_round(options.calls, || async move {
        plugins
            .load_identifier("tone:440")
            .await
            .map(drop)
            .map_err(Into::into)
    });
    let look_up = look_up.await?;
    let decode = per_round(options.calls, || async move {
        let tail = Tail {
            version: 3,
            details: Vec::new(),
        };
        plugins
            .decode_details("tone", vec![tail])
            .await
            .map(drop)
            .map_err(Into::into)
    });
    let decode = decode.await?;

    let found = plugins.load_identifier("tone:440").await?;
    let Item::Track(track) = found.item else {
        bail!("`tone:440` is no track");
    };
    let before = resident()?;
    let mut streams = Vec::new();
    let begun = Instant::now();
    for _ in 0..options.streams {
        let opened = plugins.open("tone", &track, Duration::ZERO).await?;
        let Media::Bytes(mut stream, _) = opened.media else {
            bail!("the example makes its own bytes");
        };
        stream.read(1_024)?;
        streams.push(stream);
    }
    let open = begun.elapsed().as_secs_f64() * 1e6 / f64::from(options.streams);
    let stream = (resident()? - before) / f64::from(options.streams);
    drop(streams);
    Ok(vec![
        (
            "loaded for the first time",
            format!("{:.1} ms", first.as_secs_f64() * 1e3),
        ),
        ("loaded again", format!("{:.1} ms", again.as_secs_f64() * 1e3)),
        ("memory of the loaded plugin", format!("{loaded:.0} KiB")),
        ("look-up, guard and thread included", format!("{look_up:.1} us")),
        ("decode of a track seen before", format!("{decode:.1} us")),
        ("stream opened and first read", format!("{open:.1} us")),
        ("memory of an open stream", format!("{stream:.1} KiB")),
    ])
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = parse(std::env::args().skip(1))?;
    let library = measure(&options.library, &options).await?;
    let component = measure(&options.component, &options).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{:<38}{:>14}{:>14}", "", "library", "component")
        .context("the report cannot be printed")?;
    for ((what, library), (_, component)) in library.into_iter().zip(component) {
        writeln!(out, "{what:<38}{library:>14}{component:>14}").context("the report cannot be printed")?;
    }
    Ok(())
}
