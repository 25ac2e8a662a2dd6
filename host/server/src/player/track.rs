//! A track as the node holds it, between the plugin that knows it, the track string and the wire.

use std::time::Duration;

use lavalink_plugin_api::{Failure, SourcedTrack, Track as PluginTrack, TrackInfo as PluginInfo};
use lavalink_protocol::codec::EncodedTrack;
use lavalink_protocol::json::JsonObject;
use lavalink_protocol::track::{Track, TrackInfo};

/// Version of the track string the node writes.
const WRITTEN_VERSION: u8 = 3;

/// A track that can be encoded and whose source is known.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedTrack {
    encoded: EncodedTrack,
    is_seekable: bool,
    plugin_info: JsonObject,
}

impl LoadedTrack {
    /// Takes over what the source `source` loaded.
    ///
    /// # Errors
    /// A fault when the track's texts do not fit a track string.
    pub fn from_plugin(source: &str, track: PluginTrack) -> Result<Self, Failure> {
        let info = track.info;
        let encoded = EncodedTrack {
            version: WRITTEN_VERSION,
            title: info.title,
            author: info.author,
            length: info.length.map_or(EncodedTrack::UNKNOWN_LENGTH, to_ms),
            identifier: info.identifier,
            is_stream: info.is_stream,
            uri: info.uri,
            artwork_url: info.artwork_url,
            isrc: info.isrc,
            source_name: source.to_owned(),
            details: track.details,
            position: 0,
        };
        // Tried once here; from now on only the position changes, so encoding cannot fail any more.
        encoded.encode().map_err(|error| {
            Failure::fault("The source gave a track that cannot be encoded.")
                .because(format!("{source}: {error}"))
        })?;
        Ok(Self {
            encoded,
            is_seekable: info.is_seekable,
            plugin_info: plugin_info(track.plugin_info.as_deref()),
        })
    }

    /// A track decoded from a track string. Java knows only streams not to be seekable before they play.
    pub(super) fn decoded(encoded: EncodedTrack, plugin_info: JsonObject) -> Self {
        Self {
            is_seekable: !encoded.is_stream,
            encoded,
            plugin_info,
        }
    }

    /// Takes over what the source made of its part of the track string.
    pub(super) fn set_details(&mut self, details: Vec<u8>, plugin_info: JsonObject) {
        self.encoded.details = details;
        self.plugin_info = plugin_info;
    }

    /// Name of the source.
    pub fn source(&self) -> &str {
        &self.encoded.source_name
    }

    /// Title, for the log.
    pub fn title(&self) -> &str {
        &self.encoded.title
    }

    /// Position stored in the track string it was decoded from, milliseconds.
    pub fn stored_position(&self) -> i64 {
        self.encoded.position
    }

    /// Whether playback can jump.
    pub fn is_seekable(&self) -> bool {
        self.is_seekable
    }

    /// What the source gets back to open the track.
    pub fn to_plugin(&self) -> PluginTrack {
        let encoded = &self.encoded;
        let length = u64::try_from(encoded.length)
            .ok()
            .filter(|ms| *ms != EncodedTrack::UNKNOWN_LENGTH as u64);
        PluginTrack {
            info: PluginInfo {
                identifier: encoded.identifier.clone(),
                is_seekable: self.is_seekable,
                author: encoded.author.clone(),
                length: length.map(Duration::from_millis),
                is_stream: encoded.is_stream,
                title: encoded.title.clone(),
                uri: encoded.uri.clone(),
                artwork_url: encoded.artwork_url.clone(),
                isrc: encoded.isrc.clone(),
            },
            details: encoded.details.clone(),
            plugin_info: (!self.plugin_info.is_empty()).then(|| self.plugin_info.as_str().to_owned()),
        }
    }

    /// The same with the name of the source.
    pub fn to_sourced(&self) -> SourcedTrack {
        SourcedTrack {
            source: self.source().to_owned(),
            track: self.to_plugin(),
        }
    }

    /// Adds to its `pluginInfo`; keys that are there already get the new value.
    pub fn add_plugin_info(&mut self, added: &JsonObject) {
        self.plugin_info.merge(added);
    }

    /// The wire form at `position`; `exact_length` is what playback found out. Milliseconds.
    pub fn to_wire(&self, position: i64, exact_length: Option<i64>, user_data: JsonObject) -> Track {
        let encoded = EncodedTrack {
            position,
            ..self.encoded.clone()
        };
        let text = encoded.encode().unwrap_or_default();
        let mut info = TrackInfo::from(encoded);
        info.is_seekable = self.is_seekable;
        info.length = exact_length.unwrap_or(info.length);
        Track {
            encoded: text,
            info,
            plugin_info: self.plugin_info.clone(),
            user_data,
        }
    }

    /// The wire form that repeats the track string it was decoded from.
    pub fn into_wire_as(self, text: String) -> Track {
        let mut info = TrackInfo::from(self.encoded);
        info.is_seekable = self.is_seekable;
        Track {
            encoded: text,
            info,
            plugin_info: self.plugin_info,
            user_data: JsonObject::default(),
        }
    }
}

/// Plugins give JSON text; what is not an object is reported and left out.
pub fn plugin_info(text: Option<&str>) -> JsonObject {
    let Some(text) = text else {
        return JsonObject::default();
    };
    JsonObject::parse(text).unwrap_or_else(|error| {
        tracing::warn!("a plugin gave a pluginInfo that is left out: {error}");
        JsonObject::default()
    })
}

/// Whole milliseconds.
pub fn to_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin_track() -> PluginTrack {
        PluginTrack {
            info: PluginInfo {
                identifier: "id".into(),
                is_seekable: true,
                author: "a".into(),
                length: Some(Duration::from_millis(61_234)),
                is_stream: false,
                title: "t".into(),
                uri: Some("http://example.org/a.mp3".into()),
                artwork_url: None,
                isrc: None,
            },
            details: vec![0, 3, b'm', b'p', b'3'],
            plugin_info: Some(r#"{"probeInfo":"mp3"}"#.into()),
        }
    }

    #[test]
    fn a_plugins_track_survives_the_round_trip() {
        let loaded = LoadedTrack::from_plugin("http", plugin_track()).expect("encodable");
        assert_eq!(loaded.to_plugin(), plugin_track());
        let wire = loaded.to_wire(500, Some(61_300), JsonObject::default());
        assert_eq!((wire.info.position, wire.info.length), (500, 61_300));
        let decoded = EncodedTrack::decode(&wire.encoded).expect("decodable");
        assert_eq!((decoded.position, decoded.length), (500, 61_234));
        assert_eq!(wire.plugin_info.as_str(), r#"{"probeInfo":"mp3"}"#);
    }

    #[test]
    fn a_stream_has_no_length() {
        let mut track = plugin_track();
        track.info.length = None;
        let loaded = LoadedTrack::from_plugin("http", track).expect("encodable");
        assert_eq!(loaded.to_plugin().info.length, None);
        assert_eq!(
            loaded.to_wire(0, None, JsonObject::default()).info.length,
            i64::MAX
        );
    }

    #[test]
    fn tracks_that_cannot_be_encoded_are_refused() {
        let mut track = plugin_track();
        track.info.title = "x".repeat(70_000);
        assert!(LoadedTrack::from_plugin("http", track).is_err());
    }

    #[test]
    fn broken_plugin_info_is_left_out() {
        assert!(plugin_info(Some("[1]")).is_empty());
        assert!(plugin_info(None).is_empty());
    }
}
