//! What this binary is: the Lavalink version it speaks, and what it was built from.

use lavalink_plugins::Plugins;
use lavalink_protocol::filters::FilterName;
use lavalink_protocol::info::{Git, Info, Plugin, Version};

use crate::config::Config;

/// The Lavalink release whose interface this node speaks; clients gate on it.
pub const LAVALINK_VERSION: &str = "4.2.2";

/// The answer of `/v4/info`.
pub fn info(config: &Config, plugins: &Plugins) -> Info {
    Info {
        version: Version::parse(LAVALINK_VERSION),
        build_time: milliseconds(env!("LAVALINK_BUILD_TIME")).unwrap_or(-1),
        git: Git {
            branch: env!("LAVALINK_GIT_BRANCH").to_owned(),
            commit: env!("LAVALINK_GIT_COMMIT").to_owned(),
            commit_time: milliseconds(env!("LAVALINK_GIT_COMMIT_TIME")).unwrap_or(0),
        },
        jvm: format!("none ({})", env!("LAVALINK_BUILD_RUSTC")),
        lavaplayer: format!("none (lavalink-rust {})", env!("CARGO_PKG_VERSION")),
        source_managers: plugins.source_names(),
        filters: FilterName::ALL
            .iter()
            .map(|filter| filter.as_str())
            .filter(|filter| config.is_filter_enabled(filter))
            .map(str::to_owned)
            .chain(
                plugins
                    .filter_names()
                    .into_iter()
                    .filter(|filter| config.is_filter_enabled(filter)),
            )
            .collect(),
        plugins: plugins
            .infos()
            .iter()
            .map(|plugin| Plugin {
                name: plugin.name.clone(),
                version: plugin.version.clone(),
            })
            .collect(),
    }
}

/// The text of `--version`.
pub fn describe() -> String {
    format!(
        "lavalink-rust {} (Lavalink {LAVALINK_VERSION}), commit {} on {}, {}",
        env!("CARGO_PKG_VERSION"),
        env!("LAVALINK_GIT_COMMIT"),
        env!("LAVALINK_GIT_BRANCH"),
        env!("LAVALINK_BUILD_RUSTC"),
    )
}

fn milliseconds(seconds: &str) -> Option<i64> {
    seconds.parse::<i64>().ok()?.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds() {
        assert_eq!(milliseconds("1772900000"), Some(1_772_900_000_000));
        assert_eq!(milliseconds("unknown"), None);
        assert!(describe().contains(LAVALINK_VERSION));
    }
}
