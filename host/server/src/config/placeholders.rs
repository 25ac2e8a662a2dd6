//! `${NAME}` and `${NAME:default}` in configuration values.

use super::ConfigError;

/// Placeholders inside placeholders are followed this deep.
const MAX_DEPTH: usize = 16;

/// Replaces every placeholder of `text`; `lookup` finds the value of a name. `\${` stands for a literal `${`.
///
/// # Errors
/// When a name has no value and no default, or the nesting does not end.
pub fn resolve(
    key: &str,
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, ConfigError> {
    resolve_nested(key, text, lookup, 0)
}

fn resolve_nested(
    key: &str,
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<String, ConfigError> {
    let fail = |reason: String| ConfigError::Placeholder {
        key: key.to_owned(),
        reason,
    };
    if depth > MAX_DEPTH {
        return Err(fail("placeholders refer to each other without end".to_owned()));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if let Some(before) = rest[..at].strip_suffix('\\') {
            out.push_str(before);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let body = &rest[at + 2..];
        let Some(end) = closing_brace(body) else {
            // Not a placeholder after all: kept as written, as Spring does.
            out.push_str(&rest[at..]);
            return Ok(out);
        };
        let inner = resolve_nested(key, &body[..end], lookup, depth + 1)?;
        let (name, default) = match inner.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (inner.as_str(), None),
        };
        match lookup(name.trim()) {
            Some(value) => out.push_str(&resolve_nested(key, &value, lookup, depth + 1)?),
            None => match default {
                Some(default) => out.push_str(default),
                None => {
                    return Err(fail(format!(
                        "nothing is set for ${{{name}}} and it has no default"
                    )));
                }
            },
        }
        rest = &body[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Index of the brace that closes an already opened placeholder.
fn closing_brace(body: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = body.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'$' if bytes.get(index + 1) == Some(&b'{') => {
                depth += 1;
                index += 1;
            }
            b'}' if depth == 0 => return Some(index),
            b'}' => depth -= 1,
            _ => {}
        }
        index += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "A" => Some("one".to_owned()),
            "NAME" => Some("A".to_owned()),
            "LOOP" => Some("${LOOP}".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn placeholders_take_values_defaults_and_nesting() {
        for (text, expected) in [
            ("${A}", "one"),
            ("x${A}y${B:two}z", "xoneytwoz"),
            ("${B:}", ""),
            ("${B:http://h:1/}", "http://h:1/"),
            ("${B:${A}}", "one"),
            ("${${NAME}}", "one"),
            ("\\${A}", "${A}"),
            ("cost: $5 {x}", "cost: $5 {x}"),
            ("${unclosed", "${unclosed"),
        ] {
            assert_eq!(resolve("k", text, &lookup).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn missing_and_endless_placeholders_are_errors() {
        let missing = resolve("lavalink.server.password", "${NOPE}", &lookup)
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("lavalink.server.password") && missing.contains("NOPE"),
            "{missing}"
        );
        assert!(resolve("k", "${LOOP}", &lookup).is_err());
    }
}
