//! `lavalink.server`: settings of playback.

use std::time::Duration;

use super::findings::Findings;
use super::keys;
use super::reader::Reader;

/// Settings of playback.
#[derive(Debug, Clone)]
pub struct PlayerConfig {
    /// libopus complexity, 0..=10.
    pub opus_quality: u8,
    /// Sample rate conversion effort.
    pub resampling: Resampling,
    /// A track without audio for this long is reported as stuck, milliseconds, at least 100.
    pub stuck_threshold_ms: u64,
    /// How much playing time of compressed bytes is kept ahead, at least 200 ms.
    pub frame_buffer: Duration,
    /// Keep playing the old audio until the audio of the new position is there.
    pub use_seek_ghosting: bool,
    /// Whether clients are told when a radio station begins another song.
    pub stream_title_events: bool,
    /// Time between playerUpdate messages; `None` sends no periodic ones.
    pub update_interval: Option<Duration>,
}

/// `lavalink.server.resamplingQuality`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// Cheapest.
    Low,
    /// Between.
    Medium,
    /// Best.
    High,
}

/// Reads the settings.
pub fn read(reader: &Reader<'_>, findings: &mut Findings) -> PlayerConfig {
    let interval = reader.integer(&keys::UPDATE_INTERVAL);
    if interval <= 0 {
        let key = &keys::UPDATE_INTERVAL;
        findings.warning(
            &reader.origin(key),
            format!("{} is {interval}; no periodic player updates are sent", key.name),
        );
    }
    PlayerConfig {
        opus_quality: u8::try_from(reader.integer(&keys::OPUS_QUALITY)).unwrap_or_default(),
        resampling: match reader.choice(&keys::RESAMPLING) {
            "HIGH" => Resampling::High,
            "MEDIUM" => Resampling::Medium,
            _ => Resampling::Low,
        },
        stuck_threshold_ms: reader.integer(&keys::STUCK_THRESHOLD).unsigned_abs(),
        stream_title_events: reader.boolean(&keys::STREAM_TITLE_EVENTS),
        frame_buffer: Duration::from_millis(reader.integer(&keys::FRAME_BUFFER).unsigned_abs()),
        use_seek_ghosting: reader.boolean(&keys::SEEK_GHOSTING),
        update_interval: u64::try_from(interval)
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
    }
}
