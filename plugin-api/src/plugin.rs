//! What one artefact offers.

use std::sync::Arc;

use crate::{
    ContainerProbe, EventListener, Failure, FilterFactory, InfoModifier, Interceptor, LyricsSource, Routes,
    Search, Source,
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
    pub(crate) fn check_offers(&self, who: &str, offers: &[&str]) -> Result<(), Failure> {
        match self.present().into_iter().find(|name| !offers.contains(name)) {
            None => Ok(()),
            Some(name) => Err(Failure::fault(format!("{who} has something it does not offer."))
                .because(format!("add `{name}` to the `offers` of its export!"))),
        }
    }
}
