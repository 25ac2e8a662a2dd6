//! Why a plugin call did not succeed.

use std::time::Duration;

/// How bad a failure is, as Lavalink's exception object has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Expected in normal use (not available, wrong format); nobody has to act.
    Common,
    /// The cause is probably outside the node (network, a changed site).
    Suspicious,
    /// A bug of the plugin or the node.
    Fault,
}

/// Whether and how the host may try the same call again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// From another source address (the current one is rate limited or banned).
    OtherAddress,
    /// Not before this much time has passed.
    After(Duration),
    /// At once, after dropping whatever was cached (an expired URL or token).
    Refresh,
}

/// A failed plugin call, in the terms of Lavalink's exception object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What failed, for people: the `message` of the exception.
    pub message: String,
    /// The `severity` of the exception.
    pub severity: Severity,
    /// The technical reason: the `cause` of the exception. Empty when `message` says it all.
    pub cause: String,
    /// Set when a retry may help.
    pub retry: Option<Retry>,
}

impl Failure {
    /// A failure users cause or expect.
    pub fn common(message: impl Into<String>) -> Self {
        Self::new(Severity::Common, message)
    }

    /// A failure whose reason is probably outside the node.
    pub fn suspicious(message: impl Into<String>) -> Self {
        Self::new(Severity::Suspicious, message)
    }

    /// A bug.
    pub fn fault(message: impl Into<String>) -> Self {
        Self::new(Severity::Fault, message)
    }

    /// A failure of the given severity without a separate cause.
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            severity,
            cause: String::new(),
            retry: None,
        }
    }

    /// The same failure with its technical reason.
    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = cause.to_string();
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.cause.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{} ({})", self.message, self.cause)
        }
    }
}

impl std::error::Error for Failure {}
