//! Arguments of the command line as layers of the configuration.

use super::ConfigError;
use super::key::Kind;
use super::keys;
use super::origin::Origin;
use super::path::{self, Segment};
use super::tree::Node;

/// What the arguments set.
#[derive(Debug)]
pub struct Layers {
    /// `--key=value`.
    pub options: Node,
    /// `-Dkey=value`, which Java gives a lower rank.
    pub properties: Node,
    /// Switches of the Java runtime, such as `-Xmx1G`.
    pub ignored: Vec<String>,
}

/// Reads the arguments. `--key` alone means true for a key that is true or false, else an empty text.
///
/// # Errors
/// The first argument that is neither an option nor a switch of the Java runtime.
pub fn layers(arguments: &[String]) -> Result<Layers, ConfigError> {
    let mut layers = Layers {
        options: Node::empty(),
        properties: Node::empty(),
        ignored: Vec::new(),
    };
    for argument in arguments {
        let is_placed = if let Some(option) = argument.strip_prefix("--") {
            place(&mut layers.options, option, "--")
        } else if let Some(property) = argument.strip_prefix("-D") {
            place(&mut layers.properties, property, "-D")
        } else if argument.starts_with("-X") {
            layers.ignored.push(argument.clone());
            true
        } else {
            false
        };
        if !is_placed {
            return Err(ConfigError::Argument {
                // What follows the key may be a secret.
                argument: argument.split('=').next().unwrap_or_default().to_owned(),
            });
        }
    }
    Ok(layers)
}

/// Puts `key=value` into the tree; returns whether it is one.
fn place(tree: &mut Node, option: &str, prefix: &str) -> bool {
    let (key, value) = match option.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (option, None),
    };
    let Some(path) = path::parse(key).map(path::with_dotted_keys) else {
        return false;
    };
    if !matches!(path.first(), Some(Segment::Key(_))) {
        return false;
    }
    let is_switch = || keys::of(&path).is_some_and(|key| key.kind == Kind::Boolean);
    let value = value.unwrap_or_else(|| if is_switch() { "true" } else { "" });
    let origin = Origin::Argument(format!("{prefix}{key}").into());
    tree.insert(&path, Node::text_at(value, origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(arguments: &[&str]) -> Result<Layers, ConfigError> {
        let owned: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        layers(&owned)
    }

    #[test]
    fn options_properties_and_switches() {
        let layers = read(&[
            "--server.port=1",
            "--lavalink.plugins[0].dependency=g:n:v=1",
            "--lavalink.server.sources.local",
            "--lavalink.pluginsDir",
            "--logging.level.lavalink=INFO",
            "--logging.level.lavalink.server=DEBUG",
            "-Dserver.port=2",
            "-Xmx1G",
        ])
        .expect("arguments");
        assert_eq!(
            layers.options.to_json(),
            json!({
                "server": {"port": "1"},
                "lavalink": {"plugins": [{"dependency": "g:n:v=1"}], "server": {"sources": {"local": "true"}},
                             "pluginsDir": ""},
                "logging": {"level": {"lavalink": "INFO", "lavalink.server": "DEBUG"}},
            })
        );
        assert_eq!(layers.properties.to_json(), json!({"server": {"port": "2"}}));
        assert_eq!(layers.ignored, ["-Xmx1G"]);
        let port = layers.options.at("server.port").expect("a value");
        assert_eq!(port.origin.to_string(), "command line --server.port");
    }

    #[test]
    fn wrong_arguments_are_named() {
        for argument in ["serve", "--", "--a[0", "--[0]", "-x"] {
            let error = read(&["--a=b", argument]).expect_err(argument);
            assert!(
                matches!(&error, ConfigError::Argument { argument: a } if a == argument),
                "{argument}: {error}"
            );
        }
        let error = read(&["password=secret"]).expect_err("no option").to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
