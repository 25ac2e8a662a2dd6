//! Counts log lines by level, under the name Java's log library has for it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus::proto::MetricFamily;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::families::{Label, counters};

/// Lines per level. One per process, as the log itself is.
static COUNTS: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];
/// Levels in the order of [`COUNTS`].
const LEVELS: [(Level, &[Label]); 5] = [
    (Level::DEBUG, &[("level", "debug")]),
    (Level::ERROR, &[("level", "error")]),
    (Level::INFO, &[("level", "info")]),
    (Level::TRACE, &[("level", "trace")]),
    (Level::WARN, &[("level", "warn")]),
];

/// The layer that counts. Lines the filter keeps out of the log are not counted, as in Java.
#[derive(Debug, Clone, Copy)]
pub struct LogLines;

impl<S: Subscriber> Layer<S> for LogLines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = event.metadata().level();
        if let Some(index) = LEVELS.iter().position(|(known, _)| known == level)
            && let Some(count) = COUNTS.get(index)
        {
            count.fetch_add(1, Relaxed);
        }
    }
}

/// `logback_appender_total{level}`.
pub fn family() -> MetricFamily {
    let samples = LEVELS
        .iter()
        .zip(&COUNTS)
        .map(|((_, labels), count)| (*labels, count.load(Relaxed)));
    counters(
        "logback_appender_total",
        "Logback log statements at various log levels",
        samples,
    )
}
