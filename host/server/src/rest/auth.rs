//! The password check of every route.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::request_log::Peer;
use crate::node::Node;

/// Lets a request through whose `Authorization` is the password: 401 without the header, 403 with another, both empty.
pub async fn check(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    let (status, what) = match given {
        Some(given) if node.config.password.matches(given.as_bytes()) => return next.run(request).await,
        Some(_) => (StatusCode::FORBIDDEN, "failed"),
        None => (StatusCode::UNAUTHORIZED, "missing"),
    };
    let (method, path) = (request.method(), request.uri().path());
    tracing::warn!(
        "Authorization {what} for {} on {method} {path}",
        Peer::of(request.extensions())
    );
    status.into_response()
}
