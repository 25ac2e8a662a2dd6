//! Lyrics: `GET /v4/lyrics` and its relatives, as the LavaLyrics plugin of the Java server has them.

use std::time::Duration;

use crate::{Failure, Host, SourcedTrack};

/// A line of timed lyrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LyricsLine {
    /// When it begins, from the start of the track.
    pub timestamp: Duration,
    /// How long it lasts, where that is known.
    pub duration: Option<Duration>,
    /// The text.
    pub line: String,
    /// JSON object for `plugin`; `None` is `{}`.
    pub plugin_info: Option<String>,
}

/// The lyrics of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lyrics {
    /// Where they were found.
    pub source_name: String,
    /// Who provides them there.
    pub provider: String,
    /// The whole text, where there is one.
    pub text: Option<String>,
    /// The timed lines in order; `None` when the lyrics are not timed.
    pub lines: Option<Vec<LyricsLine>>,
    /// JSON object for `plugin`; `None` is `{}`.
    pub plugin_info: Option<String>,
}

/// Finds lyrics.
pub trait LyricsSource: Send + Sync + 'static {
    /// The source whose tracks it is asked for first. Asked once, when the plugin is loaded.
    fn source_name(&self) -> String;

    /// The lyrics of a track of any source. `None` when it has none; the next plugin is asked then.
    ///
    /// # Errors
    /// When they could not be fetched.
    fn load_lyrics(&self, host: &dyn Host, track: &SourcedTrack) -> Result<Option<Lyrics>, Failure>;
}
