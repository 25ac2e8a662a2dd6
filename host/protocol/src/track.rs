//! A track as clients see it.

use serde::{Deserialize, Serialize};

use crate::codec::EncodedTrack;
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
