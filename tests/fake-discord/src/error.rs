//! Why the fake server could not do what a test asked.

use std::path::PathBuf;

/// An error of the fake server's own API. What clients do wrong is in their report instead.
#[derive(Debug, thiserror::Error)]
pub enum FakeError {
    /// A configuration value is out of its range.
    #[error("configuration: {0}")]
    Config(String),
    /// The certificate authority or server certificate could not be made.
    #[error("certificates: {0}")]
    Certificate(String),
    /// A socket could not be opened or bound.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: std::net::SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A thread or runtime could not be started.
    #[error("cannot start the server's threads: {0}")]
    Threads(std::io::Error),
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A recording could not be written as WAV.
    #[error("cannot write {}: {source}", path.display())]
    Wav {
        /// The file.
        path: PathBuf,
        /// The encoder's reason.
        source: hound::Error,
    },
    /// No connection of that guild exists.
    #[error("no voice connection for guild {0}; wait until the client has identified")]
    NoConnection(u64),
    /// The guild's channel has no listener to remove.
    #[error("the channel of guild {0} has no listener")]
    NoListener(u64),
    /// Something that was waited for did not happen in time.
    #[error("timed out after {seconds:.1} s waiting for {what}")]
    Timeout {
        /// What was expected.
        what: String,
        /// How long it was waited for, s.
        seconds: f64,
    },
    /// An MLS operation of the server's own members failed.
    #[error("MLS: {0}")]
    Mls(String),
}
