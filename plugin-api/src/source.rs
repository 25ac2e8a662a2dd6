//! The trait a source author writes.

use std::time::Duration;

use crate::{Failure, Host, Media, Playlist, Track};

/// What the host has to know about a source before it asks anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceDescriptor {
    /// Source name as it stands in encoded tracks and `sourceName`.
    pub name: String,
    /// Prefixes such as `ytsearch:` that only this source answers.
    pub search_prefixes: Vec<String>,
    /// Whether this source claims whatever the others left (http); such sources are asked last.
    pub is_fallback: bool,
}

/// What an identifier turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// Not this source's: the next one is asked.
    NotMine,
    /// This source's, but nothing is there.
    Nothing,
    /// One track.
    Track(Track),
    /// A playlist, album, …
    Playlist(Playlist),
    /// Hits of a search, best first.
    Search(Vec<Track>),
    /// Another identifier stands behind this one (an HTTP redirect, a playlist file); all sources are asked for it.
    Redirect {
        /// What to load instead.
        identifier: String,
        /// Title for the track found there, should it have none of its own.
        title: Option<String>,
    },
}

/// The checked tail of an encoded track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// The tail in the form this version writes.
    pub details: Vec<u8>,
    /// JSON object for `pluginInfo`; `None` is `{}`.
    pub plugin_info: Option<String>,
}

/// A place tracks come from.
///
/// Every method may be called from several threads at once and may block; the host gives each call a deadline.
pub trait Source: Send + Sync + 'static {
    /// Name, prefixes and rank. Called once, when the plugin is loaded.
    fn describe(&self) -> SourceDescriptor;

    /// Looks an identifier up.
    ///
    /// # Errors
    /// When the identifier is this source's but could not be looked up.
    fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure>;

    /// Checks the tail of an encoded track, which an older version of the plugin or Java may have written. Pure and
    /// quick: it is called for decoded tracks, and the host remembers answers.
    ///
    /// # Errors
    /// When no version of this source can have written these bytes.
    fn decode_details(&self, version: u8, details: &[u8]) -> Result<Details, Failure>;

    /// Says where the bytes of a track are. `position` is where playback will begin.
    ///
    /// # Errors
    /// When the track cannot be played.
    fn open(&self, host: &dyn Host, track: &Track, position: Duration) -> Result<Media, Failure>;
}
