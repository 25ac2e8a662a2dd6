//! Errors of the REST interface: an error answer is marked in the response and written once its path is known.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use lavalink_protocol::error::ErrorBody;
use lavalink_protocol::json;

use crate::clock::unix_ms;

/// An answer other than success, with Lavalink's error object as its body.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    /// Why, for `?trace=true`.
    detail: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// An error with this message.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            detail: None,
            headers: Vec::new(),
        }
    }

    /// 400 with this message.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 400 for whatever cannot be decoded; the reason shows in the trace only.
    pub fn undecodable(reason: impl std::fmt::Display) -> Self {
        Self::bad_request("Bad Request").because(reason)
    }

    /// 404 with this message.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 500 with this message.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The same error with its reason.
    #[must_use]
    pub fn because(mut self, reason: impl std::fmt::Display) -> Self {
        self.detail = Some(reason.to_string());
        self
    }

    /// The same error with one more response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// Writes the error object; `path` is the raw path of the request.
    pub fn render(&self, path: &str, wants_trace: bool) -> Body {
        let trace = wants_trace.then(|| {
            let mut text = format!("{} \"{}\"\n", self.status, self.message);
            if let Some(detail) = &self.detail {
                text.push_str("Caused by: ");
                text.push_str(detail);
                text.push('\n');
            }
            text
        });
        let body = ErrorBody::new(self.status.as_u16(), self.message.clone(), path, trace, unix_ms());
        Body::from(json::to_vec(&body))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}
