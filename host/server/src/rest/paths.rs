//! The variables in paths.

use std::sync::Arc;

use axum::extract::RawPathParams;
use lavalink_protocol::ids::GuildId;

use super::errors::ApiError;
use crate::node::Node;
use crate::session::Session;

/// The guild id of the path.
///
/// # Errors
/// 400 when it is no signed 64-bit number.
pub fn guild_id(params: &RawPathParams) -> Result<GuildId, ApiError> {
    variable(params, "guildId").parse().map_err(ApiError::undecodable)
}

/// The connected session of the path.
///
/// # Errors
/// 404, also for a session that waits to be resumed.
pub fn session(params: &RawPathParams, node: &Node) -> Result<Arc<Session>, ApiError> {
    node.registry
        .connected(variable(params, "sessionId"))
        .ok_or_else(|| ApiError::not_found("Session not found"))
}

fn variable<'a>(params: &'a RawPathParams, name: &str) -> &'a str {
    params
        .iter()
        .find(|(key, _)| *key == name)
        .map_or("", |(_, value)| value)
}
