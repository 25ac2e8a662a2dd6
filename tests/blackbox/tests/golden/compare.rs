//! Compares what the node says with an example payload.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::payload;

/// The payloads one test has used.
#[derive(Debug, Default)]
pub struct Used(BTreeSet<String>);

impl Used {
    /// Checks that `text` is the payload `name`, but for the values at the JSON pointers in `free`, which only have to
    /// be of the same kind.
    #[track_caller]
    pub fn same(&mut self, name: &str, text: &str, free: &[&str]) {
        self.same_as(name, &payload(name), text, free);
    }

    /// As [`Self::same`], with a payload that was adapted.
    #[track_caller]
    pub fn same_as(&mut self, name: &str, golden: &str, text: &str, free: &[&str]) {
        assert_compact(name, text);
        let golden: Value = serde_json::from_str(golden).expect("payloads are JSON");
        let found: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
        let mut differences = Vec::new();
        compare(&golden, &found, "", free, &mut differences);
        assert!(differences.is_empty(), "{name}: {differences:#?}\nfound {text}");
        self.note(name);
    }

    /// Notes a payload that was used otherwise.
    #[track_caller]
    pub fn note(&mut self, name: &str) {
        assert!(self.0.insert(name.to_owned()), "{name} is used twice");
    }

    /// Checks that exactly the listed payloads were used.
    #[track_caller]
    pub fn are(self, listed: &[&str]) {
        assert_eq!(self.0, listed.iter().map(|name| (*name).to_owned()).collect());
    }
}

/// Java writes no white space between tokens.
#[track_caller]
fn assert_compact(name: &str, text: &str) {
    let (mut is_text, mut is_escaped) = (false, false);
    for c in text.chars() {
        assert!(is_text || !c.is_whitespace(), "{name}: not compact: {text}");
        is_text ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
    }
}

fn compare(golden: &Value, found: &Value, at: &str, free: &[&str], differences: &mut Vec<String>) {
    match (golden, found) {
        (Value::Object(golden), Value::Object(found)) => {
            let names = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            if names(golden) != names(found) {
                differences.push(format!(
                    "{at}: members {:?}, not {:?}",
                    names(found),
                    names(golden)
                ));
                return;
            }
            for (name, value) in golden {
                compare(value, &found[name], &format!("{at}/{name}"), free, differences);
            }
        }
        (Value::Array(golden), Value::Array(found)) if golden.len() == found.len() => {
            for (index, (golden, found)) in golden.iter().zip(found).enumerate() {
                compare(golden, found, &format!("{at}/{index}"), free, differences);
            }
        }
        _ if free.contains(&at) && kind(golden) == kind(found) => {}
        _ if golden == found => {}
        _ => differences.push(format!("{at}: {found}, not {golden}")),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number with a point",
        Value::Number(_) => "whole number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
