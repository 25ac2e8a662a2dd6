//! Profiles: which are active, and which documents belong to them.

use super::tree::{Node, Value};

/// The profile that is active when none is named.
const DEFAULT: &str = "default";
/// Groups within groups are followed this deep.
const MAX_DEPTH: usize = 16;

/// The active profiles, lowest rank first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profiles(Vec<String>);

impl Profiles {
    /// Reads `spring.profiles.active`, `.include`, `.default` and `.group.<name>`.
    pub fn of(tree: &Node) -> Self {
        let mut found = Vec::new();
        for name in names(tree, "spring.profiles.include") {
            add(tree, &name, &mut found, 0);
        }
        let active = names(tree, "spring.profiles.active");
        for name in &active {
            add(tree, name, &mut found, 0);
        }
        if active.is_empty() {
            let fallback = names(tree, "spring.profiles.default");
            match fallback.is_empty() {
                true => found.push(DEFAULT.to_owned()),
                false => found.extend(fallback),
            }
        }
        Self(found)
    }

    /// The names, lowest rank first.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The names the operator chose: all but the one that stands for none.
    pub fn chosen(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str).filter(|name| *name != DEFAULT)
    }

    /// Whether a document with this `spring.config.activate.on-profile` counts: one of the expressions has to hold.
    ///
    /// # Errors
    /// The expression that cannot be read.
    pub fn admit(&self, condition: &Node) -> Result<bool, String> {
        let expressions = match &condition.value {
            Value::List(items) => items.iter().filter_map(Node::text).collect(),
            _ => list(&condition.text().unwrap_or_default()),
        };
        if expressions.is_empty() {
            return Ok(true);
        }
        let mut is_admitted = false;
        for expression in expressions {
            let mut rest = expression.as_str();
            let holds = self.either(&mut rest, 0);
            match holds {
                Some(holds) if rest.trim().is_empty() => is_admitted |= holds,
                _ => return Err(expression),
            }
        }
        Ok(is_admitted)
    }

    /// `a | b`; `&` binds tighter.
    fn either(&self, rest: &mut &str, depth: usize) -> Option<bool> {
        let mut holds = self.both(rest, depth)?;
        while take(rest, '|') {
            holds |= self.both(rest, depth)?;
        }
        Some(holds)
    }

    fn both(&self, rest: &mut &str, depth: usize) -> Option<bool> {
        let mut holds = self.single(rest, depth)?;
        while take(rest, '&') {
            holds &= self.single(rest, depth)?;
        }
        Some(holds)
    }

    fn single(&self, rest: &mut &str, depth: usize) -> Option<bool> {
        if depth > MAX_DEPTH {
            return None;
        }
        if take(rest, '!') {
            return self.single(rest, depth + 1).map(|holds| !holds);
        }
        if take(rest, '(') {
            let holds = self.either(rest, depth + 1)?;
            return take(rest, ')').then_some(holds);
        }
        let text = rest.trim_start();
        let end = text
            .find(|c: char| "&|!()".contains(c) || c.is_whitespace())
            .unwrap_or(text.len());
        let (name, after) = text.split_at(end);
        *rest = after;
        (!name.is_empty()).then(|| self.0.iter().any(|active| active == name))
    }
}

/// Takes one character off the front, white space before it included.
fn take(rest: &mut &str, wanted: char) -> bool {
    match rest.trim_start().strip_prefix(wanted) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

/// Adds a profile and the group it stands for, each once.
fn add(tree: &Node, name: &str, found: &mut Vec<String>, depth: usize) {
    if found.iter().any(|known| known == name) || depth > MAX_DEPTH {
        return;
    }
    found.push(name.to_owned());
    for member in names(tree, &format!("spring.profiles.group.{name}")) {
        add(tree, &member, found, depth + 1);
    }
}

fn names(tree: &Node, path: &str) -> Vec<String> {
    match tree.at(path) {
        Some(Node {
            value: Value::List(items),
            ..
        }) => items.iter().filter_map(Node::text).collect(),
        Some(node) => list(&node.text().unwrap_or_default()),
        None => Vec::new(),
    }
}

/// Parts a comma list, blanks left out.
pub fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::origin::Origin;
    use serde_json::json;

    fn profiles(value: serde_json::Value) -> Profiles {
        Profiles::of(&Node::from_json(value, &Origin::BuiltIn))
    }

    #[test]
    fn expressions_have_not_and_or_and_brackets() {
        let active = Profiles(vec!["a".into(), "eu-west".into()]);
        for (expression, expected) in [
            ("a", true),
            ("b", false),
            ("b, a", true),
            ("!b", true),
            ("!a", false),
            ("a & b", false),
            ("a&eu-west", true),
            ("b | eu-west", true),
            ("a & b | !c", true),
            ("a & (b | c)", false),
            ("!(a & b)", true),
            ("!!a", true),
            ("", true),
        ] {
            let condition = Node::text_at(expression, Origin::BuiltIn);
            assert_eq!(active.admit(&condition), Ok(expected), "{expression}");
        }
        for wrong in ["a &", "(a", "a b", "| a", "a)", "!"] {
            assert!(
                active.admit(&Node::text_at(wrong, Origin::BuiltIn)).is_err(),
                "{wrong}"
            );
        }
        let listed = Node::from_json(json!(["x", "a"]), &Origin::BuiltIn);
        assert_eq!(active.admit(&listed), Ok(true));
    }

    #[test]
    fn groups_and_includes_are_followed_once() {
        assert_eq!(profiles(json!({})).names(), ["default"]);
        assert_eq!(profiles(json!({})).chosen().count(), 0);
        let found = profiles(json!({"spring": {"profiles": {
            "active": "prod, eu", "include": ["base"],
            "group": {"prod": ["db", "prod"], "db": "metrics"},
        }}}));
        assert_eq!(found.names(), ["base", "prod", "db", "metrics", "eu"]);
    }
}
