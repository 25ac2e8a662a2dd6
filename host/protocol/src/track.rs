//! A track as clients see it.

use serde::{Deserialize, Serialize};

use crate::codec::{EncodedTrack, TrackFields};
use crate::json::JsonObject;

pub use crate::exception::{Exception, Severity};
pub use crate::load::{LoadResult, Playlist, PlaylistInfo};

/// A track with its encoded form and additions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    /// Base64 track string (see [`crate::codec`]).
    pub encoded: String,
    /// The decoded fields.
    pub info: TrackInfo,
    /// Additions by plugins.
    pub plugin_info: JsonObject,
    /// Whatever the client attached.
    pub user_data: JsonObject,
}

/// Fields of a track; all eleven are always written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackInfo {
    /// Identifier within its source.
    pub identifier: String,
    /// Whether the position can be changed.
    pub is_seekable: bool,
    /// Author.
    pub author: String,
    /// Length in ms; [`EncodedTrack::UNKNOWN_LENGTH`] for streams.
    pub length: i64,
    /// Whether it is a live stream.
    pub is_stream: bool,
    /// Position in ms.
    pub position: i64,
    /// Title.
    pub title: String,
    /// Address for people.
    pub uri: Option<String>,
    /// Name of the source.
    pub source_name: String,
    /// Cover picture.
    pub artwork_url: Option<String>,
    /// International Standard Recording Code.
    pub isrc: Option<String>,
}

/// A [`Track`] that is only written, with borrowed texts: in an answer with hundreds of tracks copies were most of the cost.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownTrack<'a> {
    encoded: &'a str,
    info: ShownInfo<'a>,
    plugin_info: &'a JsonObject,
    user_data: JsonObject,
}

/// [`TrackInfo`], borrowed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownInfo<'a> {
    identifier: &'a str,
    is_seekable: bool,
    author: &'a str,
    length: i64,
    is_stream: bool,
    position: i64,
    title: &'a str,
    uri: Option<&'a str>,
    source_name: &'a str,
    artwork_url: Option<&'a str>,
    isrc: Option<&'a str>,
}

impl<'a> ShownTrack<'a> {
    /// The track that `encoded` decodes to, without user data. Seekable unless a stream, as Java assumes for a track that is
    /// not playing.
    #[must_use]
    pub fn new(encoded: &'a str, fields: &'a TrackFields<'a>, plugin_info: &'a JsonObject) -> Self {
        Self {
            encoded,
            info: ShownInfo {
                identifier: &fields.identifier,
                is_seekable: !fields.is_stream,
                author: &fields.author,
                length: fields.length,
                is_stream: fields.is_stream,
                position: fields.position,
                title: &fields.title,
                uri: fields.uri.as_deref(),
                source_name: &fields.source_name,
                artwork_url: fields.artwork_url.as_deref(),
                isrc: fields.isrc.as_deref(),
            },
            plugin_info,
            user_data: JsonObject::default(),
        }
    }
}

impl From<EncodedTrack> for TrackInfo {
    /// Seekable unless a stream, as Java assumes for a track that is not playing.
    fn from(track: EncodedTrack) -> Self {
        Self {
            identifier: track.identifier,
            is_seekable: !track.is_stream,
            author: track.author,
            length: track.length,
            is_stream: track.is_stream,
            position: track.position,
            title: track.title,
            uri: track.uri,
            source_name: track.source_name,
            artwork_url: track.artwork_url,
            isrc: track.isrc,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::TrackBuffer;
    use crate::json;

    proptest! {
        #[test]
        fn shown_as_a_track_is_written(
            texts in proptest::collection::vec("\\PC{0,20}", 7),
            flags in any::<[bool; 4]>(),
            numbers in any::<[i64; 2]>(),
        ) {
            let text = |at: usize| texts[at].clone();
            let optional = |at: usize| flags[at].then(|| text(at));
            let encoded = EncodedTrack {
                version: 3,
                title: text(0),
                author: text(1),
                length: numbers[0],
                identifier: text(2),
                is_stream: flags[3],
                uri: optional(0),
                artwork_url: optional(1),
                isrc: optional(2),
                source_name: "soundcloud".to_owned(),
                details: Vec::new(),
                position: numbers[1],
            };
            let string = encoded.encode().unwrap();
            let info = JsonObject::parse(r#"{"a":"b"}"#).unwrap();
            let mut buffer = TrackBuffer::default();
            let fields = buffer.decode(&string).unwrap();
            let shown = json::to_string(&ShownTrack::new(&string, &fields, &info));
            let track = Track {
                encoded: string.clone(),
                info: encoded.into(),
                plugin_info: info.clone(),
                user_data: JsonObject::default(),
            };
            prop_assert_eq!(shown, json::to_string(&track));
        }
    }
}
