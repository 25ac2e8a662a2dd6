//! Typed access to the tree with errors that name key and value.

use super::ConfigError;
use super::tree::Node;

/// Reads values by their dotted key.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    tree: &'a Node,
}

impl<'a> Reader<'a> {
    /// A reader over the merged tree.
    pub fn new(tree: &'a Node) -> Self {
        Self { tree }
    }

    /// The tree itself.
    pub fn tree(&self) -> &'a Node {
        self.tree
    }

    /// A scalar as text; `None` when absent or not a scalar.
    pub fn text(&self, key: &str) -> Option<String> {
        self.tree.at(key).and_then(Node::text)
    }

    /// A boolean: `true/on/yes/1` or `false/off/no/0` in any case.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for anything else.
    pub fn boolean(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        const EXPECTED: &str = "true or false";
        let Some(text) = self.scalar(key, EXPECTED)? else {
            return Ok(default);
        };
        match text.trim().to_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Ok(true),
            "false" | "off" | "no" | "0" => Ok(false),
            _ => Err(ConfigError::Value {
                key: key.to_owned(),
                value: text,
                expected: EXPECTED,
            }),
        }
    }

    /// A whole number between `least` and `most`.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for anything else.
    pub fn integer(&self, key: &str, default: i64, least: i64, most: i64) -> Result<i64, ConfigError> {
        const EXPECTED: &str = "a whole number within its range";
        let Some(text) = self.scalar(key, EXPECTED)? else {
            return Ok(default);
        };
        match text.trim().parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(ConfigError::Value {
                key: key.to_owned(),
                value: text,
                expected: EXPECTED,
            }),
        }
    }

    /// A list of texts: a sequence, or one text with commas between the items. Blank items are left out.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when it is a map or an item is not a scalar.
    pub fn texts(&self, key: &str) -> Result<Vec<String>, ConfigError> {
        let wrong = |value: &Node| ConfigError::Value {
            key: key.to_owned(),
            value: value.to_json().to_string(),
            expected: "a list of texts",
        };
        let mut texts = match self.tree.at(key) {
            None | Some(Node::Null) => Vec::new(),
            Some(node @ Node::Map(_)) => return Err(wrong(node)),
            Some(Node::List(items)) => items
                .iter()
                .filter(|item| **item != Node::Null)
                .map(|item| item.text().ok_or_else(|| wrong(item)))
                .collect::<Result<Vec<_>, _>>()?,
            Some(node) => node
                .text()
                .map(|text| text.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
        };
        texts.iter_mut().for_each(|text| *text = text.trim().to_owned());
        texts.retain(|text| !text.is_empty());
        Ok(texts)
    }

    /// A scalar; `None` when absent, null or empty.
    fn scalar(&self, key: &str, expected: &'static str) -> Result<Option<String>, ConfigError> {
        match self.tree.at(key) {
            None | Some(Node::Null) => Ok(None),
            Some(node @ (Node::List(_) | Node::Map(_))) => Err(ConfigError::Value {
                key: key.to_owned(),
                value: node.to_json().to_string(),
                expected,
            }),
            Some(node) => Ok(node.text().filter(|text| !text.trim().is_empty())),
        }
    }
}
