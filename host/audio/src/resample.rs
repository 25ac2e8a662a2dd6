//! Any source rate to 48 kHz, stereo.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, Fft, FixedAsync, FixedSync, Indexing, PolynomialDegree, Resampler, WindowFunction};

use crate::edge::{self, Mirror};
use crate::{CHANNELS, SAMPLE_RATE_HZ};

/// Source rates taken, in Hz. Decoders report nothing outside it for media anybody made to be listened to.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// Longest FFT block in source frames. Rates without a common divisor with 48 kHz would need huge ones.
const MAX_FFT_BLOCK: u32 = 4_096;

/// Frames beyond the ends of the audio that the filters are given, at least half a block.
const EDGE_FRAMES: usize = 640;

/// The operator's choice between CPU time and fidelity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResamplingQuality {
    /// FFT resampling in very short blocks: products 60 dB below a tone of up to 20 kHz.
    #[default]
    Low,
    /// FFT resampling in short blocks.
    Medium,
    /// FFT resampling in long blocks: steeper filter, some milliseconds more latency.
    High,
}

/// A resampler from one source rate to [`SAMPLE_RATE_HZ`]; sample-accurate over the whole stream, its own delay is
/// cut from the start and made up for in [`Resample::finish`].
pub(crate) struct Resample {
    inner: Box<dyn Resampler<f32>>,
    source_rate_hz: u32,
    pending: Vec<f32>,
    output: Vec<f32>,
    skip_frames: usize,
    /// Frames put before the audio: whole blocks, so that a whole number of output frames belongs to them.
    lead_frames: usize,
    /// The last of what was taken.
    tail: Vec<f32>,
    taken_frames: u64,
    made_frames: u64,
}

impl Resample {
    /// A resampler for `source_rate_hz`.
    ///
    /// # Errors
    /// A text when the rate is absurd or the library refuses it.
    pub(crate) fn new(source_rate_hz: u32, quality: ResamplingQuality) -> Result<Self, String> {
        if !RATES_HZ.contains(&source_rate_hz) {
            return Err(format!("a sample rate of {source_rate_hz} Hz is not supported"));
        }
        let block = source_rate_hz / gcd(source_rate_hz, SAMPLE_RATE_HZ);
        let inner: Box<dyn Resampler<f32>> = match quality {
            ResamplingQuality::Medium if block <= MAX_FFT_BLOCK => Box::new(fft(source_rate_hz, 512)?),
            ResamplingQuality::High if block <= MAX_FFT_BLOCK => Box::new(fft(source_rate_hz, 1024)?),
            ResamplingQuality::Low if block <= MAX_FFT_BLOCK => Box::new(fft(source_rate_hz, 256)?),
            _ => Box::new(polynomial(source_rate_hz, PolynomialDegree::Septic)?),
        };
        let output = vec![0.0; inner.output_frames_max() * CHANNELS];
        let skip_frames = inner.output_delay();
        // Interpolation looks a few samples around only.
        let lead_frames = if block <= MAX_FFT_BLOCK {
            EDGE_FRAMES.next_multiple_of(block as usize)
        } else {
            0
        };
        Ok(Self {
            inner,
            source_rate_hz,
            pending: Vec::new(),
            output,
            skip_frames,
            lead_frames,
            tail: Vec::new(),
            taken_frames: 0,
            made_frames: 0,
        })
    }

    /// The rate this was built for, in Hz.
    pub(crate) fn source_rate_hz(&self) -> u32 {
        self.source_rate_hz
    }

    /// Takes interleaved stereo at the source rate and appends what is ready at 48 kHz to `out`.
    ///
    /// # Errors
    /// What the library reports, as text.
    pub(crate) fn push(&mut self, input: &[f32], out: &mut Vec<f32>) -> Result<(), String> {
        let input = &input[..input.len() / CHANNELS * CHANNELS];
        if self.taken_frames == 0 && !input.is_empty() && self.lead_frames > 0 {
            self.pending = edge::before(input, self.lead_frames * CHANNELS, Mirror::Point);
            let made = self.lead_frames as u64 * u64::from(SAMPLE_RATE_HZ) / u64::from(self.source_rate_hz);
            self.skip_frames += usize::try_from(made).unwrap_or(0);
        }
        self.taken_frames += (input.len() / CHANNELS) as u64;
        self.tail.extend_from_slice(input);
        let old = self.tail.len().saturating_sub((EDGE_FRAMES + 1) * CHANNELS);
        self.tail.drain(..old);
        self.pending.extend_from_slice(input);
        let mut start = 0;
        loop {
            let needed = self.inner.input_frames_next() * CHANNELS;
            if self.pending.len() - start < needed || needed == 0 {
                break;
            }
            let chunk =
                InterleavedSlice::new(&self.pending[start..start + needed], CHANNELS, needed / CHANNELS)
                    .map_err(|error| error.to_string())?;
            let made = process(self.inner.as_mut(), &chunk, &mut self.output, None)?;
            start += needed;
            self.keep(made, u64::MAX, out);
        }
        self.pending.drain(..start);
        Ok(())
    }

    /// Appends everything still held back, so that output and input have the same length, and starts anew.
    ///
    /// # Errors
    /// What the library reports, as text.
    pub(crate) fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), String> {
        let due = (self.taken_frames * u64::from(SAMPLE_RATE_HZ)).div_ceil(u64::from(self.source_rate_hz));
        if self.lead_frames > 0 && self.taken_frames > 0 {
            let beyond = edge::after(&self.tail, EDGE_FRAMES * CHANNELS, Mirror::Point);
            self.pending.extend(beyond);
        }
        // Silence pushes the tail out; the bound only guards against a resampler that never delivers it.
        for _ in 0..64 {
            if self.made_frames >= due {
                break;
            }
            let needed = self.inner.input_frames_next();
            let held = self.pending.len() / CHANNELS;
            self.pending.resize(needed.max(held) * CHANNELS, 0.0);
            let chunk = InterleavedSlice::new(&self.pending[..needed * CHANNELS], CHANNELS, needed)
                .map_err(|error| error.to_string())?;
            let partial = Indexing::new().partial_len(held.min(needed));
            let made = process(self.inner.as_mut(), &chunk, &mut self.output, Some(&partial))?;
            self.pending.drain(..needed * CHANNELS);
            self.keep(made, due, out);
        }
        self.reset();
        Ok(())
    }

    /// Forgets the audio before a jump.
    pub(crate) fn reset(&mut self) {
        self.inner.reset();
        self.pending.clear();
        self.tail.clear();
        self.skip_frames = self.inner.output_delay();
        self.taken_frames = 0;
        self.made_frames = 0;
    }

    fn keep(&mut self, made: usize, due: u64, out: &mut Vec<f32>) {
        let skipped = self.skip_frames.min(made);
        self.skip_frames -= skipped;
        let wanted = usize::try_from(due.saturating_sub(self.made_frames)).unwrap_or(usize::MAX);
        let kept = (made - skipped).min(wanted);
        self.made_frames += kept as u64;
        out.extend_from_slice(&self.output[skipped * CHANNELS..(skipped + kept) * CHANNELS]);
    }
}

fn fft(source_rate_hz: u32, chunk: usize) -> Result<Fft<f32>, String> {
    let window = WindowFunction::BlackmanHarris2;
    let rates = (source_rate_hz as usize, SAMPLE_RATE_HZ as usize);
    Fft::new_custom(rates.0, rates.1, chunk, 1, CHANNELS, window, FixedSync::Both).map_err(|e| e.to_string())
}

fn polynomial(source_rate_hz: u32, degree: PolynomialDegree) -> Result<Async<f32>, String> {
    let ratio = f64::from(SAMPLE_RATE_HZ) / f64::from(source_rate_hz);
    Async::new_poly(ratio, 1.0, degree, 512, CHANNELS, FixedAsync::Input).map_err(|e| e.to_string())
}

fn process(
    resampler: &mut dyn Resampler<f32>,
    input: &InterleavedSlice<&[f32]>,
    output: &mut [f32],
    indexing: Option<&Indexing>,
) -> Result<usize, String> {
    let frames = output.len() / CHANNELS;
    let mut out = InterleavedSlice::new_mut(output, CHANNELS, frames).map_err(|error| error.to_string())?;
    let (_, made) = resampler
        .process_into_buffer(input, &mut out, indexing)
        .map_err(|error| error.to_string())?;
    Ok(made)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUALITIES: [ResamplingQuality; 3] = [
        ResamplingQuality::Low,
        ResamplingQuality::Medium,
        ResamplingQuality::High,
    ];

    fn resample(rate: u32, quality: ResamplingQuality, frames: usize, packet: usize) -> Vec<f32> {
        let tone = |n: usize| (n as f32 * 440.0 * std::f32::consts::TAU / rate as f32).sin() * 0.5;
        let input: Vec<f32> = (0..frames).flat_map(|n| [tone(n), -tone(n)]).collect();
        let mut resampler = Resample::new(rate, quality).expect("a usual rate");
        let mut out = Vec::new();
        for chunk in input.chunks(packet * 2) {
            resampler.push(chunk, &mut out).expect("well-formed input");
        }
        resampler.finish(&mut out).expect("well-formed input");
        out
    }

    #[test]
    fn keeps_length_phase_and_level() {
        for quality in QUALITIES {
            for (rate, packet) in [
                (44_100, 1152),
                (22_050, 576),
                (8_000, 333),
                (96_000, 4096),
                (44_099, 1152),
            ] {
                let frames = rate as usize / 2;
                let out = resample(rate, quality, frames, packet);
                assert_eq!(
                    out.len() / 2,
                    (frames * 48_000).div_ceil(rate as usize),
                    "{quality:?} {rate}"
                );
                let worst = (2_000..out.len() / 2 - 2_000)
                    .map(|n| {
                        let ideal = (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.5;
                        (out[n * 2] - ideal).abs().max((out[n * 2 + 1] + ideal).abs())
                    })
                    .fold(0.0, f32::max);
                // The tone moves by 0.029 in one sample; rounded delays are off by up to one and a half.
                assert!(worst < 0.044, "{quality:?} at {rate} Hz is off by {worst}");
            }
        }
    }

    /// The strongest product beside a tone, in dB relative to it, over tones swept up to 20 kHz.
    fn worst_product(rate: u32, quality: ResamplingQuality) -> f64 {
        const SIZE: usize = 16_384;
        /// Half width of the window's main lobe and its skirts, in bins.
        const LOBE: usize = 8;
        let mut worst = f64::NEG_INFINITY;
        for step in 1..=40 {
            let hertz = 499.3 * f64::from(step);
            let input: Vec<f32> = (0..rate as usize)
                .flat_map(|n| {
                    let phase = n as f64 / f64::from(rate) * hertz * std::f64::consts::TAU;
                    [(phase.sin() * 0.5) as f32; 2]
                })
                .collect();
            let mut resampler = Resample::new(rate, quality).expect("a usual rate");
            let mut out = Vec::new();
            resampler.push(&input, &mut out).expect("well-formed input");
            let mut bins: Vec<_> = out[16_000..16_000 + SIZE * 2]
                .chunks_exact(2)
                .enumerate()
                .map(|(n, frame)| {
                    // Blackman-Harris: side lobes at -92 dB.
                    let turn = n as f64 / SIZE as f64 * std::f64::consts::TAU;
                    let window = 0.358_75 - 0.488_29 * turn.cos() + 0.141_28 * (2.0 * turn).cos()
                        - 0.011_68 * (3.0 * turn).cos();
                    rustfft::num_complex::Complex::new(f64::from(frame[0]) * window, 0.0)
                })
                .collect();
            rustfft::FftPlanner::new()
                .plan_fft_forward(SIZE)
                .process(&mut bins);
            let tone = (hertz / 48_000.0 * SIZE as f64).round() as usize;
            let beside = bins[1..SIZE / 2]
                .iter()
                .enumerate()
                .filter(|(bin, _)| (bin + 1).abs_diff(tone) > LOBE)
                .map(|(_, value)| value.norm())
                .fold(0.0, f64::max);
            worst = worst.max(20.0 * (beside / bins[tone].norm()).log10());
        }
        worst
    }

    #[test]
    fn a_sweep_leaves_no_products() {
        for (quality, limit) in [
            (ResamplingQuality::Low, -60.0),
            (ResamplingQuality::Medium, -80.0),
            (ResamplingQuality::High, -80.0),
        ] {
            let worst = worst_product(44_100, quality);
            eprintln!("44.1 -> 48 kHz, {quality:?}: {worst:.1} dB");
            assert!(worst < limit, "{quality:?}: a product at {worst:.1} dB");
        }
    }

    #[test]
    fn a_loud_start_in_small_pieces_is_not_late() {
        for quality in QUALITIES {
            for first in [1, 47, 300, 1_152] {
                let input: Vec<f32> = (0..8_820)
                    .flat_map(|n| [(n as f32 * 0.142_5).cos() * 0.5; 2])
                    .collect();
                let mut resampler = Resample::new(44_100, quality).expect("a usual rate");
                let mut out = Vec::new();
                let (start, rest) = input.split_at(first * 2);
                resampler.push(start, &mut out).expect("well-formed input");
                for chunk in rest.chunks(2_304) {
                    resampler.push(chunk, &mut out).expect("well-formed input");
                }
                resampler.finish(&mut out).expect("well-formed input");
                assert_eq!(out.len(), 9_600 * 2);
                let first_loud = out.iter().position(|s| s.abs() > 0.3).expect("a tone") / 2;
                assert!(first_loud < 40, "{quality:?}, {first}: late by {first_loud}");
            }
        }
    }

    #[test]
    fn can_be_used_again_after_a_reset() {
        let mut resampler = Resample::new(44_100, ResamplingQuality::High).expect("a usual rate");
        let mut first = Vec::new();
        resampler
            .push(&vec![0.25; 44_100], &mut first)
            .expect("well-formed input");
        resampler.reset();
        let mut second = Vec::new();
        resampler
            .push(&vec![0.25; 44_100], &mut second)
            .expect("well-formed input");
        assert_eq!(first, second);
    }

    #[test]
    fn absurd_rates_are_refused() {
        for rate in [0, 1, 999, 768_001, u32::MAX] {
            assert!(Resample::new(rate, ResamplingQuality::High).is_err(), "{rate}");
        }
    }
}
