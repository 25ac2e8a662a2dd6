//! `/version`, `/v4/info`, `/v4/stats`, and the paths clients of older versions try.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;

use super::{json, json_bytes};
use crate::build_info;
use crate::node::Node;
use crate::stats;

/// `GET /version`: the bare version, whatever type the client prefers.
pub async fn version(headers: HeaderMap) -> Response<Body> {
    let wants_json = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json") && !accept.contains("text/plain"));
    let kind = if wants_json {
        "application/json"
    } else {
        "text/plain;charset=ISO-8859-1"
    };
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
        build_info::LAVALINK_VERSION,
    )
        .into_response()
}

/// `GET /v4/info`, written once at the start.
pub async fn info(State(node): State<Arc<Node>>) -> Response<Body> {
    json_bytes(node.info.clone())
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
