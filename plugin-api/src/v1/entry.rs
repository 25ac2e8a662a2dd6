//! The door: manifest, symbols and the macro that makes both.

use abi_stable::StableAbi;
use abi_stable::std_types::{RResult, RVec};
use abi_stable::type_layout::TypeLayout;

use super::abi::{self, Entry, SourceBox};
use super::contain::contained;
use super::cross::Cross;
use super::source::{self, ForeignSource};
use crate::{Failure, Source};

/// Number of this interface generation.
pub const GENERATION: u32 = 1;

/// Release line of the type vocabulary: layouts can only be compared by libraries that agree on it.
pub const VOCABULARY: &str = crate::__vocabulary!();

/// Section the manifest is in: ELF, Mach-O, PE (whose names have eight characters at most).
pub const MANIFEST_SECTIONS: [&str; 3] = [".lavalink_manifest", "__lavalink_mf", ".lavalnk"];

/// Symbol of the function that answers the layout of [`Entry`] as the plugin was built with it: a [`LayoutFunction`].
pub const LAYOUT_SYMBOL: &str = "lavalink_source_v1_layout";

/// Symbol of the function that answers the [`Entry`]: an [`EntryFunction`].
pub const ENTRY_SYMBOL: &str = "lavalink_source_v1";

/// A comparable description of a type.
pub type Layout = &'static TypeLayout;

/// Type behind [`LAYOUT_SYMBOL`].
pub type LayoutFunction = extern "C" fn() -> Layout;

/// Type behind [`ENTRY_SYMBOL`].
pub type EntryFunction = extern "C" fn() -> Entry;

/// What [`Entry::sources`] answers.
pub type SourcesResult = RResult<RVec<SourceBox>, abi::Failure>;

/// The layout of a type as this library was built with it.
pub fn layout_of<T: StableAbi>() -> Layout {
    T::LAYOUT
}

/// Constructs a plugin's source for the host: what the exported entry runs.
pub fn construct<S: Source>(plugin: &str, new: impl FnOnce() -> S) -> SourcesResult {
    contained(&format!("The plugin {plugin}"), "constructor", || {
        Ok(vec![source::out(plugin, new())])
    })
    .out()
}

/// Takes the sources of a plugin whose layout has been checked.
///
/// # Errors
/// When a constructor or a description panics.
pub fn sources_of(entry: &Entry) -> Result<Vec<ForeignSource>, Failure> {
    let sources: Result<Vec<SourceBox>, Failure> = Cross::back((entry.sources)());
    sources?.into_iter().map(ForeignSource::new).collect()
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

/// Places a manifest in the library. Part of [`export_source!`], apart so that test plugins can lie in it.
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

/// Exports a [`Source`] as a plugin of this library: `export_source!(MySource, MySource::new)`, with
/// `, name = "my-plugin"` when the plugin is not to be called like its package.
///
/// The name is the one of the plugin: its configuration is `plugins.<name>`. Version and licence come from Cargo.toml.
/// Panics of the source become faults as long as the library is built with `panic = "unwind"`. One call per library.
#[macro_export]
macro_rules! export_source {
    ($source:ty, $new:expr $(,)?) => {
        $crate::export_source!($source, $new, name = env!("CARGO_PKG_NAME"));
    };
    ($source:ty, $new:expr, name = $name:expr $(,)?) => {
        $crate::__export_manifest!($name, "[1]");

        const _: () = {
            extern "C" fn sources() -> $crate::v1::SourcesResult {
                $crate::v1::construct::<$source>($name, $new)
            }

            // SAFETY: the name belongs to this interface; the host calls it with this very signature.
            #[allow(unsafe_code)]
            #[unsafe(no_mangle)]
            pub extern "C" fn lavalink_source_v1_layout() -> $crate::v1::Layout {
                $crate::v1::layout_of::<$crate::v1::abi::Entry>()
            }

            // SAFETY: as above.
            #[allow(unsafe_code)]
            #[unsafe(no_mangle)]
            pub extern "C" fn lavalink_source_v1() -> $crate::v1::abi::Entry {
                $crate::v1::abi::Entry { sources }
            }
        };
    };
}
