//! Vibrato: the pitch swings, made by a delay line whose length follows a sine.

use super::interpolation::hermite;
use super::lfo::Lfo;

/// Highest frequency in Hz; the original refuses more.
const MAX_FREQUENCY: f32 = 14.0;

/// Span of the delay at full depth, in seconds.
const SPAN_SECONDS: f64 = 0.002;

/// Shortest delay in frames: the interpolation looks this far around the read point.
const MIN_DELAY: f64 = 3.0;

/// Whether the original's DSP takes this frequency in Hz.
pub(super) fn is_frequency(frequency_hz: f32) -> bool {
    frequency_hz > 0.0 && frequency_hz <= MAX_FREQUENCY
}

/// Whether the original's DSP takes this depth.
pub(super) fn is_depth(depth: f32) -> bool {
    depth > 0.0 && depth <= 1.0
}

/// A stereo delay line read at a moving point.
#[derive(Debug, Clone)]
pub(super) struct Vibrato {
    lfo: Lfo,
    /// Frames of delay the sine adds at its top.
    swing: f64,
    ring: Vec<[f32; 2]>,
    /// Where the next input frame goes.
    write: usize,
}

impl Vibrato {
    /// `None` when the depth is not within 0 (excluded) and 1, or the frequency not within
    /// 0 (excluded) and 14 Hz.
    pub(super) fn new(frequency_hz: f32, depth: f32, sample_rate_hz: u32) -> Option<Self> {
        if !is_frequency(frequency_hz) || !is_depth(depth) {
            return None;
        }
        let span = SPAN_SECONDS * f64::from(sample_rate_hz);
        let length = span.ceil() as usize + MIN_DELAY as usize + 2;
        Some(Self {
            lfo: Lfo::new(f64::from(frequency_hz), sample_rate_hz),
            swing: f64::from(depth) * span,
            ring: vec![[0.0; 2]; length],
            write: 0,
        })
    }

    /// Forgets the delayed audio; the phase goes on.
    pub(super) fn seeked(&mut self) {
        self.ring.fill([0.0; 2]);
    }

    pub(super) fn process(&mut self, samples: &mut [f32]) {
        let length = self.ring.len();
        for frame in samples.chunks_exact_mut(2) {
            let delay = (self.lfo.next() + 1.0) / 2.0 * self.swing + MIN_DELAY;
            let whole = delay.floor();
            // The read point lies `whole + 1` frames back plus `fraction` forward.
            let fraction = (whole + 1.0 - delay) as f32;
            let mut index = (self.write + length - whole as usize - 2) % length;
            let (mut left, mut right) = ([0.0f32; 4], [0.0f32; 4]);
            for (left, right) in left.iter_mut().zip(&mut right) {
                [*left, *right] = self.ring[index];
                index = if index + 1 == length { 0 } else { index + 1 };
            }
            self.ring[self.write] = [frame[0], frame[1]];
            self.write = if self.write + 1 == length {
                0
            } else {
                self.write + 1
            };
            frame[0] = hermite(fraction, left);
            frame[1] = hermite(fraction, right);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// A ramp makes the delay visible: what comes out is the input `delay` frames ago.
    #[test]
    fn delay_follows_the_formula() {
        let (frequency, depth) = (5.0, 0.7);
        let mut filter = Vibrato::new(frequency as f32, depth as f32, 48_000).expect("on");
        let mut samples: Vec<f32> = (0..9600)
            .flat_map(|n| [n as f32 / 16_384.0, n as f32 / -16_384.0])
            .collect();
        filter.process(&mut samples);
        for (n, pair) in samples.chunks_exact(2).enumerate().skip(200) {
            let lfo = ((TAU * frequency * n as f64 / 48_000.0).sin() + 1.0) / 2.0;
            let expected = (n as f64 - (lfo * depth * 96.0 + 3.0)) / 16_384.0;
            assert!(
                (f64::from(pair[0]) - expected).abs() < 2e-6,
                "frame {n}: {} != {expected}",
                pair[0]
            );
            assert_eq!(pair[0], -pair[1]);
        }
    }

    #[test]
    fn block_size_does_not_matter() {
        let input: Vec<f32> = (0..4000)
            .map(|n| ((n * 7919) % 1000) as f32 / 1000.0 - 0.5)
            .collect();
        let mut whole = input.clone();
        Vibrato::new(14.0, 1.0, 48_000).expect("on").process(&mut whole);
        let mut pieces = input;
        let mut filter = Vibrato::new(14.0, 1.0, 48_000).expect("on");
        for piece in pieces.chunks_mut(58) {
            filter.process(piece);
        }
        assert_eq!(whole, pieces);
    }

    #[test]
    fn seek_forgets_the_old_audio() {
        let mut filter = Vibrato::new(2.0, 1.0, 48_000).expect("on");
        filter.process(&mut [0.9; 1000]);
        filter.seeked();
        let mut silence = [0.0; 1000];
        filter.process(&mut silence);
        assert!(silence.iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn refuses_what_the_original_refuses() {
        for (frequency, depth) in [
            (0.0, 0.5),
            (14.5, 0.5),
            (-1.0, 0.5),
            (2.0, 0.0),
            (2.0, 1.1),
            (f32::NAN, 0.5),
        ] {
            assert!(Vibrato::new(frequency, depth, 48_000).is_none());
        }
    }
}
