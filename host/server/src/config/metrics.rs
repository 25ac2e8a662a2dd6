//! `metrics.prometheus`: the metrics endpoint.

use super::keys;
use super::reader::Reader;

/// `metrics.prometheus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Whether there is an endpoint at all.
    pub enabled: bool,
    /// Path of the endpoint, with a leading slash.
    pub endpoint: String,
    /// Whether the endpoint is open to everybody: Java skips the password only when the path is configured.
    pub is_endpoint_open: bool,
}

/// Reads the settings.
pub fn read(reader: &Reader<'_>) -> MetricsConfig {
    let configured = reader
        .text(&keys::PROMETHEUS_ENDPOINT)
        .map(|path| path.trim().to_owned());
    MetricsConfig {
        enabled: reader.boolean(&keys::PROMETHEUS_ENABLED),
        is_endpoint_open: configured.is_some(),
        endpoint: match configured {
            None => "/metrics".to_owned(),
            Some(path) if path.starts_with('/') => path,
            Some(path) => format!("/{path}"),
        },
    }
}
