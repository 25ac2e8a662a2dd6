//! `/v4/loadsearch` and the paths of lyrics, in the form of the LavaSearch and LavaLyrics plugins of the Java server. They
//! exist as long as a plugin searches or finds lyrics.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse;
use lavalink_plugin_api::{Failure, Playlist as FoundPlaylist, SearchKinds, SearchResults, SourcedTrack};
use lavalink_protocol::ids::GuildId;
use lavalink_protocol::json::JsonObject;
use lavalink_protocol::load::{Playlist, PlaylistInfo};
use lavalink_protocol::track::Track;
use serde::Serialize;

use super::errors::ApiError;
use super::openapi::{Operation, operations as doc};
use super::tracks::undecodable_track;
use super::{json, query};
use crate::live_lyrics;
use crate::load;
use crate::node::Node;
use crate::player::{self, AbsentSource, PlayerHandle, plugin_info};
use crate::session::Session;

/// One of these paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finder {
    /// `/v4/loadsearch`
    Search,
    /// `/v4/lyrics`
    Lyrics,
    /// `/v4/sessions/{sessionId}/players/{guildId}/track/lyrics`
    PlayerLyrics(String, String),
    /// `/v4/sessions/{sessionId}/players/{guildId}/lyrics/subscribe`
    Subscription(String, String),
}

/// The path, when a plugin stands behind it.
pub fn find(node: &Node, path: &str) -> Option<Finder> {
    let finder = parse(path)?;
    let plugins = &node.services.plugins;
    let is_there = match finder {
        Finder::Search => plugins.has_searches(),
        _ => plugins.has_lyrics(),
    };
    is_there.then_some(finder)
}

fn parse(path: &str) -> Option<Finder> {
    let segments: Vec<&str> = path.split('/').collect();
    match segments[..] {
        ["", "v4", "loadsearch"] => Some(Finder::Search),
        ["", "v4", "lyrics"] => Some(Finder::Lyrics),
        ["", "v4", "sessions", session, "players", guild, "track", "lyrics"] => {
            Some(Finder::PlayerLyrics(session.to_owned(), guild.to_owned()))
        }
        [
            "",
            "v4",
            "sessions",
            session,
            "players",
            guild,
            "lyrics",
            "subscribe",
        ] => Some(Finder::Subscription(session.to_owned(), guild.to_owned())),
        _ => None,
    }
}

/// The paths there are when plugins search and find lyrics, with what their methods do.
pub fn documented(
    searches: bool,
    lyrics: bool,
) -> impl Iterator<Item = (&'static str, Vec<(Method, &'static Operation)>)> {
    let all = [
        (searches, Finder::Search, vec![(Method::GET, &doc::LOAD_SEARCH)]),
        (lyrics, Finder::Lyrics, vec![(Method::GET, &doc::LYRICS)]),
        (
            lyrics,
            Finder::PlayerLyrics(String::new(), String::new()),
            vec![(Method::GET, &doc::PLAYER_LYRICS)],
        ),
        (
            lyrics,
            Finder::Subscription(String::new(), String::new()),
            vec![
                (Method::POST, &doc::SUBSCRIBE_LYRICS),
                (Method::DELETE, &doc::UNSUBSCRIBE_LYRICS),
            ],
        ),
    ];
    let there = all.into_iter().filter(|(is_there, ..)| *is_there);
    there.map(|(_, finder, operations)| (finder.template(), operations))
}

impl Finder {
    /// Template of the path, for the metrics.
    pub fn template(&self) -> &'static str {
        match self {
            Self::Search => "/v4/loadsearch",
            Self::Lyrics => "/v4/lyrics",
            Self::PlayerLyrics(..) => "/v4/sessions/{sessionId}/players/{guildId}/track/lyrics",
            Self::Subscription(..) => "/v4/sessions/{sessionId}/players/{guildId}/lyrics/subscribe",
        }
    }

    /// The methods the path takes; a HEAD is a GET.
    pub fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Subscription(..) => &["POST", "DELETE"],
            _ => &["GET"],
        }
    }

    /// Whether this is one of them.
    pub fn takes(&self, method: &Method) -> bool {
        let wanted = if method == Method::HEAD {
            "GET"
        } else {
            method.as_str()
        };
        self.methods().contains(&wanted)
    }

    /// Answers a request.
    ///
    /// # Errors
    /// 400 and 404 for what is missing, 500 when the plugin fails.
    pub async fn answer(
        self,
        node: &Arc<Node>,
        method: &Method,
        query: Option<&str>,
    ) -> Result<Response<Body>, ApiError> {
        match self {
            Self::Search => search(node, query).await,
            Self::Lyrics => track_lyrics(node, query).await,
            Self::PlayerLyrics(session, guild) => {
                let (_, player, _) = place(node, &session, &guild)?;
                let track = player.shared().play();
                let track = track.ok_or_else(|| ApiError::not_found("No track playing"))?;
                lyrics(node, track.track.to_sourced(), query).await
            }
            Self::Subscription(session, guild) => {
                let (session, _, guild) = place(node, &session, &guild)?;
                if method == Method::DELETE {
                    node.live_lyrics.unsubscribe(&session, guild);
                } else {
                    let skip = skips_own(query)?;
                    live_lyrics::subscribe(node, &session, guild, skip);
                }
                Ok(StatusCode::NO_CONTENT.into_response())
            }
        }
    }
}

fn place(node: &Node, session: &str, guild: &str) -> Result<(Arc<Session>, PlayerHandle, GuildId), ApiError> {
    let guild: GuildId = guild.parse().map_err(ApiError::undecodable)?;
    let session = node
        .registry
        .connected(session)
        .ok_or_else(|| ApiError::not_found("Session not found"))?;
    let player = session
        .player(guild)
        .ok_or_else(|| ApiError::not_found("Player not found"))?;
    Ok((session, player, guild))
}

fn skips_own(query: Option<&str>) -> Result<bool, ApiError> {
    query::boolean(query, "skipTrackSource")
        .ok_or_else(|| ApiError::undecodable("skipTrackSource is neither true nor false"))
}

fn failed(failure: &Failure) -> ApiError {
    ApiError::internal(failure.message.clone()).because(failure)
}

fn missing(name: &str) -> ApiError {
    ApiError::bad_request(format!("Required parameter '{name}' is not present."))
}

async fn track_lyrics(node: &Node, query: Option<&str>) -> Result<Response<Body>, ApiError> {
    let text = query::parameter(query, "track")
        .or_else(|| query::parameter(query, "encodedTrack"))
        .ok_or_else(|| missing("track"))?;
    let track = player::decode(&text, &node.services.plugins, AbsentSource::Shown)
        .await
        .map_err(|error| undecodable_track(&error))?;
    lyrics(node, track.to_sourced(), query).await
}

async fn lyrics(node: &Node, track: SourcedTrack, query: Option<&str>) -> Result<Response<Body>, ApiError> {
    let skip = skips_own(query)?;
    let found = node.services.plugins.lyrics(track, skip).await;
    Ok(match found.map_err(|failure| failed(&failure))? {
        Some(lyrics) => json(&live_lyrics::LyricsObject::from(&lyrics)),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Answer of `/v4/loadsearch`.
#[derive(Serialize)]
struct Found {
    tracks: Vec<Track>,
    albums: Vec<Playlist>,
    artists: Vec<Playlist>,
    playlists: Vec<Playlist>,
    texts: Vec<Text>,
    plugin: JsonObject,
}

#[derive(Serialize)]
struct Text {
    text: String,
    plugin: JsonObject,
}

async fn search(node: &Node, query: Option<&str>) -> Result<Response<Body>, ApiError> {
    let wanted = query::parameter(query, "query").ok_or_else(|| missing("query"))?;
    let kinds = kinds(&query::parameter(query, "types").unwrap_or_default());
    let plugins = &node.services.plugins;
    let found = plugins.search(&wanted, kinds).await;
    let Some((source, results)) = found.map_err(|failure| failed(&failure))? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let SearchResults {
        tracks,
        albums,
        artists,
        playlists,
        texts,
        plugin_info: info,
    } = results;
    let found = Found {
        tracks: load::list(plugins, &source, tracks).await,
        albums: without_tracks(node, &source, albums).await,
        artists: without_tracks(node, &source, artists).await,
        playlists: without_tracks(node, &source, playlists).await,
        texts: texts
            .into_iter()
            .map(|text| Text {
                plugin: plugin_info(text.plugin_info.as_deref()),
                text: text.text,
            })
            .collect(),
        plugin: plugin_info(info.as_deref()),
    };
    Ok(json(&found))
}

async fn without_tracks(node: &Node, source: &str, playlists: Vec<FoundPlaylist>) -> Vec<Playlist> {
    let mut shown = Vec::with_capacity(playlists.len());
    for mut playlist in playlists {
        playlist.tracks = Vec::new();
        shown.push(Playlist {
            plugin_info: load::playlist_info(&node.services.plugins, source, &playlist).await,
            info: PlaylistInfo {
                name: playlist.name,
                selected_track: -1,
            },
            tracks: Vec::new(),
        });
    }
    shown
}

/// The kinds named; names nobody knows are passed over.
fn kinds(types: &str) -> SearchKinds {
    let mut kinds = SearchKinds::default();
    for name in types.split(',') {
        match name.trim() {
            "track" => kinds.tracks = true,
            "album" => kinds.albums = true,
            "artist" => kinds.artists = true,
            "playlist" => kinds.playlists = true,
            "text" => kinds.texts = true,
            _ => {}
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        assert_eq!(parse("/v4/loadsearch"), Some(Finder::Search));
        assert_eq!(parse("/v4/lyrics"), Some(Finder::Lyrics));
        let place = || ("s".to_owned(), "1".to_owned());
        assert_eq!(
            parse("/v4/sessions/s/players/1/track/lyrics"),
            Some(Finder::PlayerLyrics(place().0, place().1))
        );
        assert_eq!(
            parse("/v4/sessions/s/players/1/lyrics/subscribe"),
            Some(Finder::Subscription(place().0, place().1))
        );
        for other in [
            "/v4/lyrics/",
            "/v4/lyrics/x",
            "/v4/loadsearch/x",
            "/",
            "",
            "/v4/sessions/s/players/1/lyrics",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn kinds_are_a_list_of_names() {
        assert_eq!(kinds(""), SearchKinds::default());
        let some = kinds("track, album,nonsense,text");
        assert!(some.tracks && some.albums && some.texts && !some.artists && !some.playlists);
    }
}
