//! Equalizer: fifteen parallel band resonators added to the dry signal.

use super::flush_denormal;
use std::f64::consts::{PI, TAU};

/// Number of bands.
const BANDS: usize = lavalink_protocol::filters::BAND_COUNT;

/// The sample rate for which the betas below are given, in Hz.
const REFERENCE_RATE: f64 = 48_000.0;

/// Centre in Hz and feedback weight beta at 48 kHz of each band (lavaplayer's table; the other two
/// weights follow from these).
const TABLE: [(f64, f64); BANDS] = [
    (25.0, 0.998_475_466_64),
    (40.0, 0.997_561_846_54),
    (63.0, 0.996_162_613_79),
    (100.0, 0.993_915_785_43),
    (160.0, 0.990_283_072_15),
    (250.0, 0.984_858_972_64),
    (400.0, 0.975_885_126_57),
    (630.0, 0.962_285_218_14),
    (1_000.0, 0.940_809_331_32),
    (1_600.0, 0.907_020_591_96),
    (2_500.0, 0.858_680_042_89),
    (4_000.0, 0.784_096_107_88),
    (6_300.0, 0.683_328_610_02),
    (10_000.0, 0.552_675_182_28),
    (16_000.0, 0.418_118_884_47),
];

/// One two-pole resonator with unit gain at its centre, for both channels.
#[derive(Debug, Clone)]
struct Band {
    alpha: f64,
    beta: f64,
    gamma: f64,
    /// Four times the requested gain: its weight next to the dry signal.
    weight: f64,
    y1: [f64; 2],
    y2: [f64; 2],
}

/// The bands whose gain is not zero.
#[derive(Debug, Clone)]
pub(super) struct Equalizer {
    bands: Vec<Band>,
    x1: [f64; 2],
    x2: [f64; 2],
}

impl Equalizer {
    /// `None` when all gains are 0 (off) or one is not finite. A band at gain g has the amplitude
    /// |1 + 4g| at its centre. Bands at or above half the sample rate are left out.
    pub(super) fn new(gains: &[f32; BANDS], sample_rate_hz: u32) -> Option<Self> {
        if gains.iter().all(|gain| *gain == 0.0) || !gains.iter().all(|gain| gain.is_finite()) {
            return None;
        }
        let rate = f64::from(sample_rate_hz);
        let bands = TABLE
            .iter()
            .zip(gains)
            .filter(|((centre, _), gain)| **gain != 0.0 && *centre < rate / 2.0)
            .map(|(&(centre, reference_beta), &gain)| {
                let beta = beta_at(reference_beta, centre, rate);
                Band {
                    alpha: (1.0 - beta) / 2.0,
                    beta,
                    gamma: (1.0 + beta) * (TAU * centre / rate).cos(),
                    weight: 4.0 * f64::from(gain),
                    y1: [0.0; 2],
                    y2: [0.0; 2],
                }
            })
            .collect();
        Some(Self {
            bands,
            x1: [0.0; 2],
            x2: [0.0; 2],
        })
    }

    /// Forgets the history of all bands.
    pub(super) fn seeked(&mut self) {
        self.x1 = [0.0; 2];
        self.x2 = [0.0; 2];
        for band in &mut self.bands {
            band.y1 = [0.0; 2];
            band.y2 = [0.0; 2];
        }
    }

    /// Results are limited to ±1.
    pub(super) fn process(&mut self, samples: &mut [f32]) {
        for frame in samples.chunks_exact_mut(2) {
            let x = [f64::from(frame[0]), f64::from(frame[1])];
            let change = [x[0] - self.x2[0], x[1] - self.x2[1]];
            let mut sum = x;
            for band in &mut self.bands {
                // Both channels by index: independent chains the processor can overlap.
                let y = [
                    band.alpha * change[0] + band.gamma * band.y1[0] - band.beta * band.y2[0],
                    band.alpha * change[1] + band.gamma * band.y1[1] - band.beta * band.y2[1],
                ];
                band.y2 = band.y1;
                band.y1 = y;
                sum[0] += band.weight * y[0];
                sum[1] += band.weight * y[1];
            }
            self.x2 = self.x1;
            self.x1 = x;
            frame[0] = sum[0].clamp(-1.0, 1.0) as f32;
            frame[1] = sum[1].clamp(-1.0, 1.0) as f32;
        }
        for band in &mut self.bands {
            band.y1 = band.y1.map(flush_denormal);
            band.y2 = band.y2.map(flush_denormal);
        }
    }
}

/// Beta that gives a band the same width in Hz at `rate` as the table's has at 48 kHz, by the
/// bilinear relation (1 - beta) / (1 + beta) = tan(pi * width / rate).
fn beta_at(reference_beta: f64, centre: f64, rate: f64) -> f64 {
    if rate == REFERENCE_RATE {
        return reference_beta;
    }
    let width = ((1.0 - reference_beta) / (1.0 + reference_beta)).atan() * REFERENCE_RATE / PI;
    // A band wider than the spectrum would need the tangent beyond its pole.
    let tangent = (PI * width.min(centre).min(rate * 0.49) / rate).tan();
    (1.0 - tangent) / (1.0 + tangent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::signal::{amplitude, sine};

    /// Alpha and gamma as published next to beta; ours are derived.
    const PUBLISHED: [(f64, f64); BANDS] = [
        (0.00076226668143, 1.9984647656),
        (0.0012190767289, 1.9975344645),
        (0.0019186931041, 1.9960947369),
        (0.0030421072865, 1.9937449618),
        (0.0048584639242, 1.9898465702),
        (0.0075705136795, 1.9837962543),
        (0.012057436715, 1.9731772447),
        (0.018857390928, 1.9556164694),
        (0.029595334338, 1.9242054384),
        (0.046489704022, 1.8653476166),
        (0.070659978553, 1.7600401337),
        (0.10795194606, 1.5450725522),
        (0.15833569499, 1.1426447155),
        (0.22366240886, 0.40186190803),
        (0.29094055777, -0.70905944223),
    ];

    #[test]
    fn derived_coefficients_are_the_published_ones() {
        let equalizer = Equalizer::new(&[0.1; BANDS], 48_000).expect("on");
        for (band, (alpha, gamma)) in equalizer.bands.iter().zip(PUBLISHED) {
            assert!((band.alpha - alpha).abs() < 1e-10 && (band.gamma - gamma).abs() < 1e-9);
        }
    }

    #[test]
    fn centre_amplitude_is_one_plus_four_gains() {
        for (index, (centre, _)) in TABLE.iter().enumerate() {
            for gain in [-0.25, -0.1, 0.25, 1.0] {
                let mut gains = [0.0; BANDS];
                gains[index] = gain;
                let mut samples = sine(*centre, 0.15, 192_000);
                Equalizer::new(&gains, 48_000).expect("on").process(&mut samples);
                // The narrowest band (25 Hz) needs two seconds to settle.
                let ratio = amplitude(&samples[192_000..], *centre) / 0.15;
                let expected = f64::from(1.0 + 4.0 * gain);
                assert!(
                    (ratio - expected).abs() < 0.01,
                    "{centre} Hz at {gain}: {ratio} != {expected}"
                );
            }
        }
    }

    #[test]
    fn is_the_difference_equation() {
        let mut gains = [0.0f32; BANDS];
        gains[2] = 0.2;
        gains[9] = -0.15;
        gains[14] = 0.4;
        let input: Vec<f32> = (0..2000)
            .map(|n| ((n * 7919) % 1999) as f32 / 19_990.0 - 0.05)
            .collect();
        let mut output = input.clone();
        let mut equalizer = Equalizer::new(&gains, 48_000).expect("on");
        for piece in output.chunks_mut(190) {
            equalizer.process(piece);
        }
        let left: Vec<f64> = input.iter().step_by(2).map(|sample| f64::from(*sample)).collect();
        let mut expected: Vec<f64> = left.iter().map(|x| 0.25 * x).collect();
        for (index, gain) in gains.iter().enumerate() {
            let (beta, (alpha, gamma)) = (TABLE[index].1, PUBLISHED[index]);
            let mut y = vec![0.0; left.len()];
            for n in 0..left.len() {
                let back = |signal: &[f64], by: usize| if n >= by { signal[n - by] } else { 0.0 };
                y[n] = alpha * (left[n] - back(&left, 2)) + gamma * back(&y, 1) - beta * back(&y, 2);
                expected[n] += f64::from(*gain) * y[n];
            }
        }
        for (n, expected) in expected.iter().enumerate() {
            assert!(
                (f64::from(output[2 * n]) - 4.0 * expected).abs() < 1e-6,
                "frame {n}"
            );
        }
    }

    #[test]
    fn seek_forgets_history() {
        let mut equalizer = Equalizer::new(&[0.5; BANDS], 48_000).expect("on");
        equalizer.process(&mut sine(100.0, 0.9, 4800));
        equalizer.seeked();
        let mut silence = [0.0; 960];
        equalizer.process(&mut silence);
        assert!(silence.iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn is_off_at_zero_gains_only() {
        assert!(Equalizer::new(&[0.0; BANDS], 48_000).is_none());
        assert!(Equalizer::new(&[f32::NAN; BANDS], 48_000).is_none());
    }

    #[test]
    fn other_rates_stay_stable() {
        for rate in [8_000, 22_050, 44_100, 96_000] {
            let mut equalizer = Equalizer::new(&[0.25; BANDS], rate).expect("on");
            assert!(
                equalizer.bands.iter().all(|band| band.beta.abs() < 1.0),
                "{rate} Hz"
            );
            let mut samples = sine(1000.0, 0.1, 4800);
            equalizer.process(&mut samples);
            assert!(samples.iter().all(|sample| sample.is_finite()));
        }
    }
}
