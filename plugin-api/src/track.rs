//! Tracks and playlists as a source hands them out.

use std::time::Duration;

/// What is known about a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInfo {
    /// The source's own name for the track; what `open` goes by.
    pub identifier: String,
    /// Whether playback can jump.
    pub is_seekable: bool,
    /// `Unknown artist` when nothing better is known.
    pub author: String,
    /// Play time; `None` for a stream whose end is not known.
    pub length: Option<Duration>,
    /// Whether it is a live stream.
    pub is_stream: bool,
    /// `Unknown title` when nothing better is known.
    pub title: String,
    /// Page or file for people.
    pub uri: Option<String>,
    /// Cover picture.
    pub artwork_url: Option<String>,
    /// International Standard Recording Code.
    pub isrc: Option<String>,
}

/// A track of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// What is known about it.
    pub info: TrackInfo,
    /// The source-specific tail of the encoded track, byte for byte as Java's `encodeTrack` would write it.
    pub details: Vec<u8>,
    /// JSON object for `pluginInfo`; `None` is `{}`.
    pub plugin_info: Option<String>,
}

/// A track together with the name of the source it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcedTrack {
    /// `sourceName`.
    pub source: String,
    /// The track.
    pub track: Track,
}

/// Tracks under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playlist {
    /// Name for people.
    pub name: String,
    /// Index of the track the identifier pointed at.
    pub selected: Option<u32>,
    /// In order.
    pub tracks: Vec<Track>,
    /// JSON object for `pluginInfo`; `None` is `{}`.
    pub plugin_info: Option<String>,
}
