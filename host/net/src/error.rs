//! What can go wrong on the way out, and whether trying again helps.

use std::io;
use std::time::Duration;

use crate::Refusal;
use crate::route::NoRoute;

/// What was waited for when a deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The TCP or TLS connection.
    Connect,
    /// The status line and header of the answer.
    Head,
    /// The next bytes of the body.
    Body,
    /// The first bytes of a medium, reconnects included.
    Open,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Head => "waiting for the answer",
            Self::Body => "waiting for more bytes",
            Self::Open => "opening the medium",
        })
    }
}

/// A request or a medium that could not be had.
///
/// The texts name the host but never the path, the query, a header value or credentials: those carry tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The node's own settings do not make a client.
    #[error("the HTTP client cannot be set up: {reason}")]
    Setup {
        /// What is wrong with them.
        reason: String,
    },
    /// The text is not an absolute `http` or `https` URL.
    #[error("not a usable URL: {reason}")]
    Url {
        /// Why not.
        reason: String,
    },
    /// Method or header fields that HTTP does not allow.
    #[error("the request to {host} is not valid HTTP: {reason}")]
    Request {
        /// Host it was meant for.
        host: String,
        /// The field at fault.
        reason: String,
    },
    /// No connection came about (name, route, refusal, TLS).
    #[error("connecting to {host} failed: {reason}")]
    Connect {
        /// Host that was asked.
        host: String,
        /// The system's or TLS's reason.
        reason: String,
    },
    /// The node's rules do not let it go there.
    #[error("connecting to {host} is not allowed: {refusal}")]
    Refused {
        /// Host that was asked for.
        host: String,
        /// The rule.
        refusal: Refusal,
    },
    /// A deadline passed.
    #[error("{host} did not answer within {} ms while {stage}", after.as_millis())]
    Timeout {
        /// Host that was asked.
        host: String,
        /// What was waited for.
        stage: Stage,
        /// How long.
        after: Duration,
    },
    /// The connection broke before the answer was complete.
    #[error("the connection to {host} broke: {reason}")]
    Interrupted {
        /// Host that was asked.
        host: String,
        /// The system's reason.
        reason: String,
    },
    /// Something that is not HTTP, or HTTP used wrongly.
    #[error("{host} sent an answer that cannot be used: {reason}")]
    Protocol {
        /// Host that was asked.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More redirects than the client follows.
    #[error("{host} redirects more than {limit} times")]
    Redirects {
        /// Host that was asked first.
        host: String,
        /// Most hops followed.
        limit: usize,
    },
    /// No source address is left for a request the route planner routes.
    #[error("no route to {host}: {reason}")]
    NoRoute {
        /// Host that was asked.
        host: String,
        /// Why not.
        reason: NoRoute,
    },
    /// Every address that was tried is refused by the service. The text is Java Lavalink's.
    #[error("Retry aborted, too many retries on ratelimit.")]
    RateLimited,
    /// A part of the answer is larger than allowed.
    #[error("the {what} from {host} is larger than {limit} bytes")]
    TooLarge {
        /// Host that was asked.
        host: String,
        /// `body` or `header`.
        what: &'static str,
        /// Bytes allowed.
        limit: u64,
    },
    /// A medium was answered with a status that carries none.
    #[error("{host} answered with status {status}")]
    Status {
        /// Host that was asked.
        host: String,
        /// HTTP status code.
        status: u16,
    },
    /// A jump the origin cannot make.
    #[error("{host} cannot continue at byte {offset}: {reason}")]
    NotSeekable {
        /// Host that was asked.
        host: String,
        /// Byte that was wanted.
        offset: u64,
        /// Why not.
        reason: String,
    },
    /// Reconnecting did not help.
    #[error("gave up after {attempts} attempts in a row: {last}")]
    Exhausted {
        /// Attempts without a single new byte.
        attempts: u32,
        /// How the last one failed.
        last: Box<NetError>,
    },
    /// An origin that is not HTTP (a plugin, a file) failed.
    #[error("{reason}")]
    Origin {
        /// What failed, on what.
        reason: String,
        /// Whether a retry may help.
        retriable: bool,
    },
}

impl NetError {
    /// Whether the same request may succeed when it is made again soon.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Interrupted { .. } | Self::Connect { .. } => true,
            Self::Status { status, .. } => (500..600).contains(status),
            Self::Origin { retriable, .. } => *retriable,
            Self::Setup { .. }
            | Self::Url { .. }
            | Self::Request { .. }
            | Self::Protocol { .. }
            | Self::Redirects { .. }
            | Self::TooLarge { .. }
            | Self::NoRoute { .. }
            | Self::Refused { .. }
            | Self::RateLimited
            | Self::NotSeekable { .. }
            | Self::Exhausted { .. } => false,
        }
    }

    /// The kind a synchronous reader sees.
    pub(crate) fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::Timeout { .. } => io::ErrorKind::TimedOut,
            Self::Interrupted { .. } => io::ErrorKind::ConnectionReset,
            Self::Connect { .. } | Self::NoRoute { .. } => io::ErrorKind::NotConnected,
            Self::NotSeekable { .. } => io::ErrorKind::Unsupported,
            Self::Refused { .. } => io::ErrorKind::PermissionDenied,
            Self::Url { .. } | Self::Request { .. } => io::ErrorKind::InvalidInput,
            Self::Protocol { .. } | Self::TooLarge { .. } | Self::Redirects { .. } => {
                io::ErrorKind::InvalidData
            }
            Self::Exhausted { last, .. } => last.io_kind(),
            Self::Setup { .. } | Self::Status { .. } | Self::RateLimited | Self::Origin { .. } => {
                io::ErrorKind::Other
            }
        }
    }

    /// Sorts a client error into ours. `waited` is the deadline that applied.
    pub(crate) fn from_client(host: &str, stage: Stage, waited: Duration, error: &reqwest::Error) -> Self {
        let host = host.to_owned();
        if let Some(refusal) = Refusal::find(error) {
            let refusal = refusal.clone();
            return Self::Refused { host, refusal };
        }
        let reason = innermost(error);
        if error.is_timeout() {
            let stage = if error.is_connect() { Stage::Connect } else { stage };
            return Self::Timeout {
                host,
                stage,
                after: waited,
            };
        }
        if error.is_connect() {
            return Self::Connect { host, reason };
        }
        if error.is_builder() {
            return Self::Request { host, reason };
        }
        if is_malformed(error) {
            return Self::Protocol { host, reason };
        }
        Self::Interrupted { host, reason }
    }

    /// The same for errors of a routed request.
    pub(crate) fn from_routed(
        host: &str,
        is_connect: bool,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        let host = host.to_owned();
        let reason = innermost(error);
        if is_connect {
            Self::Connect { host, reason }
        } else if is_malformed(error) {
            Self::Protocol { host, reason }
        } else {
            Self::Interrupted { host, reason }
        }
    }
}

impl From<NetError> for io::Error {
    fn from(error: NetError) -> Self {
        Self::new(error.io_kind(), error)
    }
}

/// The deepest cause: the client's own layers print the URL, which may carry a token.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error.source();
    let mut text = None;
    while let Some(current) = cause {
        text = Some(current.to_string());
        cause = current.source();
    }
    text.unwrap_or_else(|| "no reason given".to_owned())
}

/// Whether the peer spoke something that cannot be parsed, as opposed to hanging up.
fn is_malformed(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = error.source();
    while let Some(current) = cause {
        if let Some(hyper) = current.downcast_ref::<hyper::Error>() {
            return hyper.is_parse();
        }
        cause = current.source();
    }
    false
}
