//! The JSON body of REST errors (spec section 1.3).

use serde::{Deserialize, Serialize};

/// Error body, fields in the order Java writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// HTTP status.
    pub status: u16,
    /// Reason phrase of the status.
    pub error: String,
    /// Detail for developers; only when the request asked with `?trace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// What went wrong.
    pub message: String,
    /// Request path without query, not decoded. Absent only in [`ErrorBody::nothing`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl ErrorBody {
    /// Message written when there is no text.
    pub const NO_MESSAGE: &'static str = "No message available";

    /// Builds a body. An empty `message` becomes [`Self::NO_MESSAGE`]; `now_ms` is the time in ms since the epoch.
    #[must_use]
    pub fn new(
        status: u16,
        message: impl Into<String>,
        path: impl Into<String>,
        trace: Option<String>,
        now_ms: i64,
    ) -> Self {
        let mut message = message.into();
        if message.is_empty() {
            message = Self::NO_MESSAGE.to_owned();
        }
        Self {
            timestamp: now_ms,
            status,
            error: reason_phrase(status).into_owned(),
            trace,
            message,
            path: Some(path.into()),
        }
    }

    /// What the error page shows when there was no error.
    #[must_use]
    pub fn nothing(now_ms: i64) -> Self {
        Self {
            timestamp: now_ms,
            status: 999,
            error: "None".to_owned(),
            trace: None,
            message: Self::NO_MESSAGE.to_owned(),
            path: None,
        }
    }
}

/// Reason phrase of a status (RFC 9110 section 15); `Http Status <n>` for others, as Spring writes.
fn reason_phrase(status: u16) -> std::borrow::Cow<'static, str> {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        other => return format!("Http Status {other}").into(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_message_gets_the_standard_text() {
        let body = ErrorBody::new(500, "", "/v4/decodetrack", None, 7);
        assert_eq!(
            crate::json::to_string(&body),
            r#"{"timestamp":7,"status":500,"error":"Internal Server Error","message":"No message available","path":"/v4/decodetrack"}"#
        );
    }

    #[test]
    fn nothing_has_no_path() {
        assert_eq!(
            crate::json::to_string(&ErrorBody::nothing(7)),
            r#"{"timestamp":7,"status":999,"error":"None","message":"No message available"}"#
        );
    }

    #[test]
    fn trace_stands_before_message() {
        let body = ErrorBody::new(418, "m", "/p", Some("t".into()), 1);
        assert_eq!(
            crate::json::to_string(&body),
            r#"{"timestamp":1,"status":418,"error":"Http Status 418","trace":"t","message":"m","path":"/p"}"#
        );
    }
}
