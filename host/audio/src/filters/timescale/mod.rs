//! Timescale: changes speed and pitch, apart (time-stretching) or together (resampling).
//!
//! Speed and pitch become a tempo and a rate as in SoundTouch: pitch is a change of rate that the
//! stretcher's tempo takes back. Where one of the two comes to 1, its stage is left out, so
//! "nightcore" settings never go through the stretcher.

mod anti_alias;
mod rate;
mod stretch;

use anti_alias::AntiAlias;
use rate::RateChange;
use stretch::Stretch;

/// Tempos, rates and changes of duration that are carried out. The limit bounds memory and
/// processing per 20 ms of input; beyond it nothing musical is left.
pub(super) const RATIOS: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// Ratios this near to 1 are left out: less than a sample per hour.
const UNITY_TOLERANCE: f64 = 1e-9;

/// What speed, pitch and rate come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ratios {
    /// Factor of the time-stretcher.
    pub(super) tempo: f64,
    /// Factor of the resampler.
    pub(super) rate: f64,
    /// Both: input frames per output frame.
    pub(super) duration_divisor: f64,
}

/// Splits the settings into the factors of the two stages.
pub(super) fn ratios(speed: f64, pitch: f64, rate: f64) -> Ratios {
    Ratios {
        tempo: speed / pitch,
        rate: pitch * rate,
        duration_divisor: speed * rate,
    }
}

/// One step of the conversion: takes interleaved stereo, appends interleaved stereo.
trait Stage: std::fmt::Debug + Send {
    /// Converts as much as the input allows; the rest is kept for the next call.
    fn process(&mut self, input: &[f32], output: &mut Vec<f32>);

    /// Appends everything still due for the input so far, then starts anew.
    fn flush(&mut self, output: &mut Vec<f32>);

    /// Drops everything held.
    fn reset(&mut self);
}

/// The stages the settings need, one after the other.
#[derive(Debug)]
pub(super) struct Timescale {
    stages: Vec<Box<dyn Stage>>,
    /// Output of the stage at work; swapped with its input afterwards.
    scratch: Vec<f32>,
    /// What runs through the stages in a flush.
    rest: Vec<f32>,
}

impl Timescale {
    /// `None` when all three are 1 (off), when one is not above 0, or when what they come to is not
    /// within [`RATIOS`].
    pub(super) fn new(speed: f64, pitch: f64, rate: f64, sample_rate_hz: u32) -> Option<Self> {
        if !(speed > 0.0 && pitch > 0.0 && rate > 0.0) {
            return None;
        }
        let Ratios {
            tempo,
            rate,
            duration_divisor,
        } = ratios(speed, pitch, rate);
        if ![tempo, rate, duration_divisor]
            .iter()
            .all(|ratio| RATIOS.contains(ratio))
        {
            return None;
        }
        let is_unity = |ratio: f64| (ratio - 1.0).abs() <= UNITY_TOLERANCE;
        let mut stages: Vec<Box<dyn Stage>> = Vec::new();
        // SoundTouch's order: slowed down before the stretcher, sped up behind it, which so sees the
        // signal at its longest, with the most frames per wave to align.
        if rate < 1.0 && !is_unity(rate) {
            stages.push(Box::new(RateChange::new(rate)));
            stages.push(Box::new(AntiAlias::new(0.5 * rate)));
        }
        if !is_unity(tempo) {
            stages.push(Box::new(Stretch::new(tempo, sample_rate_hz)));
        }
        if rate > 1.0 && !is_unity(rate) {
            stages.push(Box::new(AntiAlias::new(0.5 / rate)));
            stages.push(Box::new(RateChange::new(rate)));
        }
        (!stages.is_empty()).then(|| Self {
            stages,
            scratch: Vec::new(),
            rest: Vec::new(),
        })
    }

    /// Replaces `samples` by what is ready. Buffers are reused: after the first calls of a size
    /// nothing is allocated.
    pub(super) fn process(&mut self, samples: &mut Vec<f32>) {
        for stage in &mut self.stages {
            self.scratch.clear();
            stage.process(samples, &mut self.scratch);
            std::mem::swap(samples, &mut self.scratch);
        }
    }

    /// Appends what all stages still hold and starts anew.
    pub(super) fn flush(&mut self, samples: &mut Vec<f32>) {
        self.rest.clear();
        for stage in &mut self.stages {
            self.scratch.clear();
            stage.process(&self.rest, &mut self.scratch);
            stage.flush(&mut self.scratch);
            std::mem::swap(&mut self.rest, &mut self.scratch);
        }
        samples.extend_from_slice(&self.rest);
    }

    /// Drops the audio held from before a seek.
    pub(super) fn seeked(&mut self) {
        for stage in &mut self.stages {
            stage.reset();
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
