//! The password check of every route.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::interception;
use super::request_log::Peer;
use crate::node::Node;

/// Lets a request through whose `Authorization` is the password: 401 without the header, 403 with another, both empty. The
/// interceptors of plugins see it then.
pub async fn check(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    if let Some(refusal) = refuse(&node, &request) {
        return refusal;
    }
    interception::around(&node, request, |request| next.run(request)).await
}

/// The answer to a request without the right password.
pub fn refuse(node: &Node, request: &Request) -> Option<Response> {
    let given = request.headers().get(header::AUTHORIZATION);
    let (status, what) = match given {
        Some(given) if node.config.password.matches(given.as_bytes()) => return None,
        Some(_) => (StatusCode::FORBIDDEN, "failed"),
        None => (StatusCode::UNAUTHORIZED, "missing"),
    };
    let (method, path) = (request.method(), request.uri().path());
    tracing::warn!(
        "Authorization {what} for {} on {method} {path}",
        Peer::of(request.extensions())
    );
    Some(status.into_response())
}
