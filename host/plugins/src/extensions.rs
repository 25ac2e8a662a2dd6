//! What a loader, of whatever form of plugin, hands over.

use std::sync::Arc;

use lavalink_plugin_api::{
    ContainerProbe, Endpoint, EventListener, FilterFactory, InfoModifier, Interceptor, Interest,
    LyricsSource, Routes, Search, Source, SourceDescriptor,
};

use crate::admission::{Form, Grants};
use crate::manifest::Manifest;

/// A plugin in this process.
pub(crate) struct Loaded {
    pub(crate) manifest: Manifest,
    pub(crate) form: Form,
    /// What manifest and operator both allow.
    pub(crate) grants: Grants,
    /// Interface generation it is talked to in.
    pub(crate) generation: u32,
    pub(crate) extensions: Extensions,
}

/// Everything a plugin offers, each with what it said about itself when it was loaded; it is not asked for that again.
#[derive(Clone, Default)]
pub struct Extensions {
    /// Sources, each with its description.
    pub sources: Vec<(SourceDescriptor, Arc<dyn Source>)>,
    /// Audio filters by the key under `filters.pluginFilters`.
    pub filters: Vec<(String, Arc<dyn FilterFactory>)>,
    /// REST endpoints.
    pub routes: Vec<(Vec<Endpoint>, Arc<dyn Routes>)>,
    /// Interceptors of REST requests.
    pub interceptors: Vec<Arc<dyn Interceptor>>,
    /// Listeners to events, and to which.
    pub listeners: Vec<(Interest, Arc<dyn EventListener>)>,
    /// Modifiers of `pluginInfo`.
    pub modifiers: Vec<Arc<dyn InfoModifier>>,
    /// Probes for containers.
    pub probes: Vec<Arc<dyn ContainerProbe>>,
    /// Searches by the name of the source their tracks belong to.
    pub searches: Vec<(String, Arc<dyn Search>)>,
    /// Lyrics by the name of the source whose tracks they are asked for first.
    pub lyrics: Vec<(String, Arc<dyn LyricsSource>)>,
}

impl Extensions {
    /// What there is beside sources, by the names in `export!`.
    pub(crate) fn beyond_sources(&self) -> Vec<&'static str> {
        let parts = [
            ("filters", self.filters.len()),
            ("routes", self.routes.len()),
            ("interceptor", self.interceptors.len()),
            ("events", self.listeners.len()),
            ("info", self.modifiers.len()),
            ("probe", self.probes.len()),
            ("search", self.searches.len()),
            ("lyrics", self.lyrics.len()),
        ];
        let present = parts.into_iter().filter(|(_, count)| *count > 0);
        present.map(|(name, _)| name).collect()
    }
}
