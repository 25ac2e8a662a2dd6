//! The routes about plugins; they are an addition to Java Lavalink's.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use lavalink_plugins::{Exchange, ReloadError};
use serde_json::json;

use super::paths::{self, Variables};
use super::{ApiError, json as json_answer};
use crate::node::Node;

/// `POST /v4/plugins/{name}/reload`: puts what the plugin's file now holds into use, or on trial.
pub async fn reload(State(node): State<Arc<Node>>, params: Variables) -> Result<Response<Body>, ApiError> {
    let name = paths::variable(&params, "name").to_owned();
    let services = Arc::clone(&node.services);
    let outcome = tokio::task::spawn_blocking(move || services.plugins.reload(&name))
        .await
        .map_err(|error| ApiError::internal("The plugin could not be loaded").because(error))?;
    let reloaded = outcome.map_err(|error| ApiError::new(status_of(&error), error.to_string()))?;
    Ok(json_answer(&json!({
        "name": reloaded.plugin,
        "previousVersion": reloaded.before,
        "version": reloaded.version,
        "state": reloaded.change.map_or("unchanged", Exchange::as_str),
    })))
}

fn status_of(error: &ReloadError) -> StatusCode {
    match error {
        ReloadError::Unknown { .. } => StatusCode::NOT_FOUND,
        ReloadError::RestartDue { .. } => StatusCode::CONFLICT,
        ReloadError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ReloadError::OtherPlugin { .. } | ReloadError::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
