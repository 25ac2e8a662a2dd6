//! What the client accepts as an answer.

use axum::body::Body;
use axum::http::{HeaderMap, Response, header};

/// Whether the `Accept` headers admit JSON. Without any, everything is admitted; weights do not count, as in Java.
pub fn admits_json(headers: &HeaderMap) -> bool {
    let mut is_empty = true;
    for value in headers.get_all(header::ACCEPT) {
        // What is no text names no type.
        for range in value.to_str().unwrap_or("?").split(',') {
            let essence = range.split(';').next().unwrap_or_default().trim();
            if is_json(essence) {
                return true;
            }
            is_empty &= essence.is_empty();
        }
    }
    is_empty
}

/// Whether this is a successful answer in JSON. Errors are written as JSON whatever the client accepts.
pub fn is_json_answer(response: &Response<Body>) -> bool {
    response.status().is_success()
        && response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "application/json")
}

fn is_json(range: &str) -> bool {
    let range = range.to_ascii_lowercase();
    match range.split_once('/') {
        Some(("application", subtype)) => subtype == "*" || subtype == "json" || subtype.ends_with("+json"),
        Some((kind, subtype)) => kind == "*" && subtype == "*",
        // Sent by old Java clients.
        None => range == "*",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn admits(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        admits_json(&headers)
    }

    #[test]
    fn json_is_found_among_other_types() {
        for values in [
            &[][..],
            &[""],
            &["*/*"],
            &["application/json"],
            &["text/html, APPLICATION/JSON;q=0.9"],
            &["text/html", "application/*"],
            &["application/problem+json"],
            &["text/html, image/gif, *; q=.2"],
        ] {
            assert!(admits(values), "{values:?}");
        }
        for values in [
            &["text/plain"][..],
            &["text/*, image/png"],
            &["nonsense"],
            &["application/jsonx"],
        ] {
            assert!(!admits(values), "{values:?}");
        }
    }
}
