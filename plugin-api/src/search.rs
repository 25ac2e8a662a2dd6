//! Search for more than tracks: `GET /v4/loadsearch`, as the LavaSearch plugin of the Java server has it.

use crate::{Failure, Host, Playlist, Track};

/// What is searched for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchKinds {
    /// Tracks.
    pub tracks: bool,
    /// Albums.
    pub albums: bool,
    /// Artists.
    pub artists: bool,
    /// Playlists.
    pub playlists: bool,
    /// Completions of the query.
    pub texts: bool,
}

/// A completion of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText {
    /// The text.
    pub text: String,
    /// JSON object for `plugin`; `None` is `{}`.
    pub plugin_info: Option<String>,
}

/// What was found, best first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchResults {
    /// Tracks of the source [`Search::source_name`] names.
    pub tracks: Vec<Track>,
    /// Albums; their tracks are not sent.
    pub albums: Vec<Playlist>,
    /// Artists; their tracks are not sent.
    pub artists: Vec<Playlist>,
    /// Playlists; their tracks are not sent.
    pub playlists: Vec<Playlist>,
    /// Completions.
    pub texts: Vec<SearchText>,
    /// JSON object for `plugin`; `None` is `{}`.
    pub plugin_info: Option<String>,
}

/// Searches.
pub trait Search: Send + Sync + 'static {
    /// The source the tracks belong to. Asked once, when the plugin is loaded.
    fn source_name(&self) -> String;

    /// Searches for the kinds named, for all when none is. `None` leaves the query to the next plugin.
    ///
    /// # Errors
    /// When the query is this plugin's but failed.
    fn search(
        &self,
        host: &dyn Host,
        query: &str,
        kinds: SearchKinds,
    ) -> Result<Option<SearchResults>, Failure>;
}
