//! Searches and lyrics of a guest.

use std::sync::Arc;

use lavalink_plugin_api::carry::Carry;
use lavalink_plugin_api::{
    Failure, Host, Lyrics, LyricsSource, Search, SearchKinds, SearchResults, SourcedTrack,
};

use super::guest::{Call, Guest};
use super::part::Part;
use crate::GuardLimits;
use crate::extensions::Described;

/// Either of them, with the source it names.
struct Finder {
    source: String,
    part: Part,
}

/// The searches of a guest.
///
/// # Errors
/// When it breaks, or has too many.
pub(super) fn searches_of(
    guest: &Arc<Guest>,
    limits: GuardLimits,
) -> Result<Described<String, dyn Search>, Failure> {
    let parts = Part::described(guest, limits, "search", |instance| {
        instance.faces.search()?.call_describe(&mut instance.store)
    })?;
    let searches = parts.into_iter().map(|(source, part)| {
        let name = source.clone();
        (name, Arc::new(Finder { source, part }) as Arc<dyn Search>)
    });
    Ok(searches.collect())
}

/// The sources of lyrics of a guest.
///
/// # Errors
/// When it breaks, or has too many.
pub(super) fn lyrics_of(
    guest: &Arc<Guest>,
    limits: GuardLimits,
) -> Result<Described<String, dyn LyricsSource>, Failure> {
    let parts = Part::described(guest, limits, "lyrics", |instance| {
        instance.faces.lyrics()?.call_describe(&mut instance.store)
    })?;
    let sources = parts.into_iter().map(|(source, part)| {
        let name = source.clone();
        (name, Arc::new(Finder { source, part }) as Arc<dyn LyricsSource>)
    });
    Ok(sources.collect())
}

impl Search for Finder {
    fn source_name(&self) -> String {
        self.source.clone()
    }

    fn search(
        &self,
        host: &dyn Host,
        query: &str,
        kinds: SearchKinds,
    ) -> Result<Option<SearchResults>, Failure> {
        let call = Call {
            what: "search",
            host: Some(host),
            limit: self.part.limits.search,
        };
        let kinds = kinds.carry();
        self.part.guest.call(call, |instance| {
            let search = instance.faces.search()?;
            let answer = search.call_search(&mut instance.store, self.part.index, query, kinds)?;
            Ok(answer.carry())
        })
    }
}

impl LyricsSource for Finder {
    fn source_name(&self) -> String {
        self.source.clone()
    }

    fn load_lyrics(&self, host: &dyn Host, track: &SourcedTrack) -> Result<Option<Lyrics>, Failure> {
        let call = Call {
            what: "load_lyrics",
            host: Some(host),
            limit: self.part.limits.search,
        };
        let track = track.clone().carry();
        self.part.guest.call(call, |instance| {
            let lyrics = instance.faces.lyrics()?;
            let answer = lyrics.call_load_lyrics(&mut instance.store, self.part.index, &track)?;
            Ok(answer.carry())
        })
    }
}
