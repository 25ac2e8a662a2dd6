//! `lavalink.plugins`: which plugins the operator asks for, and where they are to come from.

use std::path::{Path, PathBuf};

use lavalink_plugins::Sha256;
use lavalink_supply::{Coordinates, Declared, Wanted};
use url::Url;

use super::findings::Findings;
use super::key::{Converted, Key};
use super::keys;
use super::origin::Origin;
use super::reader::Reader;
use super::tree::{Node, Value};

/// Name of the lock file.
const LOCK_FILE: &str = "plugins.lock";

/// `lavalink.plugins` and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginSupplyConfig {
    /// The plugins, in the order of the list.
    pub declared: Vec<Declared>,
    /// The lock file.
    pub lock: PathBuf,
    /// `None` when one of them is no address, which is an error.
    repositories: Option<Repositories>,
}

/// Where dependencies without a repository of their own come from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Repositories {
    releases: Url,
    snapshots: Url,
}

/// Reads the settings; what is wrong with them is an error, in Java's words where it has any. `files` are the files of the
/// configuration: the lock file lies beside the first.
pub fn read(reader: &Reader<'_>, files: &[PathBuf], findings: &mut Findings) -> PluginSupplyConfig {
    let mut repository = |key: &Key| {
        let text = reader.text(key).unwrap_or_default();
        address(&text)
            .map_err(|reason| findings.error(&reader.origin(key), format!("{}: {reason}", key.name)))
            .ok()
    };
    let releases = repository(&keys::PLUGIN_REPOSITORIES);
    let snapshots = repository(&keys::PLUGIN_SNAPSHOTS);
    let repositories = releases
        .zip(snapshots)
        .map(|(releases, snapshots)| Repositories { releases, snapshots });
    let items = match (
        reader.tree().at("lavalink.plugins").map(|node| &node.value),
        &repositories,
    ) {
        (Some(Value::List(items)), Some(repositories)) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                declared(item, repositories)
                    .map_err(|reason| {
                        findings.error(&item.origin, format!("lavalink.plugins[{index}]: {reason}"));
                    })
                    .ok()
            })
            .collect(),
        _ => Vec::new(),
    };
    let beside = files
        .first()
        .and_then(|file| file.parent())
        .unwrap_or(Path::new(""));
    PluginSupplyConfig {
        declared: items,
        lock: reader
            .text(&keys::PLUGINS_LOCK)
            .map_or_else(|| beside.join(LOCK_FILE), PathBuf::from),
        repositories,
    }
}

impl PluginSupplyConfig {
    /// Reads an item that is not in the configuration (yet).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn declare(&self, item: serde_json::Value) -> Result<Declared, String> {
        match &self.repositories {
            Some(repositories) => declared(&Node::from_json(item, &Origin::BuiltIn), repositories),
            None => Err("lavalink.defaultPluginRepository is no address".to_owned()),
        }
    }
}

/// One item of the list.
fn declared(item: &Node, repositories: &Repositories) -> Result<Declared, String> {
    let text = |name: &str, key: &Key| match item.get(name).map(|node| key.convert(node)) {
        Some(Ok(Some(Converted::Text(text)))) => Some(text.trim().to_owned()),
        _ => None,
    };
    let dependency = text("dependency", &keys::PLUGIN_DEPENDENCY);
    let url = text("url", &keys::PLUGIN_URL);
    let path = text("path", &keys::PLUGIN_PATH);
    let is_snapshot = matches!(
        item.get("snapshot")
            .map(|node| keys::PLUGIN_SNAPSHOT.convert(node)),
        Some(Ok(Some(Converted::Boolean(true))))
    );
    let sha256 = match text("sha256", &keys::PLUGIN_SHA256) {
        Some(text) => Some(
            text.parse::<Sha256>()
                .map_err(|error| format!("sha256: {error}"))?,
        ),
        None => None,
    };
    let (wanted, is_snapshot) = match (dependency, url, path) {
        (Some(dependency), None, None) => {
            let coordinates: Coordinates = dependency.parse().map_err(|error| format!("{error}"))?;
            let repository = match text("repository", &keys::PLUGIN_REPOSITORY) {
                Some(repository) => address(&repository).map_err(|reason| format!("repository: {reason}"))?,
                None if is_snapshot => repositories.snapshots.clone(),
                None => repositories.releases.clone(),
            };
            let is_snapshot = is_snapshot || coordinates.is_snapshot();
            let wanted = Wanted::Dependency {
                coordinates,
                repository,
            };
            (wanted, is_snapshot)
        }
        (None, Some(url), None) => {
            let url = address(&url).map_err(|reason| format!("url: {reason}"))?;
            (Wanted::Url(url), is_snapshot)
        }
        (None, None, Some(path)) => (Wanted::File(PathBuf::from(path)), false),
        (None, None, None) => {
            return Err(
                "Illegal dependency declaration: null; give one of `dependency`, `url` and `path`".to_owned(),
            );
        }
        _ => return Err("it has more than one of `dependency`, `url` and `path`".to_owned()),
    };
    Ok(Declared {
        wanted,
        sha256,
        is_snapshot,
    })
}

/// An address of a server. The reasons do not repeat it: it may hold credentials.
fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("it is no URL: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("its scheme is {other}, but must be http or https")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(settings: serde_json::Value) -> (PluginSupplyConfig, String) {
        let tree = Node::from_json(settings, &Origin::BuiltIn).expanded();
        let mut findings = Findings::default();
        let files = [PathBuf::from("etc/application.yml")];
        let config = read(&Reader::new(&tree), &files, &mut findings);
        (config, findings.to_string())
    }

    fn repository(declared: &Declared) -> &str {
        match &declared.wanted {
            Wanted::Dependency { repository, .. } => repository.as_str(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_list_of_java_is_read() {
        let (config, findings) = config(json!({"lavalink.plugins": [
            {"dependency": "a:b:1"},
            {"dependency": "a:c:1", "snapshot": true},
            {"dependency": "a:d:1-SNAPSHOT", "repository": "http://repo.test/x"},
            {"url": "https://host.test/x.wasm", "sha256": "0".repeat(64)},
            {"path": "./mine.wasm"},
        ]}));
        assert_eq!(findings, "");
        let declared = &config.declared;
        assert_eq!(repository(&declared[0]), "https://maven.lavalink.dev/releases");
        assert_eq!(repository(&declared[1]), "https://maven.lavalink.dev/snapshots");
        assert_eq!(repository(&declared[2]), "http://repo.test/x");
        let snapshots: Vec<bool> = declared.iter().map(|declared| declared.is_snapshot).collect();
        assert_eq!(snapshots, [false, true, true, false, false]);
        assert!(declared[3].sha256.is_some());
        assert_eq!(declared[4].wanted, Wanted::File(PathBuf::from("./mine.wasm")));
        assert_eq!(config.lock, PathBuf::from("etc/plugins.lock"));
    }

    #[test]
    fn declarations_that_say_nothing_clear_are_errors() {
        for (item, reason) in [
            (json!({}), "Illegal dependency declaration: null"),
            (json!(null), "Illegal dependency declaration: null"),
            (
                json!({"repository": "http://repo.test"}),
                "Illegal dependency declaration: null",
            ),
            (json!({"dependency": "a:b"}), "Invalid dependency \"a:b\""),
            (json!({"dependency": "a:../b:1"}), "Invalid dependency"),
            (json!({"dependency": "a:b:1", "url": "http://x"}), "more than one"),
            (
                json!({"dependency": "a:b:1", "repository": "file:///etc"}),
                "its scheme is file",
            ),
            (json!({"url": "x.wasm"}), "it is no URL"),
            (json!({"url": "http://x/", "sha256": "abc"}), "is no SHA-256"),
        ] {
            let (config, findings) = config(json!({"lavalink": {"plugins": [item.clone()]}}));
            assert!(
                findings.contains(reason) && findings.contains("lavalink.plugins[0]"),
                "{item}: {findings}"
            );
            assert!(config.declared.is_empty());
        }
        let (_, findings) = config(json!({"lavalink": {
            "plugins": [{"dependency": "a:b:1"}], "defaultPluginRepository": "here",
        }}));
        assert!(
            findings.contains("lavalink.defaultPluginRepository"),
            "{findings}"
        );
        assert_eq!(config(json!({"lavalink.plugins": []})).0.declared, []);
        assert_eq!(config(json!({"lavalink": {"plugins": null}})).0.declared, []);
    }
}
