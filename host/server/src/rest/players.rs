//! The players of a session.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::{Response, StatusCode};
use lavalink_audio::filters::{FilterError, validate};
use lavalink_protocol::filters::Filters;
use lavalink_protocol::ids::{ChannelId, GuildId};
use lavalink_protocol::json::JsonObject;
use lavalink_protocol::player::Player;
use lavalink_protocol::update::{Omissible, PlayerUpdate, TrackRequest, VoiceUpdate};

use super::tracks::undecodable_track;
use super::{ApiError, body, json, paths, query};
use crate::load::{self, Playable, playable};
use crate::node::Node;
use crate::player::{
    AbsentSource, Applied, Controls, Destroyed, Play, PlayerHandle, PluginEffects, TrackIntent, VoiceTarget,
    decode,
};
use crate::session::Session;

impl From<Destroyed> for ApiError {
    /// A player that was deleted while the request was under way.
    fn from(error: Destroyed) -> Self {
        Self::not_found("Player not found").because(error)
    }
}

/// `GET …/players`
pub async fn list(
    State(node): State<Arc<Node>>,
    params: paths::Variables,
) -> Result<Response<Body>, ApiError> {
    let session = paths::session(&params, &node)?;
    let players: Vec<Player> = session
        .players()
        .iter()
        .map(|player| player.shared().to_wire())
        .collect();
    Ok(json(&players))
}

/// `GET …/players/{guildId}`
pub async fn show(
    State(node): State<Arc<Node>>,
    params: paths::Variables,
) -> Result<Response<Body>, ApiError> {
    let (_, player) = paths::player(&params, &node)?;
    Ok(json(&player.shared().to_wire()))
}

/// `DELETE …/players/{guildId}`
pub async fn destroy(
    State(node): State<Arc<Node>>,
    params: paths::Variables,
) -> Result<StatusCode, ApiError> {
    let guild_id = paths::guild_id(&params)?;
    let session = paths::session(&params, &node)?;
    if let Some(player) = session.remove_player(guild_id) {
        player.destroy().await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `PATCH …/players/{guildId}`; the order of things is that of section 1.9.
pub async fn update(
    State(node): State<Arc<Node>>,
    params: paths::Variables,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response<Body>, ApiError> {
    let body = body::read(request).await?;
    let update = PlayerUpdate::parse(&body).map_err(ApiError::undecodable)?;
    let guild_id = paths::guild_id(&params)?;
    let no_replace = query::boolean(query.as_deref(), "noReplace")
        .ok_or_else(|| ApiError::undecodable("noReplace is neither true nor false"))?;
    let session = paths::session(&params, &node)?;
    Ok(json(
        &change(&node, &session, guild_id, no_replace, &update).await?,
    ))
}

/// Changes a player, made when there is none, and answers it.
///
/// # Errors
/// What the request is refused with.
pub async fn change(
    node: &Arc<Node>,
    session: &Session,
    guild_id: GuildId,
    no_replace: bool,
    update: &PlayerUpdate,
) -> Result<Player, ApiError> {
    update
        .check(|filter| !node.config.is_filter_enabled(filter))
        .map_err(|conflict| ApiError::bad_request(conflict.to_string()))?;
    if let Omissible::Present(filters) = &update.filters {
        check_filters(filters)?;
    }
    let player = session
        .player_or_new(guild_id, &node.services)
        .ok_or_else(|| ApiError::not_found("Session not found").because("the session is being destroyed"))?;
    if let Omissible::Present(voice) = &update.voice {
        connect(&player, voice).await?;
    }
    let filters = match update.filters.as_ref().into_option() {
        Some(filters) => Some(with_plugins(node, filters.clone()).await),
        None => None,
    };
    let track_request = update.track_request();
    let controls = Controls {
        paused: update.paused.into_option(),
        user_data: update.user_data().cloned(),
        volume: update.volume.into_option(),
        position: update.position.into_option(),
        end_time: update.end_time.into_option().flatten(),
        filters,
        track: track_request.map(|_| TrackIntent { no_replace }),
    };
    match player.control(controls).await? {
        Applied::BadBand(error) => return Err(ApiError::uncaught(error.java_message()).because(error)),
        Applied::KeepTrack => {}
        Applied::Proceed => {
            if let Some(track_request) = track_request {
                change_track(node, &player, update, track_request).await?;
            }
        }
    }
    Ok(player.shared().to_wire())
}

/// Leaves the plugin filters out that no plugin offers, and asks which of the others are on.
async fn with_plugins(node: &Node, mut filters: Filters) -> (Filters, Option<Arc<PluginEffects>>) {
    let plugins = &node.services.plugins;
    if !filters.plugin_filters.is_empty() {
        let names = plugins.filter_names();
        filters.retain_plugin_filters(names.iter().map(String::as_str));
    }
    let effects = PluginEffects::of(plugins, &filters).await;
    (filters, effects)
}

/// Refuses filters that cannot be built before anything is changed; in Java they kill the track.
///
/// A band that does not exist is left to the player: Java answers 500 there, after it has applied what stands before.
fn check_filters(filters: &Filters) -> Result<(), ApiError> {
    match validate(filters) {
        Ok(()) | Err(FilterError::UnknownBand { .. }) => Ok(()),
        Err(error) => Err(ApiError::bad_request(error.to_string())),
    }
}

/// Step 9.
async fn connect(player: &PlayerHandle, voice: &VoiceUpdate) -> Result<(), ApiError> {
    let channel_id = ChannelId::parse(voice.channel_id.as_deref().unwrap_or_default())
        .map_err(|error| ApiError::uncaught(error.java_message()).because(error))?;
    let target = VoiceTarget {
        update: voice.clone(),
        channel_id,
    };
    player
        .connect(target)
        .await?
        .map_err(|_| ApiError::internal("Failed to connect to voice server"))
}

/// Steps 16c to 16e.
async fn change_track(
    node: &Node,
    player: &PlayerHandle,
    update: &PlayerUpdate,
    request: TrackRequest<'_>,
) -> Result<(), ApiError> {
    let plugins = &node.services.plugins;
    let track = match request {
        TrackRequest::Stop => {
            player.stop().await?;
            return Ok(());
        }
        TrackRequest::Encoded(text) => {
            let decoded = decode(text, plugins, AbsentSource::Refused).await;
            let mut track = decoded.map_err(|error| undecodable_track(&error))?;
            load::add_info(plugins, std::slice::from_mut(&mut track)).await;
            track
        }
        TrackRequest::Identifier(identifier) => match playable(plugins, identifier).await {
            Ok(Playable::Track(track)) => *track,
            Ok(Playable::Several) => {
                return Err(ApiError::bad_request("Cannot play a playlist or search result"));
            }
            Ok(Playable::Nothing) => return Err(ApiError::bad_request("No matches found for identifier")),
            Err(failure) => {
                tracing::warn!("Could not load {identifier:?}: {failure}");
                let message = "Something went wrong while looking up the track.";
                return Err(ApiError::bad_request(message).because(failure));
            }
        },
    };
    let play = Play {
        track: Arc::new(track),
        position: update.position.into_option(),
        end_time: update.end_time.into_option().flatten(),
        user_data: update.user_data().map_or_else(JsonObject::default, Clone::clone),
    };
    player.play(play).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    fn status(filters: &str) -> Option<u16> {
        let body = format!(r#"{{"filters":{filters}}}"#);
        let update = PlayerUpdate::parse(body.as_bytes()).expect(filters);
        let filters = update.filters.into_option().expect("given");
        let refused = check_filters(&filters).err()?;
        Some(refused.into_response().status().as_u16())
    }

    #[test]
    fn filters_that_cannot_be_built_are_refused() {
        for bad in [
            r#"{"tremolo":{"depth":2}}"#,
            r#"{"timescale":{"speed":0}}"#,
            r#"{"volume":6}"#,
        ] {
            assert_eq!(status(bad), Some(400), "{bad}");
        }
        // The last one fails in the player, with 500.
        for good in [
            "{}",
            r#"{"tremolo":{"frequency":-1,"depth":0}}"#,
            r#"{"volume":5,"timescale":{"speed":1.25}}"#,
            r#"{"equalizer":[{"band":15}]}"#,
        ] {
            assert_eq!(status(good), None, "{good}");
        }
    }
}
