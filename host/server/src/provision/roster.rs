//! All plugins the node has, had, or waits for, in one list.

use std::path::Path;

use lavalink_plugins::{Form, PluginStatus, Plugins, Sha256};
use lavalink_supply::{Declared, Wanted};

use super::{Progress, Provision};

/// Where a plugin comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `dependency`, `url`, `path`, `directory`, or `built-in`.
    pub kind: &'static str,
    /// As it is declared, or the name of the file in the directory; without credentials.
    pub declared: String,
    /// The address it was fetched from.
    pub from: Option<String>,
}

/// How a plugin stands.
#[derive(Debug, Clone)]
pub enum Standing {
    /// It is in use.
    Loaded(Box<PluginStatus>),
    /// It is not used, for this reason.
    Failed(String),
    /// It is not there yet; with the last problem.
    Awaiting(Option<String>),
}

impl Standing {
    /// Name, as in answers and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Loaded(_) => "loaded",
            Self::Failed(_) => "failed",
            Self::Awaiting(_) => "awaiting",
        }
    }
}

/// One plugin.
#[derive(Debug, Clone)]
pub struct Row {
    /// Name in its manifest, where that could be read.
    pub name: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// Of its file, when there is one.
    pub sha256: Option<Sha256>,
    /// How it stands.
    pub standing: Standing,
}

impl Provision {
    /// All plugins: those in use in their order, then what could not be loaded, then what is missing.
    pub fn roster(&self, plugins: &Plugins) -> Vec<Row> {
        let entries = self.entries.lock().clone();
        let mut rows = Vec::new();
        for status in plugins.statuses() {
            rows.push(Row {
                name: Some(status.info.name.clone()),
                origin: match status.info.form {
                    Form::BuiltIn => Origin {
                        kind: "built-in",
                        declared: status.info.name.clone(),
                        from: None,
                    },
                    Form::Native | Form::Wasm => origin(&entries, &status.info.path),
                },
                sha256: status.info.sha256,
                standing: Standing::Loaded(Box::new(status)),
            });
        }
        for refused in self.refused.lock().iter() {
            rows.push(Row {
                name: refused.plugin.clone(),
                origin: origin(&entries, &refused.path),
                sha256: held(&entries, &refused.path).map(|held| held.sha256),
                standing: Standing::Failed(refused.reason.clone()),
            });
        }
        for (declared, progress) in &entries {
            let standing = match progress {
                Progress::Held(held) if self.is_settled(plugins, &held.path) => continue,
                // It has just arrived and is being loaded.
                Progress::Held(_) => Standing::Awaiting(None),
                Progress::Awaiting(problem) => Standing::Awaiting(problem.clone()),
                Progress::Failed(reason) => Standing::Failed(reason.clone()),
            };
            rows.push(Row {
                name: None,
                origin: declared_origin(declared, None),
                sha256: declared.sha256,
                standing,
            });
        }
        rows
    }

    /// Whether this file was loaded, or refused, already.
    pub(super) fn is_settled(&self, plugins: &Plugins, path: &Path) -> bool {
        self.refused.lock().iter().any(|refused| refused.path == path)
            || plugins.infos().iter().any(|info| info.path == path)
    }
}

fn held<'a>(entries: &'a [(Declared, Progress)], path: &Path) -> Option<&'a lavalink_supply::Resolved> {
    entries.iter().find_map(|(_, progress)| match progress {
        Progress::Held(held) if held.path == path => Some(held),
        _ => None,
    })
}

fn origin(entries: &[(Declared, Progress)], path: &Path) -> Origin {
    let declared = entries.iter().find_map(|(declared, progress)| match progress {
        Progress::Held(held) if held.path == path => Some(declared_origin(declared, Some(&held.from))),
        _ => None,
    });
    declared.unwrap_or_else(|| Origin {
        kind: "directory",
        declared: path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        from: None,
    })
}

fn declared_origin(declared: &Declared, from: Option<&str>) -> Origin {
    let kind = match declared.wanted {
        Wanted::Dependency { .. } => "dependency",
        Wanted::Url(_) => "url",
        Wanted::File(_) => "path",
    };
    Origin {
        kind,
        declared: declared.key(),
        from: from.filter(|_| kind != "path").map(str::to_owned),
    }
}
