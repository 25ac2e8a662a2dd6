//! Java's `.properties` files into a configuration tree.

use std::path::Path;
use std::sync::Arc;

use super::error::ConfigError;
use super::origin::Origin;
use super::path;
use super::tree::Node;

/// Reads the documents of a properties text; a line `#---` or `!---` parts them, as in Spring Boot.
///
/// # Errors
/// The place of a key that cannot be one.
pub fn parse(text: &str, file: &Arc<Path>) -> Result<Vec<Node>, ConfigError> {
    let mut documents = vec![Node::empty()];
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let start = line.trim_start();
        if matches!(start.trim_end(), "#---" | "!---") {
            documents.push(Node::empty());
            continue;
        }
        if start.is_empty() || start.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = start.to_owned();
        while ends_with_continuation(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start()),
                None => break,
            }
        }
        let origin = Origin::file(file, index + 1);
        let (key, value) = split(&logical);
        let key = unescape(key);
        let node = Node::text_at(unescape(value), origin.clone());
        let is_placed = path::parse(&key).is_some_and(|steps| {
            let steps = path::with_dotted_keys(steps);
            documents.last_mut().is_some_and(|tree| tree.insert(&steps, node))
        });
        if !is_placed {
            return Err(ConfigError::Syntax {
                origin,
                kind: "a properties file",
                reason: format!("`{key}` is not a key"),
            });
        }
    }
    Ok(documents)
}

/// Whether the line ends with an odd number of backslashes.
fn ends_with_continuation(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// Key and value, still escaped: parted by `=`, `:` or white space, with white space around.
fn split(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = line
        .char_indices()
        .find(|(_, c)| {
            let is_end = !is_escaped && (matches!(c, '=' | ':') || c.is_whitespace());
            is_escaped = *c == '\\' && !is_escaped;
            is_end
        })
        .map_or(line.len(), |(index, _)| index);
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start())
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = rest.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok();
                out.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
            }
            // In front of `${` it belongs to the placeholder syntax.
            Some('$') => out.push_str("\\$"),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Vec<Node>, ConfigError> {
        parse(text, &Arc::from(Path::new("application.properties")))
    }

    #[test]
    fn the_format_of_java_is_read() {
        let documents = read(
            "# comment\n! another\n\nserver.port=2444\nlavalink.server.password : a\\u0041\\=b\n\
             lavalink.server.filters.channelMix false\nlavalink.plugins[0].dependency=g:n\\\n   :v\nempty=\n\
             logging.level.lavalink.server.io=DEBUG\n#---\nspring.config.activate.on-profile=x\n",
        )
        .expect("properties");
        assert_eq!(documents.len(), 2);
        assert_eq!(
            documents[0].to_json(),
            json!({
                "server": {"port": "2444"},
                "lavalink": {"server": {"password": "aA=b", "filters": {"channelMix": "false"}},
                             "plugins": [{"dependency": "g:n:v"}]},
                "empty": "",
                "logging": {"level": {"lavalink.server.io": "DEBUG"}},
            })
        );
        let port = documents[0].at("server.port").expect("a value");
        assert_eq!(port.origin.to_string(), "application.properties:4");
    }

    #[test]
    fn a_key_that_is_none_is_named() {
        let error = read("a=1\nb..c=2\n").expect_err("wrong").to_string();
        assert!(
            error.contains("application.properties:2") && error.contains("b..c"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[ -~\\n\\\\]{0,80}") {
            let _either = read(&text);
        }
    }
}
