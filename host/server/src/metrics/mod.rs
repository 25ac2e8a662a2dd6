//! What operators can measure: the instruments the node writes to, and the Prometheus page made of them.
//!
//! Whatever lies on the audio clock counts with plain atomics (`lavalink-voice`), which are read when somebody scrapes;
//! only requests and plugin calls write to instruments here. To add a figure: a field of [`Metrics`] for something that
//! happens, a line in [`node`] for something that is.

mod families;
mod log_lines;
mod node;
mod page;
mod plugins;
mod voice;

use std::time::Duration;

use lavalink_plugins::{CallOutcome, CallReport, Exchange, GuardReport};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

pub use log_lines::LogLines;
pub use page::{CONTENT_TYPE, only};

use crate::node::Node;

/// Buckets for requests to the node, seconds.
const REST_BUCKETS: [f64; 10] = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0];
/// Buckets for look-ups by sources, seconds.
const LOAD_BUCKETS: [f64; 9] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// Buckets for calls of plugins, seconds.
const CALL_BUCKETS: [f64; 10] = [0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 15.0];

/// The instruments. Writing to one takes a hash look-up and an atomic.
pub struct Metrics {
    registry: Registry,
    rest: HistogramVec,
    loads: HistogramVec,
    calls: IntCounterVec,
    call_times: HistogramVec,
    exchanges: IntCounterVec,
}

impl Metrics {
    /// Instruments without a single event.
    ///
    /// # Errors
    /// When two instruments have one name, or a name is not allowed.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let rest = HistogramVec::new(
            HistogramOpts::new(
                "lavalink_rest_request_duration_seconds",
                "Time from the head of a request to the head of its answer, by route template.",
            )
            .buckets(REST_BUCKETS.to_vec()),
            &["method", "route", "status"],
        )?;
        let loads = HistogramVec::new(
            HistogramOpts::new(
                "lavalink_source_load_duration_seconds",
                "Time a source took to look up an identifier it claimed.",
            )
            .buckets(LOAD_BUCKETS.to_vec()),
            &["source", "outcome"],
        )?;
        let calls = IntCounterVec::new(
            Opts::new(
                "lavalink_plugin_calls_total",
                "Calls of plugins by how they ended.",
            ),
            &["plugin", "call", "outcome"],
        )?;
        let call_times = HistogramVec::new(
            HistogramOpts::new(
                "lavalink_plugin_call_duration_seconds",
                "Time calls of plugins took, waiting for a free place included.",
            )
            .buckets(CALL_BUCKETS.to_vec()),
            &["plugin", "call"],
        )?;
        let exchanges = IntCounterVec::new(
            Opts::new(
                "lavalink_plugin_exchanges_total",
                "New versions of plugins by what became of them.",
            ),
            &["plugin", "result"],
        )?;
        registry.register(Box::new(call_times.clone()))?;
        registry.register(Box::new(exchanges.clone()))?;
        registry.register(Box::new(rest.clone()))?;
        registry.register(Box::new(loads.clone()))?;
        registry.register(Box::new(calls.clone()))?;
        registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(Self {
            registry,
            rest,
            loads,
            calls,
            call_times,
            exchanges,
        })
    }

    /// A request was answered. `route` is the template it matched; without one it is counted as `unmatched`, so that
    /// clients cannot make up series.
    pub fn answered(&self, method: &str, route: Option<&str>, status: u16, elapsed: Duration) {
        let method = match method {
            "GET" | "HEAD" | "POST" | "PATCH" | "DELETE" | "PUT" | "OPTIONS" => method,
            _ => "other",
        };
        let (route, mut digits) = (route.unwrap_or("unmatched"), [0; 3]);
        let status = three_digits(status, &mut digits);
        self.rest
            .with_label_values(&[method, route, status])
            .observe(elapsed.as_secs_f64());
    }

    /// A plugin was called, or would have been.
    pub fn ended(&self, report: &GuardReport<'_>) {
        self.calls
            .with_label_values(&[report.plugin, report.call, report.ending.as_str()])
            .inc();
        self.call_times
            .with_label_values(&[report.plugin, report.call])
            .observe(report.elapsed.as_secs_f64());
    }

    /// A new version of a plugin came, and this became of it.
    pub fn exchanged(&self, plugin: &str, exchange: Exchange) {
        let result = exchange.as_str();
        self.exchanges.with_label_values(&[plugin, result]).inc();
    }

    /// A source was asked.
    pub fn called(&self, report: &CallReport<'_>) {
        let outcome = match report.outcome {
            CallOutcome::Track => "track",
            CallOutcome::Playlist => "playlist",
            CallOutcome::Search => "search",
            CallOutcome::Nothing => "empty",
            CallOutcome::Redirect => "redirect",
            CallOutcome::Failed if report.call == "load" => "failed",
            CallOutcome::Fault if report.call == "load" => "fault",
            CallOutcome::NotMine | CallOutcome::Opened | CallOutcome::Failed | CallOutcome::Fault => return,
        };
        self.loads
            .with_label_values(&[report.source, outcome])
            .observe(report.elapsed.as_secs_f64());
    }

    /// The page as of now, in text format 0.0.4.
    ///
    /// # Errors
    /// When a family breaks the rules of the format, which is a bug.
    pub fn page(&self, node: &Node) -> Result<String, prometheus::Error> {
        let mut families = self.registry.gather();
        node::collect(node, &mut families);
        // Of a node without plugins, say; the encoder refuses the whole page for one.
        families.retain(|family| !family.get_metric().is_empty());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        prometheus::TextEncoder::new().encode_to_string(&families)
    }
}

/// A status code as text, without allocating.
fn three_digits(status: u16, digits: &mut [u8; 3]) -> &str {
    let status = status.min(999);
    *digits = [status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + (digit as u8));
    // Cannot fail: digits are ASCII.
    std::str::from_utf8(digits).unwrap_or("000")
}

#[cfg(test)]
mod tests {
    use lavalink_plugins::CallEnding;

    use super::*;

    #[test]
    fn made_up_methods_and_paths_make_no_series() {
        let metrics = Metrics::new().expect("names are in order");
        for method in ["BREW", "FROB"] {
            metrics.answered(method, None, 404, Duration::from_millis(1));
        }
        metrics.answered("GET", Some("/version"), 200, Duration::from_millis(1));
        let families = metrics.registry.gather();
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&families)
            .expect("valid families");
        assert!(
            text.contains(
                r#"lavalink_rest_request_duration_seconds_count{method="other",route="unmatched",status="404"} 2"#
            ),
            "{text}"
        );
        assert!(text.contains(r#"{method="GET",route="/version",status="200",le="0.001"} 1"#));
    }

    #[test]
    fn a_source_that_does_not_claim_an_identifier_is_called_but_loads_nothing() {
        let metrics = Metrics::new().expect("names are in order");
        let report = |call, outcome| CallReport {
            plugin: "p",
            source: "s",
            call,
            outcome,
            elapsed: Duration::from_millis(3),
        };
        metrics.called(&report("load", CallOutcome::NotMine));
        metrics.called(&report("load", CallOutcome::Track));
        metrics.called(&report("open", CallOutcome::Fault));
        let guarded = |call, ending| GuardReport {
            plugin: "p",
            call,
            ending,
            elapsed: Duration::from_millis(3),
        };
        metrics.ended(&guarded("load", CallEnding::Ok));
        metrics.ended(&guarded("load", CallEnding::Ok));
        metrics.ended(&guarded("open", CallEnding::Overdue));
        metrics.exchanged("p", Exchange::RolledBack);
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&metrics.registry.gather())
            .expect("valid families");
        for line in [
            r#"lavalink_plugin_calls_total{call="load",outcome="ok",plugin="p"} 2"#,
            r#"lavalink_plugin_calls_total{call="open",outcome="overdue",plugin="p"} 1"#,
            r#"lavalink_plugin_call_duration_seconds_bucket{call="load",plugin="p",le="0.005"} 2"#,
            r#"lavalink_plugin_exchanges_total{plugin="p",result="rolled-back"} 1"#,
            r#"lavalink_source_load_duration_seconds_count{outcome="track",source="s"} 1"#,
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert_eq!(text.matches("source_load_duration_seconds_count").count(), 1);
    }

    #[test]
    fn status_codes_are_written_with_three_digits() {
        let mut digits = [0; 3];
        assert_eq!(three_digits(204, &mut digits), "204");
        assert_eq!(three_digits(65535, &mut digits), "999");
    }
}
