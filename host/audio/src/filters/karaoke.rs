//! Karaoke: cancels what both channels share, except a band (the bass) given back in mono.

use super::{bounded, flush_denormal};
use std::f64::consts::TAU;

/// Settings of the filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settings {
    /// How much of the other channel is taken away.
    pub(super) level: f32,
    /// How much of the band is given back.
    pub(super) mono_level: f32,
    /// Centre of the band in Hz.
    pub(super) filter_band: f32,
    /// Width of the band in Hz; 0 and less give nothing back.
    pub(super) filter_width: f32,
}

/// Subtracts the opposite channel and adds a resonator's output of the mono sum.
#[derive(Debug, Clone)]
pub(super) struct Karaoke {
    level: f64,
    /// Level of the resonator in the output.
    band_level: f64,
    /// Input gain and the two feedback weights of the resonator.
    a: f64,
    b: f64,
    c: f64,
    y1: f64,
    y2: f64,
}

impl Karaoke {
    /// `None` when a setting is not finite.
    pub(super) fn new(settings: &Settings, sample_rate_hz: u32) -> Option<Self> {
        let Settings {
            level,
            mono_level,
            filter_band,
            filter_width,
        } = *settings;
        if ![level, mono_level, filter_band, filter_width]
            .iter()
            .all(|value| value.is_finite())
        {
            return None;
        }
        let turn = TAU / f64::from(sample_rate_hz);
        // A negative width would put the poles outside the unit circle, where the output explodes.
        let c = (-turn * f64::from(filter_width).max(0.0)).exp();
        let cosine = (turn * f64::from(filter_band)).cos();
        let b = -4.0 * c / (1.0 + c) * cosine;
        // b^2 / 4c without dividing by c, which vanishes for very wide bands.
        let ratio = 4.0 * c / ((1.0 + c) * (1.0 + c)) * cosine * cosine;
        let a = (1.0 - ratio).max(0.0).sqrt() * (1.0 - c);
        let level = f64::from(level);
        Some(Self {
            level,
            band_level: f64::from(mono_level) * level,
            a,
            b,
            c,
            y1: 0.0,
            y2: 0.0,
        })
    }

    /// Forgets the resonator's history.
    pub(super) fn seeked(&mut self) {
        self.y1 = 0.0;
        self.y2 = 0.0;
    }

    pub(super) fn process(&mut self, samples: &mut [f32]) {
        for frame in samples.chunks_exact_mut(2) {
            let (left, right) = (f64::from(frame[0]), f64::from(frame[1]));
            let y = self.a * (left + right) / 2.0 - self.b * self.y1 - self.c * self.y2;
            self.y2 = self.y1;
            self.y1 = y;
            let given_back = y * self.band_level;
            frame[0] = bounded(left - right * self.level + given_back);
            frame[1] = bounded(right - left * self.level + given_back);
        }
        self.y1 = flush_denormal(self.y1);
        self.y2 = flush_denormal(self.y2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::signal::{amplitude, sine};

    const DEFAULTS: Settings = Settings {
        level: 1.0,
        mono_level: 1.0,
        filter_band: 220.0,
        filter_width: 100.0,
    };

    /// Gain of the resonator at `hz`, from its transfer function a / (1 + b/z + c/z^2).
    fn resonator_gain(settings: &Settings, hz: f64) -> f64 {
        let c = (-TAU * f64::from(settings.filter_width) / 48_000.0).exp();
        let b = -4.0 * c / (1.0 + c) * (TAU * f64::from(settings.filter_band) / 48_000.0).cos();
        let a = (1.0 - b * b / (4.0 * c)).sqrt() * (1.0 - c);
        let w = TAU * hz / 48_000.0;
        let real = 1.0 + b * w.cos() + c * (2.0 * w).cos();
        let imaginary = -b * w.sin() - c * (2.0 * w).sin();
        a / real.hypot(imaginary)
    }

    #[test]
    fn centred_sound_leaves_only_the_band() {
        for hz in [60.0, 220.0, 440.0, 1000.0, 5000.0] {
            let mut samples = sine(hz, 0.5, 96_000);
            Karaoke::new(&DEFAULTS, 48_000)
                .expect("finite")
                .process(&mut samples);
            let ratio = amplitude(&samples[96_000..], hz) / 0.5;
            let expected = resonator_gain(&DEFAULTS, hz);
            assert!((ratio - expected).abs() < 0.002, "{hz} Hz: {ratio} != {expected}");
        }
        assert!(resonator_gain(&DEFAULTS, 5000.0) < 0.01, "high voices vanish");
        assert!(
            (resonator_gain(&DEFAULTS, 220.0) - 1.0).abs() < 0.02,
            "the band stays"
        );
    }

    #[test]
    fn side_sound_doubles() {
        let mut samples: Vec<f32> = sine(1000.0, 0.25, 4_800);
        samples
            .iter_mut()
            .skip(1)
            .step_by(2)
            .for_each(|right| *right = -*right);
        let before = samples.clone();
        Karaoke::new(&DEFAULTS, 48_000)
            .expect("finite")
            .process(&mut samples);
        for (after, before) in samples.iter().zip(before) {
            assert!((after - 2.0 * before).abs() < 1e-6);
        }
    }

    #[test]
    fn extreme_bands_stay_finite() {
        for (band, width) in [
            (0.0, 0.0),
            (220.0, -500.0),
            (1e9, 1e9),
            (-5.0, f32::MAX),
            (24_000.0, 0.001),
        ] {
            let settings = Settings {
                level: f32::MAX,
                mono_level: f32::MAX,
                filter_band: band,
                filter_width: width,
            };
            let mut filter = Karaoke::new(&settings, 48_000).expect("finite");
            let mut samples = sine(220.0, 1.0, 20_000);
            filter.process(&mut samples);
            assert!(
                samples.iter().all(|sample| sample.is_finite()),
                "band {band}, width {width}"
            );
        }
    }
}
