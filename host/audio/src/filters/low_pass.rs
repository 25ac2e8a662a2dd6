//! Low pass: exponential smoothing, one pole per channel.

use super::flush_denormal;

/// Smoothing at and below this is off.
const OFF_UP_TO: f32 = 1.0;

/// A one-pole low pass that starts on its first sample instead of fading in from zero.
#[derive(Debug, Clone)]
pub(super) struct LowPass {
    /// Share of the way to the new sample taken each frame.
    coefficient: f64,
    state: Option<[f64; 2]>,
}

impl LowPass {
    /// `None` when `smoothing` is 1 or less (off).
    pub(super) fn new(smoothing: f32) -> Option<Self> {
        let is_on = smoothing.is_finite() && smoothing > OFF_UP_TO;
        is_on.then(|| Self {
            coefficient: 1.0 / f64::from(smoothing),
            state: None,
        })
    }

    /// The next sample seeds the smoothing anew.
    pub(super) fn seeked(&mut self) {
        self.state = None;
    }

    pub(super) fn process(&mut self, samples: &mut [f32]) {
        let Some(first) = samples.first_chunk::<2>() else {
            return;
        };
        let mut state = self.state.unwrap_or(first.map(f64::from));
        for frame in samples.chunks_exact_mut(2) {
            for (value, sample) in state.iter_mut().zip(frame) {
                *value += (f64::from(*sample) - *value) * self.coefficient;
                *sample = *value as f32;
            }
        }
        self.state = Some(state.map(flush_denormal));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::signal::{amplitude, sine};

    #[test]
    fn minus_three_decibel_points() {
        for (smoothing, hz) in [(5.0, 1_700.0), (10.0, 806.0), (20.0, 392.0), (50.0, 154.0)] {
            let mut samples = sine(hz, 0.5, 96_000);
            LowPass::new(smoothing).expect("on").process(&mut samples);
            let ratio = amplitude(&samples[96_000..], hz) / 0.5;
            assert!(
                (ratio - std::f64::consts::FRAC_1_SQRT_2).abs() < 0.01,
                "smoothing {smoothing}: {ratio}"
            );
        }
    }

    #[test]
    fn constant_input_passes_from_the_first_sample() {
        let mut samples = [0.4, -0.2].repeat(100);
        LowPass::new(20.0).expect("on").process(&mut samples);
        for pair in samples.chunks_exact(2) {
            assert!((pair[0] - 0.4).abs() < 1e-7 && (pair[1] + 0.2).abs() < 1e-7);
        }
    }

    #[test]
    fn seek_seeds_anew() {
        let mut filter = LowPass::new(100.0).expect("on");
        filter.process(&mut [0.9; 200]);
        filter.seeked();
        let mut samples = [0.1; 2];
        filter.process(&mut samples);
        assert!((samples[0] - 0.1).abs() < 1e-7);
    }

    #[test]
    fn is_off_up_to_one() {
        for smoothing in [1.0, 0.5, 0.0, -3.0, f32::NAN, f32::INFINITY] {
            assert!(LowPass::new(smoothing).is_none());
        }
    }
}
