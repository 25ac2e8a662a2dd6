//! What one artefact offers.

use std::sync::Arc;

use crate::{
    ContainerProbe, EventListener, Failure, FilterFactory, InfoModifier, Interceptor, LyricsSource, Routes,
    Search, Source,
};

/// Everything a plugin offers. The function given to [`crate::export!`] builds it.
#[derive(Default)]
pub struct Plugin {
    #[doc(hidden)]
    pub sources: Vec<Arc<dyn Source>>,
    #[doc(hidden)]
    pub filters: Vec<Arc<dyn FilterFactory>>,
    #[doc(hidden)]
    pub routes: Vec<Arc<dyn Routes>>,
    #[doc(hidden)]
    pub interceptors: Vec<Arc<dyn Interceptor>>,
    #[doc(hidden)]
    pub listeners: Vec<Arc<dyn EventListener>>,
    #[doc(hidden)]
    pub modifiers: Vec<Arc<dyn InfoModifier>>,
    #[doc(hidden)]
    pub probes: Vec<Arc<dyn ContainerProbe>>,
    #[doc(hidden)]
    pub searches: Vec<Arc<dyn Search>>,
    #[doc(hidden)]
    pub lyrics: Vec<Arc<dyn LyricsSource>>,
}

/// A plugin that is linked into the program; `built_in()` of its crate gives it.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// Its manifest, JSON text.
    pub manifest: &'static str,
    /// Names of the interfaces it offers.
    pub offers: &'static [&'static str],
    /// Makes it.
    pub build: fn() -> Plugin,
}

macro_rules! adders {
    ($($(#[$doc:meta])* $interface:literal $name:ident($part:ident: $trait:ident);)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, part: impl $trait) -> Self {
                self.$part.push(Arc::new(part));
                self
            }
        )*

        /// Names of the interfaces of which the plugin has something.
        fn present(&self) -> Vec<&'static str> {
            let mut names = Vec::new();
            $(
                if !self.$part.is_empty() {
                    names.push($interface);
                }
            )*
            names
        }
    };
}

impl Plugin {
    /// A plugin that offers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    adders! {
        /// Adds a source.
        "source" source(sources: Source);
        /// Adds a kind of audio filter.
        "filters" filter(filters: FilterFactory);
        /// Adds REST endpoints.
        "routes" routes(routes: Routes);
        /// Adds an interceptor of REST requests.
        "interceptor" interceptor(interceptors: Interceptor);
        /// Adds a listener to events.
        "events" listener(listeners: EventListener);
        /// Adds a modifier of `pluginInfo`.
        "info" info_modifier(modifiers: InfoModifier);
        /// Adds a probe for containers.
        "probe" container_probe(probes: ContainerProbe);
        /// Adds a search.
        "search" search(searches: Search);
        /// Adds a source of lyrics.
        "lyrics" lyrics(lyrics: LyricsSource);
    }

    /// Whether all there is is offered.
    ///
    /// # Errors
    /// When `who`, for the message, contains something beyond `offers`.
    pub fn check_offers(&self, who: &str, offers: &[&str]) -> Result<(), Failure> {
        match self.present().into_iter().find(|name| !offers.contains(name)) {
            None => Ok(()),
            Some(name) => Err(Failure::fault(format!("{who} has something it does not offer."))
                .because(format!("add `{name}` to the `offers` of its export!"))),
        }
    }
}
