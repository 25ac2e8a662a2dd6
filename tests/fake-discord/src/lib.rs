//! A Discord voice server for tests.
pub mod analysis;
mod certificates;
mod config;
mod discovery;
mod error;
mod media;
mod report;
pub use config::*;
pub use error::FakeError;
pub use report::*;
