//! What every player and request needs: configuration, plugins, and the engines, started when first used.

use std::sync::{Arc, OnceLock};

use lavalink_audio::{Engine, EngineConfig, ResamplingQuality};
use lavalink_net::RoutePlanner;
use lavalink_plugin_api::Failure;
use lavalink_plugins::Plugins;
use lavalink_voice::{VoiceConfig, VoiceEngine};

use crate::config::{Config, Resampling};
use crate::media::Opener;
use crate::metrics::Metrics;
use crate::provision::Provision;

/// Encoded frames kept ahead per player: 60 ms, so that volume and filters act at once.
const QUEUE_FRAMES: usize = 3;

/// See the module.
pub struct Services {
    /// The configuration.
    pub config: Arc<Config>,
    /// All plugins.
    pub plugins: Plugins,
    /// Where they come from, and what is missing.
    pub provision: Arc<Provision>,
    /// Opens media.
    pub opener: Opener,
    /// What happened so far, in figures.
    pub metrics: Arc<Metrics>,
    audio: OnceLock<Result<Engine, Failure>>,
    voice: OnceLock<Result<VoiceEngine, Failure>>,
}

impl Services {
    /// Services whose engines are not started yet.
    pub fn new(
        config: Arc<Config>,
        plugins: Plugins,
        provision: Arc<Provision>,
        opener: Opener,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            config,
            plugins,
            provision,
            opener,
            metrics,
            audio: OnceLock::new(),
            voice: OnceLock::new(),
        }
    }

    /// The audio engine.
    ///
    /// # Errors
    /// When its threads cannot be started.
    pub fn audio(&self) -> Result<&Engine, Failure> {
        let start = || {
            let player = &self.config.player;
            let config = EngineConfig {
                workers: cores(),
                opus_quality: player.opus_quality,
                resampling: match player.resampling {
                    Resampling::Low => ResamplingQuality::Low,
                    Resampling::Medium => ResamplingQuality::Medium,
                    Resampling::High => ResamplingQuality::High,
                },
                queue_frames: QUEUE_FRAMES,
            };
            Engine::new(config)
                .map_err(|error| Failure::fault("The audio engine cannot be started.").because(error))
        };
        self.audio.get_or_init(start).as_ref().map_err(Clone::clone)
    }

    /// The voice engine.
    ///
    /// # Errors
    /// When its threads cannot be started or the platform has no root certificates.
    pub fn voice(&self) -> Result<&VoiceEngine, Failure> {
        let start = || {
            let config = VoiceConfig {
                pacers: cores(),
                ..VoiceConfig::default()
            };
            VoiceEngine::new(config)
                .map_err(|error| Failure::fault("The voice engine cannot be started.").because(error))
        };
        self.voice.get_or_init(start).as_ref().map_err(Clone::clone)
    }

    /// The route planner, where one is configured.
    pub fn planner(&self) -> Option<&RoutePlanner> {
        self.opener.client().planner().map(Arc::as_ref)
    }

    /// The voice engine, if something has needed it already.
    pub fn started_voice(&self) -> Option<&VoiceEngine> {
        self.voice.get()?.as_ref().ok()
    }
}

/// Logical processors.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
