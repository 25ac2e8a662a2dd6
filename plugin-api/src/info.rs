//! What plugins add to the tracks and media of others.

use crate::{Failure, Hint, Host, Playlist, SourcedTrack};

/// Adds to `pluginInfo` of tracks and playlists of any source.
pub trait InfoModifier: Send + Sync + 'static {
    /// For each track a JSON object whose keys are added to its `pluginInfo`, or `None`. As many answers as tracks. Called
    /// once for all tracks of a look-up.
    ///
    /// # Errors
    /// Reported; the tracks stay as they are.
    fn modify_tracks(&self, host: &dyn Host, tracks: &[SourcedTrack])
    -> Result<Vec<Option<String>>, Failure>;

    /// A JSON object whose keys are added to the playlist's `pluginInfo`, or `None`. `source` is where it is from.
    ///
    /// # Errors
    /// Reported; the playlist stays as it is.
    fn modify_playlist(
        &self,
        host: &dyn Host,
        source: &str,
        playlist: &Playlist,
    ) -> Result<Option<String>, Failure>;
}

/// Recognises media the node does not recognise by itself.
pub trait ContainerProbe: Send + Sync + 'static {
    /// Name of a container the node plays, such as `mp4`, when the medium is one: see [`crate::Probe::Audio`] for the
    /// names. `head` is the beginning, 64 KiB at most. Asked after the node has found nothing.
    ///
    /// # Errors
    /// Reported; the next probe is asked.
    fn sniff(&self, host: &dyn Host, head: &[u8], hint: &Hint) -> Result<Option<String>, Failure>;
}
