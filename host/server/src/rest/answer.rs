//! What is common to all answers: refuses targets Java's server refuses, gives every answer the type the client accepts,
//! writes out errors, and sets the version header.

use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lavalink_protocol::error::ErrorBody;
use lavalink_protocol::json;

use super::accept::{Accept, JSON};
use super::errors::ApiError;
use super::query;

/// Header nearly every answer carries.
const API_VERSION: HeaderName = HeaderName::from_static("lavalink-api-version");
/// Type of an error page.
const HTML: HeaderValue = HeaderValue::from_static("text/html;charset=UTF-8");

/// The outermost layer: Java's server refuses a target before anything of Lavalink sees it.
pub async fn check_target(request: Request, next: Next) -> Response {
    if is_target_allowed(&request) {
        next.run(request).await
    } else {
        StatusCode::BAD_REQUEST.into_response()
    }
}

/// Finishes the answer.
pub async fn finish(request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let accept = Accept::of(request.headers());
    let mut response = next.run(request).await;
    if is_json_answer(&response) {
        match accept.json() {
            Some(kind) => drop(response.headers_mut().insert(header::CONTENT_TYPE, kind)),
            None => response = ApiError::not_acceptable().into_response(),
        }
    }
    let error = response.extensions_mut().remove::<ApiError>();
    if let Some(error) = &error {
        let body = error.body(uri.path(), query::wants_trace(uri.query()));
        write_error(&mut response, &body, &accept);
    }
    if !error.is_some_and(|error| error.is_uncaught()) {
        response
            .headers_mut()
            .insert(API_VERSION, HeaderValue::from_static("4"));
    }
    response
}

/// A page, an object, or nothing when the client takes neither.
fn write_error(response: &mut Response, error: &ErrorBody, accept: &Accept) {
    let (kind, body) = if accept.prefers_html() {
        (HTML, Body::from(page(error)))
    } else if let Some(kind) = accept.json() {
        (kind, Body::from(json::to_vec(error)))
    } else {
        return;
    };
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    *response.body_mut() = body;
}

/// Whether this is a successful answer in JSON.
fn is_json_answer(response: &Response) -> bool {
    response.status().is_success() && response.headers().get(header::CONTENT_TYPE) == Some(&JSON)
}

/// Characters Java's server refuses unless they are percent-encoded.
fn is_target_allowed(request: &Request) -> bool {
    let target = request
        .uri()
        .path_and_query()
        .map_or("", |target| target.as_str());
    !target
        .bytes()
        .any(|b| b <= b' ' || b >= 0x7f || b"\"#<>\\^`{}|".contains(&b))
}

/// The error as Spring's "Whitelabel" page.
fn page(error: &ErrorBody) -> String {
    let mut page = format!(
        "<html><body><h1>Whitelabel Error Page</h1><p>This application has no explicit mapping for /error, so you are \
         seeing this as a fallback.</p><div id='created'>{}</div><div>There was an unexpected error (type={}, \
         status={}).</div><div>{}</div>",
        java_date(error.timestamp),
        escape(&error.error),
        error.status,
        escape(&error.message),
    );
    if let Some(trace) = &error.trace {
        page.push_str("<div style='white-space:pre-wrap;'>");
        page.push_str(&escape(trace));
        page.push_str("</div>");
    }
    page.push_str("</body></html>");
    page
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// `Mon Nov 23 15:01:35 UTC 2026`, as Java's `Date` reads.
fn java_date(unix_ms: i64) -> String {
    let since = Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0));
    // `Mon, 23 Nov 2026 15:01:35 GMT`
    let http = httpdate::fmt_http_date(UNIX_EPOCH + since);
    match http
        .split([' ', ','])
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()[..]
    {
        [weekday, day, month, year, time, _] => format!("{weekday} {month} {day} {time} UTC {year}"),
        _ => http,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_with_raw_special_characters_are_refused() {
        let allowed = |target: &str| {
            let request = Request::builder().uri(target).body(Body::empty());
            request.is_ok_and(|request| is_target_allowed(&request))
        };
        assert!(allowed("/v4/loadtracks?identifier=ytsearch%3Afoo+bar"));
        for target in ["/a|b", "/a?b={}", "/a`", "/%20?q=^", "/a?\"", "/a?<", "/a?\\"] {
            assert!(!allowed(target), "{target}");
        }
    }

    #[test]
    fn pages_are_escaped_and_dated_as_in_java() {
        let mut error = ErrorBody::new(404, "No <b> & 'c'", "/v4/nope", None, 1_573_520_707_545);
        assert_eq!(
            page(&error),
            "<html><body><h1>Whitelabel Error Page</h1><p>This application has no explicit mapping for /error, so you \
             are seeing this as a fallback.</p><div id='created'>Tue Nov 12 01:05:07 UTC 2019</div><div>There was an \
             unexpected error (type=Not Found, status=404).</div><div>No &lt;b&gt; &amp; &#39;c&#39;</div></body></html>"
        );
        error.trace = Some("a \"b\"".to_owned());
        assert!(page(&error).contains("<div style='white-space:pre-wrap;'>a &quot;b&quot;</div>"));
    }
}
