//! Errors of the REST interface: an error answer is marked in the response and written once its path is known.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use lavalink_plugin_api::Failure;
use lavalink_protocol::error::ErrorBody;

use crate::clock::unix_ms;

/// Where an error comes from, as far as the answer shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// One of the node's own checks.
    Check,
    /// What is an uncaught exception in Java, whose container then forgets the headers set so far.
    Uncaught,
    /// Somebody asked for the error page without an error.
    Nothing,
}

/// An answer other than success, with Lavalink's error object as its body.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    origin: Origin,
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
            origin: Origin::Check,
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

    /// 500 with the text Java has for an exception nobody caught.
    pub fn uncaught(message: impl Into<String>) -> Self {
        Self {
            origin: Origin::Uncaught,
            ..Self::internal(message)
        }
    }

    /// 406: the answer would be JSON, and the client takes none.
    pub fn not_acceptable() -> Self {
        let message = "Acceptable representations: [application/json, application/*+json].";
        Self::new(StatusCode::NOT_ACCEPTABLE, message)
    }

    /// What `/error` itself answers.
    pub fn nothing() -> Self {
        Self {
            origin: Origin::Nothing,
            ..Self::internal("")
        }
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

    /// The error as a failure, for a plugin that asked for the same as a client.
    pub fn to_failure(&self) -> Failure {
        let mut failure = Failure::common(self.message.clone());
        if let Some(detail) = &self.detail {
            failure.cause.clone_from(detail);
        }
        failure
    }

    /// Whether the answer comes without the headers every other one has.
    pub fn is_uncaught(&self) -> bool {
        self.origin == Origin::Uncaught
    }

    /// The error object; `path` is the raw path of the request.
    pub fn body(&self, path: &str, wants_trace: bool) -> ErrorBody {
        if self.origin == Origin::Nothing {
            return ErrorBody::nothing(unix_ms());
        }
        let trace = wants_trace.then(|| {
            let mut text = format!("{} \"{}\"\n", self.status, self.message);
            if let Some(detail) = &self.detail {
                text.push_str("Caused by: ");
                text.push_str(detail);
                text.push('\n');
            }
            text
        });
        ErrorBody::new(self.status.as_u16(), self.message.clone(), path, trace, unix_ms())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}
