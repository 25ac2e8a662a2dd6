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
    /// Whether there is anything beside sources.
    pub(crate) fn go_beyond_sources(&self) -> bool {
        !(self.filters.is_empty()
            && self.routes.is_empty()
            && self.interceptors.is_empty()
            && self.listeners.is_empty()
            && self.modifiers.is_empty()
            && self.probes.is_empty()
            && self.searches.is_empty()
            && self.lyrics.is_empty())
    }
}
