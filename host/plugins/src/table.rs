//! Everything that is loaded at one moment. Never changed: a change makes a new table out of the old one's parts.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::admission::Sha256;
use crate::error::LoadError;
use crate::events::EventQueue;
use crate::extensions::Loaded;
use crate::guard::Guard;
use crate::plugins::PluginInfo;
use crate::registry::{Registered, Registry, Rival, Version};
use crate::trial::Trial;

/// One artefact that was loaded, with what it offers. Lives as long as a table or a call uses it.
pub(crate) struct Member {
    /// What the loader made of it, without the sources that are not enabled.
    pub(crate) loaded: Loaded,
    /// The file it came from.
    pub(crate) path: PathBuf,
    /// Of that file; `None` when it could not be read a second time.
    pub(crate) digest: Option<Sha256>,
    pub(crate) guard: Arc<Guard>,
    /// The events that wait for its listeners.
    pub(crate) queues: Vec<EventQueue>,
}

/// The place of one plugin in the order of all, which it keeps when its artefact is exchanged.
#[derive(Clone)]
pub(crate) struct Slot {
    pub(crate) active: Arc<Member>,
    /// A newer version that is on trial.
    pub(crate) contender: Option<Contender>,
}

/// A newer version, and how it fares. Only its sources are on trial; what else it offers is used when it has passed.
#[derive(Clone)]
pub(crate) struct Contender {
    pub(crate) member: Arc<Member>,
    pub(crate) trial: Arc<Mutex<Trial>>,
}

impl Contender {
    fn rival(&self, source: &str) -> Option<Rival> {
        let sources = &self.member.loaded.extensions.sources;
        let (_, source) = sources.iter().find(|(descriptor, _)| descriptor.name == source)?;
        Some(Rival {
            version: Version::new(Arc::clone(source), Arc::clone(&self.member.guard)),
            trial: Arc::clone(&self.trial),
        })
    }
}

impl Slot {
    /// A place with this artefact in use.
    pub(crate) fn of(active: Arc<Member>) -> Self {
        Self {
            active,
            contender: None,
        }
    }

    /// What was loaded last.
    pub(crate) fn newest(&self) -> &Member {
        self.contender
            .as_ref()
            .map_or(&self.active, |contender| &contender.member)
    }

    pub(crate) fn name(&self) -> &str {
        &self.active.loaded.manifest.name
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    infos: Vec<PluginInfo>,
    registry: Registry,
}

impl Table {
    /// Lays out these plugins, and what was refused, see [`Table::add`].
    pub(crate) fn of(slots: impl IntoIterator<Item = Slot>) -> (Self, Vec<LoadError>) {
        let mut table = Self::default();
        let mut refusals = Vec::new();
        for slot in slots {
            refusals.extend(table.add(slot));
        }
        (table, refusals)
    }

    /// Puts a plugin behind all others. A source whose name one of them has taken is left out, and a plugin that has no
    /// source left by that and nothing else; each is told.
    pub(crate) fn add(&mut self, slot: Slot) -> Vec<LoadError> {
        let mut refusals = Vec::new();
        let member = &slot.active;
        let plugin = &member.loaded;
        let mut offered = Vec::new();
        for (descriptor, source) in &plugin.extensions.sources {
            let added = self.registry.add(Registered {
                descriptor: descriptor.clone(),
                version: Version::new(Arc::clone(source), Arc::clone(&member.guard)),
                rival: slot.contender.as_ref().and_then(|it| it.rival(&descriptor.name)),
            });
            match added {
                Ok(()) => offered.push(descriptor.name.clone()),
                Err(first) => refusals.push(LoadError::DuplicateSource {
                    plugin: plugin.manifest.name.clone(),
                    source_name: descriptor.name.clone(),
                    first,
                }),
            }
        }
        if offered.is_empty() && !refusals.is_empty() && plugin.extensions.beyond_sources().is_empty() {
            return refusals;
        }
        self.infos.push(PluginInfo {
            name: plugin.manifest.name.clone(),
            version: plugin.manifest.version.clone(),
            licence: plugin.manifest.licence.clone(),
            form: plugin.form,
            grants: Arc::clone(&plugin.grants),
            generation: plugin.generation,
            path: member.path.clone(),
            sha256: member.digest,
            sources: offered,
            offers: plugin.extensions.beyond_sources(),
        });
        self.slots.push(slot);
        refusals
    }

    /// The plugins, in their order.
    pub(crate) fn infos(&self) -> &[PluginInfo] {
        &self.infos
    }

    /// The places, in the same order as [`Table::infos`].
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The sources of all plugins.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }
}
