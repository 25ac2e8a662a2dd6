//! The loaders of all forms of plugins.

use std::path::PathBuf;
use std::sync::Arc;

use lavalink_plugin_api::BuiltIn;

use crate::admission::{Admission, Form};
use crate::discovery::Candidate;
use crate::error::LoadError;
use crate::extensions::Loaded;
#[cfg(feature = "wasm")]
use crate::wasm::Components;
use crate::{GuardLimits, HostFactory};
use crate::{built_in, native};

/// Turns files into plugins, whatever their form.
pub(crate) struct Loaders {
    limits: GuardLimits,
    admission: Arc<dyn Admission>,
    #[cfg(feature = "wasm")]
    components: Components,
}

impl Loaders {
    /// Loaders whose plugins get their hosts from `factory`; compiled components are kept in `cache_dir`; `admission`
    /// decides about each.
    pub(crate) fn new(
        cache_dir: Option<PathBuf>,
        limits: GuardLimits,
        admission: Arc<dyn Admission>,
        factory: Arc<dyn HostFactory>,
    ) -> Self {
        #[cfg(not(feature = "wasm"))]
        let _only_components_need_them = (cache_dir, factory);
        Self {
            limits,
            admission,
            #[cfg(feature = "wasm")]
            components: Components::new(cache_dir, limits, factory),
        }
    }

    /// Starts a plugin that is part of the program. Blocks.
    ///
    /// # Errors
    /// When it is not admitted, or does not start.
    pub(crate) fn load_built_in(&self, plugin: BuiltIn) -> Result<Loaded, LoadError> {
        built_in::load(plugin, self.limits.start, &*self.admission)
    }

    /// Checks and starts one plugin. Blocks.
    ///
    /// # Errors
    /// Why the file is no plugin of this node.
    pub(crate) fn load(&self, candidate: Candidate) -> Result<Loaded, LoadError> {
        match candidate.form {
            Form::Native => native::load(candidate, self.limits.start, &*self.admission),
            #[cfg(feature = "wasm")]
            Form::Wasm => self.components.load(candidate, &*self.admission),
            #[cfg(not(feature = "wasm"))]
            Form::Wasm => Err(LoadError::WebAssembly),
            // Those have no files.
            Form::BuiltIn => Err(LoadError::Empty),
        }
    }
}
