//! What one artefact offers.

use crate::{
    ContainerProbe, EventListener, FilterFactory, InfoModifier, Interceptor, LyricsSource, Routes, Search,
    Source,
};

/// Everything a plugin offers. The function given to [`crate::export!`] builds it.
#[derive(Default)]
pub struct Plugin {
    pub(crate) sources: Vec<Box<dyn Source>>,
    pub(crate) filters: Vec<Box<dyn FilterFactory>>,
    pub(crate) routes: Vec<Box<dyn Routes>>,
    pub(crate) interceptors: Vec<Box<dyn Interceptor>>,
    pub(crate) listeners: Vec<Box<dyn EventListener>>,
    pub(crate) modifiers: Vec<Box<dyn InfoModifier>>,
    pub(crate) probes: Vec<Box<dyn ContainerProbe>>,
    pub(crate) searches: Vec<Box<dyn Search>>,
    pub(crate) lyrics: Vec<Box<dyn LyricsSource>>,
}

macro_rules! adders {
    ($($(#[$doc:meta])* $name:ident($part:ident: $trait:ident);)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, part: impl $trait) -> Self {
            self.$part.push(Box::new(part));
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
