//! Reads values by their key. What cannot be converted has been reported by [`super::check`]; here it counts as absent.

use std::net::IpAddr;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::key::{Converted, Key};
use super::origin::Origin;
use super::tree::{Node, Value};

/// Reads values out of the merged tree.
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

    /// Where the value of a key was written.
    pub fn origin(&self, key: &Key) -> Origin {
        self.tree
            .at(key.name)
            .map_or_else(Origin::default, |node| node.origin.clone())
    }

    /// A boolean; false when it has no default either.
    pub fn boolean(&self, key: &Key) -> bool {
        matches!(self.value(key), Some(Converted::Boolean(true)))
    }

    /// A whole number within its range; 0 when it has no default either.
    pub fn integer(&self, key: &Key) -> i64 {
        match self.value(key) {
            Some(Converted::Integer(number)) => number,
            _ => 0,
        }
    }

    /// A text that is not blank.
    pub fn text(&self, key: &Key) -> Option<String> {
        match self.value(key) {
            Some(Converted::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// One of the names of the table; empty when it has no default either.
    pub fn choice(&self, key: &Key) -> &'static str {
        match self.value(key) {
            Some(Converted::Choice(name)) => name,
            _ => "",
        }
    }

    /// An IP address.
    pub fn address(&self, key: &Key) -> Option<IpAddr> {
        match self.value(key) {
            Some(Converted::Address(address)) => Some(address),
            _ => None,
        }
    }

    /// A log level.
    pub fn level(&self, key: &Key) -> Option<LevelFilter> {
        match self.value(key) {
            Some(Converted::Level(level)) => Some(level),
            _ => None,
        }
    }

    /// Bytes.
    pub fn size(&self, key: &Key) -> u64 {
        match self.value(key) {
            Some(Converted::Size(bytes)) => bytes,
            _ => 0,
        }
    }

    /// A time.
    pub fn time(&self, key: &Key) -> Duration {
        match self.value(key) {
            Some(Converted::Time(time)) => time,
            _ => Duration::ZERO,
        }
    }

    /// A list of texts, blank ones left out.
    pub fn texts(&self, key: &Key) -> Vec<String> {
        match self.value(key) {
            Some(Converted::Texts(texts)) => texts,
            _ => Vec::new(),
        }
    }

    /// The entries of a map whose keys the operator chooses, converted by `key`, whose name ends in `*`.
    pub fn entries(&self, key: &Key) -> Vec<(String, Converted)> {
        let section = key.name.trim_end_matches(".*");
        let Some(Value::Map(entries)) = self.tree.at(section).map(|node| &node.value) else {
            return Vec::new();
        };
        entries
            .iter()
            .filter_map(|(name, node)| Some((name.clone(), key.convert(node).ok()??)))
            .collect()
    }

    fn value(&self, key: &Key) -> Option<Converted> {
        self.tree
            .at(key.name)
            .and_then(|node| key.convert(node).ok()?)
            .or_else(|| key.default())
    }
}
