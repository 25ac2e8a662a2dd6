//! What one artefact offers.

use std::sync::Arc;

use crate::{
    ContainerProbe, EventListener, FilterFactory, InfoModifier, Interceptor, LyricsSource, Routes, Search,
    Source,
};

/// Everything a plugin offers. The function given to [`crate::export!`] builds it.
#[derive(Default)]
pub struct Plugin {
    pub(crate) sources: Vec<Arc<dyn Source>>,
    pub(crate) filters: Vec<Arc<dyn FilterFactory>>,
    pub(crate) routes: Vec<Arc<dyn Routes>>,
    pub(crate) interceptors: Vec<Arc<dyn Interceptor>>,
    pub(crate) listeners: Vec<Arc<dyn EventListener>>,
    pub(crate) modifiers: Vec<Arc<dyn InfoModifier>>,
    pub(crate) probes: Vec<Arc<dyn ContainerProbe>>,
    pub(crate) searches: Vec<Arc<dyn Search>>,
    pub(crate) lyrics: Vec<Arc<dyn LyricsSource>>,
}

macro_rules! adders {
    ($($(#[$doc:meta])* $name:ident($part:ident: $trait:ident);)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, part: impl $trait) -> Self {
            self.$part.push(Arc::new(part));
            self
        }
    )*};
}

impl Plugin {
    /// A plugin that offers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    adders! {
        /// Adds a source.
        source(sources: Source);
        /// Adds a kind of audio filter.
        filter(filters: FilterFactory);
        /// Adds REST endpoints.
        routes(routes: Routes);
        /// Adds an interceptor of REST requests.
        interceptor(interceptors: Interceptor);
        /// Adds a listener to events.
        listener(listeners: EventListener);
        /// Adds a modifier of `pluginInfo`.
        info_modifier(modifiers: InfoModifier);
        /// Adds a probe for containers.
        container_probe(probes: ContainerProbe);
        /// Adds a search.
        search(searches: Search);
        /// Adds a source of lyrics.
        lyrics(lyrics: LyricsSource);
    }
}
