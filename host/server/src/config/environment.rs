//! Environment variables as a layer of the configuration.

use super::key::{Key, Kind, Step};
use super::keys;
use super::origin::Origin;
use super::path::{self, Segment, relaxed};
use super::tree::{Node, Value};

/// The variable that holds JSON rather than one value.
pub const APPLICATION_JSON: &str = "SPRING_APPLICATION_JSON";

/// Sections of which every variable is meant for the node: one that fits no key is a mistake.
const OWN_SECTIONS: &[&str] = &["LAVALINK_SERVER_", "METRICS_PROMETHEUS_", "LOGGING_REQUEST_"];

/// The layer, and the variables that look like settings but are none.
#[derive(Debug)]
pub struct Layer {
    /// What the variables set.
    pub tree: Node,
    /// Names of variables that fit no key.
    pub unknown: Vec<String>,
}

/// Builds the layer. `files` decides the spelling of keys that only the files have (plugin settings).
///
/// A variable matches a key when both are equal after dropping `_`, `-` and the case, so both
/// `LAVALINK_SERVER_PLAYERUPDATEINTERVAL` and `LAVALINK_SERVER_PLAYER_UPDATE_INTERVAL` work.
pub fn layer(variables: &[(String, String)], files: &Node) -> Layer {
    let mut layer = Layer {
        tree: Node::empty(),
        unknown: Vec::new(),
    };
    let mut sorted: Vec<&(String, String)> = variables.iter().collect();
    // Of two spellings of one key, the same one counts at every start.
    sorted.sort();
    for (name, value) in sorted {
        if name == APPLICATION_JSON {
            continue;
        }
        let words: Vec<String> = name
            .split('_')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        // A single word is no setting: DEBUG and TRACE mean other things to other programs.
        if words.len() < 2 {
            continue;
        }
        match keys::ALL.iter().find_map(|key| match_key(key, &words, files)) {
            Some(path) => {
                let origin = Origin::Variable(name.as_str().into());
                layer.tree.insert(&path, Node::text_at(value.clone(), origin));
            }
            None if OWN_SECTIONS.iter().any(|section| name.starts_with(section)) => {
                layer.unknown.push(name.clone());
            }
            None => {}
        }
    }
    layer
}

/// How a key is spelled as an environment variable.
pub fn spelling(key: &Key) -> String {
    key.name
        .replace(['.', '['], "_")
        .replace(['-', ']'], "")
        .to_uppercase()
}

fn match_key(key: &Key, words: &[String], files: &Node) -> Option<Vec<Segment>> {
    let steps: Vec<Step> = key.steps().collect();
    let mut path = Vec::new();
    match_steps(&steps, words, key.kind, files, &mut path).then_some(path)
}

fn match_steps(steps: &[Step], words: &[String], kind: Kind, files: &Node, path: &mut Vec<Segment>) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return match words {
            [] => true,
            // An item of a list of texts.
            [index] if kind == Kind::Texts => match index.parse() {
                Ok(index) => {
                    path.push(Segment::Index(index));
                    true
                }
                Err(_) => false,
            },
            _ => false,
        };
    };
    let depth = path.len();
    match step {
        Step::Name(name) => {
            let wanted = relaxed(name);
            (1..=words.len()).any(|taken| {
                if words[..taken].concat() != wanted {
                    return false;
                }
                path.push(Segment::Key((*name).to_owned()));
                let is_match = match_steps(rest, &words[taken..], kind, files, path);
                if !is_match {
                    path.truncate(depth);
                }
                is_match
            })
        }
        Step::Index => {
            let Some(index) = words.first().and_then(|word| word.parse().ok()) else {
                return false;
            };
            path.push(Segment::Index(index));
            match_steps(rest, &words[1..], kind, files, path)
        }
        Step::Entry => {
            // The rest of the key, if there is any, begins behind the entry's name.
            let most = words.len().saturating_sub(rest.len());
            let lengths: Vec<usize> = match rest {
                [] => vec![words.len()],
                _ => (1..=most).collect(),
            };
            lengths.into_iter().filter(|taken| *taken > 0).any(|taken| {
                path.push(Segment::Key(entry_name(&words[..taken], path, files)));
                let is_match = match_steps(rest, &words[taken..], kind, files, path);
                if !is_match {
                    path.truncate(depth);
                }
                is_match
            })
        }
        Step::Rest => {
            if words.is_empty() {
                return false;
            }
            let below = files.follow(path);
            path.extend(below_section(words, below));
            true
        }
    }
}

/// The name of an entry of a map: as the files spell it, or else as Spring makes it out of the variable.
fn entry_name(words: &[String], path: &[Segment], files: &Node) -> String {
    let joined = words.concat();
    if let Some(Value::Map(entries)) = files.follow(path).map(|node| &node.value)
        && let Some((name, _)) = entries
            .iter()
            .find(|(name, _)| relaxed(name).replace('.', "") == joined)
    {
        return name.clone();
    }
    // Loggers and tags have dots in their names, sources and filters have not.
    match path::join(path).as_str() {
        "logging.level" | "sentry.tags" => words.join("."),
        _ => joined,
    }
}

/// Follows the tree of the files as far as the words go; from there on each word is a key.
fn below_section(words: &[String], node: Option<&Node>) -> Vec<Segment> {
    let Some(first) = words.first() else {
        return Vec::new();
    };
    if let Some(Value::Map(entries)) = node.map(|node| &node.value) {
        // The longest name first: `po_token` rather than `po` when both are there.
        for taken in (1..=words.len()).rev() {
            let joined = words[..taken].concat();
            if let Some((name, child)) = entries.iter().find(|(name, _)| relaxed(name) == joined) {
                let mut path = vec![Segment::Key(name.clone())];
                path.extend(below_section(&words[taken..], Some(child)));
                return path;
            }
        }
    }
    let (segment, child) = match (first.parse::<usize>(), node.map(|node| &node.value)) {
        (Ok(index), Some(Value::List(items))) => (Segment::Index(index), items.get(index)),
        (Ok(index), _) => (Segment::Index(index), None),
        (Err(_), _) => (Segment::Key(first.clone()), None),
    };
    let mut path = vec![segment];
    path.extend(below_section(&words[1..], child));
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key::Converted;
    use proptest::prelude::*;
    use serde_json::json;

    fn build(variables: &[(&str, &str)], files: serde_json::Value) -> Layer {
        let owned: Vec<_> = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        layer(&owned, &Node::from_json(files, &Origin::BuiltIn))
    }

    #[test]
    fn every_form_of_the_reference_is_understood() {
        let tree = build(
            &[
                ("SERVER_PORT", "1"),
                ("LAVALINK_SERVER_FILTERS_CHANNEL_MIX", "false"),
                ("LAVALINK_SERVER_FILTERS_LOWPASS", "false"),
                ("LAVALINK_SERVER_FILTERS_ECHO", "false"),
                ("LAVALINK_PLUGINS_0_DEPENDENCY", "a:b:c"),
                ("LAVALINK_PLUGINS_1_DEPENDENCY", "d:e:f"),
                ("LAVALINK_SERVER_RATELIMIT_IP_BLOCKS", "10.0.0.0/8,11.0.0.0/8"),
                ("LAVALINK_SERVER_RATELIMIT_EXCLUDEDIPS_0", "10.0.0.1"),
                ("LAVALINK_SERVER_GC_WARNINGS", "false"),
                ("LOGGING_LEVEL_LAVALINK_SERVER_IO", "DEBUG"),
                ("LOGGING_LOGBACK_ROLLINGPOLICY_MAXFILESIZE", "1GB"),
                ("SENTRY_TAGS_SOME_KEY", "x"),
                ("METRICS_PROMETHEUS_ENABLED", "true"),
                ("PATH", "/bin"),
                ("DEBUG", "*"),
            ],
            json!({}),
        )
        .tree;
        assert_eq!(
            tree.to_json(),
            json!({
                "lavalink": {
                    "plugins": [{"dependency": "a:b:c"}, {"dependency": "d:e:f"}],
                    "server": {
                        "filters": {"channelMix": "false", "echo": "false", "lowPass": "false"},
                        "gc-warnings": "false",
                        "ratelimit": {"excludedIps": ["10.0.0.1"], "ipBlocks": "10.0.0.0/8,11.0.0.0/8"},
                    },
                },
                "logging": {
                    "level": {"lavalink.server.io": "DEBUG"},
                    "logback": {"rollingpolicy": {"max-file-size": "1GB"}},
                },
                "metrics": {"prometheus": {"enabled": "true"}},
                "sentry": {"tags": {"some.key": "x"}},
                "server": {"port": "1"},
            })
        );
    }

    #[test]
    fn plugin_settings_keep_the_spelling_of_the_file() {
        let tree = build(
            &[
                ("PLUGINS_YOUTUBE_PO_TOKEN", "t"),
                ("PLUGINS_YOUTUBE_CLIENTS_0", "TV"),
                ("PLUGINS_LAVA_SRC_SOURCES_APPLE_MUSIC", "true"),
                ("PLUGINS_OTHER_KEY", "v"),
            ],
            json!({"plugins": {
                "youtube": {"poToken": "", "clients": ["WEB"]},
                "lavasrc": {"sources": {"applemusic": false}},
            }}),
        )
        .tree;
        assert_eq!(
            tree.to_json(),
            json!({"plugins": {
                "lavasrc": {"sources": {"applemusic": "true"}},
                "other": {"key": "v"},
                "youtube": {"clients": ["TV"], "poToken": "t"},
            }})
        );
    }

    #[test]
    fn names_of_loggers_keep_the_spelling_of_the_file() {
        let tree = build(
            &[("LOGGING_LEVEL_COM_EXAMPLE_MYPLUGIN", "DEBUG")],
            json!({"logging": {"level": {"com.example.myPlugin": "INFO"}}}),
        )
        .tree;
        assert_eq!(
            tree.to_json(),
            json!({"logging": {"level": {"com.example.myPlugin": "DEBUG"}}})
        );
    }

    #[test]
    fn variables_that_fit_nothing_are_reported_only_where_they_are_ours() {
        let layer = build(
            &[
                ("LAVALINK_SERVER_PASWORD", "x"),
                ("LAVALINK_HOST", "y"),
                ("SERVER_NAME", "z"),
                ("LAVALINK_SERVER_PASSWORD_FILE_X", "w"),
            ],
            json!({}),
        );
        assert_eq!(
            layer.unknown,
            ["LAVALINK_SERVER_PASSWORD_FILE_X", "LAVALINK_SERVER_PASWORD"]
        );
        assert_eq!(layer.tree, Node::empty());
    }

    fn named_keys() -> Vec<&'static Key> {
        keys::ALL
            .iter()
            .copied()
            .filter(|key| !key.name.contains('*') && key.name.contains('.'))
            .collect()
    }

    proptest! {
        /// A `_` anywhere between the letters of a key changes nothing.
        #[test]
        fn underscores_may_stand_anywhere(index in 0..named_keys().len(), breaks in prop::collection::vec(any::<bool>(), 64)) {
            let key = named_keys()[index];
            let plain = spelling(key);
            let mut name = String::new();
            for (letters, (position, c)) in plain.char_indices().enumerate() {
                let is_inside = position > 0 && c.is_ascii_alphabetic() && plain.as_bytes()[position - 1].is_ascii_alphabetic();
                if is_inside && breaks[letters % breaks.len()] {
                    name.push('_');
                }
                name.push(c);
            }
            let name = name.replace("__", "_0_");
            let built = build(&[(name.as_str(), "v")], json!({}));
            let path = path::parse(&key.name.replace("[]", "[0]")).expect("a path");
            let found = built.tree.follow(&path).and_then(Node::text);
            prop_assert_eq!(found.as_deref(), Some("v"), "{} as {}", key.name, name);
        }
    }

    #[test]
    fn a_list_in_one_variable_is_parted() {
        let tree = build(&[("SPRING_PROFILES_ACTIVE", "a, b")], json!({})).tree;
        let node = tree.at("spring.profiles.active").expect("a value");
        assert_eq!(
            keys::PROFILES_ACTIVE.convert(node),
            Ok(Some(Converted::Texts(vec!["a".into(), "b".into()])))
        );
        assert_eq!(
            node.origin.to_string(),
            "environment variable SPRING_PROFILES_ACTIVE"
        );
    }
}
