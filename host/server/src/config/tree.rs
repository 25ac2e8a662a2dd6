//! A configuration tree with relaxed key matching, and how layers of it are merged.

use super::origin::Origin;
use super::path::{self, Segment, relaxed};

/// Highest list index an environment variable or a command line option may name.
const MAX_INDEX: usize = 999;

/// One value and where it was written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where its key was written.
    pub origin: Origin,
}

/// What YAML, JSON, the environment or the command line said.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Written without a value.
    #[default]
    Null,
    /// `true` or `false` as YAML reads it.
    Bool(bool),
    /// A number, as it was written: `007` may be a password.
    Number(String),
    /// Text; everything from the environment and the command line is text.
    Text(String),
    /// A sequence. A higher layer replaces it whole.
    List(Vec<Node>),
    /// Keys as written, in order. A higher layer is merged key by key.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// A value and its place.
    pub fn new(value: Value, origin: Origin) -> Self {
        Self { value, origin }
    }

    /// A text and its place.
    pub fn text_at(text: impl Into<String>, origin: Origin) -> Self {
        Self::new(Value::Text(text.into()), origin)
    }

    /// A map without entries.
    pub fn empty() -> Self {
        Self::new(Value::Map(Vec::new()), Origin::BuiltIn)
    }

    /// JSON, all of it from one place.
    pub fn from_json(value: serde_json::Value, origin: &Origin) -> Self {
        use serde_json::Value as Json;
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(value) => Value::Number(value.to_string()),
            Json::String(value) => Value::Text(value),
            Json::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| Self::from_json(item, origin))
                    .collect(),
            ),
            Json::Object(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, Self::from_json(value, origin)))
                    .collect(),
            ),
        };
        Self::new(value, origin.clone())
    }

    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The child under `key` (compared relaxed); the last one wins when a key is repeated.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.value else {
            return None;
        };
        let wanted = relaxed(key);
        entries
            .iter()
            .rev()
            .find(|(name, _)| relaxed(name) == wanted)
            .map(|(_, node)| node)
    }

    /// The node under a dotted path such as `lavalink.server.password` or `lavalink.plugins[0].dependency`.
    pub fn at(&self, path: &str) -> Option<&Node> {
        self.follow(&path::with_dotted_keys(path::parse(path)?))
    }

    /// The node behind these steps.
    pub fn follow(&self, path: &[Segment]) -> Option<&Node> {
        path.iter()
            .try_fold(self, |node, segment| match (&node.value, segment) {
                (Value::List(items), Segment::Index(index)) => items.get(*index),
                (Value::Map(_), Segment::Key(key)) => node.get(key),
                _ => None,
            })
    }

    /// Lays `higher` over this tree: maps key by key, everything else replaced.
    #[must_use]
    pub fn overlaid(self, higher: Node) -> Node {
        match (self, higher) {
            (
                Node {
                    value: Value::Map(mut lower),
                    ..
                },
                Node {
                    value: Value::Map(upper),
                    origin,
                },
            ) => {
                for (key, value) in upper {
                    let wanted = relaxed(&key);
                    match lower.iter_mut().find(|(name, _)| relaxed(name) == wanted) {
                        Some((_, slot)) => *slot = std::mem::take(slot).overlaid(value),
                        None => lower.push((key, value)),
                    }
                }
                Node::new(Value::Map(lower), origin)
            }
            // A section whose entries are all commented out takes nothing away.
            (
                lower @ Node {
                    value: Value::Map(_), ..
                },
                Node {
                    value: Value::Null, ..
                },
            ) => lower,
            (_, higher) => higher,
        }
    }

    /// Puts `node` at `path`, creating maps and lists on the way; returns whether the path could exist.
    pub fn insert(&mut self, path: &[Segment], node: Node) -> bool {
        let Some((first, rest)) = path.split_first() else {
            *self = std::mem::take(self).overlaid(node);
            return true;
        };
        let origin = node.origin.clone();
        match first {
            Segment::Key(key) => {
                if !matches!(self.value, Value::Map(_)) {
                    *self = Self::new(Value::Map(Vec::new()), origin.clone());
                }
                let Value::Map(entries) = &mut self.value else {
                    return false;
                };
                let wanted = relaxed(key);
                let position = entries
                    .iter()
                    .position(|(name, _)| relaxed(name) == wanted)
                    .unwrap_or_else(|| {
                        entries.push((key.clone(), Self::new(Value::Null, origin)));
                        entries.len() - 1
                    });
                entries[position].1.insert(rest, node)
            }
            Segment::Index(index) if *index <= MAX_INDEX => {
                if !matches!(self.value, Value::List(_)) {
                    *self = Self::new(Value::List(Vec::new()), origin.clone());
                }
                let Value::List(items) = &mut self.value else {
                    return false;
                };
                if items.len() <= *index {
                    items.resize(index + 1, Self::new(Value::Null, origin));
                }
                items[*index].insert(rest, node)
            }
            Segment::Index(_) => false,
        }
    }

    /// The tree with its dotted keys (`lavalink.server.password: x`) taken apart, except below `plugins`, whose keys
    /// are the plugins' own.
    #[must_use]
    pub fn expanded(self) -> Node {
        fn walk(node: Node, path: &mut Vec<Segment>, tree: &mut Node) {
            match node.value {
                Value::Map(entries) if !entries.is_empty() => {
                    let depth = path.len();
                    for (key, child) in entries {
                        match path::parse(&key) {
                            Some(steps) if !path::is_verbatim(path) => path.extend(steps),
                            _ => path.push(Segment::Key(key)),
                        }
                        walk(child, path, tree);
                        path.truncate(depth);
                    }
                }
                value => {
                    let steps = if path::is_verbatim(path) {
                        path.clone()
                    } else {
                        path::with_dotted_keys(path.clone())
                    };
                    tree.insert(&steps, Node::new(value, node.origin));
                }
            }
        }
        let mut tree = Node::new(Value::Map(Vec::new()), self.origin.clone());
        walk(self, &mut Vec::new(), &mut tree);
        tree
    }

    /// The scalar as text, the way a Java property would have it; `None` for null, lists and maps.
    pub fn text(&self) -> Option<String> {
        match &self.value {
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(value) | Value::Text(value) => Some(value.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The same value as JSON, for handing a plugin its own settings.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(text) => {
                serde_json::from_str(text).map_or_else(|_| Json::String(text.clone()), Json::Number)
            }
            Value::Text(value) => Json::String(value.clone()),
            Value::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.clone(), node.to_json()))
                    .collect(),
            ),
        }
    }

    /// Every scalar, null, empty list and empty map below this node with its path.
    pub fn leaves(&self) -> Vec<(Vec<Segment>, &Node)> {
        fn walk<'a>(node: &'a Node, path: &mut Vec<Segment>, found: &mut Vec<(Vec<Segment>, &'a Node)>) {
            match &node.value {
                Value::Map(entries) if !entries.is_empty() => {
                    for (key, child) in entries {
                        path.push(Segment::Key(key.clone()));
                        walk(child, path, found);
                        path.pop();
                    }
                }
                Value::List(items) if !items.is_empty() => {
                    for (index, child) in items.iter().enumerate() {
                        path.push(Segment::Index(index));
                        walk(child, path, found);
                        path.pop();
                    }
                }
                _ => found.push((path.clone(), node)),
            }
        }
        let mut found = Vec::new();
        walk(self, &mut Vec::new(), &mut found);
        found
    }

    /// Gives every text below this node to `rewrite`, with its path.
    pub fn for_each_text(&mut self, rewrite: &mut dyn FnMut(&[Segment], &Origin, &mut String)) {
        fn walk(
            node: &mut Node,
            path: &mut Vec<Segment>,
            rewrite: &mut dyn FnMut(&[Segment], &Origin, &mut String),
        ) {
            match &mut node.value {
                Value::Text(text) => rewrite(path, &node.origin, text),
                Value::List(items) => {
                    for (index, item) in items.iter_mut().enumerate() {
                        path.push(Segment::Index(index));
                        walk(item, path, rewrite);
                        path.pop();
                    }
                }
                Value::Map(entries) => {
                    for (key, child) in entries {
                        path.push(Segment::Key(key.clone()));
                        walk(child, path, rewrite);
                        path.pop();
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        walk(self, &mut Vec::new(), rewrite);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn tree(value: serde_json::Value) -> Node {
        Node::from_json(value, &Origin::BuiltIn)
    }

    fn text_of(tree: &Node, path: &str) -> Option<String> {
        tree.at(path).and_then(Node::text)
    }

    #[test]
    fn layers_merge_maps_and_replace_lists() {
        let lower = tree(json!({"a": {"keep": "1", "over-ride": "2"}, "list": ["x", "y"]}));
        let upper = tree(json!({"a": {"overRide": "3"}, "list": ["z"]}));
        assert_eq!(
            lower.overlaid(upper).to_json(),
            json!({"a": {"keep": "1", "over-ride": "3"}, "list": ["z"]})
        );
        let emptied =
            tree(json!({"a": {"keep": "1"}, "b": "x"})).overlaid(tree(json!({"a": null, "b": null})));
        assert_eq!(emptied.to_json(), json!({"a": {"keep": "1"}, "b": null}));
    }

    #[test]
    fn paths_with_indices_build_lists() {
        let mut built = Node::empty();
        let path = path::parse("lavalink.plugins[1].dependency").expect("a path");
        assert!(built.insert(&path, Node::text_at("g:n:v", Origin::BuiltIn)));
        assert_eq!(
            built.to_json(),
            json!({"lavalink": {"plugins": [null, {"dependency": "g:n:v"}]}})
        );
        assert!(!built.insert(
            &[Segment::Index(1_000_000)],
            Node::text_at("far", Origin::BuiltIn)
        ));
    }

    #[test]
    fn dotted_keys_are_taken_apart_but_not_for_plugins_and_loggers() {
        let expanded = tree(json!({
            "lavalink.server": {"password": "a", "sources.local": true},
            "lavalink": {"server": {"filters": {}}},
            "logging.level": {"lavalink": "INFO", "lavalink.server.io": "DEBUG", "x": {"y": "WARN"}},
            "plugins": {"p": {"a.b": 1}},
        }))
        .expanded();
        assert_eq!(
            expanded.to_json(),
            json!({
                "lavalink": {"server": {"password": "a", "sources": {"local": true}, "filters": {}}},
                "logging": {"level": {"lavalink": "INFO", "lavalink.server.io": "DEBUG", "x.y": "WARN"}},
                "plugins": {"p": {"a.b": 1}},
            })
        );
        assert_eq!(
            text_of(&expanded, "logging.level.lavalink.server.io").as_deref(),
            Some("DEBUG")
        );
    }

    #[test]
    fn numbers_keep_their_spelling() {
        let number = Node::new(Value::Number("007".to_owned()), Origin::BuiltIn);
        assert_eq!(number.text().as_deref(), Some("007"));
        let number = Node::new(Value::Number("1.50".to_owned()), Origin::BuiltIn);
        assert_eq!(number.to_json(), json!(1.5));
    }

    proptest! {
        /// Any mix of case, `-` and `_` reaches the same key.
        #[test]
        fn keys_match_in_every_spelling(choices in prop::collection::vec((any::<bool>(), 0..3_u8), 20)) {
            let spelled: String = "playerUpdateInterval"
                .chars()
                .zip(choices)
                .flat_map(|(c, (upper, separator))| {
                    let c = if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
                    let before = match separator { 1 => Some('-'), 2 => Some('_'), _ => None };
                    before.into_iter().chain(Some(c))
                })
                .collect();
            let written = tree(json!({"lavalink": {"server": {spelled.clone(): "7"}}}));
            prop_assert_eq!(text_of(&written, "lavalink.server.playerUpdateInterval"), Some("7".to_owned()));
            let canonical = tree(json!({"lavalink": {"server": {"playerUpdateInterval": "7"}}}));
            let path = format!("lavalink.server.{spelled}");
            prop_assert_eq!(text_of(&canonical, &path), Some("7".to_owned()));
        }
    }
}
