//! Notices that files of plugins have changed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::exchange::ReloadError;
use super::{PluginInfo, Plugins};
use crate::admission::Form;

/// What the file system says about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// Number of the file itself: what was renamed over another can have its time and length, as builds that are
    /// reproducible down to the time have.
    number: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let number = 0;
        Some(Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            number,
        })
    }
}

/// A file that is watched.
#[derive(Debug)]
struct Seen {
    /// What has been dealt with.
    settled: Stamp,
    /// What was found the last time, when it is another.
    fresh: Option<Stamp>,
}

/// Looks at the files of all plugins each time it is polled. A file that has changed is loaded once it has been the same
/// for two polls, so that one which is still being written is left alone.
#[derive(Debug, Default)]
pub struct Watch {
    files: HashMap<PathBuf, Seen>,
}

impl Watch {
    /// Looks at all files, and at those that could not be loaded and are to be tried again by whoever polls: those of
    /// them that have changed are returned. Blocks for as long as loading takes. Outcomes are told in the log.
    pub fn poll(&mut self, plugins: &Plugins, failed: &[PathBuf]) -> Vec<PathBuf> {
        let infos = plugins.infos();
        self.files
            .retain(|path, _| failed.contains(path) || infos.iter().any(|info| info.path == *path));
        for info in infos {
            if let Some(stamp) = self.changed(&info.path)
                && is_dealt_with(plugins, &info)
            {
                self.settle(&info.path, stamp);
            }
        }
        let mut to_try = Vec::new();
        for path in failed {
            if let Some(stamp) = self.changed(path) {
                self.settle(path, stamp);
                to_try.push(path.clone());
            }
        }
        to_try
    }

    /// Whether a file has changed and is at rest. While it is gone or out of reach it counts as unchanged: what is loaded
    /// stays, and the file counts again when it is back.
    fn changed(&mut self, path: &Path) -> Option<Stamp> {
        let stamp = Stamp::of(path)?;
        let seen = self.files.entry(path.to_owned()).or_insert(Seen {
            settled: stamp,
            fresh: None,
        });
        let is_at_rest = seen.fresh == Some(stamp);
        seen.fresh = (stamp != seen.settled).then_some(stamp);
        seen.fresh.filter(|_| is_at_rest)
    }

    fn settle(&mut self, path: &Path, stamp: Stamp) {
        let seen = Seen {
            settled: stamp,
            fresh: None,
        };
        self.files.insert(path.to_owned(), seen);
    }
}

/// Loads a plugin whose file has changed; `false` when that is to be tried again.
fn is_dealt_with(plugins: &Plugins, info: &PluginInfo) -> bool {
    if info.form == Form::Wasm {
        // What it says is in the log already, but for this one.
        return !matches!(plugins.reload(&info.name), Err(ReloadError::Busy));
    }
    tracing::warn!(
        "The file of plugin {} has changed; restart the node to load it, {} plugins are not exchanged while the node runs: \
         {}",
        info.name,
        info.form,
        info.path.display()
    );
    true
}
