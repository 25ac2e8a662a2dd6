//! The face of the crate: loads what is there and answers the node's questions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use lavalink_plugin_api::{Details, Failure, Host, Loaded, Media, Severity, Track};
use parking_lot::Mutex;

use crate::admission::{Admission, Form, Grants};
use crate::call::{CallOutcome, CallReport};
use crate::discovery;
use crate::error::{LoadError, LoadReport};
use crate::extensions;
use crate::guard::{Guard, GuardLimits};
use crate::native;
use crate::registry::Registered;
use crate::resolution::{Item, Resolution};
use crate::table::{Member, Slot, Table};

/// Most redirects followed for one identifier or one opened track.
const MAX_REDIRECTS: usize = 5;

/// Title of a track whose source found none.
const UNKNOWN_TITLE: &str = "Unknown title";

/// Makes the [`Host`] a plugin sees during one call.
pub trait HostFactory: Send + Sync {
    /// The host for one call of `plugin`. What it does for the plugin has to end by `deadline`.
    fn host_for(&self, plugin: &str, deadline: Instant) -> Arc<dyn Host>;

    /// Told after each call of a source, for metrics. Must be quick.
    fn called(&self, report: &CallReport<'_>) {
        let _nobody_counts = report;
    }
}

/// What to load and how far to trust it.
pub struct LoadOptions {
    /// Directories with plugin files; the first of two sources of one name wins.
    pub dirs: Vec<PathBuf>,
    /// Whether a source, by name, is to be offered.
    pub source_enabled: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// Bounds for every plugin.
    pub limits: GuardLimits,
    /// Decides what is loaded and what it may do.
    pub admission: Arc<dyn Admission>,
}

/// A loaded plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginInfo {
    /// Name in the manifest; its configuration is `plugins.<name>`.
    pub name: String,
    /// Version in the manifest.
    pub version: String,
    /// Licence in the manifest; empty when it gives none.
    pub licence: String,
    /// What it is made of.
    pub form: Form,
    /// What it may do.
    pub grants: Grants,
    /// Interface generation the node talks to it in.
    pub generation: u32,
    /// The file it came from.
    pub path: PathBuf,
    /// Sources it offers that are enabled, in its own order.
    pub sources: Vec<String>,
}

/// The part of an encoded track that only its source understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// Format version of the track.
    pub version: u8,
    /// The bytes.
    pub details: Vec<u8>,
}

/// All loaded plugins.
pub struct Plugins {
    /// Replaced as a whole; whoever asks works on the one of that moment.
    table: ArcSwap<Table>,
    /// Held by whoever makes the next table out of the present one. Never over a call of a plugin.
    change: Mutex<()>,
    source_enabled: Box<dyn Fn(&str) -> bool + Send + Sync>,
    limits: GuardLimits,
    factory: Arc<dyn HostFactory>,
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugins")
            .field("infos", &self.infos())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Plugins {
    /// Loads every plugin of the directories. Blocks; meant for the start of the node. Nothing a file contains makes this
    /// fail as a whole: there is one report per file that is, or should be, a plugin.
    pub fn load(options: LoadOptions, factory: Arc<dyn HostFactory>) -> (Self, Vec<LoadReport>) {
        let LoadOptions {
            dirs,
            source_enabled,
            limits,
            admission,
        } = options;
        let plugins = Self {
            table: ArcSwap::default(),
            change: Mutex::default(),
            source_enabled,
            limits,
            factory,
        };
        let (candidates, mut reports) = discovery::candidates(&dirs);
        let mut table = Table::default();
        for candidate in candidates {
            let path = candidate.path.clone();
            match native::load(candidate, limits.start, &*admission) {
                Ok(loaded) => plugins.register(&mut table, path, loaded, &mut reports),
                Err(error) => reports.push(LoadReport {
                    path,
                    result: Err(error),
                }),
            }
        }
        plugins.table.store(Arc::new(table));
        (plugins, reports)
    }

    /// Adds what a file brought to a table that is not in use yet.
    fn register(
        &self,
        table: &mut Table,
        path: PathBuf,
        plugin: extensions::Loaded,
        reports: &mut Vec<LoadReport>,
    ) {
        let known = table.infos().len();
        let member = self.member(path.clone(), plugin);
        let refusals = table.add(Slot {
            active: Arc::new(member),
        });
        let added = table.infos().get(known).cloned();
        reports.extend(
            refusals
                .into_iter()
                .map(Err)
                .chain(added.map(Ok))
                .map(|result| LoadReport {
                    path: path.clone(),
                    result,
                }),
        );
    }

    /// What of an artefact is to be used, under a guard of its own.
    fn member(&self, path: PathBuf, mut plugin: extensions::Loaded) -> Member {
        plugin.extensions.sources.retain(|(descriptor, _)| {
            let is_enabled = (self.source_enabled)(&descriptor.name);
            if !is_enabled {
                let (plugin, source) = (&plugin.manifest.name, &descriptor.name);
                tracing::debug!(plugin, source, "source is not enabled");
            }
            is_enabled
        });
        Member {
            guard: Arc::new(Guard::new(&plugin.manifest.name, self.limits.in_flight)),
            loaded: plugin,
            path,
        }
    }

    /// Puts a newly loaded artefact in the place of the plugin of its name. Whoever asks from now on asks the new one;
    /// calls under way and streams that are open stay with the old one, which goes when the last of them is gone.
    ///
    /// # Errors
    /// When no plugin of that name is loaded, or when another plugin has a name of its sources; all stays as it was then.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "called once a loader exists whose artefacts can be replaced"
        )
    )]
    pub(crate) fn replace(&self, path: PathBuf, plugin: extensions::Loaded) -> Result<PluginInfo, LoadError> {
        let member = Arc::new(self.member(path, plugin));
        let name = member.loaded.manifest.name.clone();
        let _one_at_a_time = self.change.lock();
        let mut slots = self.table.load().slots().to_vec();
        let Some(slot) = slots.iter_mut().find(|slot| slot.name() == name) else {
            return Err(LoadError::Unknown { plugin: name });
        };
        slot.active = member;
        let (table, refusals) = Table::of(slots);
        let is_ours =
            |error: &LoadError| matches!(error, LoadError::DuplicateSource { plugin, .. } if *plugin == name);
        if let Some(refusal) = refusals.into_iter().find(is_ours) {
            return Err(refusal);
        }
        let info = table.infos().iter().find(|info| info.name == name).cloned();
        self.table.store(Arc::new(table));
        info.ok_or(LoadError::Unknown { plugin: name })
    }

    /// The plugins of this moment, in the order they were loaded.
    pub fn infos(&self) -> Vec<PluginInfo> {
        self.table.load().infos().to_vec()
    }

    /// Names of the enabled sources in the order they are asked: fallback sources last.
    pub fn source_names(&self) -> Vec<String> {
        self.table.load().registry().names()
    }

    /// Looks an identifier up: the sources are asked in order until one knows it, up to five redirects are followed.
    ///
    /// A fault of one source (a bug, a deadline) does not keep the others from answering; it is reported when none does.
    ///
    /// # Errors
    /// When the source whose identifier it is could not look it up.
    pub async fn load_identifier(&self, identifier: &str) -> Result<Resolution, Failure> {
        let end = Instant::now() + self.limits.resolve;
        let mut identifier = identifier.to_owned();
        let mut reference_title = None;
        for _ in 0..=MAX_REDIRECTS {
            let Some((source, loaded)) = self.ask(&identifier, end).await? else {
                return Ok(Resolution::empty());
            };
            let item = match loaded {
                Loaded::Redirect {
                    identifier: next,
                    title,
                } => {
                    tracing::debug!(source, next, "source refers to another identifier");
                    identifier = next;
                    reference_title = title.or(reference_title);
                    continue;
                }
                Loaded::NotMine | Loaded::Nothing => Item::Empty,
                Loaded::Track(track) => Item::Track(titled(track, reference_title)),
                Loaded::Playlist(playlist) => Item::Playlist(playlist),
                Loaded::Search(tracks) => Item::Search(tracks),
            };
            return Ok(Resolution { source, item });
        }
        tracing::debug!(identifier, "more than {MAX_REDIRECTS} redirects, given up");
        Ok(Resolution::empty())
    }

    /// One round: the first source that claims the identifier, and its answer. `None` when nobody does.
    async fn ask(&self, identifier: &str, end: Instant) -> Result<Option<(String, Loaded)>, Failure> {
        let mut fault: Option<Failure> = None;
        let table = self.table.load_full();
        for registered in table.registry().responsible(identifier) {
            let answer = self.ask_one(registered, identifier, end).await;
            let name = &registered.descriptor.name;
            match answer {
                Ok(Loaded::NotMine) => {}
                Ok(Loaded::Nothing) if fault.is_some() => {}
                Ok(loaded) => return Ok(Some((name.clone(), loaded))),
                Err(failure) if failure.severity == Severity::Fault => {
                    tracing::warn!(source = name, %failure, "source failed to look an identifier up");
                    fault.get_or_insert(failure);
                }
                Err(failure) => return Err(fault.unwrap_or(failure)),
            }
        }
        fault.map_or(Ok(None), Err)
    }

    async fn ask_one(
        &self,
        registered: &Registered,
        identifier: &str,
        end: Instant,
    ) -> Result<Loaded, Failure> {
        let deadline = end.min(Instant::now() + self.limits.load);
        let Registered {
            source,
            guard,
            descriptor,
        } = registered.clone();
        let host = self.factory.host_for(guard.plugin(), deadline);
        let identifier = identifier.to_owned();
        let begun = Instant::now();
        let answer = guard
            .call("load", deadline, move || source.load(&*host, &identifier))
            .await;
        self.factory.called(&CallReport {
            plugin: guard.plugin(),
            source: &descriptor.name,
            call: "load",
            outcome: CallOutcome::of_load(&answer),
            elapsed: begun.elapsed(),
        });
        answer
    }

    fn source(&self, name: &str) -> Option<Registered> {
        self.table.load().registry().get(name).cloned()
    }

    /// Whether this source is offered.
    pub fn has_source(&self, source: &str) -> bool {
        self.table.load().registry().get(source).is_some()
    }

    /// Lets a source check the tails of its encoded tracks, all in one call, and returns them in the same order.
    ///
    /// # Errors
    /// The first refusal; a fault when the source is not there, panics, or does not answer in time.
    pub async fn decode_details(&self, source: &str, tails: Vec<Tail>) -> Result<Vec<Details>, Failure> {
        let Some(Registered { source, guard, .. }) = self.source(source) else {
            return Err(Failure::fault(format!("The source {source} is not available.")));
        };
        let deadline = Instant::now() + self.limits.decode;
        guard
            .call("decode_details", deadline, move || {
                tails
                    .iter()
                    .map(|tail| source.decode_details(tail.version, &tail.details))
                    .collect()
            })
            .await
    }

    /// Asks a source where the bytes of its track are. When it names another identifier instead, that one is looked up
    /// and opened, five times at most; so [`Media::Redirect`] is never returned.
    ///
    /// # Errors
    /// When the source is not loaded, when it cannot play the track, or when nothing stands behind the identifier it names.
    pub async fn open(&self, source: &str, track: &Track, position: Duration) -> Result<Media, Failure> {
        let mut source = source.to_owned();
        let mut track = track.clone();
        for _ in 0..=MAX_REDIRECTS {
            let identifier = match self.open_once(&source, track, position).await? {
                Media::Redirect(identifier) => identifier,
                media => return Ok(media),
            };
            tracing::debug!(source, identifier, "source plays another identifier instead");
            let found = self.load_identifier(&identifier).await?;
            (source, track) = found.into_track().ok_or_else(|| {
                Failure::common("Nothing was found to play this track from.").because(format!(
                    "source {source} refers to {identifier}, which no source knows"
                ))
            })?;
        }
        Err(
            Failure::suspicious("This track refers to others without end.").because(format!(
                "more than {MAX_REDIRECTS} redirects; last asked source {source}"
            )),
        )
    }

    async fn open_once(&self, source: &str, track: Track, position: Duration) -> Result<Media, Failure> {
        let name = source;
        let Some(Registered { source, guard, .. }) = self.source(name) else {
            return Err(Failure::common(format!("The source {name} is not available."))
                .because("no loaded plugin offers it, or it is switched off"));
        };
        let deadline = Instant::now() + self.limits.open;
        let host = self.factory.host_for(guard.plugin(), deadline);
        let begun = Instant::now();
        let answer = guard
            .call("open", deadline, move || source.open(&*host, &track, position))
            .await;
        self.factory.called(&CallReport {
            plugin: guard.plugin(),
            source: name,
            call: "open",
            outcome: CallOutcome::of_open(&answer),
            elapsed: begun.elapsed(),
        });
        answer
    }
}

/// Gives a track without a title of its own the one of the reference that led to it.
fn titled(mut track: Track, reference: Option<String>) -> Track {
    if let Some(title) = reference
        && track.info.title == UNKNOWN_TITLE
    {
        track.info.title = title;
    }
    track
}

#[cfg(test)]
mod tests;
