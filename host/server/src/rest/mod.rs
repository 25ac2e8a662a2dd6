//! The REST interface under `/v4`.

mod accept;
mod answer;
mod auth;
mod body;
mod charset;
mod diagnosis;
mod errors;
mod finders;
mod info;
mod interception;
mod media_type;
mod metrics;
mod openapi;
mod paths;
mod players;
mod plugin_routes;
mod plugins;
mod query;
mod redaction;
mod request_log;
mod route_planner;
mod routes;
mod sessions;
mod tracks;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Response, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;

pub use errors::ApiError;
pub use interception::around as intercepted;
pub use metrics::check_path as check_metrics_path;
pub use request_log::Peer;
pub use routes::is_own;

pub use players::change as change_player;

use crate::node::Node;

/// Everything the node answers.
pub fn router(node: Arc<Node>) -> Router {
    routes::all(&node)
        .layer(from_fn(answer::finish))
        .layer(from_fn_with_state(Arc::clone(&node), request_log::log))
        .layer(from_fn(answer::check_target))
        .with_state(node)
}

/// A JSON answer.
fn json(value: &impl serde::Serialize) -> Response<Body> {
    json_bytes(lavalink_protocol::json::to_vec(value))
}

/// A JSON answer that is already written.
fn json_bytes(bytes: impl Into<Body>) -> Response<Body> {
    ([(header::CONTENT_TYPE, accept::JSON)], bytes.into()).into_response()
}
