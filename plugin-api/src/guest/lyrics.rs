//! The interface `lyrics` of a component.

// The generated part is from the WIT text, which has the documentation.
#![allow(unsafe_code, missing_docs, clippy::all)]

use self::exports::lavalink::plugin::lyrics as wit;
use super::host::NodeHost;
use super::part::{exports_of, part};
use super::{Exported, Glue};
use crate::carry::Carry;

exports_of!("lyrics-plugin");

impl<T: Exported> wit::Guest for Glue<T> {
    fn describe() -> Vec<String> {
        let sources = T::plugin().lyrics.iter();
        sources.map(|source| source.source_name()).collect()
    }
    fn load_lyrics(index: u32, track: wit::SourcedTrack) -> Result<Option<wit::FoundLyrics>, wit::Failure> {
        part(&T::plugin().lyrics, index)
            .and_then(|source| source.load_lyrics(&NodeHost, &track.carry()))
            .carry()
    }
}
