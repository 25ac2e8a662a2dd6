//! The Prometheus page.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, Response, header};
use axum::response::IntoResponse;

use super::{ApiError, routes};
use crate::metrics::{CONTENT_TYPE, only};
use crate::node::Node;

/// Checks that the page can be served at `path`; the router takes nothing else.
///
/// # Errors
/// With the reason, for the operator.
pub fn check_path(path: &str) -> Result<(), String> {
    let refuse = |why: &str| {
        Err(format!(
            "metrics.prometheus.endpoint: {path:?} {why}; use a plain path such as /metrics"
        ))
    };
    if routes::is_taken(path) {
        return refuse("is answered by another route");
    }
    let is_plain = path
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/-._~".contains(&b));
    if !path.starts_with('/') || !is_plain || path.contains("//") {
        return refuse("is not a plain path");
    }
    Ok(())
}

/// `GET /metrics`, or whatever path is configured.
pub async fn page(
    State(node): State<Arc<Node>>,
    RawQuery(query): RawQuery,
) -> Result<Response<Body>, ApiError> {
    let mut page = node
        .services
        .metrics
        .page(&node)
        .map_err(|error| ApiError::internal("The metrics cannot be written").because(error))?;
    let names: HashSet<String> = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes())
        .filter(|(key, _)| key == "name[]")
        .map(|(_, name)| name.into_owned())
        .collect();
    if !names.is_empty() {
        page = only(&page, &names);
    }
    let kind = HeaderValue::from_static(CONTENT_TYPE);
    Ok(([(header::CONTENT_TYPE, kind)], page).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_free_paths_are_taken() {
        for good in ["/metrics", "/prom/node-1_a.txt"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for bad in [
            "metrics", "/v4/info", "/", "/a b", "/{path}", "/*all", "/a//b", "",
        ] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }
}
