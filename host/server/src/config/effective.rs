//! The configuration as it counts after all sources are merged, secrets masked, each value with its place.

use std::fmt::Write as _;

use super::key::{Effect, Kind};
use super::keys;
use super::origin::Origin;
use super::path::{self, Segment};
use super::secrets;
use super::tree::{Node, Value};

/// Column at which the places begin, unless a value is longer.
const PLACE_COLUMN: usize = 48;

/// The merged tree over the defaults, as YAML with a comment behind each value.
pub fn yaml(tree: &Node) -> String {
    let mut defaults = Node::empty();
    for key in keys::ALL {
        let is_shown = key.effect == Effect::Used
            && !key.name.contains(['*', '['])
            && !key.name.starts_with("spring.")
            && !key.default.is_empty()
            // On only together with a certificate.
            && key.name != keys::SSL_ENABLED.name;
        if let Some(steps) = path::parse(key.name).filter(|_| is_shown) {
            let value = match key.kind {
                Kind::Boolean => Value::Bool(key.default == "true"),
                Kind::Integer { .. } => Value::Number(key.default.to_owned()),
                _ => Value::Text(key.default.to_owned()),
            };
            defaults.insert(&steps, Node::new(value, Origin::BuiltIn));
        }
    }
    let mut out = String::new();
    write_node(&mut out, &defaults.overlaid(tree.clone()), &mut Vec::new(), 0);
    out
}

fn write_node(out: &mut String, node: &Node, path: &mut Vec<Segment>, indent: usize) {
    match &node.value {
        Value::Map(entries) => {
            for (key, child) in entries {
                path.push(Segment::Key(key.clone()));
                write_entry(out, &format!("{}:", text(key)), child, path, indent);
                path.pop();
            }
        }
        Value::List(items) => {
            for (index, child) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                write_entry(out, "-", child, path, indent);
                path.pop();
            }
        }
        _ => {}
    }
}

fn write_entry(out: &mut String, head: &str, node: &Node, path: &mut Vec<Segment>, indent: usize) {
    let start = format!("{:indent$}{head}", "");
    let is_open = match &node.value {
        Value::Map(entries) => !entries.is_empty(),
        Value::List(items) => !items.is_empty(),
        _ => false,
    };
    if is_open {
        out.push_str(&start);
        out.push('\n');
        write_node(out, node, path, indent + 2);
        return;
    }
    let line = format!("{start} {}", scalar(node, path));
    // Writing to a String cannot fail.
    let _infallible = writeln!(out, "{line:<PLACE_COLUMN$} # {}", node.origin);
}

fn scalar(node: &Node, path: &[Segment]) -> String {
    if secrets::is_secret(path) && !node.is_null() {
        return text(secrets::MASK);
    }
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.clone(),
        Value::Text(value) => text(&secrets::without_credentials(value)),
        Value::List(_) => "[]".to_owned(),
        Value::Map(_) => "{}".to_owned(),
    }
}

/// The text, in quotes when YAML would read something else.
fn text(value: &str) -> String {
    let is_plain = value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "./-_:,".contains(c))
        && value.starts_with(|c: char| c.is_ascii_alphabetic() || "./".contains(c))
        && !value.ends_with(':')
        && !matches!(
            value.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "null"
        );
    if is_plain {
        value.to_owned()
    } else {
        // JSON strings are YAML strings.
        serde_json::Value::from(value).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml as reader;
    use std::path::Path;
    use std::sync::Arc;

    fn parse(text: &str) -> Node {
        let path: Arc<Path> = Arc::from(Path::new("a.yml"));
        reader::parse(text, &path).expect(text).remove(0)
    }

    #[test]
    fn values_come_with_their_places_and_without_secrets() {
        let tree = parse(
            "server:\n  port: 2333\nlavalink:\n  server:\n    password: hunter2\n    httpConfig: {proxyHost: 'http://u:pw@h'}\n\
             plugins:\n  yt: {oauth: {refreshToken: abc}, clients: [WEB, 'yes'], empty: {}}\n",
        );
        let shown = yaml(&tree);
        for (value, place) in [
            ("  port: 2333", "a.yml:2"),
            ("    password: \"***\"", "a.yml:5"),
            ("    opusEncodingQuality: 10", "default"),
            ("      proxyHost: \"http://***@h\"", "a.yml:6"),
            ("      refreshToken: \"***\"", "a.yml:8"),
            ("      - WEB", "a.yml:8"),
            ("      - \"yes\"", "a.yml:8"),
            ("    empty: {}", "a.yml:8"),
        ] {
            let line = shown
                .lines()
                .find(|line| line.split(" #").next().map(str::trim_end) == Some(value))
                .unwrap_or_else(|| panic!("{value} in\n{shown}"));
            assert!(line.ends_with(&format!("# {place}")), "{line}");
        }
        assert!(
            !shown.contains("hunter2") && !shown.contains("abc") && !shown.contains("pw"),
            "{shown}"
        );
        // What is printed can be read again.
        let again = parse(&shown);
        assert_eq!(
            again.at("server.port").and_then(Node::text).as_deref(),
            Some("2333")
        );
        assert_eq!(
            again.at("plugins.yt.clients[1]").map(|node| node.value.clone()),
            Some(Value::Text("yes".into()))
        );
    }
}
