//! Epoch bench: the real node plays in many calls whose members come and go all the time.
//!
//! `cargo run --release -p lavalink-bench --bin epochs -- --players 200 --epochs 50 --interval-ms 4000`
//!
//! The voice server and its listeners do MLS in this process; on two cores an epoch costs both sides together some 10 ms, so
//! 200 players that change every 4 s keep half of the machine busy with key exchange beside their audio. Ends with status
//! 1 when a frame went out plain, a nonce twice, a frame cannot be opened, or a stream had a hole of more than 60 ms.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lavalink_bench::epochs::{self, Options};
use lavalink_bench::node;

const USAGE: &str = "usage: epochs [--players N] [--epochs N] [--interval-ms N] [--node PATH]";

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        players: 200,
        epochs: 50,
        interval: Duration::from_secs(4),
        node: node::built(),
    };
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} needs a value\n{USAGE}"))?;
        match name.as_str() {
            "--players" => options.players = value.parse().context("--players is a number")?,
            "--epochs" => options.epochs = value.parse().context("--epochs is a number")?,
            "--interval-ms" => {
                let interval = value.parse().context("--interval-ms is a number")?;
                options.interval = Duration::from_millis(interval);
            }
            "--node" => options.node = PathBuf::from(value),
            _ => bail!("{name} is unknown\n{USAGE}"),
        }
    }
    if options.players == 0 {
        bail!("players are at least 1");
    }
    options.node = fs::canonicalize(&options.node).with_context(|| {
        format!(
            "{} is missing; build the node or name it with --node",
            options.node.display()
        )
    })?;
    Ok(options)
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = parse(std::env::args().skip(1))?;
    let directory = tempfile::tempdir().context("no temporary folder can be made")?;
    let report = epochs::run(&options, directory.path()).await?;
    writeln!(std::io::stdout(), "{report}").context("the report cannot be printed")?;
    Ok(if report.failures().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
