//! Which files may be opened.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use lavalink_plugin_api::{Failure, Host, Level};
use serde::Deserialize;

/// `plugins.local` of the configuration.
#[derive(Debug, Default, Deserialize)]
struct Config {
    /// Folders whose files may be played; all files when absent.
    #[serde(default)]
    roots: Option<Vec<PathBuf>>,
}

/// Opens the file an identifier names. `None` when it names no regular file that the node can read and the configuration
/// allows: the three are not told apart, so that nobody learns what lies outside the allowed folders.
///
/// # Errors
/// When the configuration cannot be understood: then no file is opened.
pub(crate) fn open(host: &dyn Host, identifier: &str) -> Result<Option<File>, Failure> {
    // Asked before opening: opening a pipe would wait for its other end.
    if !fs::metadata(identifier).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let config: Config = serde_json::from_str(&host.config()).map_err(|error| {
        Failure::fault(
            "The configuration `plugins.local` cannot be understood; `roots` is a list of folders.",
        )
        .because(error)
    })?;
    let Some(roots) = config.roots else {
        return Ok(File::open(identifier).ok());
    };
    let Ok(path) = fs::canonicalize(identifier) else {
        return Ok(None);
    };
    if !is_within(host, &path, &roots) {
        return Ok(None);
    }
    // The path that was checked is the one opened, not the identifier, whose links may point elsewhere by now.
    Ok(File::open(path).ok())
}

/// Whether a canonical path lies in one of the folders.
fn is_within(host: &dyn Host, path: &Path, roots: &[PathBuf]) -> bool {
    roots.iter().any(|root| match fs::canonicalize(root) {
        Ok(root) => path.starts_with(root),
        Err(error) => {
            host.log(
                Level::Warn,
                &format!(
                    "folder {} of plugins.local.roots cannot be used: {error}",
                    root.display()
                ),
            );
            false
        }
    })
}
