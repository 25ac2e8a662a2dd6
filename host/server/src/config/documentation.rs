//! Keeps the tables of docs/configuration.md and the example file in step with the table of keys.

use std::path::{Path, PathBuf};

use super::key::{Effect, Key, Kind};
use super::keys;

/// Set to write the tables instead of comparing them.
const UPDATE: &str = "UPDATE_DOCS";

/// The name of the type, for tables.
fn type_name(kind: Kind) -> String {
    match kind {
        Kind::Boolean => "boolean".to_owned(),
        Kind::Integer {
            least: i64::MIN..=-2_147_483_648,
            ..
        } => "integer".to_owned(),
        Kind::Integer {
            least,
            most: 2_147_483_647..,
            ..
        } => format!("integer >= {least}"),
        Kind::Integer { least, most, .. } => format!("{least} to {most}"),
        Kind::Text => "text".to_owned(),
        Kind::Secret => "text, secret".to_owned(),
        Kind::Choice(names) => names.join(", "),
        Kind::Address => "IP address".to_owned(),
        Kind::Level => "level".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::Time => "time".to_owned(),
        Kind::Texts => "list of text".to_owned(),
        Kind::Anything => "any".to_owned(),
    }
}

fn documentation() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md")
}

fn row(key: &Key) -> String {
    let default = match key.default {
        "" => String::new(),
        default => format!("`{default}`"),
    };
    let name = key.name.replace("**", "…").replace('*', "<name>");
    match key.effect {
        Effect::Used => format!(
            "| `{name}` | {} | {default} | {} |\n",
            type_name(key.kind),
            key.meaning
        ),
        Effect::Nothing(reason) => format!("| `{name}` | {} | {reason} |\n", key.meaning),
    }
}

fn table(name: &str) -> String {
    let (head, is_used) = match name {
        "keys" => ("| key | type | default | meaning |\n|---|---|---|---|\n", true),
        _ => (
            "| key | what it is | why nothing happens |\n|---|---|---|\n",
            false,
        ),
    };
    let rows: String = keys::ALL
        .iter()
        .filter(|key| (key.effect == Effect::Used) == is_used)
        .map(|key| row(key))
        .collect();
    format!("{head}{rows}")
}

#[test]
fn the_documentation_lists_every_key() {
    let path = documentation();
    let mut text = std::fs::read_to_string(&path).expect("the documentation");
    for name in ["keys", "without-effect"] {
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let start = text.find(&open).expect("an opening mark") + open.len();
        let end = text.find(&close).expect("a closing mark");
        let wanted = table(name);
        if std::env::var_os(UPDATE).is_some() {
            text.replace_range(start..end, &wanted);
        } else {
            assert!(
                text[start..end] == wanted,
                "the table `{name}` is out of date; run the tests of lavalink-rust once with {UPDATE}=1"
            );
        }
    }
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, text).expect("the documentation can be written");
    }
}
