//! The interfaces of this generation: the pair of symbols of each, and what stands behind them.
//!
//! An interface a plugin does not export is one it does not offer. A new ability is a new interface with symbols of its
//! own, so that neither side has to be rebuilt for it.

use std::sync::OnceLock;

use abi_stable::StableAbi;
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RVec};

use super::abi;
use super::contain::contained;
use super::cross::Cross;
use super::lent::Lent;
use super::{events, filters, finders, info, rest};
use crate::{Failure, Plugin};

/// The objects of an interface, or why there are none.
pub type Made<T> = RResult<RVec<T>, abi::Failure>;

/// What makes them.
pub type Make<T> = extern "C" fn() -> Made<T>;

/// One interface.
pub trait Interface {
    /// Its name in `offers`.
    const NAME: &'static str;
    /// Symbol of the function that answers the layout of [`Interface::Entry`]: a [`super::LayoutFunction`].
    const LAYOUT_SYMBOL: &'static str;
    /// Symbol of the function that answers the entry.
    const ENTRY_SYMBOL: &'static str;
    /// What that function answers.
    type Entry: StableAbi;
    /// An object of the plugin on the border.
    type Object;

    /// The entry that makes objects with this.
    fn entry(make: Make<Self::Object>) -> Self::Entry;
    /// What makes the objects of an entry.
    fn make(entry: &Self::Entry) -> Make<Self::Object>;
    /// The border form of what a plugin offers.
    #[doc(hidden)]
    fn out(who: &str, plugin: &Plugin) -> Vec<Self::Object>;
}

macro_rules! interfaces {
    ($(
        $(#[$doc:meta])*
        $name:literal $marker:ident: $entry:ident of $object:ty, $symbol:literal, $parts:ident;
    )*) => {
        /// What the entry symbols answer. FROZEN like [`super::abi`].
        pub mod entries {
            #![allow(unsafe_code, non_local_definitions, clippy::undocumented_unsafe_blocks)]

            use super::*;

            $(
                $(#[$doc])*
                #[repr(C)]
                #[derive(StableAbi)]
                pub struct $entry {
                    /// Makes the objects. Called once.
                    pub make: extern "C" fn() -> RResult<RVec<$object>, abi::Failure>,
                }
            )*
        }

        $(
            $(#[$doc])*
            pub struct $marker;

            impl Interface for $marker {
                const NAME: &'static str = $name;
                const LAYOUT_SYMBOL: &'static str = concat!($symbol, "_layout");
                const ENTRY_SYMBOL: &'static str = $symbol;
                type Entry = entries::$entry;
                type Object = $object;

                fn entry(make: Make<Self::Object>) -> Self::Entry {
                    entries::$entry { make }
                }
                fn make(entry: &Self::Entry) -> Make<Self::Object> {
                    entry.make
                }
                fn out(who: &str, plugin: &Plugin) -> Vec<Self::Object> {
                    let parts = plugin.$parts.iter().cloned();
                    parts
                        .map(|part| <$object>::from_value(Lent::new(who.to_owned(), part), TD_Opaque))
                        .collect()
                }
            }
        )*
    };
}

interfaces! {
    /// Sources.
    "source" Source: SourceEntry of abi::SourceBox, "lavalink_source_v1", sources;
    /// Audio filters.
    "filters" Filters: FiltersEntry of filters::abi::FilterFactoryBox, "lavalink_filters_v1", filters;
    /// REST endpoints.
    "routes" Routes: RoutesEntry of rest::abi::RoutesBox, "lavalink_routes_v1", routes;
    /// Interceptors of REST requests.
    "interceptor" Interceptor: InterceptorEntry of rest::abi::InterceptorBox, "lavalink_interceptor_v1", interceptors;
    /// Listeners to events.
    "events" Events: EventsEntry of events::abi::ListenerBox, "lavalink_events_v1", listeners;
    /// Modifiers of `pluginInfo`.
    "info" Info: InfoEntry of info::abi::ModifierBox, "lavalink_info_v1", modifiers;
    /// Probes for containers.
    "probe" Probe: ProbeEntry of info::abi::ProbeBox, "lavalink_probe_v1", probes;
    /// Searches.
    "search" Search: SearchEntry of finders::abi::SearchBox, "lavalink_search_v1", searches;
    /// Sources of lyrics.
    "lyrics" Lyrics: LyricsEntry of finders::abi::LyricsBox, "lavalink_lyrics_v1", lyrics;
}

/// A plugin in its library: built when the first of its interfaces is asked for.
#[doc(hidden)]
pub struct Built {
    name: &'static str,
    offers: &'static [&'static str],
    build: fn() -> Plugin,
    plugin: OnceLock<Result<Plugin, Failure>>,
}

impl Built {
    /// A plugin that is not built yet.
    pub const fn new(name: &'static str, offers: &'static [&'static str], build: fn() -> Plugin) -> Self {
        Self {
            name,
            offers,
            build,
            plugin: OnceLock::new(),
        }
    }

    /// The objects of one interface.
    pub fn objects<I: Interface>(&self) -> Made<I::Object> {
        let who = format!("The plugin {}", self.name);
        let objects = contained(&who, "constructor", || {
            match self.plugin.get_or_init(|| self.build(&who)) {
                Ok(plugin) => Ok(I::out(&who, plugin)),
                Err(failure) => Err(failure.clone()),
            }
        });
        objects.map(RVec::from).map_err(Cross::out).into()
    }

    fn build(&self, who: &str) -> Result<Plugin, Failure> {
        let plugin = contained(who, "constructor", || Ok((self.build)()))?;
        plugin.check_offers(who, self.offers)?;
        Ok(plugin)
    }
}

/// Takes what a plugin has of one interface, whose layout has been checked.
///
/// # Errors
/// When the plugin's constructor panics or refuses.
pub fn objects_of<I: Interface>(entry: &I::Entry) -> Result<Vec<I::Object>, Failure> {
    let objects = I::make(entry)().into_result();
    Ok(objects.map_err(<Failure as Cross>::back)?.into())
}
