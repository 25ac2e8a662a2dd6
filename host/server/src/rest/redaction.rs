//! Keeps secrets out of the request log.

use axum::http::{HeaderMap, HeaderName, header};

/// What stands in a secret's place.
const MASK: &str = "***";
/// Members of JSON bodies that let others into a voice connection.
const SECRET_MEMBERS: [&str; 2] = ["token", "sessionId"];

/// `Name:"value"` for each header, separated by commas, as Java writes them; values of one name stand together. Names are
/// spelled as most clients spell them: `User-Id`.
pub fn headers(headers: &HeaderMap) -> String {
    let mut text = String::new();
    for name in headers.keys() {
        if !text.is_empty() {
            text.push_str(", ");
        }
        push_title_case(&mut text, name.as_str());
        text.push(':');
        for (index, value) in headers.get_all(name).iter().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            text.push('"');
            if is_secret(name) {
                text.push_str(MASK);
            } else {
                text.push_str(&String::from_utf8_lossy(value.as_bytes()));
            }
            text.push('"');
        }
    }
    text
}

fn is_secret(name: &HeaderName) -> bool {
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(name)
}

fn push_title_case(text: &mut String, name: &str) {
    let mut is_start = true;
    for c in name.chars() {
        text.push(if is_start { c.to_ascii_uppercase() } else { c });
        is_start = c == '-';
    }
}

/// A JSON body, or the front of one, with the values of secret members starred out, however their names are written.
/// Everything else stays as it is, also when it is no JSON.
pub fn body(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(quote) = rest.find('"') {
        let (before, string) = rest.split_at(quote);
        let (string, after) = string.split_at(string_length(string));
        out.push_str(before);
        out.push_str(string);
        rest = after;
        let value = after.trim_start().strip_prefix(':').map(str::trim_start);
        if let Some(value) = value.filter(|_| is_secret_member(string)) {
            out.push_str(&after[..after.len() - value.len()]);
            rest = push_masked(&mut out, value);
        }
    }
    out.push_str(rest);
    out
}

/// Writes the mask for the scalar at the front of `value` and returns what follows; objects and arrays are looked into.
fn push_masked<'a>(out: &mut String, value: &'a str) -> &'a str {
    if value.starts_with('"') {
        out.push('"');
        out.push_str(MASK);
        out.push('"');
        return &value[string_length(value)..];
    }
    if value.starts_with(['{', '[']) {
        return value;
    }
    out.push_str(MASK);
    let end = value.find([',', '}', ']']).unwrap_or(value.len());
    &value[end..]
}

/// Whether a string with its quotes is the name of a secret member; names may be written with escapes.
fn is_secret_member(string: &str) -> bool {
    serde_json::from_str::<String>(string).is_ok_and(|name| SECRET_MEMBERS.contains(&name.as_str()))
}

/// Bytes of the string that begins at the front of `text`, quotes included; all of it when it does not end.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn secret_members_are_starred_out() {
        for (text, expected) in [
            (
                r#"{"voice": {"token" : "secret", "endpoint": "e", "sessionId":"s","channelId":"1"}}"#,
                r#"{"voice": {"token" : "***", "endpoint": "e", "sessionId":"***","channelId":"1"}}"#,
            ),
            (r#"{"token":"a","token":"b"}"#, r#"{"token":"***","token":"***"}"#),
            (r#"{"token":"with \" quote","x":1}"#, r#"{"token":"***","x":1}"#),
            (r#"{"to\u006ben":"secret"}"#, r#"{"to\u006ben":"***"}"#),
            (r#"{"token":"cut off"#, r#"{"token":"***""#),
            (r#"{"token":"cut off\"#, r#"{"token":"***""#),
            (
                r#"{"token":12345,"paused":true}"#,
                r#"{"token":***,"paused":true}"#,
            ),
            (r#"{"token":{"token":"x"}}"#, r#"{"token":{"token":"***"}}"#),
            ("{\"token\"\n:\n\"x\"}", "{\"token\"\n:\n\"***\"}"),
            (
                r#"{"text":"\"token\":\"kept\""}"#,
                r#"{"text":"\"token\":\"kept\""}"#,
            ),
            (
                r#"{"track":{"identifier":"token"},"paused":true}"#,
                r#"{"track":{"identifier":"token"},"paused":true}"#,
            ),
            ("no json \u{e9} \"", "no json \u{e9} \""),
            ("", ""),
        ] {
            assert_eq!(body(text), expected);
        }
    }

    #[test]
    fn the_password_is_starred_out_and_names_are_spelled_as_usual() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            (header::AUTHORIZATION, "youshallnotpass"),
            (HeaderName::from_static("user-id"), "1"),
            (header::ACCEPT, "a/b"),
            (header::ACCEPT, "c/d"),
        ] {
            map.append(name, HeaderValue::from_static(value));
        }
        assert_eq!(
            headers(&map),
            r#"Authorization:"***", User-Id:"1", Accept:"a/b", "c/d""#
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived_and_no_token_gets_through(before in ".{0,20}", secret in "[a-z]{8}", after in ".{0,20}") {
            let _ = body(&before);
            let json = serde_json::json!({"x": before, "voice": {"token": secret.clone(), "sessionId": secret.clone()}, "y": after});
            let masked = body(&json.to_string());
            proptest::prop_assert!(masked.contains(&secret) == (before.contains(&secret) || after.contains(&secret)), "{}", masked);
        }
    }
}
