//! The door: manifest, symbols and the macro that makes both.

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

/// The manifest as an array, for the section. `N` is its length.
#[doc(hidden)]
pub const fn manifest_bytes<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    let mut array = [0; N];
    let mut at = 0;
    while at < N {
        array[at] = bytes[at];
        at += 1;
    }
    array
}

/// Whether a value of the manifest needs no escaping in JSON.
#[doc(hidden)]
pub const fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] < b' ' || bytes[at] == b'"' || bytes[at] == b'\\' {
            return false;
        }
        at += 1;
    }
    true
}

/// [`VOCABULARY`] as a literal.
#[doc(hidden)]
#[macro_export]
macro_rules! __vocabulary {
    () => {
        "abi_stable 0.11"
    };
}

/// Places a manifest in the library. Part of [`export!`], apart so that test plugins can lie in it.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_manifest {
    ($name:expr, $generations:literal) => {
        const _: () = {
            assert!(
                $crate::v1::is_plain($name),
                "the plugin name needs escaping"
            );
            assert!(
                $crate::v1::is_plain(env!("CARGO_PKG_VERSION")),
                "the version needs escaping"
            );
            assert!(
                $crate::v1::is_plain(env!("CARGO_PKG_LICENSE")),
                "the licence needs escaping"
            );
            const MANIFEST: &str = concat!(
                "{\"name\":\"",
                $name,
                "\",\"version\":\"",
                env!("CARGO_PKG_VERSION"),
                "\",\"generations\":",
                $generations,
                ",\"abi\":\"",
                $crate::__vocabulary!(),
                "\",\"licence\":\"",
                env!("CARGO_PKG_LICENSE"),
                "\"}"
            );
            // SAFETY: the section holds nothing but this constant, which has no relocations; no code reads the symbol.
            #[allow(unsafe_code)]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__lavalink_mf"))]
            #[cfg_attr(windows, unsafe(link_section = ".lavalnk"))]
            #[cfg_attr(
                not(any(target_vendor = "apple", windows)),
                unsafe(link_section = ".lavalink_manifest")
            )]
            #[unsafe(export_name = "lavalink_manifest")]
            #[used]
            static LAVALINK_MANIFEST: [u8; MANIFEST.len()] = $crate::v1::manifest_bytes(MANIFEST);
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

/// Exports a [`Plugin`](crate::Plugin) from this library: `export!(build, offers = [source, filters])`, where `build` is a
/// function without arguments that makes it, and with `, name = "my-plugin"` behind `build` when the plugin is not to be
/// called like its package.
///
/// `offers` names the interfaces of what the plugin contains: `source`, `filters`, `routes`, `interceptor`, `events`,
/// `info`, `probe`, `search`, `lyrics`. One that contains more is refused when it is loaded. The name is the one of the
/// plugin: its configuration is `plugins.<name>`. Version and licence come from Cargo.toml. Panics become faults as long as
/// the library is built with `panic = "unwind"`. One call per library.
#[macro_export]
macro_rules! export {
    ($build:expr, offers = [$($offer:ident),* $(,)?] $(,)?) => {
        $crate::export!($build, name = env!("CARGO_PKG_NAME"), offers = [$($offer),*]);
    };
    ($build:expr, name = $name:expr, offers = [$($offer:ident),* $(,)?] $(,)?) => {
        $crate::__export_manifest!($name, "[1]");

        const _: () = {
            static PLUGIN: $crate::v1::interface::Built =
                $crate::v1::interface::Built::new($name, &[$(stringify!($offer)),*], $build);
            $($crate::__export_interface!(PLUGIN, $offer);)*
        };
    };
}

/// Exports a single [`Source`](crate::Source) as a plugin of this library: `export_source!(MySource, MySource::new)`, with
/// `, name = "my-plugin"` when the plugin is not to be called like its package. See [`export!`].
#[macro_export]
macro_rules! export_source {
    ($source:ty, $new:expr $(,)?) => {
        $crate::export_source!($source, $new, name = env!("CARGO_PKG_NAME"));
    };
    ($source:ty, $new:expr, name = $name:expr $(,)?) => {
        $crate::export!(
            || {
                let source: $source = ($new)();
                $crate::Plugin::new().source(source)
            },
            name = $name,
            offers = [source]
        );
    };
}
