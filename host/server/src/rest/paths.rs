//! The variables in paths.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use lavalink_protocol::ids::GuildId;

use super::errors::ApiError;
use crate::node::Node;
use crate::player::PlayerHandle;
use crate::session::Session;

/// The variables of the path, decoded.
pub struct Variables(RawPathParams);

impl<S: Send + Sync> FromRequestParts<S> for Variables {
    type Rejection = ApiError;

    /// # Errors
    /// 400 for what is no UTF-8.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        params.map(Self).map_err(ApiError::undecodable)
    }
}

/// The guild id of the path.
///
/// # Errors
/// 400 when it is no signed 64-bit number.
pub fn guild_id(params: &Variables) -> Result<GuildId, ApiError> {
    variable(params, "guildId").parse().map_err(ApiError::undecodable)
}

/// The connected session of the path.
///
/// # Errors
/// 404, also for a session that waits to be resumed.
pub fn session(params: &Variables, node: &Node) -> Result<Arc<Session>, ApiError> {
    node.registry
        .connected(variable(params, "sessionId"))
        .ok_or_else(|| ApiError::not_found("Session not found"))
}

/// The player of the path, with its guild id.
///
/// # Errors
/// 400 and 404 as [`guild_id`] and [`session`]; 404 when the session has no such player.
pub fn player(params: &Variables, node: &Node) -> Result<(GuildId, PlayerHandle), ApiError> {
    let guild_id = guild_id(params)?;
    let player = session(params, node)?
        .player(guild_id)
        .ok_or_else(|| ApiError::not_found("Player not found"))?;
    Ok((guild_id, player))
}

/// A variable of the path; empty when the path has none of that name.
pub fn variable<'a>(params: &'a Variables, name: &str) -> &'a str {
    params
        .0
        .iter()
        .find(|(key, _)| *key == name)
        .map_or("", |(_, value)| value)
}
