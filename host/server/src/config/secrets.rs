//! Which values are secrets, and how they are masked before anybody sees them.

use super::keys;
use super::path::{Segment, relaxed};

/// Stands for a secret.
pub const MASK: &str = "***";

/// Parts of the names plugins give to secrets, in relaxed form.
const WORDS: &[&str] = &[
    "passw",
    "secret",
    "token",
    "apikey",
    "credential",
    "cookie",
    "dsn",
    "decryptionkey",
    "privatekey",
    "arl",
    "spdc",
    "visitordata",
];

/// Whether the value at this path must not be shown.
pub fn is_secret(path: &[Segment]) -> bool {
    if keys::of(path).is_some_and(|key| key.is_secret()) {
        return true;
    }
    let names: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(relaxed(key)),
            Segment::Index(_) => None,
        })
        .collect();
    // JSON with all settings in it.
    if names == ["spring", "application", "json"] {
        return true;
    }
    // The keys of the table say so themselves, unless they take anything.
    if keys::of(path).is_some_and(|key| !key.name.ends_with("**")) {
        return false;
    }
    names
        .last()
        .is_some_and(|name| WORDS.iter().any(|word| name.contains(word)))
}

/// The text without user name and password in a URL.
pub fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{MASK}{}", &rest[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::path;

    #[test]
    fn secrets_are_known_by_the_table_or_by_their_name() {
        for (name, expected) in [
            ("lavalink.server.password", true),
            ("lavalink.server.httpConfig.proxy-password", true),
            ("lavalink.server.passwort", true),
            ("lavalink.server.playerUpdateInterval", false),
            ("plugins.youtube.oauth.refreshToken", true),
            ("plugins.lavasrc.spotify.clientSecret", true),
            ("plugins.lavasrc.deezer.masterDecryptionKey", true),
            ("plugins.lavasrc.spotify.clientId", false),
            ("server.ssl.certificate-private-key", false),
            ("spring.application.json", true),
            ("sentry.dsn", true),
        ] {
            assert_eq!(is_secret(&path::parse(name).expect(name)), expected, "{name}");
        }
    }

    #[test]
    fn urls_lose_their_credentials() {
        for (text, expected) in [
            ("http://u:p@h:1/x", "http://***@h:1/x"),
            ("http://h/x@y", "http://h/x@y"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_credentials(text), expected);
        }
    }
}
