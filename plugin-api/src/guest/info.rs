//! The interface `info` of a component.

// The generated part is from the WIT text, which has the documentation.
#![allow(unsafe_code, missing_docs, clippy::all)]

use self::exports::lavalink::plugin::info as wit;
use super::host::NodeHost;
use super::part::{count, exports_of, part};
use super::{Exported, Glue};
use crate::carry::Carry;

exports_of!("info-plugin");

impl<T: Exported> wit::Guest for Glue<T> {
    fn count() -> u32 {
        count(&T::plugin().modifiers)
    }
    fn modify_tracks(
        index: u32,
        tracks: Vec<wit::SourcedTrack>,
    ) -> Result<Vec<Option<String>>, wit::Failure> {
        let tracks: Vec<crate::SourcedTrack> = tracks.carry();
        part(&T::plugin().modifiers, index)
            .and_then(|modifier| modifier.modify_tracks(&NodeHost, &tracks))
            .carry()
    }
    fn modify_playlist(
        index: u32,
        source: String,
        playlist: wit::Playlist,
    ) -> Result<Option<String>, wit::Failure> {
        part(&T::plugin().modifiers, index)
            .and_then(|modifier| modifier.modify_playlist(&NodeHost, &source, &playlist.carry()))
            .carry()
    }
}
