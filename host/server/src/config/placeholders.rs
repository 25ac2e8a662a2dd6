//! `${NAME}` and `${NAME:default}` in configuration values.

/// Placeholders inside placeholders are followed this deep.
const MAX_DEPTH: usize = 16;

/// Replaces every placeholder of `text`; `lookup` finds the value of a name. `\${` stands for a literal `${`.
///
/// # Errors
/// When a name has no value and no default, or the nesting does not end.
pub fn resolve(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    resolve_nested(text, lookup, 0)
}

fn resolve_nested(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<String, String> {
    if depth > MAX_DEPTH {
        return Err("placeholders refer to each other without end".to_owned());
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
        let inner = resolve_nested(&body[..end], lookup, depth + 1)?;
        let (name, default) = match inner.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (inner.as_str(), None),
        };
        match lookup(name.trim()).or_else(|| random(name.trim())) {
            Some(value) => out.push_str(&resolve_nested(&value, lookup, depth + 1)?),
            None => match default {
                Some(default) => out.push_str(default),
                None => {
                    return Err(format!("nothing is set for ${{{name}}} and it has no default"));
                }
            },
        }
        rest = &body[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Spring's `random.*` values.
fn random(name: &str) -> Option<String> {
    Some(match name {
        "random.int" => rand::random::<i32>().to_string(),
        "random.long" => rand::random::<i64>().to_string(),
        "random.value" => format!("{:032x}", rand::random::<u128>()),
        _ => return None,
    })
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
            assert_eq!(resolve(text, &lookup).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn random_values_differ() {
        let value = |name: &str| resolve(&format!("${{random.{name}}}"), &lookup).expect(name);
        assert_ne!(value("value"), value("value"));
        assert_eq!(value("value").len(), 32);
        assert!(value("int").parse::<i32>().is_ok());
    }

    #[test]
    fn missing_and_endless_placeholders_are_errors() {
        let missing = resolve("${NOPE}", &lookup).unwrap_err();
        assert!(missing.contains("NOPE"), "{missing}");
        assert!(resolve("${LOOP}", &lookup).is_err());
    }
}
