//! Writes a plugin into an `application.yml` as a person would: one more item, and everything else left as it is.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::origin::Origin;
use super::tree::{Node, Value};
use super::yaml;

/// The text with one more item at the front of `lavalink.plugins`. `None` when the file is written in a way in which this cannot
/// be done safely: the outcome is read again, and has to be the old content with the item.
pub fn with_plugin(text: &str, item: &Map<String, Json>) -> Option<String> {
    let before = single(text)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let lavalink = before.get("lavalink");
    let plugins = lavalink.and_then(|lavalink| lavalink.get("plugins"));
    // Where the new lines go, how far in, and what comes before them.
    let (at, indent, head) = match (lavalink, plugins) {
        (_, Some(plugins)) => match &plugins.value {
            Value::List(items) => {
                let at = line_of(items.first()?)?;
                let line = lines.get(at)?;
                line.trim_start().starts_with("- ").then_some(())?;
                (at, indentation(line), Vec::new())
            }
            Value::Null => {
                let at = line_of(plugins)?;
                let line = lines.get(at)?;
                line.trim_start().starts_with("plugins:").then_some(())?;
                (at + 1, indentation(line) + 2, Vec::new())
            }
            _ => return None,
        },
        (Some(lavalink), None) => {
            let at = line_of(lavalink)? + 1;
            let is_content = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
            let child = lines
                .get(at..)?
                .iter()
                .find(is_content)
                .map(|line| indentation(line))?;
            (at, child + 2, vec![format!("{:child$}plugins:\n", "")])
        }
        (None, None) => (
            lines.len(),
            4,
            vec!["lavalink:\n".to_owned(), "  plugins:\n".to_owned()],
        ),
    };
    let mut amended: String = lines.get(..at)?.concat();
    if !amended.is_empty() && !amended.ends_with('\n') {
        amended.push('\n');
    }
    amended.extend(head);
    for (index, (name, value)) in item.iter().enumerate() {
        let dash = if index == 0 { "- " } else { "  " };
        // JSON values are YAML values.
        amended.push_str(&format!("{:indent$}{dash}{name}: {value}\n", ""));
    }
    amended.push_str(&lines.get(at..)?.concat());
    let after = single(&amended)?.to_json();
    (after == expected(before.to_json(), item)?).then_some(amended)
}

fn expected(mut content: Json, item: &Map<String, Json>) -> Option<Json> {
    let root = content.as_object_mut()?;
    let lavalink = root.entry("lavalink").or_insert_with(|| json!({}));
    let plugins = lavalink.as_object_mut()?.entry("plugins").or_insert(Json::Null);
    if plugins.is_null() {
        *plugins = json!([]);
    }
    plugins.as_array_mut()?.insert(0, Json::Object(item.clone()));
    Some(content)
}

/// The one document of the text.
fn single(text: &str) -> Option<Node> {
    let path: Arc<Path> = Arc::from(Path::new("application.yml"));
    let mut documents = yaml::parse(text, &path).ok()?;
    let document = documents.pop()?;
    (documents.is_empty() && matches!(document.value, Value::Map(_))).then_some(document)
}

/// The line of a node, counted from 0.
fn line_of(node: &Node) -> Option<usize> {
    match node.origin {
        Origin::File { line, .. } => usize::try_from(line).ok()?.checked_sub(1),
        _ => None,
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item() -> Map<String, Json> {
        let item = json!({"dependency": "a:b:1", "snapshot": true});
        item.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn the_item_is_written_where_it_belongs_and_the_rest_stays() {
        let new = |indent: usize| {
            format!(
                "{0:indent$}- dependency: \"a:b:1\"\n{0:indent$}  snapshot: true\n",
                ""
            )
        };
        for (before, after) in [
            (
                "# mine\nlavalink:\n  plugins: # these\n    # the first\n    - path: x # here\n    - {url: 'http://y'}\n  server:\n    password: p\n",
                format!(
                    "# mine\nlavalink:\n  plugins: # these\n    # the first\n{}    - path: x # here\n    - {{url: 'http://y'}}\n  server:\n    password: p\n",
                    new(4)
                ),
            ),
            (
                "lavalink:\n    plugins:\n    #  - path: x\n    server: {password: p}\n",
                format!(
                    "lavalink:\n    plugins:\n{}    #  - path: x\n    server: {{password: p}}\n",
                    new(6)
                ),
            ),
            (
                "server: {port: 1}\nlavalink: # all of it\n\n   # about\n   server: {password: p}",
                format!(
                    "server: {{port: 1}}\nlavalink: # all of it\n   plugins:\n{}\n   # about\n   server: {{password: p}}",
                    new(5)
                ),
            ),
            (
                "server: {port: 1}",
                format!("server: {{port: 1}}\nlavalink:\n  plugins:\n{}", new(4)),
            ),
            (
                "lavalink:\n  plugins:\n  - path: x\n",
                format!("lavalink:\n  plugins:\n{}  - path: x\n", new(2)),
            ),
        ] {
            assert_eq!(
                with_plugin(before, &item()).as_deref(),
                Some(after.as_str()),
                "{before}"
            );
        }
    }

    #[test]
    fn what_is_written_otherwise_is_left_alone() {
        for text in [
            "",
            "# nothing\n",
            "lavalink: {plugins: [{path: x}]}\n",
            "lavalink: {server: {password: p}}\n",
            "lavalink:\n  plugins: [\n    {path: x}]\n",
            "a: 1\n---\nlavalink:\n  plugins:\n    - path: x\n",
            "lavalink:\n  plugins: text\n",
            "- a\n",
            "lavalink: [\n",
        ] {
            assert_eq!(with_plugin(text, &item()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_amended_rightly_or_not_at_all(
            text in "(lavalink:|plugins:|server:|- |path: x|\\{|\\}|\\[|\\]|#|\n|\n  |\n    | ){0,24}"
        ) {
            if let Some(amended) = with_plugin(&text, &item()) {
                let before = single(&text).unwrap().to_json();
                prop_assert_eq!(single(&amended).unwrap().to_json(), expected(before, &item()).unwrap());
            }
        }
    }
}
