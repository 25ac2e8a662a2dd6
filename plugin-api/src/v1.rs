//! Generation 1 of the native ABI: frozen types, the adapters on both sides, and the export macro.
//!
//! A plugin library exports a pair of functions for each interface it offers (see [`interface`]) and carries a manifest
//! (JSON in a section of its own) that tells which generations it has before any of its code runs.

pub mod abi;
mod contain;
mod cross;
mod entry;
pub mod events;
pub mod filters;
pub mod finders;
pub mod info;
pub mod interface;
mod lent;
mod lent_host;
mod response;
pub mod rest;
mod source;
mod stream;

pub use contain::panic_text;
pub use entry::{GENERATION, Layout, LayoutFunction, MANIFEST_SECTIONS, VOCABULARY, layout_of};
pub use interface::{Interface, Made, objects_of};
pub use source::ForeignSource;
