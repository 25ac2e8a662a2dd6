//! The chain of a player's filters, in their fixed order.

use super::channel_mix::ChannelMix;
use super::distortion::Distortion;
use super::equalizer::Equalizer;
use super::karaoke::{self, Karaoke};
use super::low_pass::LowPass;
use super::rotation::Rotation;
use super::timescale::Timescale;
use super::tremolo::Tremolo;
use super::vibrato::Vibrato;
use super::volume::Volume;
use lavalink_protocol::filters::{self as settings, Filters};

/// Sample rates in Hz the filters are built for; others are moved to the nearer end.
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 8_000..=384_000;

/// Largest sample taken in, 12 dB above full scale; decoders overshoot far less.
const HEADROOM: f32 = 4.0;

/// All filters of a player that are on, with their state.
///
/// Takes and gives interleaved stereo. Rebuilt whenever the filters change, kept across seeks.
#[derive(Debug)]
pub struct FilterChain {
    low_pass: Option<LowPass>,
    channel_mix: Option<ChannelMix>,
    rotation: Option<Rotation>,
    distortion: Option<Distortion>,
    vibrato: Option<Vibrato>,
    tremolo: Option<Tremolo>,
    timescale: Option<Timescale>,
    karaoke: Option<Karaoke>,
    equalizer: Option<Equalizer>,
    volume: Option<Volume>,
}

impl FilterChain {
    /// Builds the chain, `None` when no built-in filter changes the sound.
    ///
    /// `sample_rate_hz` is that of the samples (48 000 in the engine). Members that
    /// [`validate`](super::validate) would refuse are left out; equalizer bands outside 0..=14 too.
    pub fn build(filters: &Filters, sample_rate_hz: u32) -> Option<Self> {
        let rate = sample_rate_hz.clamp(*SAMPLE_RATES.start(), *SAMPLE_RATES.end());
        let chain = Self {
            low_pass: filters.low_pass.and_then(|it| LowPass::new(it.smoothing)),
            channel_mix: filters.channel_mix.as_ref().and_then(channel_mix),
            rotation: filters
                .rotation
                .and_then(|it| Rotation::new(it.rotation_hz, rate)),
            distortion: filters.distortion.as_ref().and_then(distortion),
            vibrato: filters
                .vibrato
                .and_then(|it| Vibrato::new(it.frequency, it.depth, rate)),
            tremolo: filters
                .tremolo
                .and_then(|it| Tremolo::new(it.frequency, it.depth, rate)),
            timescale: filters
                .timescale
                .and_then(|it| Timescale::new(it.speed, it.pitch, it.rate, rate)),
            karaoke: filters
                .karaoke
                .as_ref()
                .and_then(|it| Karaoke::new(&karaoke_settings(it), rate)),
            equalizer: filters.gains().and_then(|gains| Equalizer::new(&gains, rate)),
            volume: filters.volume.and_then(Volume::new),
        };
        chain.is_on().then_some(chain)
    }

    fn is_on(&self) -> bool {
        self.low_pass.is_some()
            || self.channel_mix.is_some()
            || self.rotation.is_some()
            || self.distortion.is_some()
            || self.vibrato.is_some()
            || self.tremolo.is_some()
            || self.timescale.is_some()
            || self.karaoke.is_some()
            || self.equalizer.is_some()
            || self.volume.is_some()
    }

    /// Replaces interleaved stereo `samples` (an even count) by the filtered ones.
    ///
    /// With timescale on, the count changes: on average it is divided by speed times rate, but
    /// single calls may give nothing or more. Otherwise it stays. Every result is finite, whatever
    /// the input; full scale is ±1, which only some filters limit to.
    pub fn process(&mut self, samples: &mut Vec<f32>) {
        for sample in samples.iter_mut() {
            *sample = if sample.is_nan() {
                0.0
            } else {
                sample.clamp(-HEADROOM, HEADROOM)
            };
        }
        if let Some(filter) = &mut self.low_pass {
            filter.process(samples);
        }
        if let Some(filter) = &self.channel_mix {
            filter.process(samples);
        }
        if let Some(filter) = &mut self.rotation {
            filter.process(samples);
        }
        if let Some(filter) = &self.distortion {
            filter.process(samples);
        }
        if let Some(filter) = &mut self.vibrato {
            filter.process(samples);
        }
        if let Some(filter) = &mut self.tremolo {
            filter.process(samples);
        }
        if let Some(filter) = &mut self.timescale {
            filter.process(samples);
        }
        self.process_behind_timescale(samples);
    }

    fn process_behind_timescale(&mut self, samples: &mut [f32]) {
        if let Some(filter) = &mut self.karaoke {
            filter.process(samples);
        }
        if let Some(filter) = &mut self.equalizer {
            filter.process(samples);
        }
        if let Some(filter) = &self.volume {
            filter.process(samples);
        }
    }

    /// The next samples come from another place of the track: forgets the audio held, keeps the
    /// phases of tremolo, vibrato and rotation.
    pub fn seeked(&mut self) {
        if let Some(filter) = &mut self.low_pass {
            filter.seeked();
        }
        if let Some(filter) = &mut self.vibrato {
            filter.seeked();
        }
        if let Some(filter) = &mut self.timescale {
            filter.seeked();
        }
        if let Some(filter) = &mut self.karaoke {
            filter.seeked();
        }
        if let Some(filter) = &mut self.equalizer {
            filter.seeked();
        }
    }

    /// Appends what the time-stretcher still holds, at the end of a track or before new filters.
    ///
    /// Samples already in `samples` stay as they are. Afterwards the chain is as after a seek. The
    /// up to 2 ms still in the vibrato's delay line are not given back.
    pub fn flush(&mut self, samples: &mut Vec<f32>) {
        let before = samples.len();
        if let Some(filter) = &mut self.timescale {
            filter.flush(samples);
        }
        if let Some(rest) = samples.get_mut(before..) {
            self.process_behind_timescale(rest);
        }
        self.seeked();
    }
}

fn channel_mix(settings: &settings::ChannelMix) -> Option<ChannelMix> {
    let settings::ChannelMix {
        left_to_left,
        left_to_right,
        right_to_left,
        right_to_right,
    } = *settings;
    let mix = ChannelMix {
        left_to_left,
        left_to_right,
        right_to_left,
        right_to_right,
    };
    let is_finite = [left_to_left, left_to_right, right_to_left, right_to_right]
        .iter()
        .all(|it| it.is_finite());
    (is_finite && !mix.is_off()).then_some(mix)
}

fn distortion(settings: &settings::Distortion) -> Option<Distortion> {
    let filter = Distortion {
        sin_offset: settings.sin_offset,
        sin_scale: settings.sin_scale,
        cos_offset: settings.cos_offset,
        cos_scale: settings.cos_scale,
        tan_offset: settings.tan_offset,
        tan_scale: settings.tan_scale,
        offset: settings.offset,
        scale: settings.scale,
    };
    (!filter.is_off()).then_some(filter)
}

fn karaoke_settings(settings: &settings::Karaoke) -> karaoke::Settings {
    karaoke::Settings {
        level: settings.level,
        mono_level: settings.mono_level,
        filter_band: settings.filter_band,
        filter_width: settings.filter_width,
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
