//! The face of the crate: loads what is there and answers the node's questions.

mod calls;
mod exchange;
mod install;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use lavalink_plugin_api::{BuiltIn, Details, Failure, Host, Loaded, Media, Severity, Track};
use parking_lot::Mutex;

use crate::admission::{Admission, Form, Grants, Sha256};
use crate::built_in;
use crate::call::{CallReport, GuardReport};
use crate::discovery::{self, Candidate};
use crate::error::{LoadError, LoadReport};
use crate::events::{EventBus, EventQueue};
use crate::extensions;
use crate::footprint::Tallies;
use crate::guard::{Guard, GuardLimits};
use crate::loaders::Loaders;
use crate::parts::Part;
use crate::registry::Registered;
use crate::resolution::{Item, Resolution};
use crate::table::{Member, Slot, Table};
use crate::threads::PluginThreads;
use crate::trial::TrialPolicy;

pub use exchange::{Exchange, PluginStatus, ReloadError, Reloaded};
pub use watch::Watch;

/// Most redirects followed for one identifier or one opened track.
const MAX_REDIRECTS: usize = 5;

/// Title of a track whose source found none.
const UNKNOWN_TITLE: &str = "Unknown title";

/// Makes the [`Host`] a plugin sees during one call.
pub trait HostFactory: Send + Sync {
    /// The host for one call of `plugin`, which may do what is granted. What it does for the plugin has to end by
    /// `deadline`.
    fn host_for(&self, plugin: &str, grants: &Arc<Grants>, deadline: Instant) -> Arc<dyn Host>;

    /// Told after each call of a source, for metrics. Must be quick.
    fn called(&self, report: &CallReport<'_>) {
        let _nobody_counts = report;
    }

    /// Told after each call of a plugin, of whatever kind, for metrics. Must be quick.
    fn ended(&self, report: &GuardReport<'_>) {
        let _nobody_counts = report;
    }

    /// Told when a plugin's version changes, or does not. Must be quick.
    fn exchanged(&self, plugin: &str, exchange: Exchange) {
        let _nobody_counts = (plugin, exchange);
    }
}

/// What to load and how far to trust it.
pub struct LoadOptions {
    /// Directories with plugin files; the first of two sources of one name wins.
    pub dirs: Vec<PathBuf>,
    /// Files that are loaded after those, in this order.
    pub files: Vec<PathBuf>,
    /// Plugins that are part of the program, loaded last: a file with a plugin of the same name takes its place.
    pub built_in: Vec<BuiltIn>,
    /// Whether a source, by name, is to be offered.
    pub source_enabled: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// Bounds for every plugin.
    pub limits: GuardLimits,
    /// Decides what is loaded and what it may do.
    pub admission: Arc<dyn Admission>,
    /// Directory of the node's own for compiled WebAssembly plugins; it must not be writable by anyone else. Without it they
    /// are compiled at each start.
    pub cache_dir: Option<PathBuf>,
    /// What their code runs on.
    pub threads: Arc<PluginThreads>,
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
    pub grants: Arc<Grants>,
    /// Interface generation the node talks to it in.
    pub generation: u32,
    /// The file it came from.
    pub path: PathBuf,
    /// Of that file; `None` when it could not be read a second time.
    pub sha256: Option<Sha256>,
    /// Sources it offers that are enabled, in its own order.
    pub sources: Vec<String>,
    /// What else it offers: `filters`, `routes`, `interceptor`, `events`, `info`, `probe`, `search`, `lyrics`.
    pub offers: Vec<&'static str>,
}

/// Where the bytes of a track are, and whose word it is.
#[derive(Debug)]
pub struct OpenedMedia {
    /// Where they are.
    pub media: Media,
    /// What the plugin may do that says so: its medium is fetched in its name.
    pub grants: Arc<Grants>,
}

/// The part of an encoded track that only its source understands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tail {
    /// Format version of the track.
    pub version: u8,
    /// The bytes.
    pub details: Vec<u8>,
}

/// Makes a plugin of a file.
type Loader = Box<dyn Fn(Candidate) -> Result<extensions::Loaded, LoadError> + Send + Sync>;

/// All loaded plugins.
pub struct Plugins {
    /// Replaced as a whole; whoever asks works on the one of that moment.
    table: Arc<ArcSwap<Table>>,
    /// Held by whoever makes the next table out of the present one. Never over a call of a plugin.
    change: Mutex<()>,
    /// Held while a plugin is being loaded again.
    reloading: Mutex<()>,
    loader: Loader,
    trial: TrialPolicy,
    source_enabled: Box<dyn Fn(&str) -> bool + Send + Sync>,
    limits: GuardLimits,
    factory: Arc<dyn HostFactory>,
    threads: Arc<PluginThreads>,
    tallies: Tallies,
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
            files,
            built_in,
            source_enabled,
            limits,
            admission,
            cache_dir,
            threads,
        } = options;
        let loaders = Loaders::new(cache_dir, limits, admission, factory.clone());
        let built_in: Vec<_> = built_in
            .into_iter()
            .map(|plugin| loaders.load_built_in(plugin))
            .collect();
        let plugins = Self {
            table: Arc::default(),
            change: Mutex::default(),
            reloading: Mutex::default(),
            loader: Box::new(move |candidate| loaders.load(candidate)),
            trial: limits.trial,
            source_enabled,
            limits,
            factory,
            threads,
            tallies: Tallies::default(),
        };
        let (candidates, mut reports) = discovery::candidates(&dirs, &files);
        let mut table = Table::default();
        for candidate in candidates {
            let path = candidate.path.clone();
            let digest = Sha256::of(&candidate.file).ok();
            match (plugins.loader)(candidate) {
                Ok(loaded) => plugins.register(&mut table, path, loaded, digest, &mut reports),
                Err(error) => reports.push(LoadReport {
                    path,
                    result: Err(error),
                }),
            }
        }
        for result in built_in {
            let path = PathBuf::from(built_in::PLACE);
            match result {
                Ok(loaded) if table.infos().iter().any(|info| info.name == loaded.manifest.name) => {
                    tracing::info!(
                        "Plugin {} is loaded from its file, not as built in",
                        loaded.manifest.name
                    );
                }
                Ok(loaded) => plugins.register(&mut table, path, loaded, None, &mut reports),
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
        digest: Option<Sha256>,
        reports: &mut Vec<LoadReport>,
    ) {
        let known = table.infos().len();
        let member = self.member(path.clone(), plugin, digest);
        let refusals = table.add(Slot::of(Arc::new(member)));
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
    fn member(&self, path: PathBuf, mut plugin: extensions::Loaded, digest: Option<Sha256>) -> Member {
        plugin.extensions.sources.retain(|(descriptor, _)| {
            let is_enabled = (self.source_enabled)(&descriptor.name);
            if !is_enabled {
                let (plugin, source) = (&plugin.manifest.name, &descriptor.name);
                tracing::debug!(plugin, source, "source is not enabled");
            }
            is_enabled
        });
        plugin.extensions.leave_out_senseless(&plugin.manifest.name);
        let guard = Arc::new(Guard::new(
            &plugin.manifest.name,
            Arc::clone(&plugin.grants),
            &self.limits,
            Arc::clone(&self.factory),
            Arc::clone(&self.threads),
        ));
        if let Some(tally) = &plugin.tally {
            self.tallies.add(&plugin.manifest.name, tally);
        }
        let listeners = plugin.extensions.listeners.iter();
        let queues = listeners.map(|(interest, listener)| {
            let (factory, limits) = (Arc::clone(&self.factory), self.limits);
            let part = Part::new(Arc::clone(listener), Arc::clone(&guard), factory, limits);
            EventQueue::open(*interest, part)
        });
        Member {
            queues: queues.collect(),
            guard,
            loaded: plugin,
            path,
            digest,
        }
    }

    /// What is loaded at this moment.
    pub(crate) fn table(&self) -> arc_swap::Guard<Arc<Table>> {
        self.table.load()
    }

    /// What makes the hosts of calls.
    pub(crate) fn factory(&self) -> &Arc<dyn HostFactory> {
        &self.factory
    }

    /// What the code of plugins runs on.
    pub fn threads(&self) -> &Arc<PluginThreads> {
        &self.threads
    }

    /// The bounds of calls.
    pub(crate) fn limits(&self) -> GuardLimits {
        self.limits
    }

    /// Whether a plugin listens to events.
    pub fn listens(&self, plugin: &str) -> bool {
        self.events().has_listener(plugin)
    }

    /// Where to report what happens in the node.
    pub fn events(&self) -> EventBus {
        EventBus::new(Arc::clone(&self.table))
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
                    if registered.version.guard.suspended().is_none() {
                        tracing::warn!(source = name, %failure, "source failed to look an identifier up");
                    }
                    fault.get_or_insert(failure);
                }
                Err(failure) => return Err(fault.unwrap_or(failure)),
            }
        }
        fault.map_or(Ok(None), Err)
    }

    fn source(&self, name: &str) -> Option<Registered> {
        self.table.load().registry().get(name).cloned()
    }

    /// Whether this source is offered.
    pub fn has_source(&self, source: &str) -> bool {
        self.table.load().registry().get(source).is_some()
    }

    /// What a source made of a tail before; `None` when it has to be asked.
    pub fn known_details(&self, source: &str, tail: &Tail) -> Option<Details> {
        self.table.load().registry().get(source)?.known_details(tail)
    }

    /// Lets a source check the tails of its encoded tracks, all in one call, and returns them in the same order.
    ///
    /// # Errors
    /// The first refusal; a fault when the source is not there, panics, or does not answer in time.
    pub async fn decode_details(&self, source: &str, tails: Vec<Tail>) -> Result<Vec<Details>, Failure> {
        match self.source(source) {
            Some(registered) => self.decode_with(&registered, tails).await,
            None => Err(Failure::fault(format!("The source {source} is not available."))),
        }
    }

    /// Asks a source where the bytes of its track are. When it names another identifier instead, that one is looked up
    /// and opened, five times at most; so [`Media::Redirect`] is never returned.
    ///
    /// # Errors
    /// When the source is not loaded, when it cannot play the track, or when nothing stands behind the identifier it names.
    pub async fn open(
        &self,
        source: &str,
        track: &Track,
        position: Duration,
    ) -> Result<OpenedMedia, Failure> {
        let mut source = source.to_owned();
        let mut track = track.clone();
        for _ in 0..=MAX_REDIRECTS {
            let identifier = match self.open_once(&source, &track, position).await? {
                OpenedMedia {
                    media: Media::Redirect(identifier),
                    ..
                } => identifier,
                opened => return Ok(opened),
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

    async fn open_once(
        &self,
        source: &str,
        track: &Track,
        position: Duration,
    ) -> Result<OpenedMedia, Failure> {
        match self.source(source) {
            Some(registered) => self.open_with(&registered, track, position).await,
            None => Err(Failure::common(format!("The source {source} is not available."))
                .because("no loaded plugin offers it, or it is switched off")),
        }
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
