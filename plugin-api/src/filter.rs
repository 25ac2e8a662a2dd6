//! Audio filters a plugin offers under `filters.pluginFilters.<name>`.

use std::time::Duration;

use crate::{Failure, Host};

/// How the samples a filter gets are laid out. The same for the whole life of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFormat {
    /// Frames per second, hertz.
    pub sample_rate: u32,
    /// Samples per frame, interleaved.
    pub channels: u8,
}

/// A kind of filter. Its methods may be called from several threads at once.
pub trait FilterFactory: Send + Sync + 'static {
    /// Key under `filters.pluginFilters`, and the name in `/v4/info`. Asked once, when the plugin is loaded.
    fn name(&self) -> String;

    /// Whether this configuration, JSON text, changes the sound at all. One that does not leaves the player its path
    /// without a filter chain, unless another filter needs one.
    ///
    /// # Errors
    /// When the configuration makes no sense. The player then goes on without this filter.
    fn is_enabled(&self, config: &str) -> Result<bool, Failure>;

    /// Makes a filter for one player. Called again for every change of the player's filters and for every track.
    ///
    /// # Errors
    /// When the configuration makes no sense. The player then goes on without this filter.
    fn build(&self, host: &dyn Host, config: &str, format: AudioFormat) -> Result<Box<dyn Filter>, Failure>;
}

/// A filter at work in one player. Its calls come one at a time, from changing threads, and never while the audio of
/// another player waits for them.
pub trait Filter: Send {
    /// Replaces samples, interleaved, full scale ±1.0, by any whole number of frames. A piece has 20 ms at most.
    ///
    /// # Errors
    /// When the filter cannot go on; it is then taken out of the player's chain.
    fn process(&mut self, samples: &mut Vec<f32>) -> Result<(), Failure>;

    /// Playback jumps: what comes next does not follow on what came before.
    ///
    /// # Errors
    /// As [`Filter::process`].
    fn seeked(&mut self, position: Duration) -> Result<(), Failure>;

    /// The input is over: the samples still held back. Nothing is processed afterwards, unless playback jumps first.
    ///
    /// # Errors
    /// As [`Filter::process`].
    fn flush(&mut self) -> Result<Vec<f32>, Failure>;
}
