//! The settings the node runs by, read from the merged tree.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use lavalink_protocol::secret::Secret;
use tracing::level_filters::LevelFilter;

use super::ConfigError;
use super::keys::{FREE, KNOWN, WITHOUT_EFFECT};
use super::reader::Reader;
use super::route_planner::{self, RateLimitConfig};
use super::sources::Merged;
use super::tree::{Node, relaxed};

/// Everything the node is told.
#[derive(Debug)]
pub struct Config {
    /// Address the server binds; all interfaces by default.
    pub address: IpAddr,
    /// TCP port; 0 picks a free one.
    pub port: u16,
    /// What clients send as `Authorization`.
    pub password: Secret,
    /// Whether the password was made up for this run because none is configured.
    pub is_password_generated: bool,
    /// Directory plugins are loaded from.
    pub plugins_dir: PathBuf,
    /// Audio pipeline and player settings.
    pub player: PlayerConfig,
    /// Outgoing HTTP.
    pub outgoing: OutgoingConfig,
    /// Rotation of the local address; `None` when it is off.
    pub rate_limit: Option<RateLimitConfig>,
    /// The metrics endpoint.
    pub metrics: MetricsConfig,
    /// Log levels and request log.
    pub logging: LoggingConfig,
    /// Things the operator should know, for the log.
    pub warnings: Vec<String>,
    /// Files that were read; empty means the embedded configuration.
    pub files: Vec<PathBuf>,
    sources: HashMap<String, bool>,
    filters: HashMap<String, bool>,
    plugins: Node,
}

/// Settings of playback.
#[derive(Debug, Clone)]
pub struct PlayerConfig {
    /// libopus complexity, 0..=10.
    pub opus_quality: u8,
    /// Sample rate conversion effort.
    pub resampling: Resampling,
    /// A track without audio for this long is reported as stuck, milliseconds, at least 100.
    pub stuck_threshold_ms: u64,
    /// Keep playing the old audio until the audio of the new position is there.
    pub use_seek_ghosting: bool,
    /// Time between playerUpdate messages; `None` sends no periodic ones.
    pub update_interval: Option<Duration>,
}

/// `lavalink.server.resamplingQuality`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// Cheapest.
    Low,
    /// Between.
    Medium,
    /// Best.
    High,
}

/// Settings of outgoing HTTP.
#[derive(Debug, Clone)]
pub struct OutgoingConfig {
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time without a byte.
    pub read_timeout: Duration,
    /// Proxy of the http source.
    pub proxy: Option<ProxySettings>,
}

/// `lavalink.server.httpConfig`.
#[derive(Debug, Clone)]
pub struct ProxySettings {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User name, when the proxy wants one.
    pub user: Option<String>,
    /// Password of the user.
    pub password: Secret,
}

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

/// Settings of the log.
#[derive(Debug, Clone)]
pub struct LoggingConfig {
    /// `logging.level.root`.
    pub root: LevelFilter,
    /// `logging.level.<logger>` for the other loggers, logger name as written.
    pub loggers: Vec<(String, LevelFilter)>,
    /// The request log.
    pub request: RequestLogConfig,
}

/// `logging.request`.
#[derive(Debug, Clone)]
pub struct RequestLogConfig {
    /// Whether requests are logged at all.
    pub enabled: bool,
    /// Append the client's address.
    pub client_info: bool,
    /// Append all headers, the password included.
    pub headers: bool,
    /// Append the raw query.
    pub query_string: bool,
    /// Append the body.
    pub payload: bool,
    /// Bytes of the body that are shown.
    pub max_payload_length: usize,
    /// Log a second line before the request is handled.
    pub before_request: bool,
}

impl Config {
    /// Reads the typed settings out of the merged tree.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value of a wrong type or range.
    pub fn from_tree(merged: Merged) -> Result<Self, ConfigError> {
        let reader = Reader::new(&merged.tree);
        let mut warnings = unknown_keys(&merged.tree);
        let password = reader
            .text("lavalink.server.password")
            .filter(|password| !password.is_empty());
        let address = match reader
            .text("server.address")
            .filter(|address| !address.is_empty())
        {
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Some(text) if text == "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(text) => text.parse().map_err(|_| ConfigError::Value {
                key: "server.address".to_owned(),
                value: text,
                expected: "an IP address such as 0.0.0.0 or ::",
            })?,
        };
        Ok(Self {
            address,
            // Spring Boot's default when a file exists but does not name a port.
            port: reader.integer("server.port", 8080, 0, 65535)? as u16,
            is_password_generated: password.is_none(),
            password: Secret::from(password.unwrap_or_else(random_password)),
            plugins_dir: PathBuf::from(
                reader
                    .text("lavalink.pluginsDir")
                    .filter(|dir| !dir.is_empty())
                    .unwrap_or_else(|| "./plugins".to_owned()),
            ),
            player: player(&reader, &mut warnings)?,
            outgoing: outgoing(&reader)?,
            rate_limit: route_planner::read(&reader)?,
            metrics: metrics(&reader)?,
            logging: logging(&reader)?,
            sources: switches(&reader, "lavalink.server.sources")?,
            filters: switches(&reader, "lavalink.server.filters")?,
            plugins: merged.tree.get("plugins").cloned().unwrap_or_else(Node::empty),
            files: merged.files,
            warnings,
        })
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

    /// `plugins.<name>` as JSON text, `{}` when there is nothing.
    pub fn plugin_settings(&self, name: &str) -> String {
        self.plugins
            .get(name)
            .map_or_else(|| "{}".to_owned(), |node| node.to_json().to_string())
    }
}

fn player(reader: &Reader<'_>, warnings: &mut Vec<String>) -> Result<PlayerConfig, ConfigError> {
    const QUALITY: &str = "lavalink.server.opusEncodingQuality";
    const STUCK: &str = "lavalink.server.trackStuckThresholdMs";
    let mut quality = reader.integer(QUALITY, 10, i64::MIN, i64::MAX)?;
    if !(0..=10).contains(&quality) {
        warnings.push(format!("{QUALITY} is {quality}, outside 0..10; 10 is used"));
        quality = 10;
    }
    let mut stuck = reader.integer(STUCK, 10_000, i64::MIN, i64::MAX)?;
    if stuck < 100 {
        warnings.push(format!("{STUCK} is {stuck}, below 100; 10000 is used"));
        stuck = 10_000;
    }
    const RESAMPLING: &str = "lavalink.server.resamplingQuality";
    let resampling = match reader
        .text(RESAMPLING)
        .map(|text| text.trim().to_uppercase())
        .as_deref()
    {
        None | Some("" | "LOW") => Resampling::Low,
        Some("MEDIUM") => Resampling::Medium,
        Some("HIGH") => Resampling::High,
        Some(other) => {
            return Err(ConfigError::Value {
                key: RESAMPLING.to_owned(),
                value: other.to_owned(),
                expected: "LOW, MEDIUM or HIGH",
            });
        }
    };
    let interval = reader.integer(
        "lavalink.server.playerUpdateInterval",
        5,
        i64::MIN,
        i64::from(u32::MAX),
    )?;
    if interval <= 0 {
        warnings.push(
            "lavalink.server.playerUpdateInterval is not positive; no periodic player updates are sent"
                .to_owned(),
        );
    }
    Ok(PlayerConfig {
        opus_quality: quality as u8,
        resampling,
        stuck_threshold_ms: stuck as u64,
        use_seek_ghosting: reader.boolean("lavalink.server.useSeekGhosting", true)?,
        update_interval: (interval > 0).then(|| Duration::from_secs(interval as u64)),
    })
}

fn outgoing(reader: &Reader<'_>) -> Result<OutgoingConfig, ConfigError> {
    let timeout = |key: &str| -> Result<Duration, ConfigError> {
        Ok(Duration::from_millis(
            reader.integer(key, 3000, 1, 600_000)? as u64
        ))
    };
    let host = reader
        .text("lavalink.server.httpConfig.proxyHost")
        .filter(|host| !host.trim().is_empty());
    let proxy = match host {
        None => None,
        Some(host) => Some(ProxySettings {
            host,
            port: reader.integer("lavalink.server.httpConfig.proxyPort", 3128, 1, 65535)? as u16,
            user: reader
                .text("lavalink.server.httpConfig.proxyUser")
                .filter(|user| !user.trim().is_empty()),
            password: Secret::from(
                reader
                    .text("lavalink.server.httpConfig.proxyPassword")
                    .unwrap_or_default(),
            ),
        }),
    };
    Ok(OutgoingConfig {
        connect_timeout: timeout("lavalink.server.timeouts.connectTimeoutMs")?,
        read_timeout: timeout("lavalink.server.timeouts.socketTimeoutMs")?,
        proxy,
    })
}

fn metrics(reader: &Reader<'_>) -> Result<MetricsConfig, ConfigError> {
    let configured = reader
        .text("metrics.prometheus.endpoint")
        .map(|path| path.trim().to_owned())
        .filter(|path| !path.is_empty());
    Ok(MetricsConfig {
        enabled: reader.boolean("metrics.prometheus.enabled", false)?,
        is_endpoint_open: configured.is_some(),
        endpoint: match configured {
            None => "/metrics".to_owned(),
            Some(path) if path.starts_with('/') => path,
            Some(path) => format!("/{path}"),
        },
    })
}

fn logging(reader: &Reader<'_>) -> Result<LoggingConfig, ConfigError> {
    let mut root = LevelFilter::INFO;
    let mut loggers = Vec::new();
    if let Some(levels) = reader.tree().at("logging.level") {
        for (logger, node) in levels.leaves() {
            let Some(text) = node.text() else { continue };
            let level = level(&logger, &text)?;
            if logger.eq_ignore_ascii_case("root") {
                root = level
            } else {
                loggers.push((logger, level))
            }
        }
    }
    Ok(LoggingConfig {
        root,
        loggers,
        request: RequestLogConfig {
            enabled: reader.boolean("logging.request.enabled", true)?,
            client_info: reader.boolean("logging.request.includeClientInfo", false)?,
            headers: reader.boolean("logging.request.includeHeaders", false)?,
            query_string: reader.boolean("logging.request.includeQueryString", true)?,
            payload: reader.boolean("logging.request.includePayload", true)?,
            max_payload_length: reader.integer("logging.request.maxPayloadLength", 10_000, 0, 1 << 20)?
                as usize,
            before_request: reader.boolean("logging.request.beforeRequest", false)?,
        },
    })
}

fn level(logger: &str, text: &str) -> Result<LevelFilter, ConfigError> {
    Ok(match text.trim().to_uppercase().as_str() {
        // YAML 1.1 reads a bare OFF as the boolean false, so false means off here, as in Spring Boot.
        "OFF" | "FALSE" => LevelFilter::OFF,
        "FATAL" | "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        "TRACE" | "ALL" => LevelFilter::TRACE,
        _ => {
            return Err(ConfigError::Value {
                key: format!("logging.level.{logger}"),
                value: text.to_owned(),
                expected: "one of OFF, ERROR, WARN, INFO, DEBUG, TRACE",
            });
        }
    })
}

/// A map of names to booleans, keys in relaxed form.
fn switches(reader: &Reader<'_>, path: &str) -> Result<HashMap<String, bool>, ConfigError> {
    let Some(Node::Map(entries)) = reader.tree().at(path) else {
        return Ok(HashMap::new());
    };
    entries
        .iter()
        .filter(|(_, node)| *node != Node::Null)
        .map(|(name, _)| Ok((relaxed(name), reader.boolean(&format!("{path}.{name}"), true)?)))
        .collect()
}

/// One line about the keys the node does not know, if there are any.
fn unknown_keys(tree: &Node) -> Vec<String> {
    let shape = |path: &str| {
        path.split('.')
            .map(|part| {
                if part.parse::<usize>().is_ok() {
                    "*".to_owned()
                } else {
                    relaxed(part)
                }
            })
            .collect::<Vec<_>>()
            .join(".")
    };
    let known: Vec<String> = KNOWN.iter().chain(WITHOUT_EFFECT).map(|key| shape(key)).collect();
    let free: Vec<String> = FREE.iter().map(|prefix| shape(prefix)).collect();
    let unknown: Vec<String> = tree
        .leaves()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| {
            let path = shape(path);
            !known.contains(&path) && !free.iter().any(|prefix| path.starts_with(prefix))
        })
        .collect();
    if unknown.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "these configuration keys are not known and are ignored: {}",
        unknown.join(", ")
    )]
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
    use crate::config::RetryLimit;

    fn config(yaml: &str) -> Result<Config, ConfigError> {
        let tree = crate::config::files::parse_yaml(yaml, &[]).expect("yaml");
        Config::from_tree(Merged {
            tree,
            files: vec![PathBuf::from("application.yml")],
        })
    }

    #[test]
    fn a_file_gets_javas_defaults() {
        let config = config("lavalink: {server: {password: youshallnotpass}}").expect("config");
        assert_eq!(config.port, 8080);
        assert_eq!(config.password.expose(), "youshallnotpass");
        assert!(!config.is_password_generated);
        assert!(config.is_source_enabled("http") && config.is_source_enabled("soundcloud"));
        assert!(config.is_source_enabled("a-plugins-source"));
        assert!(!config.is_source_enabled("local") && !config.is_source_enabled("niconico"));
        assert_eq!(config.player.stuck_threshold_ms, 10_000);
        assert_eq!(config.player.update_interval, Some(Duration::from_secs(5)));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }

    #[test]
    fn switches_and_numbers_are_read_leniently() {
        let config = config(
            "server: {port: '2444'}\nlavalink:\n  server:\n    password: 123456\n    sources: {local: 'yes', http: off}\n    \
             filters: {channel-mix: false}\n    player-update-interval: 0\n    opusEncodingQuality: 11\nplugins: {my-plugin: {a: [1, 'x']}}",
        )
        .expect("config");
        assert_eq!(config.port, 2444);
        assert_eq!(config.password.expose(), "123456");
        assert!(config.is_source_enabled("local") && !config.is_source_enabled("http"));
        assert!(!config.is_filter_enabled("channelMix") && config.is_filter_enabled("lowPass"));
        assert_eq!(config.player.update_interval, None);
        assert_eq!(config.player.opus_quality, 10);
        assert_eq!(config.warnings.len(), 2);
        assert_eq!(config.plugin_settings("myPlugin"), r#"{"a":[1,"x"]}"#);
        assert_eq!(config.plugin_settings("other"), "{}");
    }

    #[test]
    fn the_route_planner_is_on_when_it_has_a_block() {
        for off in [
            "{}",
            "lavalink: {server: {ratelimit: {ipBlocks: []}}}",
            "lavalink: {server: {ratelimit: }}",
        ] {
            assert_eq!(config(off).expect(off).rate_limit, None, "{off}");
        }
        let settings = |yaml: &str| config(yaml).expect(yaml).rate_limit.expect("a planner");
        let plain = settings("lavalink: {server: {ratelimit: {ip-blocks: '1.0.0.0/8, 2.0.0.0/8'}}}");
        assert_eq!(plain.ip_blocks, ["1.0.0.0/8", "2.0.0.0/8"]);
        assert_eq!(plain.strategy, "RotateOnBan");
        assert_eq!(plain.retry_limit, RetryLimit::Default);
        assert!(plain.search_triggers_fail && plain.excluded_ips.is_empty());
        let full = settings(
            "lavalink: {server: {ratelimit: {ipBlocks: ['1.0.0.0/8'], excludedIps: [1.0.0.1], strategy: LoadBalance, \
             retryLimit: 0, searchTriggersFail: false}}}",
        );
        assert_eq!(full.excluded_ips, ["1.0.0.1"]);
        assert_eq!(full.retry_limit, RetryLimit::Unlimited);
        assert_eq!(full.strategy, "LoadBalance");
        assert!(!full.search_triggers_fail);
    }

    #[test]
    fn the_metrics_endpoint_is_open_only_where_it_is_named() {
        let off = config("{}").expect("config").metrics;
        assert!(!off.enabled && !off.is_endpoint_open);
        assert_eq!(off.endpoint, "/metrics");
        let on = config("metrics: {prometheus: {enabled: true, endpoint: prom}}")
            .expect("config")
            .metrics;
        assert!(on.enabled && on.is_endpoint_open);
        assert_eq!(on.endpoint, "/prom");
    }

    #[test]
    fn wrong_types_name_key_and_value() {
        for (yaml, key, value) in [
            ("server: {port: abc}", "server.port", "abc"),
            ("server: {port: 70000}", "server.port", "70000"),
            ("server: {address: nowhere}", "server.address", "nowhere"),
            (
                "lavalink: {server: {useSeekGhosting: maybe}}",
                "lavalink.server.useSeekGhosting",
                "maybe",
            ),
            (
                "lavalink: {server: {resamplingQuality: BEST}}",
                "lavalink.server.resamplingQuality",
                "BEST",
            ),
            ("logging: {level: {root: LOUD}}", "logging.level.root", "LOUD"),
            ("lavalink: {server: {password: [a]}}", "", ""),
        ] {
            match config(yaml) {
                Err(ConfigError::Value { key: k, value: v, .. }) => {
                    assert_eq!((k.as_str(), v.as_str()), (key, value))
                }
                Err(other) => panic!("{yaml}: {other}"),
                Ok(config) => assert!(key.is_empty() && config.is_password_generated, "{yaml}"),
            }
        }
    }

    #[test]
    fn unknown_keys_make_one_line_and_free_maps_none() {
        let config = config(
            "lavalink: {server: {passwort: x, sources: {mine: true}}, wrong: 1}\nplugins: {x: {y: 1}}\nspring: {z: 1}",
        )
        .expect("config");
        assert_eq!(config.warnings.len(), 1);
        assert!(
            config.warnings[0].contains("lavalink.server.passwort")
                && config.warnings[0].contains("lavalink.wrong")
        );
        assert!(!config.warnings[0].contains("mine"));
    }

    #[test]
    fn a_missing_password_is_generated() {
        let one = config("server: {port: 1}").expect("config");
        let two = config("server: {port: 1}").expect("config");
        assert!(one.is_password_generated);
        assert_eq!(one.password.expose().len(), 24);
        assert_ne!(one.password.expose(), two.password.expose());
    }
}
