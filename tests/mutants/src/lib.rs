//! Damaged copies of good input, the same ones in every run, and an allocator that tells what reading them takes.
//!
//! The seeds are in `fuzz/corpus`, where the fuzz targets have them from as well.

mod allocator;
mod corpus;
mod mutate;

pub use allocator::{Counting, allocated, forget_most, most_allocated};
pub use corpus::{Bounds, Corpus};
pub use mutate::mutant;
