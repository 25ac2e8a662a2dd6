//! Generation 1 of the native ABI: frozen types, the adapters on both sides, and the export macro.
//!
//! A plugin library exports two functions for it, [`LAYOUT_SYMBOL`] and [`ENTRY_SYMBOL`], and carries a manifest (JSON in
//! a section of its own) that tells which generations it has before any of its code runs.

pub mod abi;
mod contain;
mod cross;
mod entry;
mod lent_host;
mod response;
mod source;
mod stream;

pub use contain::panic_text;
pub use entry::{
    ENTRY_SYMBOL, EntryFunction, GENERATION, LAYOUT_SYMBOL, Layout, LayoutFunction, MANIFEST_SECTIONS,
    SourcesResult, VOCABULARY, construct, is_plain, layout_of, manifest_bytes, sources_of,
};
pub use source::ForeignSource;
