//! `/version`, `/v4/info`, `/v4/stats`, and the paths clients of older versions try.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::IntoResponse;

use super::accept::Accept;
use super::{ApiError, json};
use crate::build_info;
use crate::node::Node;
use crate::stats;

/// `GET /version`: the bare version, whatever type the client prefers.
pub async fn version(headers: HeaderMap) -> Result<Response<Body>, ApiError> {
    let kind = Accept::of(&headers).text().ok_or_else(ApiError::not_acceptable)?;
    Ok(([(header::CONTENT_TYPE, kind)], build_info::LAVALINK_VERSION).into_response())
}

/// `GET /v4/info`, with the plugins of this moment.
pub async fn info(State(node): State<Arc<Node>>) -> Response<Body> {
    json(&build_info::info(&node.config, &node.services.plugins))
}

/// `GET /v4/stats`.
pub async fn stats(State(node): State<Arc<Node>>) -> Response<Body> {
    json(&stats::collect(&node.registry, &node.cpu, None))
}

/// `GET /` and `GET /v3/websocket`: an empty 200 and a hint in the log.
pub async fn old_client() -> StatusCode {
    tracing::warn!(
        "A client asked for a path of Lavalink v3. This node speaks v4: connect to /v4/websocket."
    );
    StatusCode::OK
}

/// `/error`: the error page, without an error to show.
pub async fn no_error() -> ApiError {
    ApiError::nothing()
}
