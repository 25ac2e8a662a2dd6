//! Loads a plugin that is a shared library.

use std::sync::Arc;
use std::time::Duration;

use lavalink_plugin_api::{Source, SourceDescriptor};

use crate::discovery::Candidate;
use crate::error::LoadError;
use crate::manifest::Manifest;

/// A plugin in this process.
pub(crate) struct Loaded {
    pub(crate) manifest: Manifest,
    pub(crate) generation: u32,
    pub(crate) sources: Vec<(SourceDescriptor, Arc<dyn Source>)>,
}

/// Checks and loads one library; its code has `limit` to construct its sources.
pub(crate) fn load(candidate: Candidate, limit: Duration) -> Result<Loaded, LoadError> {
    let manifest = Manifest::read(candidate.file)?;
    Err(LoadError::StartDeadline {
        plugin: manifest.name,
        limit,
    })
}
