//! Interceptors of plugins around a request that gave the right password, the handshake of a WebSocket included.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use axum::response::IntoResponse;
use lavalink_plugin_api::Verdict;

use super::plugin_routes::{head_of, to_error, to_response};
use crate::node::Node;

/// Answers a request unless an interceptor does, and tells them how it was answered without keeping the client waiting.
pub async fn around<F, A>(node: &Arc<Node>, request: Request, run: F) -> Response<Body>
where
    F: FnOnce(Request) -> A,
    A: Future<Output = Response<Body>>,
{
    let plugins = &node.services.plugins;
    if !plugins.has_interceptors() {
        return run(request).await;
    }
    let head = head_of(&request, &node.config.server.context_path);
    let mut seen = plugins.intercept(head).await;
    let response = match seen.answer.take() {
        Some(Verdict::Answer(answer)) => to_response("interceptor", answer),
        Some(Verdict::Refuse(error)) => to_error(&error).into_response(),
        Some(Verdict::Proceed) | None => run(request).await,
    };
    tokio::spawn(seen.after(response.status().as_u16()));
    response
}
