//! Loads a plugin that is a shared library: manifest, generation, layout, and only then its code.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
use lavalink_plugin_api::v1::events::ForeignListener;
use lavalink_plugin_api::v1::filters::ForeignFilterFactory;
use lavalink_plugin_api::v1::finders::{ForeignLyrics, ForeignSearch};
use lavalink_plugin_api::v1::info::{ForeignModifier, ForeignProbe};
use lavalink_plugin_api::v1::interface::{self, Interface};
use lavalink_plugin_api::v1::rest::{ForeignInterceptor, ForeignRoutes};
use lavalink_plugin_api::v1::{self, ForeignSource};
use lavalink_plugin_api::{
    ContainerProbe, EventListener, Failure, FilterFactory, InfoModifier, Interceptor, LyricsSource, Routes,
    Search, Source,
};
use libloading::Library;

use crate::admission::{Admission, Applicant, Form};
use crate::discovery::Candidate;
use crate::error::LoadError;
use crate::extensions::{Extensions, Loaded};
use crate::manifest::Manifest;
use crate::threads::{self, lower_priority};

/// Interface generations this node speaks, the preferred one last.
const SPOKEN: [u32; 1] = [v1::GENERATION];

/// Most of a layout comparison that is kept, characters. It can run to hundreds of lines.
const MAX_DIFFERENCE: usize = 600;

/// Checks and loads one library; its code has `limit` to construct its sources.
pub(crate) fn load(
    candidate: Candidate,
    limit: Duration,
    admission: &dyn Admission,
) -> Result<Loaded, LoadError> {
    let Candidate { path, file, .. } = candidate;
    let manifest = Manifest::read(&file)?;
    let generation = agree(&manifest)?;
    let form = Form::Native;
    let grants = admission
        .admit(&Applicant {
            manifest: &manifest,
            form,
            path: &path,
            file: Some(&file),
        })
        .map(Arc::new)
        .map_err(|reason| LoadError::NotAdmitted {
            plugin: manifest.name.clone(),
            reason,
        })?;
    let started = {
        let plugin = manifest.name.clone();
        within(limit, move || start(&plugin, &path)).map_err(LoadError::NoThread)?
    };
    match started {
        Some(extensions) => {
            let extensions = extensions?;
            Ok(Loaded {
                manifest,
                form,
                grants,
                generation,
                extensions,
                tally: None,
            })
        }
        None => Err(LoadError::StartDeadline {
            plugin: manifest.name,
            limit,
        }),
    }
}

/// Runs `work` on a thread of its own, because initialisers of a library, its constructor and its description may never
/// return. `None` when it did not come to an end in time; the thread is left alone then.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<Option<T>> {
    let (answer, answered) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("plugin start".to_owned())
        .spawn(move || {
            lower_priority(threads::CALLS);
            // Fails only when the time is up and nobody waits any more.
            let _ = answer.send(work());
        })?;
    Ok(answered.recv_timeout(limit).ok())
}

/// The generation to talk in.
fn agree(manifest: &Manifest) -> Result<u32, LoadError> {
    if manifest.abi != v1::VOCABULARY && manifest.generations.iter().any(|g| SPOKEN.contains(g)) {
        return Err(LoadError::WrongVocabulary {
            plugin: manifest.name.clone(),
            found: manifest.abi.clone(),
            spoken: v1::VOCABULARY.to_owned(),
        });
    }
    SPOKEN
        .iter()
        .rev()
        .copied()
        .find(|g| manifest.generations.contains(g))
        .ok_or_else(|| LoadError::WrongGeneration {
            plugin: manifest.name.clone(),
            found: manifest.generations.clone(),
            spoken: SPOKEN.to_vec(),
        })
}

/// Loads the library, for good, and makes everything it offers.
fn start(plugin: &str, path: &Path) -> Result<Extensions, LoadError> {
    // SAFETY: the manifest says the file is a plugin of a generation we speak. Its initialisers run here; as with every
    // native library the operator installs, nothing can check them.
    #[allow(unsafe_code)]
    let library = unsafe { Library::new(path) }.map_err(LoadError::Open)?;
    // Never unloaded: its code and statics are referred to from everything it hands out, even from its failures.
    let library: &'static Library = Box::leak(Box::new(library));
    let mut door = Door {
        plugin,
        library,
        is_open: false,
    };
    let extensions = Extensions {
        sources: door.take::<interface::Source, _>(|object| {
            let source = ForeignSource::new(object)?;
            Ok((source.describe(), Arc::new(source) as Arc<dyn Source>))
        })?,
        filters: door.take::<interface::Filters, _>(|object| {
            let filter = ForeignFilterFactory::new(object)?;
            Ok((filter.name(), Arc::new(filter) as Arc<dyn FilterFactory>))
        })?,
        routes: door.take::<interface::Routes, _>(|object| {
            let routes = ForeignRoutes::new(object)?;
            Ok((routes.endpoints(), Arc::new(routes) as Arc<dyn Routes>))
        })?,
        interceptors: door.take::<interface::Interceptor, _>(|object| {
            Ok(Arc::new(ForeignInterceptor(object)) as Arc<dyn Interceptor>)
        })?,
        listeners: door.take::<interface::Events, _>(|object| {
            let listener = ForeignListener::new(object)?;
            Ok((listener.interest(), Arc::new(listener) as Arc<dyn EventListener>))
        })?,
        modifiers: door.take::<interface::Info, _>(|object| {
            Ok(Arc::new(ForeignModifier(object)) as Arc<dyn InfoModifier>)
        })?,
        probes: door.take::<interface::Probe, _>(|object| {
            Ok(Arc::new(ForeignProbe(object)) as Arc<dyn ContainerProbe>)
        })?,
        searches: door.take::<interface::Search, _>(|object| {
            let search = ForeignSearch::new(object)?;
            Ok((search.source_name(), Arc::new(search) as Arc<dyn Search>))
        })?,
        lyrics: door.take::<interface::Lyrics, _>(|object| {
            let lyrics = ForeignLyrics::new(object)?;
            Ok((lyrics.source_name(), Arc::new(lyrics) as Arc<dyn LyricsSource>))
        })?,
    };
    if door.is_open {
        Ok(extensions)
    } else {
        Err(LoadError::MissingSymbol {
            plugin: plugin.to_owned(),
            generation: v1::GENERATION,
            symbol: interface::Source::ENTRY_SYMBOL,
        })
    }
}

/// The interfaces of a library that has been loaded.
struct Door<'a> {
    plugin: &'a str,
    library: &'static Library,
    /// Whether any interface was found.
    is_open: bool,
}

impl Door<'_> {
    /// Everything of one interface; nothing when the library does not export it.
    fn take<I: Interface, T>(
        &mut self,
        accept: impl Fn(I::Object) -> Result<T, Failure>,
    ) -> Result<Vec<T>, LoadError> {
        // SAFETY: generation 1 defines this symbol with this signature.
        #[allow(unsafe_code)]
        let layout = unsafe { self.library.get::<v1::LayoutFunction>(I::LAYOUT_SYMBOL) };
        let Ok(layout) = layout else {
            return Ok(Vec::new());
        };
        let ours = v1::layout_of::<I::Entry>();
        check_layout_compatibility(ours, layout()).map_err(|difference| LoadError::Layout {
            plugin: self.plugin.to_owned(),
            generation: v1::GENERATION,
            difference: shortened(&difference.to_string()),
        })?;

        // SAFETY: generation 1 defines this symbol with this signature, and the types in it were found equal above.
        #[allow(unsafe_code)]
        let entry = unsafe { self.library.get::<extern "C" fn() -> I::Entry>(I::ENTRY_SYMBOL) };
        let entry = entry.map_err(|_| LoadError::MissingSymbol {
            plugin: self.plugin.to_owned(),
            generation: v1::GENERATION,
            symbol: I::ENTRY_SYMBOL,
        })?;
        self.is_open = true;
        let objects = v1::objects_of::<I>(&entry());
        objects
            .and_then(|objects| objects.into_iter().map(accept).collect())
            .map_err(|failure| LoadError::Start {
                plugin: self.plugin.to_owned(),
                failure,
            })
    }
}

/// The beginning of a layout comparison, on one line.
fn shortened(difference: &str) -> String {
    let line = difference.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_DIFFERENCE) {
        Some((end, _)) => format!("{} […]", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(generations: &[u32], abi: &str) -> Manifest {
        Manifest {
            name: "p".to_owned(),
            version: "1".to_owned(),
            generations: generations.to_vec(),
            abi: abi.to_owned(),
            ..Manifest::default()
        }
    }

    #[test]
    fn picks_a_generation_both_speak() {
        assert_eq!(agree(&manifest(&[7, 1], v1::VOCABULARY)).unwrap(), 1);
    }

    #[test]
    fn names_both_generations_and_says_what_to_do() {
        let newer = agree(&manifest(&[99], "something new")).unwrap_err().to_string();
        assert!(
            newer.contains("generation 99")
                && newer.contains("generation 1")
                && newer.contains("update the node")
        );
        let older = agree(&manifest(&[0], v1::VOCABULARY)).unwrap_err().to_string();
        assert!(older.contains("newer build of the plugin"), "{older}");
        let none = agree(&manifest(&[], v1::VOCABULARY)).unwrap_err().to_string();
        assert!(none.contains("generation none"), "{none}");
    }

    #[test]
    fn refuses_another_vocabulary() {
        let error = agree(&manifest(&[1], "abi_stable 0.12")).unwrap_err().to_string();
        assert!(
            error.contains("abi_stable 0.12") && error.contains(v1::VOCABULARY),
            "{error}"
        );
    }

    #[test]
    fn waits_for_a_start_only_so_long() {
        let (release, gate) = mpsc::channel::<()>();
        let hangs = within(Duration::from_millis(5), move || gate.recv());
        assert!(hangs.unwrap().is_none());
        drop(release);
        assert_eq!(within(Duration::from_secs(60), || 3).unwrap(), Some(3));
    }

    #[test]
    fn a_long_comparison_is_cut_at_a_character() {
        let text = "ä  \n".repeat(5000);
        let short = shortened(&text);
        assert!(short.chars().count() < MAX_DIFFERENCE + 10 && short.ends_with("[…]"));
        assert_eq!(shortened("a\n  b"), "a b");
    }
}
