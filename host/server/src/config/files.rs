//! Finds and reads `application.yml`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ConfigError;
use super::tree::{Node, parse_path};

/// Largest configuration file, bytes.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// What the files said.
#[derive(Debug)]
pub struct Files {
    /// All files laid over each other.
    pub tree: Node,
    /// The files that were read, lowest rank first.
    pub read: Vec<PathBuf>,
}

/// Reads the files of the given locations, or of the standard ones below `directory`.
///
/// `locations` is the value of `spring.config.location`: a comma list of files or directories ending in `/`,
/// each with an optional `optional:` and `file:` prefix.
///
/// # Errors
/// When a file that must be there is not, cannot be read, or is not YAML.
pub fn read(directory: &Path, locations: Option<&str>, profiles: &[String]) -> Result<Files, ConfigError> {
    let mut files = Files {
        tree: Node::empty(),
        read: Vec::new(),
    };
    match locations {
        None => {
            for place in [directory.to_path_buf(), directory.join("config")] {
                files.read_directory(&place, profiles)?;
            }
        }
        Some(list) => {
            for location in list
                .split([',', ';'])
                .map(str::trim)
                .filter(|location| !location.is_empty())
            {
                let (optional, location) = match location.strip_prefix("optional:") {
                    Some(rest) => (true, rest),
                    None => (false, location),
                };
                let path = directory.join(location.strip_prefix("file:").unwrap_or(location));
                if location.ends_with('/') || path.is_dir() {
                    files.read_directory(&path, profiles)?;
                } else if path.is_file() {
                    files.read_file(&path, profiles)?;
                } else if !optional {
                    return Err(ConfigError::Missing { path });
                }
            }
        }
    }
    Ok(files)
}

impl Files {
    fn read_directory(&mut self, directory: &Path, profiles: &[String]) -> Result<(), ConfigError> {
        for name in ["application.yaml", "application.yml"] {
            let path = directory.join(name);
            if path.is_file() {
                self.read_file(&path, profiles)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path, profiles: &[String]) -> Result<(), ConfigError> {
        let io = |source| ConfigError::Read {
            path: path.to_path_buf(),
            source,
        };
        if std::fs::metadata(path).map_err(io)?.len() > MAX_FILE_BYTES {
            return Err(ConfigError::TooLarge {
                path: path.to_path_buf(),
                limit: MAX_FILE_BYTES,
            });
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let tree = parse_yaml(&text, profiles).map_err(|reason| ConfigError::Yaml {
            path: path.to_path_buf(),
            reason,
        })?;
        self.tree = std::mem::replace(&mut self.tree, Node::Null).overlaid(tree);
        self.read.push(path.to_path_buf());
        Ok(())
    }
}

/// Reads all documents of a YAML text; one that names a profile counts only when that profile is active.
///
/// # Errors
/// The parser's reason, or that the document is not a map.
pub fn parse_yaml(text: &str, profiles: &[String]) -> Result<Node, String> {
    let mut tree = Node::empty();
    for document in yaml_serde::Deserializer::from_str(text) {
        let mut value = yaml_serde::Value::deserialize(document).map_err(|error| error.to_string())?;
        value.apply_merge().map_err(|error| error.to_string())?;
        let node = match from_yaml(value) {
            Node::Null => continue,
            Node::Map(entries) => expanded(entries, true),
            _ => return Err("the document is not a map of settings".to_owned()),
        };
        let wanted = node.at("spring.config.activate.on-profile").and_then(Node::text);
        if wanted.is_none_or(|wanted| {
            wanted
                .split(',')
                .any(|name| profiles.iter().any(|p| p == name.trim()))
        }) {
            tree = tree.overlaid(node);
        }
    }
    Ok(tree)
}

/// Turns dotted keys (`lavalink.server.password: x`) into maps, except below `plugins`, whose keys are the plugins' own.
fn expanded(entries: Vec<(String, Node)>, is_top: bool) -> Node {
    let mut tree = Node::empty();
    for (key, value) in entries {
        let value = match value {
            Node::Map(children) if !(is_top && key == "plugins") => expanded(children, false),
            other => other,
        };
        let path = parse_path(&key).unwrap_or_else(|| vec![super::tree::Segment::Key(key.clone())]);
        let mut layer = Node::empty();
        layer.insert(&path, value);
        tree = tree.overlaid(layer);
    }
    tree
}

fn from_yaml(value: yaml_serde::Value) -> Node {
    use yaml_serde::Value;
    match value {
        Value::Null => Node::Null,
        Value::Bool(value) => Node::Bool(value),
        Value::Number(number) => {
            if let Some(value) = number.as_i64() {
                Node::Number(value.into())
            } else if let Some(value) = number.as_u64() {
                Node::Number(value.into())
            } else {
                number
                    .as_f64()
                    .and_then(serde_json::Number::from_f64)
                    .map_or_else(|| Node::Text(number.to_string()), Node::Number)
            }
        }
        Value::String(text) => Node::Text(text),
        Value::Sequence(items) => Node::List(items.into_iter().map(from_yaml).collect()),
        Value::Mapping(entries) => Node::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = match from_yaml(key) {
                        Node::Text(text) => text,
                        other => other.text().unwrap_or_default(),
                    };
                    (key, from_yaml(value))
                })
                .collect(),
        ),
        Value::Tagged(tagged) => from_yaml(tagged.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_keys_documents_and_profiles() {
        let text = "lavalink.server:\n  password: a\nlavalink:\n  server:\n    sources: {local: true}\n---\n\
                    spring.config.activate.on-profile: prod\nlavalink.server.password: b\n";
        let plain = parse_yaml(text, &[]).expect("yaml");
        assert_eq!(
            plain.at("lavalink.server.password"),
            Some(&Node::Text("a".into()))
        );
        assert_eq!(plain.at("lavalink.server.sources.local"), Some(&Node::Bool(true)));
        let prod = parse_yaml(text, &["prod".to_owned()]).expect("yaml");
        assert_eq!(prod.at("lavalink.server.password"), Some(&Node::Text("b".into())));
    }

    #[test]
    fn plugin_keys_are_left_as_written() {
        let tree = parse_yaml("plugins:\n  x:\n    a.b: 1\n", &[]).expect("yaml");
        assert_eq!(tree.to_json(), serde_json::json!({"plugins": {"x": {"a.b": 1}}}));
    }

    #[test]
    fn broken_yaml_is_an_error() {
        assert!(parse_yaml("a: [1, 2", &[]).is_err());
        assert!(parse_yaml("- just\n- a list\n", &[]).is_err());
        assert_eq!(parse_yaml("", &[]), Ok(Node::empty()));
    }

    #[test]
    fn places_are_searched_in_order_and_explicit_ones_must_exist() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("config")).expect("mkdir");
        std::fs::write(
            directory.path().join("application.yml"),
            "server: {port: 1, address: 127.0.0.1}\n",
        )
        .expect("write");
        std::fs::write(
            directory.path().join("config/application.yml"),
            "server: {port: 2}\n",
        )
        .expect("write");
        let files = read(directory.path(), None, &[]).expect("files");
        assert_eq!(files.read.len(), 2);
        assert_eq!(
            files.tree.at("server.port").and_then(Node::text).as_deref(),
            Some("2")
        );
        assert_eq!(
            files.tree.at("server.address").and_then(Node::text).as_deref(),
            Some("127.0.0.1")
        );
        let only = read(directory.path(), Some("application.yml, optional:nope.yml"), &[]).expect("files");
        assert_eq!(
            only.tree.at("server.port").and_then(Node::text).as_deref(),
            Some("1")
        );
        assert!(matches!(
            read(directory.path(), Some("nope.yml"), &[]),
            Err(ConfigError::Missing { .. })
        ));
    }
}
