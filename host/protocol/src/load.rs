//! Answers of `GET /v4/loadtracks`.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::exception::Exception;
use crate::json::JsonObject;
use crate::track::Track;

/// What an identifier led to; `{"loadType":…,"data":…}` in JSON.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "loadType", content = "data", rename_all = "lowercase")]
pub enum LoadResult {
    /// One track.
    Track(Box<Track>),
    /// A playlist that is not a search.
    Playlist(Playlist),
    /// Results of a search.
    Search(Vec<Track>),
    /// Nothing was found; `data` is `null`.
    Empty,
    /// Loading failed.
    Error(Exception),
}

impl Serialize for LoadResult {
    // Not derived: `data` of an empty result has to be `null`, where a derive would leave it out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("LoadResult", 2)?;
        let load_type = match self {
            Self::Track(_) => "track",
            Self::Playlist(_) => "playlist",
            Self::Search(_) => "search",
            Self::Empty => "empty",
            Self::Error(_) => "error",
        };
        answer.serialize_field("loadType", load_type)?;
        match self {
            Self::Track(track) => answer.serialize_field("data", track),
            Self::Playlist(playlist) => answer.serialize_field("data", playlist),
            Self::Search(tracks) => answer.serialize_field("data", tracks),
            Self::Empty => answer.serialize_field("data", &()),
            Self::Error(exception) => answer.serialize_field("data", exception),
        }?;
        answer.end()
    }
}

/// A playlist with its tracks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Playlist {
    /// Name and selection.
    pub info: PlaylistInfo,
    /// Additions by plugins.
    pub plugin_info: JsonObject,
    /// The tracks.
    pub tracks: Vec<Track>,
}

/// Name and selection of a playlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaylistInfo {
    /// Name.
    pub name: String,
    /// Index of the selected track in `tracks`, -1 if none.
    pub selected_track: i32,
}
