//! Takes plugins into use that were not there, or could not be loaded, when the node started.

use std::path::Path;
use std::sync::Arc;

use super::{Exchange, PluginInfo, Plugins};
use crate::admission::{Form, Sha256};
use crate::discovery;
use crate::error::LoadError;
use crate::plugins::exchange::fitting;
use crate::table::Slot;

impl Plugins {
    /// Loads a file and puts what it holds behind all other plugins; when one of its name is there already, beside or in
    /// the place of that one, as a reload does. Blocks for as long as loading takes, and for a reload that is under way.
    ///
    /// # Errors
    /// When the file cannot be loaded, or what it holds cannot stand beside the others. All stays as it was then.
    pub fn install(&self, path: &Path) -> Result<PluginInfo, LoadError> {
        self.load_file(path, true)
    }

    /// Tries a file again that could not be loaded. Blocks as [`Plugins::install`] does.
    ///
    /// # Errors
    /// As there; when a plugin of its name is loaded from another file, that one stays.
    pub fn retry(&self, path: &Path) -> Result<PluginInfo, LoadError> {
        let outcome = self.load_file(path, false);
        match &outcome {
            Ok(info) => self.factory.exchanged(&info.name, Exchange::Loaded),
            Err(error) => {
                if let Some(plugin) = error.plugin() {
                    self.factory.exchanged(plugin, Exchange::Refused);
                }
            }
        }
        outcome
    }

    fn load_file(&self, path: &Path, replaces: bool) -> Result<PluginInfo, LoadError> {
        let _one_at_a_time = self.reloading.lock();
        let candidate = discovery::candidate(path)?;
        let digest = Sha256::of(&candidate.file).ok();
        let path = candidate.path.clone();
        if let Some(slot) = self
            .loaded_from(&path)
            .filter(|slot| slot.newest().digest == digest)
        {
            return self.info_of(slot.name());
        }
        let plugin = (self.loader)(candidate)?;
        let name = plugin.manifest.name.clone();
        let present = self.slot(&name);
        match present.map(|slot| (slot.active.loaded.form, slot.active.path.clone())) {
            Some((_, other)) if !replaces && other != path => {
                return Err(LoadError::NameTaken {
                    plugin: name,
                    by: other,
                });
            }
            Some((Form::Wasm, _)) if plugin.form == Form::Wasm => {
                self.introduce(path, plugin, digest)?;
            }
            Some((form, _)) => return Err(LoadError::AlreadyLoaded { plugin: name, form }),
            None => {
                let member = Arc::new(self.member(path, plugin, digest));
                let _one_at_a_time = self.change.lock();
                let mut slots = self.table.load().slots().to_vec();
                slots.push(Slot::of(member));
                self.table.store(Arc::new(fitting(slots, &name)?));
            }
        }
        self.info_of(&name)
    }

    fn loaded_from(&self, path: &Path) -> Option<Slot> {
        let table = self.table.load();
        let is_it = |slot: &&Slot| slot.newest().path == path;
        table.slots().iter().find(is_it).cloned()
    }

    fn info_of(&self, name: &str) -> Result<PluginInfo, LoadError> {
        let infos = self.infos();
        let found = infos.into_iter().find(|info| info.name == name);
        found.ok_or_else(|| LoadError::Unknown {
            plugin: name.to_owned(),
        })
    }
}
