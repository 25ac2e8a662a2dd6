//! `probeInfo`: what the tracks of the `http` and `local` sources remember of their container.
//!
//! As text it is the probe's name, with `|` and parameters behind it where the container needs them; as the tail of an
//! encoded track that text in [`java_utf`]; in JSON `pluginInfo.probeInfo`.

use crate::{Details, Failure, java_utf};

/// Probe names that encoded tracks may hold, in the order the probes are asked.
pub const PROBES: [&str; 11] = [
    "wav",
    "matroska/webm",
    "mp4",
    "flac",
    "ogg",
    "m3u",
    "pls",
    "plain",
    "mp3",
    "adts",
    "mpegts-adts",
];

/// Name of a probe and the parameters it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeInfo {
    /// One of [`PROBES`].
    pub container: String,
    /// Only `m3u` has some: `hls-outer` for a master playlist, `hls-inner` for a media playlist.
    pub parameters: Option<String>,
}

impl ProbeInfo {
    /// The text form.
    pub fn text(&self) -> String {
        match &self.parameters {
            Some(parameters) => format!("{}|{parameters}", self.container),
            None => self.container.clone(),
        }
    }

    /// The tail of an encoded track.
    ///
    /// # Errors
    /// When the parameters are too long to be encoded.
    pub fn details(&self) -> Result<Details, Failure> {
        let mut details = Vec::new();
        java_utf::write(&mut details, &self.text())
            .map_err(|error| Failure::fault("The track cannot be encoded.").because(error))?;
        Ok(Details {
            details,
            plugin_info: Some(self.plugin_info()),
        })
    }

    /// Reads the tail of an encoded track.
    ///
    /// # Errors
    /// When it is not one text, or names a probe that does not exist.
    pub fn from_details(details: &[u8]) -> Result<Self, Failure> {
        let unreadable = || Failure::common("The track is not one of this source.");
        let (text, rest) = java_utf::read(details).map_err(|error| unreadable().because(error))?;
        if !rest.is_empty() {
            return Err(unreadable().because(format!("{} bytes behind the probe name", rest.len())));
        }
        let (container, parameters) = match text.split_once('|') {
            Some((container, parameters)) => (container, Some(parameters.to_owned())),
            None => (text.as_str(), None),
        };
        if !PROBES.contains(&container) {
            return Err(unreadable().because(format!("unknown probe {container:?}")));
        }
        Ok(Self {
            container: container.to_owned(),
            parameters,
        })
    }

    /// Whether the track is an HLS playlist.
    pub fn is_hls(&self) -> bool {
        self.container == "m3u" && self.parameters.is_some()
    }

    /// The object for `pluginInfo`.
    fn plugin_info(&self) -> String {
        let mut json = String::from("{\"probeInfo\":\"");
        for c in self.text().chars() {
            match c {
                '"' | '\\' => json.extend(['\\', c]),
                // RFC 8259 section 7: control characters must be escaped.
                '\0'..='\x1f' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ => json.push(c),
            }
        }
        json.push_str("\"}");
        json
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_what_java_writes() {
        let hls = ProbeInfo {
            container: "m3u".to_owned(),
            parameters: Some("hls-outer".to_owned()),
        };
        let details = hls.details().unwrap();
        assert_eq!(details.details, b"\0\x0dm3u|hls-outer");
        assert_eq!(
            details.plugin_info.as_deref(),
            Some(r#"{"probeInfo":"m3u|hls-outer"}"#)
        );
        assert_eq!(ProbeInfo::from_details(&details.details), Ok(hls.clone()));
        assert!(hls.is_hls());
    }

    #[test]
    fn refuses_unknown_probes_and_trailing_bytes() {
        assert!(
            ProbeInfo::from_details(b"\0\x03mp9")
                .unwrap_err()
                .cause
                .contains("mp9")
        );
        assert!(
            ProbeInfo::from_details(b"\0\x03mp3x")
                .unwrap_err()
                .cause
                .contains("1 bytes")
        );
        assert!(ProbeInfo::from_details(b"").is_err());
    }

    #[test]
    fn escapes_json() {
        let odd = ProbeInfo {
            container: "m3u".to_owned(),
            parameters: Some("a\"b\\\n".to_owned()),
        };
        assert_eq!(odd.plugin_info(), r#"{"probeInfo":"m3u|a\"b\\\u000a"}"#);
    }

    proptest! {
        #[test]
        fn round_trip(probe in 0..PROBES.len(), parameters in proptest::option::of(any::<String>())) {
            let info = ProbeInfo { container: PROBES[probe].to_owned(), parameters };
            prop_assert_eq!(ProbeInfo::from_details(&info.details().unwrap().details), Ok(info));
        }
    }
}
