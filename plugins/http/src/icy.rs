//! What Icecast and Shoutcast servers say about a station in their headers.

use lavalink_plugin_api::Header;

/// Name and description of a station.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Station {
    /// `icy-description`, else `icy-url`.
    pub(crate) title: Option<String>,
    /// `icy-name`.
    pub(crate) author: Option<String>,
}

impl Station {
    pub(crate) fn of(headers: &[Header]) -> Self {
        let value = |name: &str| {
            let (_, value) = headers.iter().find(|(n, _)| n == name)?;
            let text = text(value);
            (!text.is_empty()).then_some(text)
        };
        Self {
            title: value("icy-description").or_else(|| value("icy-url")),
            author: value("icy-name"),
        }
    }
}

/// Stations write UTF-8 or, the older ones, Latin-1, in which every byte is the code point of its character.
fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => value
            .iter()
            .map(|&byte| char::from(byte))
            .collect::<String>()
            .trim()
            .to_owned(),
    }
}
