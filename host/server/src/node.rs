//! The running node as requests see it.

use std::sync::Arc;

use crate::config::Config;
use crate::live_lyrics::LiveLyrics;
use crate::services::Services;
use crate::session::Registry;
use crate::stats::CpuMeter;

/// See the module.
pub struct Node {
    /// The configuration.
    pub config: Arc<Config>,
    /// Plugins and engines.
    pub services: Arc<Services>,
    /// All sessions.
    pub registry: Arc<Registry>,
    /// Who follows the lyrics of what plays.
    pub live_lyrics: LiveLyrics,
    /// CPU figures, shared by all who ask.
    pub cpu: CpuMeter,
}

impl Node {
    /// A node without sessions.
    pub fn new(services: Arc<Services>) -> Self {
        let config = Arc::clone(&services.config);
        let registry = Arc::new(Registry::new(services.plugins.events()));
        Self {
            config,
            services,
            registry,
            live_lyrics: LiveLyrics::default(),
            cpu: CpuMeter::new(),
        }
    }
}
