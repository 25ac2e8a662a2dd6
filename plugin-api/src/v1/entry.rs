//! The door of a library: its symbols and the macros that make them.

use abi_stable::StableAbi;
use abi_stable::type_layout::TypeLayout;

/// Number of this interface generation.
pub const GENERATION: u32 = 1;

/// Release line of the type vocabulary: layouts can only be compared by libraries that agree on it.
pub const VOCABULARY: &str = crate::__vocabulary!();

/// Section the manifest is in: ELF, Mach-O, PE (whose names have eight characters at most).
pub const MANIFEST_SECTIONS: [&str; 3] = [".lavalink_manifest", "__lavalink_mf", ".lavalnk"];

/// A comparable description of a type.
pub type Layout = &'static TypeLayout;

/// Type behind [`super::Interface::LAYOUT_SYMBOL`].
pub type LayoutFunction = extern "C" fn() -> Layout;

/// The layout of a type as this library was built with it.
pub fn layout_of<T: StableAbi>() -> Layout {
    T::LAYOUT
}

/// [`VOCABULARY`] as a literal.
#[doc(hidden)]
#[macro_export]
macro_rules! __vocabulary {
    () => {
        "abi_stable 0.11"
    };
}

/// The field of the manifest that names the vocabulary.
#[doc(hidden)]
#[macro_export]
macro_rules! __abi_field {
    () => {
        concat!(",\"abi\":\"", $crate::__vocabulary!(), "\"")
    };
}

/// The exports of a plugin built as a library.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_parts {
    ($name:expr, $build:expr, [$($offer:ident),*]) => {
        #[allow(unexpected_cfgs, reason = "a crate that is never linked into a node has no such feature")]
        const _: () = {
            // Two plugins in one program would define the same symbols.
            #[cfg(not(feature = "built-in"))]
            const _: () = {
                static PLUGIN: $crate::v1::interface::Built =
                    $crate::v1::interface::Built::new($name, &[$(stringify!($offer)),*], $build);
                $($crate::__export_interface!(PLUGIN, $offer);)*
            };
        };
    };
}

/// The symbols of one interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_interface {
    ($plugin:ident, source) => {
        $crate::__export_symbols!(
            $plugin,
            Source,
            lavalink_source_v1_layout,
            lavalink_source_v1
        );
    };
    ($plugin:ident, filters) => {
        $crate::__export_symbols!(
            $plugin,
            Filters,
            lavalink_filters_v1_layout,
            lavalink_filters_v1
        );
    };
    ($plugin:ident, routes) => {
        $crate::__export_symbols!(
            $plugin,
            Routes,
            lavalink_routes_v1_layout,
            lavalink_routes_v1
        );
    };
    ($plugin:ident, interceptor) => {
        $crate::__export_symbols!(
            $plugin,
            Interceptor,
            lavalink_interceptor_v1_layout,
            lavalink_interceptor_v1
        );
    };
    ($plugin:ident, events) => {
        $crate::__export_symbols!(
            $plugin,
            Events,
            lavalink_events_v1_layout,
            lavalink_events_v1
        );
    };
    ($plugin:ident, info) => {
        $crate::__export_symbols!($plugin, Info, lavalink_info_v1_layout, lavalink_info_v1);
    };
    ($plugin:ident, probe) => {
        $crate::__export_symbols!($plugin, Probe, lavalink_probe_v1_layout, lavalink_probe_v1);
    };
    ($plugin:ident, search) => {
        $crate::__export_symbols!(
            $plugin,
            Search,
            lavalink_search_v1_layout,
            lavalink_search_v1
        );
    };
    ($plugin:ident, lyrics) => {
        $crate::__export_symbols!(
            $plugin,
            Lyrics,
            lavalink_lyrics_v1_layout,
            lavalink_lyrics_v1
        );
    };
}

/// A pair of symbols.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_symbols {
    ($plugin:ident, $interface:ident, $layout:ident, $entry:ident) => {
        const _: () = {
            use $crate::v1::interface;

            type Entry = <interface::$interface as interface::Interface>::Entry;
            type Object = <interface::$interface as interface::Interface>::Object;

            extern "C" fn make() -> $crate::v1::Made<Object> {
                $plugin.objects::<interface::$interface>()
            }

            // SAFETY: the name belongs to this interface; the host calls it with this very signature.
            #[allow(unsafe_code)]
            #[unsafe(no_mangle)]
            pub extern "C" fn $layout() -> $crate::v1::Layout {
                $crate::v1::layout_of::<Entry>()
            }

            // SAFETY: as above.
            #[allow(unsafe_code)]
            #[unsafe(no_mangle)]
            pub extern "C" fn $entry() -> Entry {
                <interface::$interface as interface::Interface>::entry(make)
            }
        };
    };
}
