//! lavalink-rust: a Lavalink 4 node. Reads the configuration, loads the plugins, serves until it is told to stop.

mod build_info;
mod cli;
mod client;
mod clock;
mod config;
mod deadline_stream;
mod failure;
mod forwarded;
mod java_text;
mod live_lyrics;
mod load;
mod log;
mod log_file;
mod log_writer;
mod media;
mod memory;
mod metrics;
mod node;
mod open_files;
mod player;
mod plugin_host;
mod provision;
mod request_line;
mod rest;
mod server;
mod services;
mod session;
mod start;
mod stats;
mod tls;
mod websocket;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::cli::Invocation;
use crate::config::{Config, Report, Sources};

/// Worker threads at most: the control plane is small, the media threads need the cores.
const MAX_WORKERS: usize = 4;

/// How long a thread of the blocking pool waits for work. All of them take turns, so that after a burst they would be kept
/// for good by far fewer calls than they are for; each has a stack.
const BLOCKING_THREAD_IDLE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    clock::monotonic_ms();
    let outcome = match cli::parse(std::env::args().skip(1).collect()) {
        Invocation::Version => print(&format!("{}\n", build_info::describe())),
        Invocation::Help => print(cli::HELP),
        Invocation::JsonSchema => print(&format!("{:#}\n", config::schema())),
        Invocation::CheckConfig { arguments, is_strict } => {
            let report = Report::of(&Sources::of_process(arguments), |config| {
                start::check(config)?;
                Ok(cli::plugin::unfit_settings(config))
            });
            match print(&report.to_string()) {
                Ok(()) if report.is_bad(is_strict) => return ExitCode::FAILURE,
                outcome => outcome,
            }
        }
        Invocation::Plugin(arguments) => match cli::plugin::parse(&arguments).and_then(cli::plugin::run) {
            Ok(outcome) => match print(&outcome.text) {
                Ok(()) if outcome.is_bad => return ExitCode::FAILURE,
                printed => printed,
            },
            Err(error) => {
                // As below.
                let _closed = writeln!(std::io::stderr(), "lavalink-rust plugin: {error}");
                return ExitCode::FAILURE;
            }
        },
        Invocation::Run(arguments) => run(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done about a standard error that is closed.
            let _closed = writeln!(std::io::stderr(), "lavalink-rust cannot start: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}

fn run(arguments: Vec<String>) -> anyhow::Result<()> {
    memory::limit_arenas(services::cores());
    let config = Config::load(&Sources::of_process(arguments))?;
    let _log = log::start(&config.logging).context("cannot start the log")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(services::cores().min(MAX_WORKERS))
        .thread_name("lavalink")
        .thread_keep_alive(BLOCKING_THREAD_IDLE)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(start::run(config));
    // Threads of plugins that still hang must not keep the process.
    runtime.shutdown_background();
    outcome
}
