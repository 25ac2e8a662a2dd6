//! Turns what plugins find into the wire's load results and into playable tracks.

use lavalink_plugin_api::{Failure, Playlist as FoundPlaylist};
use lavalink_plugins::{Item, Plugins};
use lavalink_protocol::json::JsonObject;
use lavalink_protocol::load::{LoadResult, Playlist, PlaylistInfo};
use lavalink_protocol::track::Track;

use crate::failure;
use crate::player::{LoadedTrack, plugin_info};

/// What a client asked to play by identifier turned out to be.
#[derive(Debug)]
pub enum Playable {
    /// A track.
    Track(Box<LoadedTrack>),
    /// A playlist or search result, which cannot be played as such.
    Several,
    /// Nothing.
    Nothing,
}

/// Looks an identifier up for `loadtracks`. Failures are a result of their own.
pub async fn load(plugins: &Plugins, identifier: &str) -> LoadResult {
    tracing::info!("Got request to load for identifier {identifier:?}");
    match find(plugins, identifier).await {
        Ok(result) => {
            match &result {
                LoadResult::Track(track) => tracing::info!("Loaded track {}", track.info.title),
                LoadResult::Playlist(playlist) => tracing::info!("Loaded playlist {}", playlist.info.name),
                LoadResult::Search(tracks) => {
                    tracing::info!("Loaded search result with {} tracks", tracks.len())
                }
                LoadResult::Empty | LoadResult::Error(_) => {
                    tracing::info!("No matches found for {identifier:?}")
                }
            }
            result
        }
        Err(failure) => {
            tracing::warn!("Could not load {identifier:?}: {failure}");
            LoadResult::Error(failure::to_exception(&failure))
        }
    }
}

async fn find(plugins: &Plugins, identifier: &str) -> Result<LoadResult, Failure> {
    let found = plugins.load_identifier(identifier).await?;
    let source = found.source.as_str();
    Ok(match found.item {
        Item::Track(track) => {
            let mut track = LoadedTrack::from_plugin(source, track)?;
            add_info(plugins, std::slice::from_mut(&mut track)).await;
            LoadResult::Track(Box::new(fresh(&track)))
        }
        Item::Playlist(mut playlist) => {
            let plugin_info = playlist_info(plugins, source, &playlist).await;
            let selected = playlist.selected.and_then(|index| usize::try_from(index).ok());
            let mut selected_track = -1;
            let mut tracks = Vec::with_capacity(playlist.tracks.len());
            for (index, track) in std::mem::take(&mut playlist.tracks).into_iter().enumerate() {
                let Some(track) = encodable(source, track) else {
                    continue;
                };
                if selected == Some(index) {
                    selected_track = i32::try_from(tracks.len()).unwrap_or(-1);
                }
                tracks.push(track);
            }
            add_info(plugins, &mut tracks).await;
            LoadResult::Playlist(Playlist {
                info: PlaylistInfo {
                    name: playlist.name,
                    selected_track,
                },
                plugin_info,
                tracks: tracks.iter().map(fresh).collect(),
            })
        }
        Item::Search(tracks) => LoadResult::Search(list(plugins, source, tracks).await),
        Item::Empty => LoadResult::Empty,
    })
}

/// Looks an identifier up for playing.
///
/// # Errors
/// The source's failure.
pub async fn playable(plugins: &Plugins, identifier: &str) -> Result<Playable, Failure> {
    let found = plugins.load_identifier(identifier).await?;
    Ok(match found.item {
        Item::Track(track) => {
            let mut track = LoadedTrack::from_plugin(&found.source, track)?;
            add_info(plugins, std::slice::from_mut(&mut track)).await;
            Playable::Track(Box::new(track))
        }
        Item::Playlist(_) | Item::Search(_) => Playable::Several,
        Item::Empty => Playable::Nothing,
    })
}

fn fresh(track: &LoadedTrack) -> Track {
    track.to_wire(0, None, JsonObject::default())
}

/// Tracks of one source on the wire.
pub async fn list(plugins: &Plugins, source: &str, tracks: Vec<lavalink_plugin_api::Track>) -> Vec<Track> {
    let tracks = tracks.into_iter().filter_map(|track| encodable(source, track));
    let mut tracks: Vec<LoadedTrack> = tracks.collect();
    add_info(plugins, &mut tracks).await;
    tracks.iter().map(fresh).collect()
}

/// Lets plugins add to the `pluginInfo` of tracks, all in one call of each plugin.
pub async fn add_info(plugins: &Plugins, tracks: &mut [LoadedTrack]) {
    if tracks.is_empty() || !plugins.has_modifiers() {
        return;
    }
    let shown = tracks.iter().map(LoadedTrack::to_sourced).collect();
    let added = plugins.modify_tracks(shown).await;
    for (track, objects) in tracks.iter_mut().zip(added) {
        for object in objects {
            track.add_plugin_info(&plugin_info(Some(&object)));
        }
    }
}

/// The `pluginInfo` of a playlist, with what plugins add to it.
pub async fn playlist_info(plugins: &Plugins, source: &str, playlist: &FoundPlaylist) -> JsonObject {
    let mut info = plugin_info(playlist.plugin_info.as_deref());
    if plugins.has_modifiers() {
        for object in plugins.modify_playlist(source, playlist.clone()).await {
            info.merge(&plugin_info(Some(&object)));
        }
    }
    info
}

/// One track that cannot be encoded does not spoil a whole list.
fn encodable(source: &str, track: lavalink_plugin_api::Track) -> Option<LoadedTrack> {
    match LoadedTrack::from_plugin(source, track) {
        Ok(track) => Some(track),
        Err(failure) => {
            tracing::warn!("a track of a list is left out: {failure}");
            None
        }
    }
}
