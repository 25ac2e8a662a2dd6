//! Why the configuration cannot be used.

use std::path::PathBuf;

use super::findings::Findings;
use super::origin::Origin;

/// A reason not to start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A place named by the operator does not exist.
    #[error("the configuration {} does not exist; mend {named_by} or prefix the place with optional:", path.display())]
    Missing {
        /// File or directory.
        path: PathBuf,
        /// The setting that names it.
        named_by: String,
    },
    /// A place of a kind the node cannot read from.
    #[error(
        "{named_by}: `{location}` cannot be read: {reason}; prefix it with optional: to start without it"
    )]
    Location {
        /// As written.
        location: String,
        /// The setting that names it.
        named_by: String,
        /// What is missing.
        reason: String,
    },
    /// A file is there but cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A file is bigger than any configuration can be.
    #[error("the configuration file {} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes.
        limit: u64,
    },
    /// A file is not what its name says.
    #[error("{origin}: this is not valid as {kind}: {reason}")]
    Syntax {
        /// File and line.
        origin: Origin,
        /// The format.
        kind: &'static str,
        /// The parser's reason.
        reason: String,
    },
    /// `SPRING_APPLICATION_JSON` is not a JSON object.
    #[error("SPRING_APPLICATION_JSON is not a JSON object: {reason}")]
    Json {
        /// The parser's reason.
        reason: String,
    },
    /// A command line argument that is no option.
    #[error(
        "unknown argument `{argument}`; options are --version, --help, --json-schema and --<key>=<value>, such as \
         --server.port=2333; the command is check-config"
    )]
    Argument {
        /// As given.
        argument: String,
    },
    /// Values that cannot be used, all of them.
    #[error("the configuration cannot be used\n{0}")]
    Invalid(Findings),
}
