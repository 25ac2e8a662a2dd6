//! Exchanges plugins while the node runs: at once, or after a trial of the new version beside the old.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{PluginInfo, Plugins};
use crate::admission::{Form, Sha256};
use crate::discovery;
use crate::error::LoadError;
use crate::extensions;
use crate::footprint::Footprint;
use crate::table::{Contender, Slot, Table};
use crate::trial::{Trial, TrialCounts, Verdict};

/// How long a reload waits for another one: as long as it takes to see that a file is unchanged, or to load one whose machine
/// code is kept.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of a plugin's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// A plugin that could not be loaded at first is in use.
    Loaded,
    /// A new version was taken into use at once.
    Replaced,
    /// A new version gets a share of the calls.
    TrialBegun,
    /// It passed and has taken the old one's place.
    Promoted,
    /// It was worse than the old one and is put away.
    RolledBack,
    /// A new file could not be loaded.
    Refused,
}

impl Exchange {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Loaded,
        Self::Replaced,
        Self::TrialBegun,
        Self::Promoted,
        Self::RolledBack,
        Self::Refused,
    ];

    /// Name, as in metrics and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Replaced => "replaced",
            Self::TrialBegun => "trial",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled-back",
            Self::Refused => "refused",
        }
    }
}

/// A reload that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// Name in the manifest.
    pub plugin: String,
    /// Version that was in use when the reload was asked for, if one was.
    pub before: Option<String>,
    /// Version the file holds.
    pub version: String,
    /// [`Exchange::Loaded`], [`Exchange::Replaced`] or [`Exchange::TrialBegun`]; `None` when the file is the one that is loaded.
    pub change: Option<Exchange>,
}

/// Why a plugin was not reloaded. All stays as it was then.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// No plugin of that name.
    #[error(
        "there was no plugin {plugin} at the start of the node; restart it to load one that is there now"
    )]
    Unknown {
        /// The name asked for.
        plugin: String,
    },
    /// Native code stays in the process until it ends.
    #[error("plugin {plugin} is {form}, which cannot be exchanged while the node runs; restart the node to load {}", path.display())]
    RestartDue {
        /// Name in the manifest.
        plugin: String,
        /// What it is made of.
        form: Form,
        /// Its file.
        path: PathBuf,
    },
    /// Another reload has not ended yet.
    #[error("another plugin is being loaded at the moment; ask again in a few seconds")]
    Busy,
    /// The file is another plugin's now.
    #[error("{} now holds plugin {found} instead of {plugin}; give the new plugin a file of its own and restart the node", path.display())]
    OtherPlugin {
        /// The name asked for.
        plugin: String,
        /// Name in the manifest that was found.
        found: String,
        /// The file.
        path: PathBuf,
    },
    /// The file could not be loaded.
    #[error("{} cannot be loaded: {error}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        error: LoadError,
    },
}

/// A plugin and how it fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginStatus {
    /// The version in use.
    pub info: PluginInfo,
    /// Calls it is in, all versions together.
    pub in_flight: usize,
    /// When it is suspended: for how long yet; zero while it is being tried again.
    pub suspended: Option<Duration>,
    /// A newer version that is on trial, and its figures so far.
    pub trial: Option<(String, TrialCounts)>,
    /// What all its versions hold; `None` when it is no component: then nobody knows.
    pub footprint: Option<Footprint>,
}

impl Plugins {
    /// Loads a plugin's file again and puts what it holds beside or in the place of what is loaded. Whoever asks from now
    /// on asks the new version, or with a share below 100 % sometimes the new one; calls under way and streams that are
    /// open stay with the old one. Blocks for as long as loading takes.
    ///
    /// # Errors
    /// When there is nothing to exchange, or what the file holds cannot take its place.
    pub fn reload(&self, name: &str) -> Result<Reloaded, ReloadError> {
        self.reload_file(name, None)
    }

    /// The same with another file than the one it was loaded from.
    ///
    /// # Errors
    /// As [`Plugins::reload`].
    pub fn reload_from(&self, name: &str, file: PathBuf) -> Result<Reloaded, ReloadError> {
        self.reload_file(name, Some(file))
    }

    fn reload_file(&self, name: &str, file: Option<PathBuf>) -> Result<Reloaded, ReloadError> {
        let Some(_one_at_a_time) = self.reloading.try_lock_for(PATIENCE) else {
            return Err(ReloadError::Busy);
        };
        let slot = self.slot(name).ok_or_else(|| ReloadError::Unknown {
            plugin: name.to_owned(),
        })?;
        let newest = slot.newest();
        let form = newest.loaded.form;
        let path = newest.path.clone();
        if form != Form::Wasm {
            return Err(ReloadError::RestartDue {
                plugin: name.to_owned(),
                form,
                path,
            });
        }
        let outcome = self.exchange(&slot, file.unwrap_or(path));
        if let Err(error) = &outcome {
            tracing::error!("Plugin {name} goes on unchanged: {error}");
            self.factory.exchanged(name, Exchange::Refused);
        }
        outcome
    }

    fn exchange(&self, slot: &Slot, path: PathBuf) -> Result<Reloaded, ReloadError> {
        let name = slot.name().to_owned();
        let before = slot.active.loaded.manifest.version.clone();
        let refused = |error| ReloadError::Refused {
            path: path.clone(),
            error,
        };
        let candidate = discovery::candidate(&path).map_err(refused)?;
        let digest = Sha256::of(&candidate.file).map_err(|error| refused(LoadError::Unreadable(error)))?;
        let newest = slot.newest();
        if newest.digest == Some(digest) {
            return Ok(Reloaded {
                plugin: name,
                before: Some(before),
                version: newest.loaded.manifest.version.clone(),
                change: None,
            });
        }
        let loaded = (self.loader)(candidate).map_err(refused)?;
        if loaded.manifest.name != name {
            return Err(ReloadError::OtherPlugin {
                plugin: name,
                found: loaded.manifest.name,
                path,
            });
        }
        let version = loaded.manifest.version.clone();
        let change = self
            .introduce(path.clone(), loaded, Some(digest))
            .map_err(refused)?;
        Ok(Reloaded {
            plugin: name,
            before: Some(before),
            version,
            change: Some(change),
        })
    }

    /// Puts a newly loaded artefact beside the plugin of its name, or in its place when no trial is wanted or the old one
    /// is suspended anyway.
    pub(super) fn introduce(
        &self,
        path: PathBuf,
        plugin: extensions::Loaded,
        digest: Option<Sha256>,
    ) -> Result<Exchange, LoadError> {
        let member = Arc::new(self.member(path, plugin, digest));
        let name = member.loaded.manifest.name.clone();
        let version = &member.loaded.manifest.version;
        let _one_at_a_time = self.change.lock();
        let slots = self.table.load().slots().to_vec();
        let Some(at) = slots.iter().position(|slot| slot.name() == name) else {
            return Err(LoadError::Unknown { plugin: name });
        };
        let mut replaced = slots.clone();
        let Some(slot) = replaced.get_mut(at) else {
            return Err(LoadError::Unknown { plugin: name });
        };
        let old = std::mem::replace(slot, Slot::of(Arc::clone(&member)));
        // Also when a trial comes first: what cannot take the old one's place in the end is refused now.
        let table = fitting(replaced, &name)?;
        let before = &old.active.loaded.manifest.version;
        if self.trial.share == 0 || old.active.guard.suspended().is_some() {
            self.table.store(Arc::new(table));
            tracing::info!("Plugin {name}: version {version} has taken the place of {before}");
            self.factory.exchanged(&name, Exchange::Replaced);
            return Ok(Exchange::Replaced);
        }
        let mut tried = slots;
        if let Some(slot) = tried.get_mut(at) {
            slot.contender = Some(Contender {
                member: Arc::clone(&member),
                trial: Arc::new(Mutex::new(Trial::new(self.trial, Instant::now()))),
            });
        }
        self.table.store(Arc::new(Table::of(tried).0));
        tracing::info!(
            "Plugin {name}: version {version} is on trial with {} % of the calls beside {before}",
            self.trial.share
        );
        self.factory.exchanged(&name, Exchange::TrialBegun);
        Ok(Exchange::TrialBegun)
    }

    /// Ends a trial as it was judged. Nothing happens when it has been overtaken by a newer version.
    pub(super) fn conclude(&self, name: &str, trial: &Arc<Mutex<Trial>>, verdict: Verdict) {
        let _one_at_a_time = self.change.lock();
        let mut slots = self.table.load().slots().to_vec();
        let is_ours = |slot: &&mut Slot| {
            let contender = slot.contender.as_ref();
            contender.is_some_and(|contender| Arc::ptr_eq(&contender.trial, trial))
        };
        let Some(slot) = slots.iter_mut().find(is_ours) else {
            return;
        };
        let Some(contender) = slot.contender.take() else {
            return;
        };
        let counts = trial.lock().counts();
        let new = contender.member.loaded.manifest.version.clone();
        let old = slot.active.loaded.manifest.version.clone();
        let rolled_back = slots.clone();
        let promoted = match verdict {
            Verdict::Promoted => {
                let promoted = slots.into_iter().map(|slot| {
                    if slot.name() == name {
                        Slot::of(Arc::clone(&contender.member))
                    } else {
                        slot
                    }
                });
                fitting(promoted.collect(), name)
                    .inspect_err(|error| {
                        tracing::error!("Plugin {name}: version {new} cannot be taken into use: {error}")
                    })
                    .ok()
            }
            Verdict::RolledBack => None,
        };
        let exchange = match promoted {
            Some(table) => {
                self.table.store(Arc::new(table));
                tracing::info!(
                    "Plugin {name}: version {new} answered {} calls on trial, lost {}, and has taken the place of {old}",
                    counts.answered,
                    counts.lost
                );
                Exchange::Promoted
            }
            None => {
                self.table.store(Arc::new(Table::of(rolled_back).0));
                tracing::error!(
                    "Plugin {name}: version {new} is rolled back to {old}: on trial it answered {} calls and failed {} \
                     that {old} could answer; it is loaded again when its file changes or a reload is asked for",
                    counts.answered,
                    counts.lost
                );
                Exchange::RolledBack
            }
        };
        self.factory.exchanged(name, exchange);
    }

    /// Ends trials whose time is over. To be called every few seconds.
    pub fn tend(&self, now: Instant) {
        let table = self.table.load_full();
        for slot in table.slots() {
            let Some(Contender { member, trial }) = &slot.contender else {
                continue;
            };
            let verdict = {
                let mut trial = trial.lock();
                if member.guard.suspended().is_some() {
                    trial.end(Verdict::RolledBack)
                } else {
                    trial.tick(now)
                }
            };
            if let Some(verdict) = verdict {
                self.conclude(slot.name(), trial, verdict);
            }
        }
    }

    /// The plugins of this moment and how they fare, in the order they were loaded.
    pub fn statuses(&self) -> Vec<PluginStatus> {
        let table = self.table.load_full();
        let infos = table.infos().iter();
        infos
            .zip(table.slots())
            .map(|(info, slot)| {
                let rival = slot.contender.as_ref();
                PluginStatus {
                    info: info.clone(),
                    in_flight: slot.active.guard.in_flight()
                        + rival.map_or(0, |rival| rival.member.guard.in_flight()),
                    suspended: slot.active.guard.suspended(),
                    trial: rival.map(|rival| {
                        let version = rival.member.loaded.manifest.version.clone();
                        (version, rival.trial.lock().counts())
                    }),
                    footprint: (info.form == Form::Wasm).then(|| self.tallies.of(&info.name)),
                }
            })
            .collect()
    }

    pub(super) fn slot(&self, name: &str) -> Option<Slot> {
        let table = self.table.load();
        table.slots().iter().find(|slot| slot.name() == name).cloned()
    }
}

/// The table of these plugins, unless the one of this name would have to leave a source out.
pub(super) fn fitting(slots: Vec<Slot>, name: &str) -> Result<Table, LoadError> {
    let (table, refusals) = Table::of(slots);
    let is_ours =
        |error: &LoadError| matches!(error, LoadError::DuplicateSource { plugin, .. } if plugin == name);
    match refusals.into_iter().find(is_ours) {
        Some(refusal) => Err(refusal),
        None => Ok(table),
    }
}
