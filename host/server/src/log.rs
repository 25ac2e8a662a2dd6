//! Sets up the log: levels from the configuration or `RUST_LOG`, one line per event with time, level and target.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::LoggingConfig;
use crate::log_writer::{self, LogGuard};

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
    let _already_set = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(move || writer.clone())
        .try_init();
    Ok(guard)
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
