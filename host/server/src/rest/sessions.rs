//! `PATCH /v4/sessions/{sessionId}`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use lavalink_protocol::update::SessionUpdate;

use super::{ApiError, body, json, paths};
use crate::node::Node;

/// Changes what happens when the session's socket is lost.
pub async fn update(
    State(node): State<Arc<Node>>,
    params: paths::Variables,
    request: Request,
) -> Result<Response<Body>, ApiError> {
    let body = body::read(request).await?;
    let update = SessionUpdate::parse(&body).map_err(ApiError::undecodable)?;
    let session = paths::session(&params, &node)?;
    Ok(json(&session.update(&update)))
}
