//! What plugins add to tracks, recognise in media, and find beside tracks.

use std::sync::Arc;

use lavalink_plugin_api::{Failure, Hint, Lyrics, Playlist, SearchKinds, SearchResults, SourcedTrack};

use crate::bounds::{bounded_additions, bounded_lyrics, bounded_results};
use crate::plugins::Plugins;

impl Plugins {
    /// Whether any plugin modifies `pluginInfo`.
    pub fn has_modifiers(&self) -> bool {
        let table = self.table();
        let mut slots = table.slots().iter();
        slots.any(|slot| !slot.active.loaded.extensions.modifiers.is_empty())
    }

    /// For each track the JSON objects to be added to its `pluginInfo`, in the order they are to be merged. A modifier
    /// that fails, or answers for another number of tracks, is reported and left out.
    pub async fn modify_tracks(&self, tracks: Vec<SourcedTrack>) -> Vec<Vec<String>> {
        let mut added = vec![Vec::new(); tracks.len()];
        let tracks = Arc::new(tracks);
        for part in self.parts(|extensions| extensions.modifiers.clone()) {
            let (given, plugin) = (Arc::clone(&tracks), part.plugin().to_owned());
            let answer =
                part.call("modify_tracks", part.limits.info, move |modifier, host| {
                    let answers = modifier.modify_tracks(host, &given)?;
                    if answers.len() == given.len() {
                        return bounded_additions(&plugin, answers);
                    }
                    Err(
                        Failure::fault("The modifier answers for another number of tracks.")
                            .because(format!("{} instead of {}", answers.len(), given.len())),
                    )
                });
            match answer.await {
                Ok(answers) => {
                    for (objects, answer) in added.iter_mut().zip(answers) {
                        objects.extend(answer);
                    }
                }
                Err(failure) => part.report("its modifier of pluginInfo failed", &failure),
            }
        }
        added
    }

    /// The JSON objects to be added to a playlist's `pluginInfo`, in the order they are to be merged.
    pub async fn modify_playlist(&self, source: &str, playlist: Playlist) -> Vec<String> {
        let mut added = Vec::new();
        let playlist = Arc::new((source.to_owned(), playlist));
        for part in self.parts(|extensions| extensions.modifiers.clone()) {
            let (given, plugin) = (Arc::clone(&playlist), part.plugin().to_owned());
            let answer = part.call("modify_playlist", part.limits.info, move |modifier, host| {
                let answer = modifier.modify_playlist(host, &given.0, &given.1)?;
                bounded_additions(&plugin, vec![answer])
            });
            match answer.await {
                Ok(answer) => added.extend(answer.into_iter().flatten()),
                Err(failure) => part.report("its modifier of pluginInfo failed", &failure),
            }
        }
        added
    }

    /// Whether any plugin probes for containers.
    pub fn has_probes(&self) -> bool {
        let table = self.table();
        let mut slots = table.slots().iter();
        slots.any(|slot| !slot.active.loaded.extensions.probes.is_empty())
    }

    /// The name of the container a plugin recognises.
    pub async fn sniff(&self, head: Vec<u8>, hint: Hint) -> Option<String> {
        let given = Arc::new((head, hint));
        for part in self.parts(|extensions| extensions.probes.clone()) {
            let given = Arc::clone(&given);
            let answer = part.call("sniff", part.limits.probe, move |probe, host| {
                probe.sniff(host, &given.0, &given.1)
            });
            match answer.await {
                Ok(Some(container)) => return Some(container),
                Ok(None) => {}
                Err(failure) => part.report("its container probe failed", &failure),
            }
        }
        None
    }

    /// Whether any plugin searches.
    pub fn has_searches(&self) -> bool {
        let table = self.table();
        let mut slots = table.slots().iter();
        slots.any(|slot| !slot.active.loaded.extensions.searches.is_empty())
    }

    /// Searches: the plugins are asked in order until one finds something. Answers with the source of the tracks.
    ///
    /// # Errors
    /// The first failure, when nobody found anything.
    pub async fn search(
        &self,
        query: &str,
        kinds: SearchKinds,
    ) -> Result<Option<(String, SearchResults)>, Failure> {
        let mut first = None;
        for (source, part) in self.described_parts(|extensions| extensions.searches.clone()) {
            let (query, plugin) = (query.to_owned(), part.plugin().to_owned());
            let answer = part.call("search", part.limits.search, move |search, host| {
                let found = search.search(host, &query, kinds)?;
                found.map(|results| bounded_results(&plugin, results)).transpose()
            });
            match answer.await {
                Ok(Some(results)) => return Ok(Some((source, results))),
                Ok(None) => {}
                Err(failure) => {
                    part.report("its search failed", &failure);
                    first.get_or_insert(failure);
                }
            }
        }
        first.map_or(Ok(None), Err)
    }

    /// Whether any plugin finds lyrics.
    pub fn has_lyrics(&self) -> bool {
        let table = self.table();
        let mut slots = table.slots().iter();
        slots.any(|slot| !slot.active.loaded.extensions.lyrics.is_empty())
    }

    /// The lyrics of a track: the plugin of the track's own source is asked first, unless that is to be skipped, then all
    /// in order.
    ///
    /// # Errors
    /// The first failure, when nobody found anything.
    pub async fn lyrics(&self, track: SourcedTrack, skip_own: bool) -> Result<Option<Lyrics>, Failure> {
        let mut parts = self.described_parts(|extensions| extensions.lyrics.clone());
        if !skip_own {
            // Stable, so the others keep their order.
            parts.sort_by_key(|(source, _)| *source != track.source);
        }
        let track = Arc::new(track);
        let mut first = None;
        for (_, part) in parts {
            let (given, plugin) = (Arc::clone(&track), part.plugin().to_owned());
            let answer = part.call("lyrics", part.limits.search, move |lyrics, host| {
                let found = lyrics.load_lyrics(host, &given)?;
                found.map(|lyrics| bounded_lyrics(&plugin, lyrics)).transpose()
            });
            match answer.await {
                Ok(Some(lyrics)) => return Ok(Some(lyrics)),
                Ok(None) => {}
                Err(failure) => {
                    part.report("its source of lyrics failed", &failure);
                    first.get_or_insert(failure);
                }
            }
        }
        first.map_or(Ok(None), Err)
    }
}
