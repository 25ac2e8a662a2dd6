//! Errors of the voice engine.

use std::{io, time::Duration};

/// Why an engine could not start or a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// A thread of the engine could not be started.
    #[error("could not start the voice thread {name}: {source}; check the process limit of this user")]
    Thread {
        /// Name of the thread.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// No certificate of the platform store could be used.
    #[error(
        "no trusted root certificates: {0}; install the system's CA bundle or point SSL_CERT_FILE at one"
    )]
    Tls(String),
    /// The endpoint is not `host` or `host:port`.
    #[error(
        "voice endpoint {endpoint:?} is not usable: {why}; pass the endpoint of the voice server update as it is"
    )]
    Endpoint {
        /// The endpoint as given.
        endpoint: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The voice gateway could not be reached or refused the WebSocket upgrade.
    #[error("could not connect to the voice gateway at {endpoint}: {why}")]
    Connect {
        /// The endpoint as given.
        endpoint: String,
        /// What failed.
        why: String,
    },
    /// The voice gateway did not complete the WebSocket upgrade in time.
    #[error("the voice gateway at {endpoint} did not answer within {limit:?}")]
    Timeout {
        /// The endpoint as given.
        endpoint: String,
        /// Time allowed for name lookup, TCP, TLS and the upgrade together.
        limit: Duration,
    },
}
