//! Wire bench: what requests, sessions and players cost the real node.
//!
//! `cargo run --release -p lavalink-bench --bin wire -- [--node PATH] [--count N]`
//!
//! The clients run in this process and compete with the node for cores; CPU time and memory are the kernel's counts for the
//! node alone.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lavalink_bench::node::Node;
use lavalink_bench::wire::{self, Figure};

/// Connections that ask for `/v4/info` at once.
const CONNECTIONS: usize = 16;

const USAGE: &str = "usage: wire [--node PATH] [--count N]

  --node   the node to measure, default the one beside this binary
  --count  sessions and players opened at a time, and a quarter of the requests sent, default 900";

struct Options {
    node: PathBuf,
    count: usize,
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let own = std::env::current_exe().context("a program knows its own path")?;
    let mut options = Options {
        node: own.with_file_name("lavalink-rust"),
        // Below the number of files a process may commonly open, 1024.
        count: 900,
    };
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} needs a value\n{USAGE}"))?;
        match name.as_str() {
            "--node" => options.node = value.into(),
            "--count" => options.count = value.parse().context("--count is a number")?,
            _ => bail!("{name} is unknown\n{USAGE}"),
        }
    }
    if options.count == 0 {
        bail!("--count is at least 1");
    }
    Ok(options)
}

fn print(figures: Vec<Figure>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for figure in figures {
        writeln!(out, "{figure}")?;
    }
    Ok(out.flush()?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = parse(std::env::args().skip(1))?;
    let binary = fs::canonicalize(&options.node).with_context(|| {
        format!(
            "{} is missing; build the node or name it with --node",
            options.node.display()
        )
    })?;
    // No voice server is spoken to, so the system's authorities do.
    let authorities = Path::new("/etc/ssl/certs/ca-certificates.crt");
    let requests = u32::try_from(options.count)?.saturating_mul(4);

    // Memory first, and each kind in a node of its own, so that nothing measured before lies in the way.
    let directory = tempfile::tempdir()?;
    let node = Node::start(&binary, directory.path(), authorities).await?;
    print(wire::sessions(&node, options.count).await?)?;
    drop(node);
    let node = Node::start(&binary, directory.path(), authorities).await?;
    print(wire::players(&node, options.count).await?)?;
    drop(node);
    let node = Node::start(&binary, directory.path(), authorities).await?;
    print(wire::decodetracks(&node, requests).await?)?;
    print(wire::info(&node, CONNECTIONS, requests / 4).await?)
}
