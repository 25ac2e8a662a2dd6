//! Tremolo: the loudness swings with a sine.

use super::lfo::Lfo;

/// Whether the original's DSP takes this frequency in Hz.
pub(super) fn is_frequency(frequency_hz: f32) -> bool {
    frequency_hz.is_finite() && frequency_hz > 0.0
}

/// Whether the original's DSP takes this depth.
pub(super) fn is_depth(depth: f32) -> bool {
    depth > 0.0 && depth <= 1.0
}

/// Periodic gain between `1 - depth` and 1.
#[derive(Debug, Clone)]
pub(super) struct Tremolo {
    lfo: Lfo,
    /// Half the depth: the amplitude of the swing around `1 - half_depth`.
    half_depth: f64,
}

impl Tremolo {
    /// `None` when the depth is not within 0 (excluded) and 1, or the frequency not above 0 Hz.
    pub(super) fn new(frequency_hz: f32, depth: f32, sample_rate_hz: u32) -> Option<Self> {
        (is_frequency(frequency_hz) && is_depth(depth)).then(|| Self {
            lfo: Lfo::new(f64::from(frequency_hz), sample_rate_hz),
            half_depth: f64::from(depth) / 2.0,
        })
    }

    pub(super) fn process(&mut self, samples: &mut [f32]) {
        for frame in samples.chunks_exact_mut(2) {
            let gain = (1.0 - self.half_depth + self.half_depth * self.lfo.next()) as f32;
            frame[0] *= gain;
            frame[1] *= gain;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[test]
    fn envelope_is_the_formula_across_blocks() {
        let mut filter = Tremolo::new(4.0, 0.8, 48_000).expect("on");
        let mut frame = 0u32;
        for _ in 0..50 {
            let mut samples = vec![0.5f32; 1920];
            filter.process(&mut samples);
            for pair in samples.chunks_exact(2) {
                let expected = 0.5 * (0.6 + 0.4 * (TAU * 4.0 * f64::from(frame) / 48_000.0).sin());
                assert!((f64::from(pair[0]) - expected).abs() < 1e-6, "frame {frame}");
                assert_eq!(pair[0], pair[1]);
                frame += 1;
            }
        }
    }

    #[test]
    fn full_depth_reaches_silence_and_unity() {
        let mut filter = Tremolo::new(1.0, 1.0, 48_000).expect("on");
        let mut samples = vec![1.0f32; 96_000];
        filter.process(&mut samples);
        assert!(
            (samples[24_000] - 1.0).abs() < 1e-6,
            "a quarter turn is the loudest point"
        );
        assert!(
            samples[72_000].abs() < 1e-6,
            "three quarters are the quietest point"
        );
    }

    #[test]
    fn refuses_what_the_original_refuses() {
        for (frequency, depth) in [
            (0.0, 0.5),
            (-1.0, 0.5),
            (2.0, 0.0),
            (2.0, 1.1),
            (2.0, -0.1),
            (f32::NAN, 0.5),
        ] {
            assert!(Tremolo::new(frequency, depth, 48_000).is_none());
        }
        assert!(Tremolo::new(2.0, f32::NAN, 48_000).is_none());
    }
}
