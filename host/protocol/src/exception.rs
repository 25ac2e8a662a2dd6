//! Exceptions as clients see them: in load results and in `TrackExceptionEvent`.

use serde::{Deserialize, Serialize};

/// How bad a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Expected: the track is private, gone, blocked.
    Common,
    /// Unclear whether the node or the outside is to blame.
    Suspicious,
    /// The node or a plugin is broken.
    Fault,
}

/// A failure with its causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// Text for users.
    pub message: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Short text of the cause.
    pub cause: String,
    /// The causes, one a line, from the outermost inwards.
    pub cause_stack_trace: String,
}

impl Exception {
    /// Builds from a message and the texts of its causes, outermost first.
    ///
    /// `cause` is the innermost cause, or the message when there is none. An empty message is none: `null` on the wire.
    #[must_use]
    pub fn new(message: impl Into<String>, severity: Severity, causes: &[String]) -> Self {
        let message = Some(message.into()).filter(|message| !message.is_empty());
        let texts: Vec<&str> = message.iter().chain(causes).map(String::as_str).collect();
        let cause = texts.last().copied().unwrap_or_default().to_owned();
        let cause_stack_trace = texts.join("\nCaused by: ") + "\n";
        Self {
            message,
            severity,
            cause,
            cause_stack_trace,
        }
    }

    /// Builds from a Rust error; its `source()` chain becomes the causes (at most 16 are followed).
    #[must_use]
    pub fn from_error(error: &dyn std::error::Error, severity: Severity) -> Self {
        const MAX_CAUSES: usize = 16;
        let chain = std::iter::successors(error.source(), |cause| cause.source());
        let causes: Vec<String> = chain.take(MAX_CAUSES).map(ToString::to_string).collect();
        Self::new(error.to_string(), severity, &causes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_listed_outermost_first() {
        let exception = Exception::new("top", Severity::Fault, &["middle".into(), "root".into()]);
        assert_eq!(exception.cause, "root");
        assert_eq!(
            exception.cause_stack_trace,
            "top\nCaused by: middle\nCaused by: root\n"
        );
        let silent = Exception::new("", Severity::Suspicious, &["java.io.EOFException".into()]);
        assert_eq!(
            (
                silent.message,
                silent.cause.as_str(),
                silent.cause_stack_trace.as_str()
            ),
            (None, "java.io.EOFException", "java.io.EOFException\n")
        );
        let alone = Exception::new("top", Severity::Common, &[]);
        assert_eq!(
            (alone.cause.as_str(), alone.cause_stack_trace.as_str()),
            ("top", "top\n")
        );
    }

    #[test]
    fn error_chain_becomes_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        let exception = Exception::from_error(&Outer(std::io::Error::other("inner")), Severity::Suspicious);
        assert_eq!(exception.message.as_deref(), Some("outer"));
        assert_eq!(exception.cause, "inner");
    }
}
