//! Plugins of Java Lavalink, and what to tell somebody who brings one along.

/// A plugin that operators of Java nodes have.
struct JavaPlugin {
    /// Groups it was published in.
    groups: &'static [&'static str],
    artifact: &'static str,
    advice: &'static str,
}

const NOTHING_YET: &str = "there is no build of it for this node yet";

const KNOWN: &[JavaPlugin] = &[
    JavaPlugin {
        groups: &["dev.lavalink.youtube", "com.github.lavalink-devs.youtube-source"],
        artifact: "youtube-plugin",
        advice: NOTHING_YET,
    },
    JavaPlugin {
        groups: &[
            "com.github.topi314.lavasrc",
            "com.github.topisenpai.lavasrc",
            "com.github.topisenpai",
        ],
        artifact: "lavasrc-plugin",
        advice: "there is no build of it for this node yet; tracks of its sources can be decoded, not played",
    },
    JavaPlugin {
        groups: &["com.github.topi314.lavasearch"],
        artifact: "lavasearch-plugin",
        advice: "its endpoint /v4/loadsearch is part of this node and answers once a plugin that searches is loaded; remove it",
    },
    JavaPlugin {
        groups: &["com.github.topi314.lavalyrics"],
        artifact: "lavalyrics-plugin",
        advice: "its endpoints below /v4/lyrics are part of this node and answer once a plugin that finds lyrics is loaded; remove it",
    },
    JavaPlugin {
        groups: &[
            "com.github.topi314.sponsorblock",
            "com.github.topisenpai.sponsorblock",
        ],
        artifact: "sponsorblock-plugin",
        advice: NOTHING_YET,
    },
    JavaPlugin {
        groups: &["com.dunctebot"],
        artifact: "skybot-lavalink-plugin",
        advice: NOTHING_YET,
    },
    JavaPlugin {
        groups: &["me.duncte123"],
        artifact: "java-lyrics-plugin",
        advice: NOTHING_YET,
    },
    JavaPlugin {
        groups: &["com.github.devoxin"],
        artifact: "lavadspx-plugin",
        advice: NOTHING_YET,
    },
    JavaPlugin {
        groups: &["com.github.esmBot"],
        artifact: "lava-xm-plugin",
        advice: NOTHING_YET,
    },
    JavaPlugin {
        groups: &["com.github.appujet"],
        artifact: "jiosaavn-plugin",
        advice: NOTHING_YET,
    },
];

fn told(plugin: &JavaPlugin) -> String {
    format!(
        "{} for the Java node, which cannot run here; {}",
        plugin.artifact, plugin.advice
    )
}

/// What to say about a dependency that is a plugin of Java Lavalink; `None` when it is not known as one.
pub fn java_dependency(group: &str, artifact: &str) -> Option<String> {
    let is_it = |plugin: &&JavaPlugin| {
        plugin.artifact == artifact
            && plugin
                .groups
                .iter()
                .any(|known| known.eq_ignore_ascii_case(group))
    };
    KNOWN.iter().find(is_it).map(told)
}

/// What to say about a jar of this file name.
pub(crate) fn java_archive(file_name: &str) -> String {
    let is_it = |plugin: &&JavaPlugin| {
        file_name
            .strip_prefix(plugin.artifact)
            .is_some_and(|rest| rest.starts_with(['-', '.']))
    };
    KNOWN.iter().find(is_it).map_or_else(
        || "a plugin for the Java node, which cannot run here; remove it and install its build for this node, if there is one".to_owned(),
        told,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_plugins_are_named() {
        let told = java_dependency("dev.lavalink.youtube", "youtube-plugin").unwrap();
        assert!(
            told.starts_with("youtube-plugin for the Java node") && told.contains("no build"),
            "{told}"
        );
        assert_eq!(java_dependency("com.example", "youtube-plugin"), None);
        assert!(java_archive("lavasearch-plugin-1.0.0.jar").contains("/v4/loadsearch"));
        assert!(java_archive("lavasearch-plugin.jar").contains("/v4/loadsearch"));
        for other in ["youtube-pluginx.jar", "x.jar"] {
            assert!(
                java_archive(other).starts_with("a plugin for the Java node"),
                "{other}"
            );
        }
    }
}
