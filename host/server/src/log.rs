//! Sets up the log: levels from the configuration or `RUST_LOG`, one line per event with time, level and target, to
//! standard output and, if the operator wants one, a file.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::LoggingConfig;
use crate::log_file::LogFile;
use crate::log_writer::{self, LogGuard};
use crate::metrics::LogLines;

/// What Java's loggers speak for here. Names of Java in lower case.
const LOGGERS: &[(&str, &[&str])] = &[
    ("lavalink", OWN),
    ("lavalink.server", OWN),
    ("dev.arbjerg.lavalink", OWN),
    ("lavalink.server.launcher", &["lavalink_rust::start"]),
    (
        "lavalink.server.bootstrap",
        &["lavalink_plugins", "lavalink_rust::plugin_host"],
    ),
    (
        "lavalink.server.io",
        &[
            "lavalink.server.io",
            "lavalink_rust::rest",
            "lavalink_rust::session",
            "lavalink_rust::websocket",
        ],
    ),
    (
        "lavalink.server.io.requestloggingfilter",
        &["lavalink.server.io.RequestLoggingFilter"],
    ),
    (
        "lavalink.server.io.socketserver",
        &["lavalink_rust::session", "lavalink_rust::websocket"],
    ),
    (
        "lavalink.server.io.socketcontext",
        &["lavalink_rust::session", "lavalink_rust::websocket"],
    ),
    (
        "lavalink.server.player",
        &[
            "lavalink_rust::player",
            "lavalink_rust::load",
            "lavalink_rust::media",
        ],
    ),
    (
        "com.sedmelluq.discord.lavaplayer",
        &["lavalink_audio", "lavalink_net", "plugin"],
    ),
    (
        "com.sedmelluq.lavaplayer",
        &["lavalink_audio", "lavalink_net", "plugin"],
    ),
    ("moe.kyokobot", &["lavalink_voice"]),
    ("moe.kyokobot.koe", &["lavalink_voice"]),
    ("moe.kyokobot.libdave", &["lavalink_voice::dave"]),
    ("org.springframework", &["hyper", "axum", "tower", "tungstenite"]),
    (
        "org.springframework.web",
        &["hyper", "axum", "tower", "tungstenite"],
    ),
    ("io.undertow", &["hyper", "axum", "tower", "tungstenite"]),
    ("plugins", &["plugin"]),
];

/// The crates of this project and what it logs under Java's names.
const OWN: &[&str] = &[
    "lavalink",
    "lavalink_rust",
    "lavalink_audio",
    "lavalink_voice",
    "lavalink_net",
    "lavalink_plugins",
    "plugin",
];

/// Libraries that print keys at level TRACE; they are not let below DEBUG, whatever is configured.
const SECRET_TARGETS: &[&str] = &["davey"];

/// Sees to it that the last lines are written; to be kept until the process ends.
#[derive(Debug)]
pub struct Guards {
    _stdout: LogGuard,
    _file: Option<LogGuard>,
}

/// Starts logging. `RUST_LOG`, when set, replaces the configured levels.
///
/// # Errors
/// When a thread that writes the log cannot be started or the log file cannot be opened.
pub fn start(config: &LoggingConfig) -> io::Result<Guards> {
    let filter: Box<dyn Layer<Registry> + Send + Sync> = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.trim().is_empty() => Box::new(EnvFilter::new(directives)),
        _ => Box::new(targets(config)),
    };
    let (stdout, stdout_guard) = log_writer::spawn(io::stdout())?;
    let to_stdout = fmt::layer()
        .with_ansi(io::stdout().is_terminal())
        .with_writer(move || stdout.clone());
    let (to_file, file_guard) = match &config.file {
        None => (None, None),
        Some(settings) => {
            let file = LogFile::open(settings.clone()).map_err(|error| {
                let reason = format!(
                    "{}: {error}; mend logging.file.path or logging.file.name",
                    settings.path.display()
                );
                io::Error::new(error.kind(), reason)
            })?;
            // A thread of its own, so that a terminal nobody reads does not hold up the file.
            let (writer, guard) = log_writer::spawn(file)?;
            let layer = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
            (Some(layer), Some(guard))
        }
    };
    // Only the second call in a process fails, and then the first subscriber stays: nothing to do.
    let _already_set = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(keeps_secrets))
        .with(to_stdout)
        .with(to_file)
        .with(LogLines)
        .try_init();
    Ok(Guards {
        _stdout: stdout_guard,
        _file: file_guard,
    })
}

/// Whether what is logged there is free of keys.
fn keeps_secrets(metadata: &Metadata<'_>) -> bool {
    let root = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::DEBUG || !SECRET_TARGETS.contains(&root)
}

/// The configured levels. The most specific target decides, whatever the order.
fn targets(config: &LoggingConfig) -> Targets {
    let mut loggers: Vec<&(String, LevelFilter)> = config.loggers.iter().collect();
    // Of two loggers that speak for one target, the more specific one counts: it comes last.
    loggers.sort_by_key(|(name, _)| name.len());
    let mut targets = Targets::new().with_default(config.root);
    for (name, level) in loggers {
        let wanted = name.to_ascii_lowercase();
        let known = LOGGERS.iter().find(|(logger, _)| *logger == wanted);
        targets = match known {
            Some((_, own)) => own
                .iter()
                .fold(targets, |targets, target| targets.with_target(*target, *level)),
            // A module of this program, or a Java class that has no counterpart.
            None => targets.with_target(name.replace('.', "::"), *level),
        };
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RequestLogConfig;

    fn config(root: LevelFilter, loggers: &[(&str, LevelFilter)]) -> LoggingConfig {
        LoggingConfig {
            root,
            loggers: loggers
                .iter()
                .map(|(name, level)| ((*name).to_owned(), *level))
                .collect(),
            file: None,
            request: RequestLogConfig {
                enabled: true,
                client_info: false,
                headers: false,
                query_string: true,
                payload: true,
                max_payload_length: 10,
                before_request: false,
            },
        }
    }

    #[test]
    fn keys_are_not_logged_at_any_level() {
        let seen = std::sync::Arc::new(parking_lot::Mutex::new(Vec::<u8>::new()));
        let writer = std::sync::Arc::clone(&seen);
        let lines = tracing_subscriber::fmt::layer().with_writer(move || Captured(writer.clone()));
        let subscriber = tracing_subscriber::registry()
            .with(EnvFilter::new("trace"))
            .with(filter_fn(keeps_secrets))
            .with(lines);
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "davey::cryptor::hash_ratchet", "key of the epoch");
            tracing::debug!(target: "davey::session", "group made");
            tracing::trace!(target: "lavalink_voice", "datagram");
        });
        let seen = String::from_utf8_lossy(&seen.lock()).into_owned();
        assert!(!seen.contains("key of the epoch"), "{seen}");
        assert!(seen.contains("group made") && seen.contains("datagram"), "{seen}");
    }

    struct Captured(std::sync::Arc<parking_lot::Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn javas_loggers_speak_for_our_modules() {
        let targets = targets(&config(
            LevelFilter::WARN,
            &[
                ("lavalink.server.io.RequestLoggingFilter", LevelFilter::OFF),
                ("lavalink.server.io", LevelFilter::TRACE),
                ("lavalink", LevelFilter::INFO),
                ("moe.kyokobot.koe", LevelFilter::DEBUG),
                ("lavalink_net.client", LevelFilter::TRACE),
            ],
        ));
        for (target, level, expected) in [
            ("lavalink_rust::start", Level::INFO, true),
            ("lavalink_rust::start", Level::DEBUG, false),
            ("lavalink_rust::websocket::socket", Level::TRACE, true),
            ("lavalink.server.io.RequestLoggingFilter", Level::ERROR, false),
            ("lavalink_voice::gateway", Level::DEBUG, true),
            ("lavalink_net::client", Level::TRACE, true),
            ("lavalink_net::reader", Level::DEBUG, false),
            ("hyper::proto", Level::WARN, true),
            ("hyper::proto", Level::INFO, false),
        ] {
            assert_eq!(targets.would_enable(target, &level), expected, "{target} {level}");
        }
    }
}
