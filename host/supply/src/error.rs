//! Why a plugin could not be had.

use std::io;

use lavalink_net::NetError;
use lavalink_plugins::Sha256;

/// Why a plugin could not be had. The texts are for the operator: what is wrong and what to do. They hold no credentials.
#[derive(Debug, thiserror::Error)]
pub enum SupplyError {
    /// It is a plugin of Java Lavalink.
    #[error("this is {what}")]
    JavaPlugin {
        /// Which, and what there is instead.
        what: String,
    },
    /// The repository has no file for this node.
    #[error("the repository has no build of it for this node; looked for {tried}{}", if *.has_jar { "; it has a jar, so this is a plugin for the Java node, which cannot run here" } else { "" })]
    NotThere {
        /// The addresses that were asked.
        tried: String,
        /// Whether the repository has a jar of that name.
        has_jar: bool,
    },
    /// It is not what the operator's `sha256` says.
    #[error(
        "{from} has the SHA-256 {found}, but `sha256` in lavalink.plugins says {wanted}; it is not used. Find out why before changing the hash"
    )]
    Pin {
        /// Where it came from.
        from: String,
        /// Of the file.
        found: Sha256,
        /// Of the configuration.
        wanted: Sha256,
    },
    /// It is not what was fetched before.
    #[error(
        "{from} has the SHA-256 {found}, but plugins.lock says {wanted}: the file was changed under its name. It is not used; `lavalink-rust plugin update` accepts it"
    )]
    Changed {
        /// Where it came from.
        from: String,
        /// Of the file.
        found: Sha256,
        /// Of the lock file.
        wanted: Sha256,
    },
    /// It is not what the repository says.
    #[error(
        "{from} has the SHA-256 {found}, but the repository's {from}.sha256 says {wanted}; it is not used, try again later"
    )]
    Checksum {
        /// Where it came from.
        from: String,
        /// Of the file.
        found: Sha256,
        /// Of the repository.
        wanted: Sha256,
    },
    /// A native plugin from the network without a hash.
    #[error(
        "{from} is a native plugin, which runs with all rights of the node; from the network they are only used with a hash. If you trust it, add `sha256: {found}` to its entry in lavalink.plugins"
    )]
    NativeUnpinned {
        /// Where it came from.
        from: String,
        /// Of the file.
        found: Sha256,
    },
    /// Something else than a plugin.
    #[error("{from} is neither WebAssembly nor a library of a system; a page of the server, perhaps")]
    NotAPlugin {
        /// Where it came from.
        from: String,
    },
    /// A zip archive.
    #[error("{from} is a jar or another archive; plugins for the Java node cannot run here")]
    Archive {
        /// Where it came from.
        from: String,
    },
    /// The server refuses.
    #[error("{from} was answered with status {status}")]
    Status {
        /// What was asked for.
        from: String,
        /// HTTP status.
        status: u16,
    },
    /// The server cannot be reached, or breaks off.
    #[error("{from} cannot be fetched: {error}")]
    Net {
        /// What was asked for.
        from: String,
        /// Why.
        #[source]
        error: NetError,
    },
    /// It took too long.
    #[error("{from} was not there within {seconds} s")]
    TooSlow {
        /// What was asked for.
        from: String,
        /// The time it had.
        seconds: u64,
    },
    /// There is no HTTP client.
    #[error("the node's HTTP client cannot be used: {0}")]
    Client(String),
    /// The offline cache does not work.
    #[error("{folder} cannot be written: {error}; lavalink.pluginsDataDir names the directory it is in")]
    Store {
        /// The directory.
        folder: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A file of this machine.
    #[error("{path} cannot be read: {error}")]
    File {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        error: io::Error,
    },
}

impl SupplyError {
    /// Whether the same may work later without anybody changing anything.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Net { error, .. } => error.is_retriable(),
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            Self::TooSlow { .. } | Self::Checksum { .. } => true,
            _ => false,
        }
    }
}
