//! Where a value was written, so that every complaint can say so.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The place of one value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Compiled into the program.
    #[default]
    BuiltIn,
    /// A line of a file.
    File {
        /// As the operator wrote it or the search found it.
        path: Arc<Path>,
        /// Counted from 1; 0 when the whole file is meant.
        line: u32,
    },
    /// An environment variable.
    Variable(Arc<str>),
    /// An option of the command line, without its value.
    Argument(Arc<str>),
    /// `SPRING_APPLICATION_JSON`, or the property of the same meaning.
    ApplicationJson,
}

impl Origin {
    /// A line of a file.
    pub fn file(path: &Arc<Path>, line: usize) -> Self {
        Self::File {
            path: Arc::clone(path),
            line: u32::try_from(line).unwrap_or(u32::MAX),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("default"),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Argument(option) => write!(f, "command line {option}"),
            Self::ApplicationJson => f.write_str("SPRING_APPLICATION_JSON"),
        }
    }
}
