//! Media types as `Accept` and `Content-Type` name them, read and written as Spring does.

use std::fmt;

/// `type/subtype;name=value`; either part may be a wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// In lower case.
    pub kind: String,
    /// In lower case.
    pub subtype: String,
    /// Names in lower case; values as sent, quotes included.
    pub parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads one type; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text, ';').into_iter();
        let essence = parts.next().unwrap_or_default().trim();
        // Old Java clients send a lone star.
        let essence = if essence == "*" { "*/*" } else { essence };
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) || (kind == "*" && subtype != "*") {
            return None;
        }
        let mut parameters = Vec::new();
        for part in parts {
            if let Some((name, value)) = part.split_once('=') {
                let (name, value) = (name.trim(), value.trim());
                if !is_token(name) || !(is_token(value) || is_quoted(value)) {
                    return None;
                }
                parameters.push((name.to_ascii_lowercase(), value.to_owned()));
            }
        }
        Some(Self {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            parameters,
        })
    }

    /// Value of a parameter, without quotes.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(key, _)| key == name)?;
        Some(value.trim_matches('"'))
    }

    /// Whether this is `application/json` or `application/…+json`.
    pub fn is_json(&self) -> bool {
        self.kind == "application" && (self.subtype == "json" || self.subtype.ends_with("+json"))
    }

    /// Whether type or subtype are left open.
    pub fn is_wildcard(&self) -> bool {
        self.subtype == "*" || self.subtype.starts_with("*+")
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.subtype)?;
        for (name, value) in &self.parameters {
            write!(f, ";{name}={value}")?;
        }
        Ok(())
    }
}

/// The parts between separators that do not stand in quotes.
pub fn split(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    text.split(|c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    })
    .collect()
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn is_quoted(text: &str) -> bool {
    text.len() >= 2 && text.starts_with('"') && text.ends_with('"') && !text[1..text.len() - 1].contains('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_they_are_understood() {
        for (text, written) in [
            ("text/plain", "text/plain"),
            (" Text/Plain ; Charset=UTF-8", "text/plain;charset=UTF-8"),
            ("*", "*/*"),
            ("* ; q=.2", "*/*;q=.2"),
            ("application/*+json", "application/*+json"),
            ("a/b;x=\"1;2\";novalue;y=3", "a/b;x=\"1;2\";y=3"),
        ] {
            assert_eq!(
                MediaType::parse(text).map(|kind| kind.to_string()).as_deref(),
                Some(written),
                "{text}"
            );
        }
        for text in [
            "",
            "nonsense",
            "*/json",
            "a/",
            "/b",
            "a b/c",
            "a/b;x=\"1",
            "a/b;x=",
            "a/b;=1",
        ] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn parameters_lose_their_quotes() {
        let kind = MediaType::parse("application/json; charset=\"utf-16\"").expect("a type");
        assert_eq!(kind.parameter("charset"), Some("utf-16"));
        assert_eq!(kind.parameter("q"), None);
        assert!(kind.is_json() && !kind.is_wildcard());
    }
}
