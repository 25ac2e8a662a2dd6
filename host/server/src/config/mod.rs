//! Configuration: `application.yml`, environment and command line, merged the way Java Lavalink's Spring does it.
//!
//! Layers are generic trees ([`tree`]) merged with relaxed key matching ([`sources`]); [`typed`] reads the settings.

mod environment;
mod error;
mod files;
mod keys;
mod placeholders;
mod reader;
mod route_planner;
mod sources;
mod tree;
mod typed;

pub use error::ConfigError;
pub use route_planner::RetryLimit;
pub use sources::Sources;
pub use typed::{Config, LoggingConfig, MetricsConfig, OutgoingConfig, RequestLogConfig, Resampling};

/// The configuration of a node that was started without any file.
const EMBEDDED: &str = include_str!("../../../../config/embedded.yml");

impl Config {
    /// Reads and checks all sources.
    ///
    /// # Errors
    /// The first reason that makes the configuration unusable.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        Self::from_tree(sources.merge()?)
    }
}
