//! Test signals and measurements on interleaved stereo.

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;
use std::f64::consts::TAU;

/// Sample rate of all test signals, in Hz.
pub(super) const RATE: f64 = 48_000.0;

/// A sine of the given peak amplitude on both channels.
pub(super) fn sine(hz: f64, amplitude: f64, frames: usize) -> Vec<f32> {
    (0..frames)
        .flat_map(|n| {
            let value = (amplitude * (TAU * hz * n as f64 / RATE).sin()) as f32;
            [value, value]
        })
        .collect()
}

/// Reproducible noise within ±amplitude, independent on both channels.
pub(super) fn noise(amplitude: f32, frames: usize) -> Vec<f32> {
    let mut state = 0x2545_f491u32;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state as f32 / u32::MAX as f32 * 2.0 - 1.0) * amplitude
    })
    .take(2 * frames)
    .collect()
}

/// The left channel.
pub(super) fn left(samples: &[f32]) -> Vec<f32> {
    samples.iter().step_by(2).copied().collect()
}

/// Peak amplitude of the component at `hz` of the left channel; exact over whole periods.
pub(super) fn amplitude(samples: &[f32], hz: f64) -> f64 {
    let channel = left(samples);
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, sample) in channel.iter().enumerate() {
        let angle = TAU * hz * n as f64 / RATE;
        real += f64::from(*sample) * angle.cos();
        imaginary += f64::from(*sample) * angle.sin();
    }
    2.0 * f64::hypot(real, imaginary) / channel.len() as f64
}

/// Hann-windowed power spectrum of one channel; bin k lies at `k * RATE / length`.
pub(super) fn spectrum(channel: &[f32]) -> Vec<f64> {
    let length = channel.len();
    let mut bins: Vec<Complex<f64>> = channel
        .iter()
        .enumerate()
        .map(|(n, sample)| {
            let window = 0.5 - 0.5 * (TAU * n as f64 / length as f64).cos();
            Complex::new(f64::from(*sample) * window, 0.0)
        })
        .collect();
    FftPlanner::new().plan_fft_forward(length).process(&mut bins);
    bins.iter().take(length / 2).map(Complex::norm_sqr).collect()
}

/// Frequency in Hz of the strongest component of one channel, to about a tenth of a bin.
pub(super) fn peak_hz(channel: &[f32]) -> f64 {
    let power = spectrum(channel);
    let (bin, _) = power
        .iter()
        .enumerate()
        .skip(1)
        .take(power.len() - 2)
        .max_by(|a, b| a.1.total_cmp(b.1))
        .expect("more than two bins");
    let [before, at, after] = [bin - 1, bin, bin + 1].map(|index| power[index].max(1e-300).ln());
    let shift = 0.5 * (before - after) / (before - 2.0 * at + after);
    (bin as f64 + shift) * RATE / channel.len() as f64
}
