//! Notices that files of plugins have changed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Plugins;
use super::exchange::ReloadError;
use crate::admission::Form;

/// What the file system says about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
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
    /// Looks at all files. Blocks for as long as loading takes. Outcomes are told in the log.
    pub fn poll(&mut self, plugins: &Plugins) {
        let infos = plugins.infos();
        self.files
            .retain(|path, _| infos.iter().any(|info| info.path == *path));
        for info in infos {
            // Gone or out of reach: what is loaded stays, and the file counts again when it is back.
            let Some(stamp) = Stamp::of(&info.path) else {
                continue;
            };
            let seen = self.files.entry(info.path.clone()).or_insert(Seen {
                settled: stamp,
                fresh: None,
            });
            if stamp == seen.settled {
                seen.fresh = None;
                continue;
            }
            if seen.fresh != Some(stamp) {
                seen.fresh = Some(stamp);
                continue;
            }
            if info.form == Form::Wasm {
                // What it says is in the log already, but for this one, which is tried again.
                if let Err(ReloadError::Busy) = plugins.reload(&info.name) {
                    continue;
                }
            } else {
                tracing::warn!(
                    "The file of plugin {} has changed; restart the node to load it, {} plugins are not exchanged while \
                     the node runs: {}",
                    info.name,
                    info.form,
                    info.path.display()
                );
            }
            *seen = Seen {
                settled: stamp,
                fresh: None,
            };
        }
    }
}
