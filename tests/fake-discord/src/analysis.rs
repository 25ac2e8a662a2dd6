//! Spectra and levels of recorded audio: which tone is in it, how loud, how pure.

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

/// What one channel of a recording contains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelAnalysis {
    /// Frequency of the strongest spectral peak, Hz; 0 for digital silence.
    pub peak_hz: f64,
    /// Root mean square level, dBFS (a full-scale sine is −3.01); −∞ for digital silence.
    pub rms_dbfs: f64,
    /// Share of the energy within ±[`PEAK_BAND_HZ`] of the peak, 0..=1; 0 for digital silence.
    pub peak_share: f64,
}

/// Half width of the band counted as the peak, Hz.
pub const PEAK_BAND_HZ: f64 = 25.0;

/// Most samples of a channel that enter the spectrum: 2^18, 5.5 s at 48 kHz.
const MAX_WINDOW: usize = 1 << 18;

/// Analyses interleaved stereo audio; left channel first. `None` for less than 32 sample pairs or a rate of 0 Hz.
pub fn stereo(interleaved: &[i16], sample_rate_hz: u32) -> Option<[ChannelAnalysis; 2]> {
    let side = |offset: usize| -> Vec<f32> {
        interleaved
            .iter()
            .skip(offset)
            .step_by(2)
            .map(|sample| f32::from(*sample) / 32_768.0)
            .collect()
    };
    Some([
        channel(&side(0), sample_rate_hz)?,
        channel(&side(1), sample_rate_hz)?,
    ])
}

/// Analyses one channel of samples in −1..=1. `None` for less than 32 samples or a rate of 0 Hz.
///
/// The level is that of all samples; the spectrum that of their middle 5.5 s at most, Hann-windowed,
/// the peak refined by parabolic interpolation of the log magnitude.
pub fn channel(samples: &[f32], sample_rate_hz: u32) -> Option<ChannelAnalysis> {
    if samples.len() < 32 || sample_rate_hz == 0 {
        return None;
    }
    let mean_square = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    if mean_square == 0.0 {
        return Some(ChannelAnalysis {
            peak_hz: 0.0,
            rms_dbfs: f64::NEG_INFINITY,
            peak_share: 0.0,
        });
    }
    let power = power_spectrum(samples);
    let bin_hz = f64::from(sample_rate_hz) / (power.len() * 2) as f64;
    let peak = (1..power.len()).max_by(|a, b| power[*a].total_cmp(&power[*b]))?;
    let peak_hz = (peak as f64 + interpolate(&power, peak)) * bin_hz;
    let total: f64 = power.iter().skip(1).sum();
    let in_band: f64 = power
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(bin, _)| (*bin as f64 * bin_hz - peak_hz).abs() <= PEAK_BAND_HZ.max(bin_hz * 2.0))
        .map(|(_, energy)| energy)
        .sum();
    Some(ChannelAnalysis {
        peak_hz,
        rms_dbfs: 10.0 * mean_square.log10(),
        peak_share: if total > 0.0 { in_band / total } else { 0.0 },
    })
}

/// Power per bin from 0 Hz to below half the sample rate of the middle power-of-two window.
fn power_spectrum(samples: &[f32]) -> Vec<f64> {
    let largest = samples.len().min(MAX_WINDOW);
    let size = if largest.is_power_of_two() {
        largest
    } else {
        largest.next_power_of_two() / 2
    };
    let start = (samples.len() - size) / 2;
    let mut buffer: Vec<Complex<f64>> = samples[start..start + size]
        .iter()
        .enumerate()
        .map(|(n, sample)| {
            let window = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / size as f64).cos();
            Complex::new(f64::from(*sample) * window, 0.0)
        })
        .collect();
    FftPlanner::new().plan_fft_forward(size).process(&mut buffer);
    buffer[..size / 2].iter().map(Complex::norm_sqr).collect()
}

/// Offset of the true peak from bin `peak`, in bins, −0.5..=0.5.
fn interpolate(power: &[f64], peak: usize) -> f64 {
    let (Some(left), Some(right)) = (power.get(peak.wrapping_sub(1)), power.get(peak + 1)) else {
        return 0.0;
    };
    let [a, b, c] = [*left, power[peak], *right].map(|value| value.max(f64::MIN_POSITIVE).ln());
    let curvature = a - 2.0 * b + c;
    if curvature >= 0.0 {
        0.0
    } else {
        (0.5 * (a - c) / curvature).clamp(-0.5, 0.5)
    }
}

/// Root mean square level of interleaved samples, dBFS; −∞ for silence or nothing.
pub fn rms_dbfs(samples: &[i16]) -> f64 {
    if samples.is_empty() {
        return f64::NEG_INFINITY;
    }
    let sum: f64 = samples.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum();
    10.0 * (sum / samples.len() as f64).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, amplitude: f64, seconds: f64) -> Vec<f32> {
        let count = (seconds * 48_000.0) as usize;
        (0..count)
            .map(|n| (amplitude * (std::f64::consts::TAU * hz * n as f64 / 48_000.0).sin()) as f32)
            .collect()
    }

    #[test]
    fn finds_frequency_and_level_of_a_sine() {
        for hz in [55.0, 440.0, 997.3, 9_600.0] {
            let found = channel(&sine(hz, 0.5, 2.0), 48_000).unwrap();
            assert!((found.peak_hz - hz).abs() < 0.1, "{hz}: {found:?}");
            assert!((found.rms_dbfs + 9.03).abs() < 0.05, "{hz}: {found:?}");
            assert!(found.peak_share > 0.999, "{hz}: {found:?}");
        }
    }

    #[test]
    fn share_falls_with_a_second_tone() {
        let mixed: Vec<f32> = sine(440.0, 0.4, 1.0)
            .iter()
            .zip(sine(1_500.0, 0.2, 1.0))
            .map(|(a, b)| a + b)
            .collect();
        let found = channel(&mixed, 48_000).unwrap();
        assert!((found.peak_hz - 440.0).abs() < 0.2);
        assert!((found.peak_share - 0.8).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn channels_are_told_apart() {
        let interleaved: Vec<i16> = sine(300.0, 0.5, 1.0)
            .iter()
            .zip(sine(700.0, 0.25, 1.0))
            .flat_map(|(l, r)| [(l * 32_767.0) as i16, (r * 32_767.0) as i16])
            .collect();
        let [left, right] = stereo(&interleaved, 48_000).unwrap();
        assert!((left.peak_hz - 300.0).abs() < 0.2 && (right.peak_hz - 700.0).abs() < 0.2);
        assert!((left.rms_dbfs - right.rms_dbfs - 6.02).abs() < 0.05);
    }

    #[test]
    fn silence_and_short_input() {
        assert_eq!(channel(&[0.0; 31], 48_000), None);
        assert_eq!(channel(&[0.0; 64], 0), None);
        let silent = channel(&[0.0; 4_800], 48_000).unwrap();
        assert_eq!((silent.peak_hz, silent.peak_share), (0.0, 0.0));
        assert_eq!(silent.rms_dbfs, f64::NEG_INFINITY);
        assert_eq!(rms_dbfs(&[]), f64::NEG_INFINITY);
    }
}
