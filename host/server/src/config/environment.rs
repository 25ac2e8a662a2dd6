//! Environment variables as a layer of the configuration.

use super::keys::{FREE, KNOWN};
use super::tree::{Node, Segment, relaxed};

/// Top-level sections environment variables may set.
const SECTIONS: &[&str] = &[
    "lavalink", "server", "plugins", "logging", "metrics", "sentry", "spring",
];

/// Builds the layer. `files` decides the spelling of keys that only the files have (plugin settings).
///
/// A variable matches a key when both are equal after dropping `_` and `-` and the case, so both
/// `LAVALINK_SERVER_PLAYERUPDATEINTERVAL` and `LAVALINK_SERVER_PLAYER_UPDATE_INTERVAL` work.
pub fn layer(variables: &[(String, String)], files: &Node) -> Node {
    let mut tree = Node::empty();
    for (name, value) in variables {
        let words: Vec<String> = name
            .split('_')
            .filter(|w| !w.is_empty())
            .map(str::to_lowercase)
            .collect();
        let Some(first) = words.first() else { continue };
        if words.len() < 2 || !SECTIONS.contains(&first.as_str()) || name == "SPRING_APPLICATION_JSON" {
            continue;
        }
        if let Some(path) = known_path(&words)
            .or_else(|| path_in_files(&words, files))
            .or_else(|| free_path(&words))
        {
            tree.insert(&path, Node::Text(value.clone()));
        }
    }
    tree
}

/// Matches the words against the known keys.
fn known_path(words: &[String]) -> Option<Vec<Segment>> {
    KNOWN.iter().find_map(|key| {
        let keys: Vec<&str> = key.split('.').collect();
        match_keys(words, &keys).or_else(|| list_as_one_value(words, &keys))
    })
}

/// `LAVALINK_PLUGINS_0` and the like address the list element itself.
fn list_as_one_value(words: &[String], keys: &[&str]) -> Option<Vec<Segment>> {
    let star = keys.iter().position(|key| *key == "*")?;
    match_keys(words, &keys[..=star]).or_else(|| match_keys(words, &keys[..star]))
}

fn match_keys(words: &[String], keys: &[&str]) -> Option<Vec<Segment>> {
    let Some((key, rest)) = keys.split_first() else {
        return words.is_empty().then(Vec::new);
    };
    if *key == "*" {
        let index = words.first()?.parse().ok()?;
        let mut path = match_keys(&words[1..], rest)?;
        path.insert(0, Segment::Index(index));
        return Some(path);
    }
    let wanted = relaxed(key);
    (1..=words.len()).find_map(|taken| {
        if words[..taken].concat() != wanted {
            return None;
        }
        let mut path = match_keys(&words[taken..], rest)?;
        path.insert(0, Segment::Key((*key).to_owned()));
        Some(path)
    })
}

/// Follows the tree of the files as far as the words go.
fn path_in_files(words: &[String], node: &Node) -> Option<Vec<Segment>> {
    if words.is_empty() {
        return Some(Vec::new());
    }
    match node {
        Node::Map(entries) => entries.iter().find_map(|(key, child)| {
            let wanted = relaxed(key);
            (1..=words.len()).find_map(|taken| {
                if words[..taken].concat() != wanted {
                    return None;
                }
                let mut path = path_in_files(&words[taken..], child)?;
                path.insert(0, Segment::Key(key.clone()));
                Some(path)
            })
        }),
        Node::List(items) => {
            let index: usize = words[0].parse().ok()?;
            let mut path = path_in_files(&words[1..], items.get(index)?)?;
            path.insert(0, Segment::Index(index));
            Some(path)
        }
        _ => None,
    }
}

/// Below a free-form map, every word becomes a key of its own.
fn free_path(words: &[String]) -> Option<Vec<Segment>> {
    let joined = words.concat();
    FREE.iter()
        .find(|prefix| joined.starts_with(&relaxed(prefix).replace('.', "")))?;
    Some(
        words
            .iter()
            .map(|word| {
                word.parse()
                    .map_or_else(|_| Segment::Key(word.clone()), Segment::Index)
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(variables: &[(&str, &str)], files: &Node) -> Node {
        let owned: Vec<_> = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        layer(&owned, files)
    }

    #[test]
    fn both_spellings_reach_the_same_key() {
        for name in [
            "LAVALINK_SERVER_PLAYERUPDATEINTERVAL",
            "LAVALINK_SERVER_PLAYER_UPDATE_INTERVAL",
        ] {
            let tree = build(&[(name, "9")], &Node::empty());
            assert_eq!(
                tree.at("lavalink.server.playerUpdateInterval")
                    .and_then(Node::text)
                    .as_deref(),
                Some("9"),
                "{name}"
            );
        }
        let tree = build(
            &[
                ("SERVER_PORT", "1"),
                ("LAVALINK_SERVER_FILTERS_CHANNEL_MIX", "false"),
            ],
            &Node::empty(),
        );
        assert_eq!(tree.at("server.port").and_then(Node::text).as_deref(), Some("1"));
        assert_eq!(
            tree.at("lavalink.server.filters.channelMix")
                .and_then(Node::text)
                .as_deref(),
            Some("false")
        );
    }

    #[test]
    fn list_elements_are_addressed_by_number() {
        let tree = build(&[("LAVALINK_PLUGINS_0_DEPENDENCY", "a:b:c")], &Node::empty());
        assert_eq!(
            tree.at("lavalink.plugins.0.dependency")
                .and_then(Node::text)
                .as_deref(),
            Some("a:b:c")
        );
    }

    #[test]
    fn plugin_settings_keep_the_spelling_of_the_file() {
        let files =
            Node::from(serde_json::json!({"plugins": {"youtube": {"poToken": "", "clients": ["WEB"]}}}));
        let tree = build(
            &[
                ("PLUGINS_YOUTUBE_PO_TOKEN", "t"),
                ("PLUGINS_OTHER_KEY", "v"),
                ("PATH", "/bin"),
            ],
            &files,
        );
        assert_eq!(
            tree.to_json(),
            serde_json::json!({"plugins": {"youtube": {"poToken": "t"}, "other": {"key": "v"}}})
        );
    }
}
