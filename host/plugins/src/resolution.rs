//! What a look-up across all sources found.

use lavalink_plugin_api::{Playlist, Track};

/// What stands behind an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// One track.
    Track(Track),
    /// A playlist, album, …
    Playlist(Playlist),
    /// Hits of a search, best first.
    Search(Vec<Track>),
    /// Nothing.
    Empty,
}

/// An identifier looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Name of the source that answered; empty when none did.
    pub source: String,
    /// What it answered.
    pub item: Item,
}

impl Resolution {
    /// Nobody knows the identifier.
    pub(crate) fn empty() -> Self {
        Self {
            source: String::new(),
            item: Item::Empty,
        }
    }

    /// The track to play when one is wanted: the selected or first of a playlist, the best hit of a search.
    pub(crate) fn into_track(self) -> Option<(String, Track)> {
        let track = match self.item {
            Item::Track(track) => Some(track),
            Item::Playlist(Playlist {
                selected, mut tracks, ..
            }) => {
                let index = selected
                    .and_then(|index| usize::try_from(index).ok())
                    .unwrap_or(0);
                if index < tracks.len() {
                    Some(tracks.swap_remove(index))
                } else {
                    tracks.into_iter().next()
                }
            }
            Item::Search(tracks) => tracks.into_iter().next(),
            Item::Empty => None,
        }?;
        Some((self.source, track))
    }
}
