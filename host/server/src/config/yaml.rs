//! YAML into configuration trees, each value with its line.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::error::ConfigError;
use super::origin::Origin;
use super::tree::{Node, Value};

/// Deepest nesting.
const MAX_DEPTH: usize = 100;
/// Values of one file, those drawn in by aliases included: a small file of aliases may stand for billions.
const MAX_VALUES: usize = 100_000;

/// Reads all documents of a YAML text.
///
/// # Errors
/// Where and why it is not YAML that can be a configuration.
pub fn parse(text: &str, path: &Arc<Path>) -> Result<Vec<Node>, ConfigError> {
    let mut builder = Builder {
        path: Arc::clone(path),
        open: Vec::new(),
        anchors: HashMap::new(),
        values: 0,
        documents: Vec::new(),
    };
    // A byte order mark is no content.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.event(event, span.start.line())?,
            Err(error) => return Err(builder.wrong(error.marker().line(), error.info())),
        }
    }
    Ok(builder.documents)
}

/// A map or list that is being read.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value comes next, in a map.
    key: Option<(String, usize)>,
    /// Maps named by `<<`; they give way to every key of the map itself.
    merged: Vec<Node>,
}

struct Builder {
    path: Arc<Path>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
    documents: Vec<Node>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), ConfigError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = Node::new(scalar(&text, style, tag.as_deref()), self.origin(line));
                self.anchor(anchor, &node);
                let is_plain = style == ScalarStyle::Plain;
                self.value(node, line, is_plain.then_some(&*text))
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.values += count(&node);
                    self.value(node, line, None)
                }
                None => Err(self.wrong(line, "an alias cannot stand inside of what it names")),
            },
            Event::SequenceStart(anchor, _) => self.begin(Value::List(Vec::new()), anchor, line),
            Event::MappingStart(anchor, _) => self.begin(Value::Map(Vec::new()), anchor, line),
            Event::SequenceEnd | Event::MappingEnd => self.end(line),
            Event::DocumentStart(_) => {
                // Anchors do not reach across documents.
                self.anchors.clear();
                Ok(())
            }
            Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => Ok(()),
        }
    }

    fn begin(&mut self, value: Value, anchor: usize, line: usize) -> Result<(), ConfigError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.wrong(line, &format!("nested deeper than {MAX_DEPTH} levels")));
        }
        if let Some(Open { node, key: None, .. }) = self.open.last()
            && matches!(node.value, Value::Map(_))
        {
            return Err(self.wrong(line, "a key must be text"));
        }
        // A section is complained about where its key is.
        let line = self
            .open
            .last()
            .and_then(|open| open.key.as_ref())
            .map_or(line, |(_, line)| *line);
        self.open.push(Open {
            node: Node::new(value, self.origin(line)),
            anchor,
            key: None,
            merged: Vec::new(),
        });
        Ok(())
    }

    fn end(&mut self, line: usize) -> Result<(), ConfigError> {
        let Some(open) = self.open.pop() else {
            return Err(self.wrong(line, "something is closed that was not opened"));
        };
        let mut node = open.node;
        if let Value::Map(entries) = &mut node.value {
            for merged in open.merged {
                let Value::Map(more) = merged.value else { continue };
                for (key, value) in more {
                    if !entries.iter().any(|(known, _)| *known == key) {
                        entries.push((key, value));
                    }
                }
            }
        }
        self.anchor(open.anchor, &node);
        self.value(node, line, None)
    }

    /// Puts a complete value where it belongs; `plain` is its text when it was a scalar without quotes.
    fn value(&mut self, mut node: Node, line: usize, plain: Option<&str>) -> Result<(), ConfigError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.wrong(line, &format!("more than {MAX_VALUES} values")));
        }
        let Some(open) = self.open.last_mut() else {
            return match node.value {
                Value::Null => Ok(()),
                Value::Map(_) => {
                    self.documents.push(node);
                    Ok(())
                }
                _ => Err(self.wrong(line, "the document is not a map of settings")),
            };
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match open.key.take() {
                Some((key, _)) if key == "<<" => match node.value {
                    Value::Map(_) => open.merged.push(node),
                    Value::List(items) => open.merged.extend(items),
                    _ => return Err(self.wrong(line, "`<<` needs a map to merge")),
                },
                Some((key, key_line)) => {
                    if entries.iter().any(|(known, _)| *known == key) {
                        return Err(self.wrong(key_line, &format!("the key `{key}` is there twice")));
                    }
                    node.origin = Origin::file(&self.path, key_line);
                    entries.push((key, node));
                }
                None => {
                    // A plain key is the text as it stands: `on` and `007` are names here.
                    let key = plain.map(str::to_owned).or_else(|| node.text());
                    match key {
                        Some(key) => open.key = Some((key, line)),
                        None => return Err(self.wrong(line, "a key must be text")),
                    }
                }
            },
            _ => {}
        }
        Ok(())
    }

    fn anchor(&mut self, anchor: usize, node: &Node) {
        // 0 stands for none.
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    fn origin(&self, line: usize) -> Origin {
        Origin::file(&self.path, line)
    }

    fn wrong(&self, line: usize, reason: &str) -> ConfigError {
        ConfigError::Syntax {
            origin: self.origin(line),
            kind: "YAML",
            reason: reason.to_owned(),
        }
    }
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(_, child)| count(child)).sum::<usize>(),
        _ => 1,
    }
}

/// The value of a scalar by the rules of YAML 1.1, which Java Lavalink reads: `yes`, `no`, `on` and `off` are booleans.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    if style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str") {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

/// Whether this is a number that JSON would write the same way; all else stays text.
fn is_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Vec<Node>, ConfigError> {
        parse(text, &Arc::from(Path::new("application.yml")))
    }

    #[test]
    fn values_have_their_types_and_lines() {
        let documents = read(
            "# head\nserver:\n  port: 2333\n  on: 'x'\nlist:\n  - a\n  - {k: 1.5}\nquoted: \"5\"\nempty:\nswitch: off\nsecret: 007\n\
             text: |\n  two\n  lines\n---\nsecond: ~\n",
        )
        .expect("yaml");
        assert_eq!(documents.len(), 2);
        assert_eq!(
            documents[0].to_json(),
            json!({"server": {"port": 2333, "on": "x"}, "list": ["a", {"k": 1.5}], "quoted": "5", "empty": null,
                   "switch": false, "secret": "007", "text": "two\nlines\n"})
        );
        for (path, line) in [
            ("server", 2),
            ("server.port", 3),
            ("list[0]", 6),
            ("list[1].k", 7),
            ("empty", 9),
            ("text", 12),
        ] {
            let origin = &documents[0].at(path).expect(path).origin;
            assert_eq!(origin.to_string(), format!("application.yml:{line}"), "{path}");
        }
        assert_eq!(
            documents[1].at("second").expect("a value").origin.to_string(),
            "application.yml:16"
        );
    }

    #[test]
    fn anchors_and_merge_keys() {
        let documents =
            read("base: &b {a: 1, b: 2}\nuse:\n  b: 3\n  <<: *b\nboth:\n  <<: [*b, {c: 4}]\nsame: *b\n")
                .expect("yaml");
        assert_eq!(
            documents[0].to_json(),
            json!({"base": {"a": 1, "b": 2}, "use": {"b": 3, "a": 1}, "both": {"a": 1, "b": 2, "c": 4},
                   "same": {"a": 1, "b": 2}})
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line, word) in [
            ("a: 1\nb: [1, 2", 2, ""),
            ("a: 1\na: 2\n", 2, "twice"),
            ("- just\n- a list\n", 0, "map of settings"),
            ("? [a]\n: b\n", 1, "key"),
            ("x: &a [*a]\n", 1, "alias"),
            ("a:\n\t- b\n", 2, ""),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(word), "{text}: {error}");
            assert!(
                line == 0
                    || error.contains(&format!("application.yml:{line}"))
                    || error.contains("application.yml:"),
                "{text}: {error}"
            );
        }
        assert!(read("").expect("nothing").is_empty());
        assert!(read("# only a comment\n").expect("nothing").is_empty());
    }

    #[test]
    fn aliases_cannot_stand_for_billions() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = level - 1;
            text.push_str(&format!(
                "a{level}: &a{level} [{}]\n",
                format!("*a{below}, ").repeat(10)
            ));
        }
        assert!(read(&text).expect_err("too many").to_string().contains("values"));
        let deep = format!("a: {}", "[".repeat(MAX_DEPTH + 5));
        assert!(read(&deep).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[ -~\\n\\t]{0,80}") {
            let _either = read(&text);
        }
    }
}
