//! Loads plugins that are WebAssembly components and runs them in a sandbox: no system interface but the host functions of
//! `plugin-api/wit`, a bound on memory, a deadline for each call.

mod artefact;
mod bindings;
mod cache;
mod convert;
mod engine;
mod events;
mod faces;
mod filters;
mod finders;
mod gate;
mod guest;
mod imports;
mod info;
mod memory;
mod part;
mod rest;
mod source;
mod state;
mod stream;
mod ticker;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lavalink_plugin_api::{Failure, v1};
use parking_lot::Mutex;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use self::artefact::Artefact;
use self::cache::Cache;
use self::guest::{Gates, Guest, Surroundings};
use self::memory::PluginMemory;
use self::state::State;
use self::ticker::Ticker;
use crate::admission::{Admission, Applicant, Form};
use crate::discovery::Candidate;
use crate::error::{ComponentError, LoadError};
use crate::extensions::{Extensions, Loaded};
use crate::manifest::Manifest;
use crate::native::within;
use crate::threads::{self, lower_priority};
use crate::{GuardLimits, HostFactory};

/// Largest component read, bytes.
const MAX_ARTEFACT: u64 = 64 * 1024 * 1024;

/// Time for a component to be compiled. A source in Rust takes a tenth of a second; one with a JavaScript engine half a minute.
const COMPILE: Duration = Duration::from_secs(60);

/// Loads components. Costs nothing until the first one.
pub(crate) struct Components {
    cache_dir: Option<PathBuf>,
    limits: GuardLimits,
    factory: Arc<dyn HostFactory>,
    runtime: Mutex<Option<Arc<Runtime>>>,
}

/// What all components share.
struct Runtime {
    engine: Engine,
    linker: Linker<State>,
    ticker: Arc<Ticker>,
    gates: Gates,
    cache: Option<Cache>,
    /// Held while compiling: the compiler cannot be interrupted, so those given up would else pile up.
    compiling: Mutex<()>,
}

impl Components {
    /// A loader that keeps what it compiles in `cache_dir`.
    pub(crate) fn new(
        cache_dir: Option<PathBuf>,
        limits: GuardLimits,
        factory: Arc<dyn HostFactory>,
    ) -> Self {
        Self {
            cache_dir,
            limits,
            factory,
            runtime: Mutex::default(),
        }
    }

    /// Checks, compiles and starts one component. Blocks.
    ///
    /// # Errors
    /// When it is no component for this node, or does not start.
    pub(crate) fn load(&self, candidate: Candidate, admission: &dyn Admission) -> Result<Loaded, LoadError> {
        let bytes = read(&candidate.file)?;
        let Artefact { manifest, interfaces } = Artefact::read(&bytes)?;
        if !manifest.generations.contains(&v1::GENERATION) {
            return Err(LoadError::WrongGeneration {
                plugin: manifest.name,
                found: manifest.generations,
                spoken: vec![v1::GENERATION],
            });
        }
        if !interfaces
            .iter()
            .any(|interface| faces::INTERFACES.contains(&interface.as_str()))
        {
            return Err(ComponentError::NoInterface {
                plugin: manifest.name,
                generation: v1::GENERATION,
            }
            .into());
        }
        let form = Form::Wasm;
        let grants = admission
            .admit(&Applicant {
                manifest: &manifest,
                form,
                path: &candidate.path,
                file: Some(&candidate.file),
            })
            .map(Arc::new)
            .map_err(|reason| LoadError::NotAdmitted {
                plugin: manifest.name.clone(),
                reason,
            })?;
        let runtime = self.runtime()?;
        let component = compile(&runtime, &manifest.name, bytes)?;
        let refused = |error: wasmtime::Error| ComponentError::Shape {
            plugin: manifest.name.clone(),
            difference: first_line(&error),
        };
        let pre = runtime.linker.instantiate_pre(&component).map_err(refused)?;
        let around = Surroundings {
            ticker: runtime.ticker.clone(),
            gates: runtime.gates.clone(),
            memory: PluginMemory::new(mebibytes(grants.memory_mib)),
            factory: self.factory.clone(),
            grants: Arc::clone(&grants),
        };
        let tally = Arc::clone(around.memory.tally());
        let guest = Arc::new(Guest::new(&manifest.name, pre, interfaces, around).map_err(refused)?);
        let extensions = self.start(&guest).map_err(|failure| LoadError::Start {
            plugin: manifest.name.clone(),
            failure,
        })?;
        Ok(Loaded {
            manifest,
            form,
            grants,
            generation: v1::GENERATION,
            extensions,
            tally: Some(tally),
        })
    }

    /// Asks a component for everything it offers.
    fn start(&self, guest: &Arc<Guest>) -> Result<Extensions, Failure> {
        let limits = self.limits;
        Ok(Extensions {
            sources: source::sources_of(guest, limits)?,
            filters: filters::filters_of(guest, limits)?,
            routes: rest::routes_of(guest, limits)?,
            interceptors: rest::interceptors_of(guest, limits)?,
            listeners: events::listeners_of(guest, limits)?,
            modifiers: info::modifiers_of(guest, limits)?,
            probes: info::probes_of(guest, limits)?,
            searches: finders::searches_of(guest, limits)?,
            lyrics: finders::lyrics_of(guest, limits)?,
        })
    }

    fn runtime(&self) -> Result<Arc<Runtime>, LoadError> {
        let mut slot = self.runtime.lock();
        if let Some(runtime) = &*slot {
            return Ok(runtime.clone());
        }
        let unusable = |error: wasmtime::Error| ComponentError::Engine(first_line(&error));
        let engine = engine::engine().map_err(unusable)?;
        let runtime = Arc::new(Runtime {
            linker: engine::linker(&engine).map_err(unusable)?,
            ticker: Arc::new(Ticker::start(engine.clone()).map_err(LoadError::NoThread)?),
            gates: Gates::of_machine(),
            compiling: Mutex::default(),
            cache: self.cache_dir.as_ref().and_then(|dir| {
                Cache::open(dir)
                    .inspect_err(|error| {
                        tracing::warn!(dir = %dir.display(), "compiled plugins are not kept: {error}");
                    })
                    .ok()
            }),
            engine,
        });
        Ok(slot.insert(runtime).clone())
    }
}

fn mebibytes(count: u32) -> usize {
    usize::try_from(u64::from(count) << 20).unwrap_or(usize::MAX)
}

/// What a component says about itself.
///
/// # Errors
/// When it is none, or no plugin.
pub(crate) fn manifest_of(file: &File) -> Result<Manifest, LoadError> {
    Ok(Artefact::read(&read(file)?)?.manifest)
}

/// Reads the file, of which not more is taken than any plugin has.
fn read(mut file: &File) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    // Whoever took its sum has read it to the end.
    file.seek(SeekFrom::Start(0)).map_err(LoadError::Unreadable)?;
    file.take(MAX_ARTEFACT + 1)
        .read_to_end(&mut bytes)
        .map_err(LoadError::Unreadable)?;
    if bytes.len() as u64 > MAX_ARTEFACT {
        return Err(ComponentError::TooLarge { limit: MAX_ARTEFACT }.into());
    }
    Ok(bytes)
}

/// The machine code, from the cache or newly made on a thread of its own: the compiler cannot be interrupted.
fn compile(runtime: &Arc<Runtime>, plugin: &str, bytes: Vec<u8>) -> Result<Component, LoadError> {
    if let Some(component) = runtime
        .cache
        .as_ref()
        .and_then(|cache| cache.get(&runtime.engine, &bytes))
    {
        return Ok(component);
    }
    let compiled = {
        let runtime = runtime.clone();
        within(COMPILE, move || {
            lower_priority(threads::COMPILER);
            let _one_at_a_time = runtime.compiling.lock();
            let component = Component::new(&runtime.engine, &bytes)?;
            if let Some(cache) = &runtime.cache
                && let Err(error) = cache.put(&runtime.engine, &bytes, &component)
            {
                tracing::warn!("compiled plugin is not kept: {error}");
            }
            Ok(component)
        })
        .map_err(LoadError::NoThread)?
    };
    let compiled: wasmtime::Result<Component> = compiled.ok_or_else(|| ComponentError::CompileDeadline {
        plugin: plugin.to_owned(),
        limit: COMPILE,
    })?;
    compiled.map_err(|error| {
        ComponentError::Compile {
            plugin: plugin.to_owned(),
            reason: first_line(&error),
        }
        .into()
    })
}

/// The reason of an error, without the pages of context some have.
fn first_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(400).collect()
}
