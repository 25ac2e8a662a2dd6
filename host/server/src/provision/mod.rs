//! Gets the plugins of `lavalink.plugins` into the node, without the node's start depending on the network.
//!
//! What the offline cache holds is used at once. The rest is fetched beside the start, which waits a few seconds for it; what
//! comes later is taken into use when it is there.

mod client;
mod roster;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lavalink_plugins::{LoadError, LoadReport, PluginInfo, Plugins, Sha256};
use lavalink_supply::{Declared, LockFile, Refresh, Resolved, Store, Supply, SupplyError, Wanted};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

pub use roster::{Row, Standing};

use crate::config::Config;

/// Longest time the start waits for plugins that have to be fetched.
const START_WAIT: Duration = Duration::from_secs(5);

/// Folder of fetched plugins in the plugins' data directory; no plugin can have this name.
const FETCHED_DIR: &str = "~fetched";

/// Pauses between attempts to fetch a plugin; the last one goes on.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
];

/// A file that could not be loaded.
#[derive(Debug, Clone)]
struct Refused {
    path: PathBuf,
    /// Name in its manifest, where that could be read.
    plugin: Option<String>,
    reason: String,
}

impl Refused {
    fn of(path: &Path, error: &LoadError) -> Self {
        Self {
            path: path.to_owned(),
            plugin: error.plugin().map(str::to_owned),
            reason: error.to_string(),
        }
    }
}

/// How far a declared plugin has come.
#[derive(Debug, Clone)]
enum Progress {
    /// It is being fetched, or will be again; with the last problem.
    Awaiting(Option<String>),
    /// Its file is there.
    Held(Resolved),
    /// It cannot be had as it is declared.
    Failed(String),
}

/// The supply a configuration describes, for these plugins. Makes no connection.
pub fn supply(config: &Config, declared: &[Declared]) -> Supply {
    Supply::new(
        Store::new(config.plugins_data_dir.join(FETCHED_DIR)),
        LockFile::open(config.plugin_supply.lock.clone()),
        client::source(config, declared),
    )
}

/// See the module.
pub struct Provision {
    supply: Supply,
    entries: Mutex<Vec<(Declared, Progress)>>,
    /// Files that could not be loaded.
    refused: Mutex<Vec<Refused>>,
}

/// Files that arrive once the node has started.
pub struct Arrivals(mpsc::UnboundedReceiver<PathBuf>);

impl Provision {
    /// Gets what is declared, for a few seconds at most; returns what comes later as well.
    pub async fn begin(config: &Config) -> (Arc<Self>, Arrivals) {
        let declared = &config.plugin_supply.declared;
        let entries = declared
            .iter()
            .map(|declared| (declared.clone(), Progress::Awaiting(None)));
        let this = Arc::new(Self {
            supply: supply(config, declared),
            entries: Mutex::new(entries.collect()),
            refused: Mutex::default(),
        });
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let missing = {
            let this = Arc::clone(&this);
            spawn_blocking(move || this.take_what_is_at_hand()).await
        };
        // A panic, which is a bug and in the log: what is there is found by fetching as well.
        let missing = missing.unwrap_or_else(|_| (0..declared.len()).collect());
        let (tried, mut tries) = mpsc::unbounded_channel();
        let count = missing.len();
        for index in missing {
            let (this, arrived, tried) = (Arc::clone(&this), arrived.clone(), tried.clone());
            tokio::spawn(async move { this.fetch(index, &tried, &arrived).await });
        }
        let all_tried = async {
            for _ in 0..count {
                if tries.recv().await.is_none() {
                    break;
                }
            }
        };
        if tokio::time::timeout(START_WAIT, all_tried).await.is_err() {
            tracing::warn!(
                "Not all plugins were fetched within {} s; the node starts without them and takes them into use when they arrive",
                START_WAIT.as_secs()
            );
        }
        (this, Arrivals(arrivals))
    }

    /// Files that are there at this moment. Blocks on the disk: called by [`Provision::begin`] off the runtime.
    fn take_what_is_at_hand(&self) -> Vec<usize> {
        let declared: Vec<Declared> = self
            .entries
            .lock()
            .iter()
            .map(|(declared, _)| declared.clone())
            .collect();
        let mut missing = Vec::new();
        for (index, declared) in declared.iter().enumerate() {
            match self.supply.at_hand(declared) {
                Ok(Some(resolved)) => self.set(index, Progress::Held(resolved)),
                Ok(None) => missing.push(index),
                Err(error) => self.fail(index, &error),
            }
        }
        missing
    }

    /// Fetches one plugin, however often that takes.
    async fn fetch(
        &self,
        index: usize,
        tried: &mpsc::UnboundedSender<()>,
        arrived: &mpsc::UnboundedSender<PathBuf>,
    ) {
        let Some(declared) = self
            .entries
            .lock()
            .get(index)
            .map(|(declared, _)| declared.clone())
        else {
            return;
        };
        if declared.is_unprotected() {
            tracing::warn!(
                "Plugin {} comes over plain http without a sha256: whoever is on the way can replace it",
                declared.key()
            );
        }
        let mut pauses = PAUSES.iter();
        let mut pause = Duration::ZERO;
        loop {
            let outcome = self.supply.obtain(&declared, Refresh::No).await;
            let is_over = match outcome {
                Ok(resolved) => {
                    tracing::info!("Fetched plugin {} from {}", declared.key(), resolved.from);
                    let path = resolved.path.clone();
                    self.set(index, Progress::Held(resolved));
                    // Nobody takes it any more when the node is ending.
                    let _ending = arrived.send(path);
                    true
                }
                Err(error) if error.is_retriable() => {
                    pause = pauses.next().copied().unwrap_or(pause);
                    tracing::warn!(
                        "Plugin {} cannot be fetched yet, the next attempt is in {} s: {error}",
                        declared.key(),
                        pause.as_secs()
                    );
                    self.set(index, Progress::Awaiting(Some(error.to_string())));
                    false
                }
                Err(error) => {
                    self.fail(index, &error);
                    true
                }
            };
            // Only the first is waited for.
            let _nobody_waits = tried.send(());
            if is_over {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn fail(&self, index: usize, error: &SupplyError) {
        if let Some((declared, progress)) = self.entries.lock().get_mut(index) {
            tracing::error!("Plugin {} is left out: {error}", declared.key());
            *progress = Progress::Failed(error.to_string());
        }
    }

    fn set(&self, index: usize, progress: Progress) {
        if let Some((_, slot)) = self.entries.lock().get_mut(index) {
            *slot = progress;
        }
    }

    /// The files that are there, in the order of the list.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = self.entries.lock();
        let held = entries.iter().filter_map(|(_, progress)| match progress {
            Progress::Held(resolved) => Some(resolved.path.clone()),
            Progress::Awaiting(_) | Progress::Failed(_) => None,
        });
        held.collect()
    }

    /// What a file has to hash to, where that is known: from the operator, or from where it was fetched. Blocks on the disk.
    pub fn wanted_hash(&self, path: &Path) -> Option<Sha256> {
        let entries = self.entries.lock();
        entries
            .iter()
            .find_map(|(declared, progress)| match &declared.wanted {
                Wanted::File(file) => declared.sha256.filter(|_| is_same(file, path)),
                Wanted::Dependency { .. } | Wanted::Url(_) => match progress {
                    Progress::Held(held) if held.path == path => Some(held.sha256),
                    _ => None,
                },
            })
    }

    /// Whether the operator names the hash of this file. Blocks on the disk.
    pub fn is_pinned(&self, path: &Path) -> bool {
        let entries = self.entries.lock();
        entries.iter().any(|(declared, progress)| {
            let is_it = match (&declared.wanted, progress) {
                (Wanted::File(file), _) => is_same(file, path),
                (_, Progress::Held(held)) => held.path == path,
                _ => false,
            };
            is_it && declared.sha256.is_some()
        })
    }

    /// Notes which files could not be loaded at the start.
    pub fn note(&self, reports: &[LoadReport]) {
        let refused = reports.iter().filter_map(|report| {
            let error = report.result.as_ref().err()?;
            Some(Refused::of(&report.path, error))
        });
        self.refused.lock().extend(refused);
    }

    /// The file a plugin that was loaded from `path` would be loaded from now: `plugin update` may have fetched another one.
    /// `None` when that file is not from `lavalink.plugins`, or cannot be used. Blocks on the disk.
    pub fn renewed(&self, path: &Path) -> Option<PathBuf> {
        let (index, declared) = {
            let entries = self.entries.lock();
            let is_it = |progress: &Progress| matches!(progress, Progress::Held(held) if held.path == path);
            let index = entries.iter().position(|(_, progress)| is_it(progress))?;
            (index, entries.get(index)?.0.clone())
        };
        self.supply
            .with_lock(|lock| *lock = LockFile::open(lock.path().to_owned()));
        match self.supply.at_hand(&declared) {
            Ok(Some(resolved)) => {
                let path = resolved.path.clone();
                self.set(index, Progress::Held(resolved));
                Some(path)
            }
            Ok(None) => None,
            Err(error) => {
                tracing::error!("Plugin {} stays as it is: {error}", declared.key());
                None
            }
        }
    }

    /// Files that could not be loaded.
    pub fn refused_files(&self) -> Vec<PathBuf> {
        let refused = self.refused.lock();
        refused.iter().map(|refused| refused.path.clone()).collect()
    }

    /// The file of a plugin that could not be loaded: by the name in its manifest, or where that could not be read by the
    /// file's name, with or without its ending.
    pub fn refused_file(&self, name: &str) -> Option<PathBuf> {
        let refused = self.refused.lock();
        let is_named = |refused: &&Refused| match &refused.plugin {
            Some(plugin) => plugin == name,
            None => [refused.path.file_stem(), refused.path.file_name()].contains(&Some(name.as_ref())),
        };
        refused.iter().find(is_named).map(|refused| refused.path.clone())
    }

    /// Tries a file again that could not be loaded. Blocks.
    ///
    /// # Errors
    /// When it cannot be loaded this time either.
    pub fn retry(&self, plugins: &Plugins, path: &Path) -> Result<PluginInfo, LoadError> {
        let outcome = plugins.retry(path);
        let mut refused = self.refused.lock();
        match &outcome {
            Ok(info) => {
                refused.retain(|refused| refused.path != path);
                tracing::info!(
                    "Loaded plugin {} {} with sources [{}], which could not be loaded before",
                    info.name,
                    info.version,
                    info.sources.join(", ")
                );
            }
            Err(error) => {
                tracing::error!("Plugin {} was not loaded: {error}", path.display());
                if let Some(refused) = refused.iter_mut().find(|refused| refused.path == path) {
                    *refused = Refused::of(path, error);
                }
            }
        }
        outcome
    }

    /// Takes one file into use.
    fn install(&self, plugins: &Plugins, path: &Path) {
        match plugins.install(path) {
            Ok(info) => tracing::info!(
                "Loaded plugin {} {} with sources [{}], which came late",
                info.name,
                info.version,
                info.sources.join(", ")
            ),
            Err(error) => {
                tracing::error!("Plugin {} was not loaded: {error}", path.display());
                self.refused.lock().push(Refused::of(path, &error));
            }
        }
    }
}

/// Whether a file as the operator names it is the one with this absolute path.
fn is_same(named: &Path, absolute: &Path) -> bool {
    named.canonicalize().is_ok_and(|named| named == absolute)
}

impl Arrivals {
    /// Takes what arrives into use, for as long as the node runs. What was there at the start is passed over.
    pub async fn take_in(mut self, services: Arc<crate::services::Services>) {
        while let Some(path) = self.0.recv().await {
            let threads = Arc::clone(services.plugins.threads());
            let services = Arc::clone(&services);
            let work = move || {
                let is_known = services.provision.is_settled(&services.plugins, &path);
                if !is_known {
                    services.provision.install(&services.plugins, &path);
                }
            };
            // A panic is a bug and in the log; the next plugin has its own call.
            let _outcome = threads.spawn(work).await;
        }
    }
}
