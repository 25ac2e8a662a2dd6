//! The REST interface under `/v4`.

mod accept;
mod auth;
mod body;
mod errors;
mod info;
mod metrics;
mod paths;
mod players;
mod query;
mod request_log;
mod route_planner;
mod sessions;
mod tracks;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, any, get, patch, post};

pub use errors::ApiError;
pub use metrics::check_path as check_metrics_path;
pub use request_log::Peer;

use crate::node::Node;
use crate::websocket;

/// All routes. A path nobody serves and a method nobody serves are answered before the password is looked at.
pub fn router(node: Arc<Node>) -> Router {
    let guarded = |routes: MethodRouter<Arc<Node>>, allow: &'static str| {
        routes
            .options(move || std::future::ready(options(allow)))
            .route_layer(from_fn_with_state(Arc::clone(&node), auth::check))
    };
    let mut router = Router::new();
    let metrics = &node.config.metrics;
    if metrics.enabled {
        // As in Java the page is open to all once its path is configured, and guarded at the path it has otherwise.
        let page = get(metrics::page);
        router = if metrics.is_endpoint_open {
            router.route(&metrics.endpoint, page)
        } else {
            router.route(&metrics.endpoint, guarded(page, "GET,HEAD,OPTIONS"))
        };
    }
    router
        .route("/version", guarded(get(info::version), "GET,HEAD,OPTIONS"))
        .route("/v4/info", guarded(get(info::info), "GET,HEAD,OPTIONS"))
        .route("/v4/stats", guarded(get(info::stats), "GET,HEAD,OPTIONS"))
        .route("/v4/loadtracks", guarded(get(tracks::load), "GET,HEAD,OPTIONS"))
        .route(
            "/v4/decodetrack",
            guarded(get(tracks::decode), "GET,HEAD,OPTIONS"),
        )
        .route(
            "/v4/decodetracks",
            guarded(post(tracks::decode_many), "POST,OPTIONS"),
        )
        .route(
            "/v4/sessions/{sessionId}",
            guarded(patch(sessions::update), "PATCH,OPTIONS"),
        )
        .route(
            "/v4/sessions/{sessionId}/players",
            guarded(get(players::list), "GET,HEAD,OPTIONS"),
        )
        .route(
            "/v4/sessions/{sessionId}/players/{guildId}",
            guarded(
                get(players::show).patch(players::update).delete(players::destroy),
                "GET,HEAD,PATCH,DELETE,OPTIONS",
            ),
        )
        .route(
            "/v4/routeplanner/status",
            guarded(get(route_planner::status), "GET,HEAD,OPTIONS"),
        )
        .route(
            "/v4/routeplanner/free/address",
            guarded(post(route_planner::free_address), "POST,OPTIONS"),
        )
        .route(
            "/v4/routeplanner/free/all",
            guarded(post(route_planner::free_all), "POST,OPTIONS"),
        )
        .route("/", guarded(get(info::old_client), "GET,HEAD,OPTIONS"))
        .route(
            "/v3/websocket",
            guarded(get(info::old_client), "GET,HEAD,OPTIONS"),
        )
        .route("/v4/websocket", any(websocket::connect))
        .fallback(no_endpoint)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(Arc::clone(&node), request_log::frame))
        .with_state(node)
}

fn options(allow: &'static str) -> Response<Body> {
    ([(header::ALLOW, HeaderValue::from_static(allow))], Body::empty()).into_response()
}

async fn no_endpoint(request: Request) -> ApiError {
    ApiError::not_found(format!(
        "No endpoint {} {}.",
        request.method(),
        request.uri().path()
    ))
}

async fn not_allowed(request: Request) -> ApiError {
    let message = format!("Method '{}' is not supported.", request.method());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message)
}

/// A JSON answer.
fn json(value: &impl serde::Serialize) -> Response<Body> {
    json_bytes(lavalink_protocol::json::to_vec(value))
}

/// A JSON answer that is already written.
fn json_bytes(bytes: impl Into<Body>) -> Response<Body> {
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        bytes.into(),
    )
        .into_response()
}
