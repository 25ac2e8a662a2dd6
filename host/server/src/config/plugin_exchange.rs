//! `lavalink.plugin-exchange`: how new versions of plugins come into use while the node runs.

use lavalink_plugins::TrialPolicy;

use super::keys;
use super::reader::Reader;

/// `lavalink.plugin-exchange`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PluginExchangeConfig {
    /// Whether files that change are loaded by themselves.
    pub watch: bool,
    /// How a new version is tried.
    pub trial: TrialPolicy,
}

/// Reads the settings.
pub fn read(reader: &Reader<'_>) -> PluginExchangeConfig {
    PluginExchangeConfig {
        watch: reader.boolean(&keys::EXCHANGE_WATCH),
        trial: TrialPolicy {
            share: u8::try_from(reader.integer(&keys::EXCHANGE_SHARE)).unwrap_or(100),
            calls: u32::try_from(reader.integer(&keys::EXCHANGE_CALLS)).unwrap_or(u32::MAX),
            time: reader.time(&keys::EXCHANGE_TIME),
        },
    }
}
