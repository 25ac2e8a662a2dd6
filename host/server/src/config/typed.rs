//! The settings the node runs by, read from the merged tree.

use std::collections::HashMap;
use std::path::PathBuf;

use lavalink_protocol::secret::Secret;

use lavalink_net::EgressRules;

use super::check;
use super::egress;
use super::findings::Findings;
use super::key::{Converted, Key};
use super::keys;
use super::logging::{self, LoggingConfig};
use super::metrics::{self, MetricsConfig};
use super::outgoing::{self, OutgoingConfig};
use super::path::relaxed;
use super::player::{self, PlayerConfig};
use super::plugin_exchange::{self, PluginExchangeConfig};
use super::plugin_policy::{self, NativePlugins, PluginPolicy};
use super::plugin_supply::{self, PluginSupplyConfig};
use super::reader::Reader;
use super::route_planner::{self, RateLimitConfig};
use super::server::{self, ServerConfig};
use super::sources::Merged;
use super::tree::Node;

/// Everything the node is told.
#[derive(Debug)]
pub struct Config {
    /// Where and how the node listens.
    pub server: ServerConfig,
    /// What clients send as `Authorization`.
    pub password: Secret,
    /// Whether the password was made up for this run because none is configured.
    pub is_password_generated: bool,
    /// Directory plugins are loaded from.
    pub plugins_dir: PathBuf,
    /// Directory plugins keep values in.
    pub plugins_data_dir: PathBuf,
    /// How new versions of plugins come into use.
    pub plugin_exchange: PluginExchangeConfig,
    /// Which native plugins are loaded.
    pub native_plugins: NativePlugins,
    /// The plugins that are asked for.
    pub plugin_supply: PluginSupplyConfig,
    /// Audio pipeline and player settings.
    pub player: PlayerConfig,
    /// Outgoing HTTP.
    pub outgoing: OutgoingConfig,
    /// Where requests may go.
    pub egress: EgressRules,
    /// Rotation of the local address; `None` when it is off.
    pub rate_limit: Option<RateLimitConfig>,
    /// The metrics endpoint.
    pub metrics: MetricsConfig,
    /// Log levels and request log.
    pub logging: LoggingConfig,
    /// What the operator should know, for the log.
    pub findings: Findings,
    /// Keys that are set and do nothing here.
    pub without_effect: Vec<String>,
    /// Profiles the operator chose.
    pub profiles: Vec<String>,
    /// Files that were read; empty means the embedded configuration.
    pub files: Vec<PathBuf>,
    sources: HashMap<String, bool>,
    filters: HashMap<String, bool>,
    policies: HashMap<String, PluginPolicy>,
    plugins: Node,
}

impl Config {
    /// Reads the typed settings out of the merged tree; what is wrong with them is in the findings.
    pub fn from_merged(merged: &Merged) -> Self {
        let reader = Reader::new(&merged.tree);
        let mut findings = merged.findings.clone();
        let mut without_effect = check::check(&merged.tree, &mut findings);
        without_effect.extend(merged.ignored.iter().cloned());
        let password = reader.text(&keys::PASSWORD);
        Self {
            server: server::read(&reader, &mut findings),
            is_password_generated: password.is_none(),
            password: Secret::from(password.unwrap_or_else(random_password)),
            plugins_dir: PathBuf::from(reader.text(&keys::PLUGINS_DIR).unwrap_or_default()),
            plugins_data_dir: PathBuf::from(reader.text(&keys::PLUGINS_DATA_DIR).unwrap_or_default()),
            plugin_exchange: plugin_exchange::read(&reader),
            native_plugins: plugin_policy::natives(&reader),
            policies: plugin_policy::read(&reader, &mut findings),
            plugin_supply: plugin_supply::read(&reader, &merged.files, &mut findings),
            player: player::read(&reader, &mut findings),
            outgoing: outgoing::read(&reader),
            egress: egress::read(&reader, &mut findings),
            rate_limit: route_planner::read(&reader),
            metrics: metrics::read(&reader),
            logging: logging::read(&reader),
            sources: switches(&reader, &keys::SOURCES),
            filters: switches(&reader, &keys::FILTERS),
            plugins: merged.tree.get("plugins").cloned().unwrap_or_else(Node::empty),
            findings,
            without_effect,
            profiles: merged.profiles.clone(),
            files: merged.files.clone(),
        }
    }

    /// Whether `lavalink.server.sources` lets a source take part. Only `local` and `nico` are off by default.
    pub fn is_source_enabled(&self, source: &str) -> bool {
        let name = relaxed(source);
        // Java's switch for the source `niconico` is called `nico`.
        let name = if name == "niconico" {
            "nico".to_owned()
        } else {
            name
        };
        self.sources
            .get(&name)
            .copied()
            .unwrap_or(!matches!(name.as_str(), "local" | "nico"))
    }

    /// Whether `lavalink.server.filters` lets a filter be used.
    pub fn is_filter_enabled(&self, filter: &str) -> bool {
        self.filters.get(&relaxed(filter)).copied().unwrap_or(true)
    }

    /// What the operator lets a plugin do, if anything is said about it.
    pub fn plugin_policy(&self, plugin: &str) -> Option<&PluginPolicy> {
        self.policies.get(&relaxed(plugin))
    }

    /// `plugins.<name>` as JSON text, `{}` when there is nothing.
    pub fn plugin_settings(&self, name: &str) -> String {
        self.plugins
            .get(name)
            .filter(|node| !node.is_null())
            .map_or_else(|| "{}".to_owned(), |node| node.to_json().to_string())
    }
}

/// A map of names to booleans, keys in relaxed form.
fn switches(reader: &Reader<'_>, key: &Key) -> HashMap<String, bool> {
    reader
        .entries(key)
        .into_iter()
        .filter_map(|(name, value)| match value {
            Converted::Boolean(is_on) => Some((relaxed(&name), is_on)),
            _ => None,
        })
        .collect()
}

/// 24 characters from `a-z0-9`: about 124 bits.
fn random_password() -> String {
    use rand::RngExt;
    let mut random = rand::rng();
    (0..24)
        .map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[random.random_range(0..36)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::origin::Origin;
    use crate::config::route_planner::RetryLimit;
    use serde_json::json;
    use std::time::Duration;
    use tracing::level_filters::LevelFilter;

    fn config(settings: serde_json::Value) -> Config {
        Config::from_merged(&Merged {
            tree: Node::from_json(settings, &Origin::BuiltIn).expanded(),
            files: vec![PathBuf::from("application.yml")],
            profiles: Vec::new(),
            findings: Findings::default(),
            ignored: Vec::new(),
        })
    }

    #[test]
    fn a_file_gets_javas_defaults() {
        let config = config(json!({"lavalink.server.password": "youshallnotpass"}));
        assert_eq!(config.server.port, 8080);
        assert_eq!(config.password.expose(), "youshallnotpass");
        assert!(!config.is_password_generated);
        assert!(config.is_source_enabled("http") && config.is_source_enabled("soundcloud"));
        assert!(config.is_source_enabled("a-plugins-source"));
        assert!(!config.is_source_enabled("local") && !config.is_source_enabled("niconico"));
        assert_eq!(config.player.opus_quality, 10);
        assert_eq!(config.player.stuck_threshold_ms, 10_000);
        assert!(config.player.use_seek_ghosting);
        assert_eq!(config.player.update_interval, Some(Duration::from_secs(5)));
        assert_eq!(config.outgoing.connect_timeout, Duration::from_secs(3));
        assert!(
            config.outgoing.proxy.is_none() && config.rate_limit.is_none() && config.logging.file.is_none()
        );
        assert_eq!(config.metrics.endpoint, "/metrics");
        assert!(!config.metrics.enabled && !config.metrics.is_endpoint_open);
        assert_eq!(config.findings, Findings::default());
    }

    #[test]
    fn settings_are_read_leniently() {
        let config = config(json!({
            "server": {"port": "2444"},
            "lavalink": {"server": {
                "password": 123456, "sources": {"local": "yes", "http": "off"}, "filters": {"channel-mix": false},
                "player-update-interval": 0, "opusEncodingQuality": 11,
                "httpConfig": {"proxyHost": "proxy", "proxyUser": " "},
            }},
            "metrics.prometheus": {"enabled": "on", "endpoint": "prom"},
            "plugins": {"my-plugin": {"a": [1, "x"]}, "empty": null},
        }));
        assert_eq!(config.server.port, 2444);
        assert_eq!(config.password.expose(), "123456");
        assert!(config.is_source_enabled("local") && !config.is_source_enabled("http"));
        assert!(!config.is_filter_enabled("channelMix") && config.is_filter_enabled("lowPass"));
        assert_eq!(config.player.update_interval, None);
        assert_eq!(config.player.opus_quality, 10);
        let proxy = config.outgoing.proxy.as_ref().expect("a proxy");
        assert_eq!((proxy.port, proxy.user.as_deref()), (3128, None));
        assert!(config.metrics.enabled && config.metrics.is_endpoint_open);
        assert_eq!(config.metrics.endpoint, "/prom");
        assert!(!config.findings.has_errors());
        assert_eq!(config.findings.sorted().len(), 2);
        assert_eq!(config.plugin_settings("myPlugin"), r#"{"a":[1,"x"]}"#);
        assert_eq!(config.plugin_settings("empty"), "{}");
        assert_eq!(config.plugin_settings("other"), "{}");
    }

    #[test]
    fn the_route_planner_is_on_when_it_has_a_block() {
        for off in [
            json!({}),
            json!({"lavalink.server.ratelimit.ipBlocks": []}),
            json!({"lavalink.server.ratelimit": null}),
        ] {
            assert_eq!(config(off.clone()).rate_limit, None, "{off}");
        }
        let settings = |settings| config(settings).rate_limit.expect("a planner");
        let plain = settings(json!({"lavalink.server.ratelimit.ip-blocks": "1.0.0.0/8, 2.0.0.0/8"}));
        assert_eq!(plain.ip_blocks, ["1.0.0.0/8", "2.0.0.0/8"]);
        assert_eq!(plain.strategy, "RotateOnBan");
        assert_eq!(plain.retry_limit, RetryLimit::Default);
        assert!(plain.search_triggers_fail && plain.excluded_ips.is_empty());
        let full = settings(json!({"lavalink.server.ratelimit": {
            "ipBlocks": ["1.0.0.0/8"], "excludedIps": ["1.0.0.1"], "strategy": " loadbalance", "retryLimit": 0,
            "searchTriggersFail": false,
        }}));
        assert_eq!(full.excluded_ips, ["1.0.0.1"]);
        assert_eq!(full.retry_limit, RetryLimit::Unlimited);
        assert_eq!(full.strategy, "LoadBalance");
        assert!(!full.search_triggers_fail);
        let unknown = config(json!({"lavalink.server.ratelimit": {"ipBlocks": "a", "strategy": "Best"}}));
        assert!(
            unknown
                .findings
                .to_string()
                .contains("lavalink.server.ratelimit.strategy")
        );
    }

    #[test]
    fn levels_and_files_of_the_log() {
        let config = config(json!({
            "logging": {
                "level": {"root": "warn", "lavalink.server.io": "debug", "x": false},
                "file": {"path": "logs"},
                "logback.rollingpolicy": {"max-file-size": "1GB", "max-history": 0, "total-size-cap": "2GB"},
            },
        }));
        assert_eq!(config.logging.root, LevelFilter::WARN);
        assert_eq!(
            config.logging.loggers,
            [
                ("lavalink.server.io".to_owned(), LevelFilter::DEBUG),
                ("x".to_owned(), LevelFilter::OFF)
            ]
        );
        let file = config.logging.file.expect("a file");
        assert_eq!(file.path, PathBuf::from("logs/spring.log"));
        assert_eq!(
            (file.max_size, file.max_age, file.total_size),
            (1 << 30, None, Some(2 << 30))
        );
    }

    #[test]
    fn a_missing_password_is_generated() {
        let one = config(json!({"server": {"port": 1}}));
        let two = config(json!({"lavalink.server.password": ""}));
        assert!(one.is_password_generated && two.is_password_generated);
        assert_eq!(one.password.expose().len(), 24);
        assert_ne!(one.password.expose(), two.password.expose());
    }
}
