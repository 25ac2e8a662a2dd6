//! Sets up the log: levels from the configuration or `RUST_LOG`, one line per event with time, level and target.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LoggingConfig;
use crate::log_writer::{self, LogGuard};
use crate::metrics::LogLines;

/// Targets that `logging.level.lavalink` speaks for: the crates of this project and what it logs under Java's names.
const OWN_TARGETS: &[&str] = &[
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

/// Starts logging to standard output. `RUST_LOG`, when set, replaces the configured levels.
///
/// # Errors
/// When the thread that writes the log cannot be started.
pub fn start(config: &LoggingConfig) -> io::Result<LogGuard> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.trim().is_empty() => EnvFilter::new(directives),
        _ => EnvFilter::new(directives(config)),
    };
    let colours = io::stdout().is_terminal();
    let (writer, guard) = log_writer::spawn(io::stdout())?;
    // Only the second call in a process fails, and then the first subscriber stays: nothing to do.
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(colours)
        .with_writer(move || writer.clone());
    let _already_set = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(keeps_secrets))
        .with(lines)
        .with(LogLines)
        .try_init();
    Ok(guard)
}

/// Whether what is logged there is free of keys.
fn keeps_secrets(metadata: &Metadata<'_>) -> bool {
    let root = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::DEBUG || !SECRET_TARGETS.contains(&root)
}

/// The configured levels in the syntax of [`EnvFilter`].
fn directives(config: &LoggingConfig) -> String {
    let mut parts = vec![config.root.to_string()];
    for (logger, level) in &config.loggers {
        if logger == "lavalink" {
            parts.extend(OWN_TARGETS.iter().map(|target| format!("{target}={level}")));
        } else if logger
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-'))
        {
            parts.push(format!("{}={level}", logger.replace('.', "::")));
        }
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::level_filters::LevelFilter;

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
    fn the_lavalink_logger_covers_all_own_crates() {
        let config = LoggingConfig {
            root: LevelFilter::WARN,
            loggers: vec![
                ("lavalink".into(), LevelFilter::DEBUG),
                ("plugin.youtube".into(), LevelFilter::TRACE),
            ],
            request: crate::config::RequestLogConfig {
                enabled: true,
                client_info: false,
                headers: false,
                query_string: true,
                payload: true,
                max_payload_length: 10,
                before_request: false,
            },
        };
        let directives = directives(&config);
        assert!(directives.starts_with("warn,"), "{directives}");
        for expected in [
            "lavalink_rust=debug",
            "lavalink_voice=debug",
            "plugin::youtube=trace",
        ] {
            assert!(
                directives.split(',').any(|part| part == expected),
                "{expected} in {directives}"
            );
        }
        assert!(directives.parse::<EnvFilter>().is_ok());
    }
}
