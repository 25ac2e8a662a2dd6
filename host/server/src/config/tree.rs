//! A configuration tree with relaxed key matching, and how layers of it are merged.

use serde_json::Number;

/// Highest list index an environment variable or a command line option may name.
const MAX_INDEX: usize = 999;

/// One value of the configuration: what YAML, JSON, the environment or the command line said.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Written without a value.
    Null,
    /// `true` or `false` as YAML reads it.
    Bool(bool),
    /// A number as YAML or JSON reads it.
    Number(Number),
    /// Text; everything from the environment and the command line is text.
    Text(String),
    /// A sequence. A higher layer replaces it whole.
    List(Vec<Node>),
    /// Keys as written, in order. A higher layer is merged key by key.
    Map(Vec<(String, Node)>),
}

/// Given the dotted path and the text of a value, says what to put in its place, if anything.
pub type Rewrite<'a, E> = dyn FnMut(&str, &str) -> Result<Option<String>, E> + 'a;

/// One step of a path into the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A map key.
    Key(String),
    /// A list index.
    Index(usize),
}

/// The form in which keys are compared: lower case, without `-` and `_`.
pub fn relaxed(key: &str) -> String {
    key.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

impl Node {
    /// A map without entries.
    pub fn empty() -> Self {
        Self::Map(Vec::new())
    }

    /// The child under `key` (compared relaxed); the last one wins when a key is repeated.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Self::Map(entries) = self else { return None };
        let wanted = relaxed(key);
        entries
            .iter()
            .rev()
            .find(|(name, _)| relaxed(name) == wanted)
            .map(|(_, node)| node)
    }

    /// The node under a dotted path such as `lavalink.server.password`.
    pub fn at(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, key| match node {
            Self::List(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => node.get(key),
        })
    }

    /// Lays `higher` over this tree: maps key by key, everything else replaced.
    #[must_use]
    pub fn overlaid(self, higher: Node) -> Node {
        match (self, higher) {
            (Self::Map(mut lower), Self::Map(upper)) => {
                for (key, value) in upper {
                    let wanted = relaxed(&key);
                    match lower.iter_mut().find(|(name, _)| relaxed(name) == wanted) {
                        Some((_, slot)) => *slot = std::mem::replace(slot, Self::Null).overlaid(value),
                        None => lower.push((key, value)),
                    }
                }
                Self::Map(lower)
            }
            (_, higher) => higher,
        }
    }

    /// Puts `value` at `path`, creating maps and lists on the way; returns whether the path could exist.
    pub fn insert(&mut self, path: &[Segment], value: Node) -> bool {
        let Some((first, rest)) = path.split_first() else {
            *self = value;
            return true;
        };
        match first {
            Segment::Key(key) => {
                if !matches!(self, Self::Map(_)) {
                    *self = Self::empty();
                }
                let Self::Map(entries) = self else { return false };
                let wanted = relaxed(key);
                let position = entries
                    .iter()
                    .position(|(name, _)| relaxed(name) == wanted)
                    .unwrap_or_else(|| {
                        entries.push((key.clone(), Self::Null));
                        entries.len() - 1
                    });
                entries[position].1.insert(rest, value)
            }
            Segment::Index(index) if *index <= MAX_INDEX => {
                if !matches!(self, Self::List(_)) {
                    *self = Self::List(Vec::new());
                }
                let Self::List(items) = self else { return false };
                if items.len() <= *index {
                    items.resize(index + 1, Self::Null);
                }
                items[*index].insert(rest, value)
            }
            Segment::Index(_) => false,
        }
    }

    /// The scalar as text, the way a Java property would have it; `None` for null, lists and maps.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::Text(value) => Some(value.clone()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The same value as JSON, for handing a plugin its own settings.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) => Value::Number(value.clone()),
            Self::Text(value) => Value::String(value.clone()),
            Self::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.clone(), node.to_json()))
                    .collect(),
            ),
        }
    }

    /// Every scalar below this node with its dotted path.
    pub fn leaves(&self) -> Vec<(String, &Node)> {
        fn walk<'a>(node: &'a Node, path: &str, found: &mut Vec<(String, &'a Node)>) {
            let join = |key: &str| {
                if path.is_empty() {
                    key.to_owned()
                } else {
                    format!("{path}.{key}")
                }
            };
            match node {
                Node::Map(entries) => entries
                    .iter()
                    .for_each(|(key, child)| walk(child, &join(key), found)),
                Node::List(items) => {
                    for (index, child) in items.iter().enumerate() {
                        walk(child, &join(&index.to_string()), found);
                    }
                }
                _ => found.push((path.to_owned(), node)),
            }
        }
        let mut found = Vec::new();
        walk(self, "", &mut found);
        found
    }

    /// Rewrites every text below this node.
    ///
    /// # Errors
    /// The first error `rewrite` returns; it is given the dotted path and the text.
    pub fn try_map_text<E>(&mut self, path: &str, rewrite: &mut Rewrite<'_, E>) -> Result<(), E> {
        let join = |key: &str| {
            if path.is_empty() {
                key.to_owned()
            } else {
                format!("{path}.{key}")
            }
        };
        match self {
            Self::Text(text) => {
                if let Some(new) = rewrite(path, text)? {
                    *text = new;
                }
            }
            Self::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    item.try_map_text(&join(&index.to_string()), rewrite)?;
                }
            }
            Self::Map(entries) => {
                for (key, node) in entries {
                    node.try_map_text(&join(key), rewrite)?;
                }
            }
            Self::Null | Self::Bool(_) | Self::Number(_) => {}
        }
        Ok(())
    }
}

impl From<serde_json::Value> for Node {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(value) => Self::Number(value),
            Value::String(value) => Self::Text(value),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(entries) => {
                Self::Map(entries.into_iter().map(|(k, v)| (k, Self::from(v))).collect())
            }
        }
    }
}

/// Splits `lavalink.plugins[0].dependency` into its steps; `None` when the brackets do not match up.
pub fn parse_path(path: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    for part in path.split('.') {
        let (name, mut indices) = match part.find('[') {
            Some(at) => part.split_at(at),
            None => (part, ""),
        };
        if name.is_empty() && indices.is_empty() {
            return None;
        }
        if !name.is_empty() {
            segments.push(Segment::Key(name.to_owned()));
        }
        while !indices.is_empty() {
            let (inside, rest) = indices.strip_prefix('[')?.split_once(']')?;
            segments.push(match inside.parse::<usize>() {
                Ok(index) => Segment::Index(index),
                Err(_) => Segment::Key(inside.to_owned()),
            });
            indices = rest;
        }
    }
    Some(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Node {
        Node::Text(value.to_owned())
    }

    fn map(entries: &[(&str, Node)]) -> Node {
        Node::Map(
            entries
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.clone()))
                .collect(),
        )
    }

    #[test]
    fn keys_match_in_every_spelling() {
        let tree = map(&[(
            "lavalink",
            map(&[("server", map(&[("player-update_Interval", text("7"))]))]),
        )]);
        for path in [
            "lavalink.server.playerUpdateInterval",
            "LAVALINK.Server.player_update_interval",
            "lavalink.server.player-update-interval",
        ] {
            assert_eq!(tree.at(path), Some(&text("7")), "{path}");
        }
        assert_eq!(tree.at("lavalink.server.playerUpdate"), None);
    }

    #[test]
    fn layers_merge_maps_and_replace_lists() {
        let lower = map(&[
            ("a", map(&[("keep", text("1")), ("over-ride", text("2"))])),
            ("list", Node::List(vec![text("x"), text("y")])),
        ]);
        let upper = map(&[
            ("a", map(&[("overRide", text("3"))])),
            ("list", Node::List(vec![text("z")])),
        ]);
        let merged = lower.overlaid(upper);
        assert_eq!(merged.at("a.keep"), Some(&text("1")));
        assert_eq!(merged.at("a.override"), Some(&text("3")));
        assert_eq!(merged.at("list"), Some(&Node::List(vec![text("z")])));
    }

    #[test]
    fn paths_with_indices_build_lists() {
        let mut tree = Node::empty();
        let path = parse_path("lavalink.plugins[1].dependency").expect("a path");
        assert!(tree.insert(&path, text("g:n:v")));
        assert_eq!(tree.at("lavalink.plugins.1.dependency"), Some(&text("g:n:v")));
        assert_eq!(tree.at("lavalink.plugins.0"), Some(&Node::Null));
        assert!(!tree.insert(&[Segment::Index(1_000_000)], text("far")));
        assert_eq!(parse_path("a[0"), None);
        assert_eq!(parse_path("a..b"), None);
    }
}
