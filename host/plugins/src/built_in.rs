//! Plugins that are part of the program: for single binaries, and where the system cannot load libraries.

use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lavalink_plugin_api::v1::{self, panic_text};
use lavalink_plugin_api::{BuiltIn, Failure, Plugin};

use crate::admission::{Admission, Applicant, Form};
use crate::error::LoadError;
use crate::extensions::{Extensions, Loaded};
use crate::manifest::Manifest;
use crate::native::within;

/// Where such a plugin is said to come from.
pub(crate) const PLACE: &str = "(built in)";

/// Starts one; its code has `limit` to construct and describe what it offers.
///
/// # Errors
/// When it is not admitted, or does not start.
pub(crate) fn load(
    built_in: BuiltIn,
    limit: Duration,
    admission: &dyn Admission,
) -> Result<Loaded, LoadError> {
    let manifest = Manifest::parse(built_in.manifest.as_bytes())?;
    let form = Form::BuiltIn;
    let grants = admission
        .admit(&Applicant {
            manifest: &manifest,
            form,
            path: Path::new(PLACE),
            file: None,
        })
        .map(Arc::new)
        .map_err(|reason| LoadError::NotAdmitted {
            plugin: manifest.name.clone(),
            reason,
        })?;
    let who = format!("The plugin {}", manifest.name);
    let started = within(limit, move || start(&who, built_in)).map_err(LoadError::NoThread)?;
    let plugin = manifest.name.clone();
    match started {
        Some(Ok(extensions)) => Ok(Loaded {
            manifest,
            form,
            grants,
            generation: v1::GENERATION,
            extensions,
            tally: None,
        }),
        Some(Err(failure)) => Err(LoadError::Start { plugin, failure }),
        None => Err(LoadError::StartDeadline { plugin, limit }),
    }
}

fn start(who: &str, built_in: BuiltIn) -> Result<Extensions, Failure> {
    let started = catch_unwind(|| {
        let plugin = (built_in.build)();
        plugin.check_offers(who, built_in.offers)?;
        Ok(extensions_of(plugin))
    });
    started.unwrap_or_else(|panic| {
        let text = panic_text(&*panic);
        Err(Failure::fault(format!("{who} panicked.")).because(format!("`constructor`: {text}")))
    })
}

fn extensions_of(plugin: Plugin) -> Extensions {
    fn described<P: ?Sized, D>(parts: Vec<Arc<P>>, describe: impl Fn(&P) -> D) -> Vec<(D, Arc<P>)> {
        let parts = parts.into_iter();
        parts.map(|part| (describe(&part), part)).collect()
    }
    Extensions {
        sources: described(plugin.sources, |source| source.describe()),
        filters: described(plugin.filters, |filter| filter.name()),
        routes: described(plugin.routes, |routes| routes.endpoints()),
        interceptors: plugin.interceptors,
        listeners: described(plugin.listeners, |listener| listener.interest()),
        modifiers: plugin.modifiers,
        probes: plugin.probes,
        searches: described(plugin.searches, |search| search.source_name()),
        lyrics: described(plugin.lyrics, |lyrics| lyrics.source_name()),
    }
}
