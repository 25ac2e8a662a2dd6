//! The low pass around a change of rate: keeps frequencies without a place in the new spectrum from
//! folding back (faster) and the interpolation's images out (slower).

use super::Stage;
use std::f64::consts::{PI, TAU};

/// Taps on each side of the centre: 65 in all, SoundTouch's filter length.
const SIDE: usize = 32;

/// A linear-phase FIR low pass without delay: the centre tap lies on the output's frame.
#[derive(Debug)]
pub(super) struct AntiAlias {
    /// Weights of the centre and of the pairs 1..=SIDE frames off it.
    taps: [f32; SIDE + 1],
    /// Input from `SIDE` frames before the next output frame on.
    pending: Vec<f32>,
}

impl AntiAlias {
    /// `cutoff` in cycles per frame (0..=0.5) is where half the amplitude is left.
    pub(super) fn new(cutoff: f64) -> Self {
        let mut weights = [0.0; SIDE + 1];
        for (n, weight) in weights.iter_mut().enumerate() {
            let n = n as f64;
            let sinc = if n == 0.0 {
                2.0 * cutoff
            } else {
                (TAU * cutoff * n).sin() / (PI * n)
            };
            // Hamming's window, its edge just behind the last tap.
            let window = 0.54 + 0.46 * (PI * n / (SIDE as f64 + 1.0)).cos();
            *weight = sinc * window;
        }
        let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
        let mut stage = Self {
            taps: weights.map(|weight| (weight / sum) as f32),
            pending: Vec::new(),
        };
        stage.reset();
        stage
    }
}

impl Stage for AntiAlias {
    fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.pending.extend_from_slice(input);
        output.reserve(input.len());
        let mut done = 0;
        for window in self.pending.windows(2 * (2 * SIDE + 1)).step_by(2) {
            let (before, rest) = window.split_at(2 * SIDE);
            let (centre, behind) = rest.split_at(2);
            let mut sum = [self.taps[0] * centre[0], self.taps[0] * centre[1]];
            let pairs = before.rchunks_exact(2).zip(behind.chunks_exact(2));
            for (tap, (earlier, later)) in self.taps[1..].iter().zip(pairs) {
                sum[0] += tap * (earlier[0] + later[0]);
                sum[1] += tap * (earlier[1] + later[1]);
            }
            output.extend_from_slice(&sum);
            done += 2;
        }
        self.pending.drain(..done);
    }

    fn flush(&mut self, output: &mut Vec<f32>) {
        self.process(&[0.0; 2 * SIDE], output);
        self.reset();
    }

    fn reset(&mut self) {
        self.pending.clear();
        self.pending.resize(2 * SIDE, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::signal::{RATE, amplitude, noise, sine};

    fn filtered(cutoff: f64, input: &[f32], block: usize) -> Vec<f32> {
        let mut stage = AntiAlias::new(cutoff);
        let mut output = Vec::new();
        for piece in input.chunks(2 * block) {
            stage.process(piece, &mut output);
        }
        stage.flush(&mut output);
        output
    }

    #[test]
    fn keeps_length_and_position() {
        let mut input = vec![0.0; 400];
        input[200] = 1.0;
        let output = filtered(0.25, &input, 7);
        assert_eq!(output.len(), input.len());
        let loudest = (0..400).max_by(|a, b| output[*a].total_cmp(&output[*b]));
        assert_eq!(loudest, Some(200));
        assert!(output.iter().skip(1).step_by(2).all(|right| *right == 0.0));
    }

    #[test]
    fn passes_below_and_stops_above_the_cutoff() {
        let gain = |cutoff: f64, hz: f64| {
            let output = filtered(cutoff, &sine(hz, 0.5, 9600), 960);
            amplitude(&output[4800..14_400], hz) / 0.5
        };
        for cutoff in [0.1, 0.25, 0.4] {
            let edge = cutoff * RATE;
            assert!((gain(cutoff, edge) - 0.5).abs() < 0.01, "half at the edge");
            assert!((gain(cutoff, edge - 2000.0) - 1.0).abs() < 0.01, "flat below");
            assert!(gain(cutoff, edge + 2000.0) < 0.01, "-40 dB above");
        }
    }

    #[test]
    fn block_size_does_not_matter() {
        let input = noise(0.5, 1000);
        assert_eq!(filtered(0.3, &input, 1), filtered(0.3, &input, 1000));
    }
}
