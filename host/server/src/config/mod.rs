//! Configuration: `application.yml`, environment and command line, merged the way Java Lavalink's Spring does it.
//!
//! Layers are generic trees ([`tree`]) merged with relaxed key matching ([`sources`]). The table of keys ([`keys`])
//! says what each key takes; [`check`] holds the tree against it, [`typed`] reads the settings out of it.

mod amend;
mod check;
mod command_line;
#[cfg(test)]
mod documentation;
mod effective;
mod egress;
mod environment;
mod error;
mod files;
mod findings;
mod key;
mod keys;
mod location;
mod logging;
mod metrics;
mod origin;
mod outgoing;
mod path;
mod placeholders;
mod player;
mod plugin_exchange;
mod plugin_policy;
mod plugin_supply;
mod profiles;
mod properties;
mod reader;
mod report;
mod route_planner;
mod schema;
mod secrets;
mod server;
mod sources;
mod tree;
mod typed;
mod yaml;

pub use amend::with_plugin;
pub use error::ConfigError;
pub use findings::Severity;
pub use logging::{LogFileConfig, LoggingConfig, RequestLogConfig};
pub use metrics::MetricsConfig;
pub use outgoing::OutgoingConfig;
pub use player::Resampling;
pub use plugin_policy::{NativePlugins, PluginPolicy};
pub use report::Report;
pub use route_planner::RetryLimit;
pub use schema::schema;
pub use server::{ClientAuth, TlsConfig};
pub use sources::Sources;
pub use typed::Config;

/// The configuration of a node that was started without any file.
const EMBEDDED: &str = include_str!("../../../../config/embedded.yml");

impl Config {
    /// Reads and checks all sources.
    ///
    /// # Errors
    /// Whatever makes the configuration unusable; all values that are wrong at once.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let config = Self::from_merged(&sources.merge()?);
        if config.findings.has_errors() {
            return Err(ConfigError::Invalid(config.findings));
        }
        Ok(config)
    }
}
