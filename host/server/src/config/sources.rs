//! Brings all sources of configuration together: files, environment, JSON from the environment, command line.

use std::path::{Path, PathBuf};

use super::environment;
use super::files;
use super::placeholders;
use super::tree::{Node, Segment, parse_path};
use super::{ConfigError, EMBEDDED};

/// Where values come from; a plain struct so that tests can make their own.
#[derive(Debug)]
pub struct Sources {
    /// Directory the standard files are looked for in.
    pub directory: PathBuf,
    /// Environment variables.
    pub variables: Vec<(String, String)>,
    /// Command line arguments without the program name.
    pub arguments: Vec<String>,
}

/// The merged tree.
#[derive(Debug)]
pub struct Merged {
    /// All sources laid over each other, placeholders replaced.
    pub tree: Node,
    /// The files that were read; empty means the embedded configuration is in use.
    pub files: Vec<PathBuf>,
}

impl Sources {
    /// What this process was given.
    pub fn of_process(arguments: Vec<String>) -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            directory: PathBuf::from("."),
            variables,
            arguments,
        }
    }

    /// Reads and merges everything; the command line wins over JSON, environment and files, in this order.
    ///
    /// # Errors
    /// Whatever makes one of the sources unusable.
    pub fn merge(&self) -> Result<Merged, ConfigError> {
        let command_line = command_line(&self.arguments)?;
        let json = self.application_json()?;
        // A first look without the files: it may say which files to read.
        let early = environment::layer(&self.variables, &Node::empty())
            .overlaid(json.clone())
            .overlaid(command_line.clone());
        let locations = early.at("spring.config.location").and_then(Node::text);
        let profiles: Vec<String> = early
            .at("spring.profiles.active")
            .and_then(Node::text)
            .map(|list| list.split(',').map(|name| name.trim().to_owned()).collect())
            .unwrap_or_default();
        let found = files::read(Path::new(&self.directory), locations.as_deref(), &profiles)?;
        let base = if found.read.is_empty() {
            files::parse_yaml(EMBEDDED, &[]).map_err(|reason| ConfigError::Yaml {
                path: PathBuf::from("embedded configuration"),
                reason,
            })?
        } else {
            found.tree
        };
        let variables = environment::layer(&self.variables, &base);
        let mut tree = base.overlaid(variables).overlaid(json).overlaid(command_line);
        let lookup_in = tree.clone();
        tree.try_map_text("", &mut |key, text| {
            if !text.contains("${") {
                return Ok(None);
            }
            placeholders::resolve(key, text, &|name| self.lookup(&lookup_in, name)).map(Some)
        })?;
        Ok(Merged {
            tree,
            files: found.read,
        })
    }

    /// The value behind a placeholder's name.
    fn lookup(&self, tree: &Node, name: &str) -> Option<String> {
        let variable = |wanted: &str| {
            self.variables
                .iter()
                .find(|(n, _)| n == wanted)
                .map(|(_, value)| value.clone())
        };
        variable(name)
            .or_else(|| tree.at(name).and_then(Node::text))
            .or_else(|| variable(&name.replace('.', "_").replace('-', "").to_uppercase()))
    }

    fn application_json(&self) -> Result<Node, ConfigError> {
        let Some((_, text)) = self
            .variables
            .iter()
            .find(|(name, _)| name == "SPRING_APPLICATION_JSON")
        else {
            return Ok(Node::empty());
        };
        match serde_json::from_str(text) {
            Ok(value @ serde_json::Value::Object(_)) => Ok(Node::from(value)),
            Ok(_) => Err(ConfigError::Json {
                reason: "it is another kind of JSON value".to_owned(),
            }),
            Err(error) => Err(ConfigError::Json {
                reason: error.to_string(),
            }),
        }
    }
}

/// Reads `--key=value` options; `--key` alone sets an empty text, as Spring does.
fn command_line(arguments: &[String]) -> Result<Node, ConfigError> {
    let mut tree = Node::empty();
    for argument in arguments {
        let wrong = || ConfigError::Argument {
            argument: argument.clone(),
        };
        let option = argument
            .strip_prefix("--")
            .filter(|option| !option.is_empty())
            .ok_or_else(wrong)?;
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let path = parse_path(key).ok_or_else(wrong)?;
        if !matches!(path.first(), Some(Segment::Key(_))) || !tree.insert(&path, Node::Text(value.to_owned()))
        {
            return Err(wrong());
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Sources {
        Sources {
            directory: directory.to_path_buf(),
            variables: variables
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            arguments: arguments.iter().map(|a| (*a).to_owned()).collect(),
        }
    }

    fn text(merged: &Merged, path: &str) -> Option<String> {
        merged.tree.at(path).and_then(Node::text)
    }

    #[test]
    fn higher_sources_win() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(
            directory.path().join("application.yml"),
            "server: {port: 1}\nlavalink: {server: {password: file, trackStuckThresholdMs: '${STUCK:5000}'}}\n",
        )
        .expect("write");
        let merged = sources(
            directory.path(),
            &[
                ("LAVALINK_SERVER_PASSWORD", "env"),
                ("SERVER_PORT", "2"),
                (
                    "SPRING_APPLICATION_JSON",
                    r#"{"lavalink":{"server":{"password":"json"}}}"#,
                ),
            ],
            &["--server.port=3"],
        )
        .merge()
        .expect("merged");
        assert_eq!(text(&merged, "server.port").as_deref(), Some("3"));
        assert_eq!(text(&merged, "lavalink.server.password").as_deref(), Some("json"));
        assert_eq!(
            text(&merged, "lavalink.server.trackStuckThresholdMs").as_deref(),
            Some("5000")
        );
        assert_eq!(merged.files.len(), 1);
    }

    #[test]
    fn without_a_file_the_embedded_configuration_is_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let merged = sources(directory.path(), &[], &[]).merge().expect("merged");
        assert!(merged.files.is_empty());
        assert_eq!(text(&merged, "server.port").as_deref(), Some("2333"));
        assert_eq!(
            text(&merged, "lavalink.server.sources.local").as_deref(),
            Some("true")
        );
    }

    #[test]
    fn config_location_replaces_the_search() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("application.yml"), "server: {port: 1}\n").expect("write");
        std::fs::write(directory.path().join("other.yml"), "server: {port: 9}\n").expect("write");
        let merged = sources(directory.path(), &[("SPRING_CONFIG_LOCATION", "other.yml")], &[])
            .merge()
            .expect("merged");
        assert_eq!(text(&merged, "server.port").as_deref(), Some("9"));
    }

    #[test]
    fn wrong_arguments_are_named() {
        let directory = tempfile::tempdir().expect("a directory");
        for argument in ["serve", "--", "--a[0=1", "--[0]=1"] {
            let error = sources(directory.path(), &[], &[argument]).merge().unwrap_err();
            assert!(
                matches!(&error, ConfigError::Argument { argument: a } if a == argument),
                "{argument}: {error}"
            );
        }
    }
}
