//! Why the configuration cannot be used.

use std::path::PathBuf;

/// A reason not to start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file named by `spring.config.location` does not exist.
    #[error("the configuration file {} does not exist; mend spring.config.location or prefix it with optional:", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
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
    /// A file is not YAML.
    #[error("{} is not valid YAML: {reason}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// The parser's reason with line and column.
        reason: String,
    },
    /// `SPRING_APPLICATION_JSON` is not a JSON object.
    #[error("SPRING_APPLICATION_JSON is not a JSON object: {reason}")]
    Json {
        /// The parser's reason.
        reason: String,
    },
    /// A `${…}` that cannot be replaced.
    #[error("{key}: {reason}")]
    Placeholder {
        /// Where it stands.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value of the wrong type or out of range.
    #[error("{key} is `{value}`, but must be {expected}")]
    Value {
        /// Dotted key.
        key: String,
        /// As given.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// A command line argument that is no option.
    #[error(
        "unknown argument `{argument}`; options are --version and --<key>=<value>, such as --server.port=2333"
    )]
    Argument {
        /// As given.
        argument: String,
    },
}
