//! The rate part: reads the signal faster or slower, by cubic interpolation.

use super::Stage;
use crate::filters::interpolation::hermite;

/// Frames around the read point that the interpolation needs before and behind it.
const BEFORE: usize = 1;
const BEHIND: usize = 2;

/// Resamples by a factor; output frame n is the input at n times the rate.
#[derive(Debug)]
pub(super) struct RateChange {
    /// Input frames per output frame, split so that positions round the same whatever the block size.
    whole_step: usize,
    fraction_step: f64,
    /// Input not yet passed, from `BEFORE` frames before the whole part of the read position on.
    pending: Vec<f32>,
    /// Read position in input frames, relative to frame `BEFORE` of `pending`.
    whole: usize,
    /// The rest of the position, 0..1.
    fraction: f64,
}

impl RateChange {
    pub(super) fn new(rate: f64) -> Self {
        let mut stage = Self {
            whole_step: rate.floor() as usize,
            fraction_step: rate.fract(),
            pending: Vec::new(),
            whole: 0,
            fraction: 0.0,
        };
        stage.reset();
        stage
    }
}

impl Stage for RateChange {
    fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.pending.extend_from_slice(input);
        let frames = self.pending.len() / 2;
        while self.whole + BEFORE + BEHIND < frames {
            let Some(window) = self
                .pending
                .get(2 * self.whole..)
                .and_then(|rest| rest.first_chunk::<8>())
            else {
                break;
            };
            let [l0, r0, l1, r1, l2, r2, l3, r3] = *window;
            let fraction = self.fraction as f32;
            output.push(hermite(fraction, [l0, l1, l2, l3]));
            output.push(hermite(fraction, [r0, r1, r2, r3]));
            self.whole += self.whole_step;
            self.fraction += self.fraction_step;
            if self.fraction >= 1.0 {
                self.fraction -= 1.0;
                self.whole += 1;
            }
        }
        let passed = self.whole.min(frames);
        self.pending.drain(..2 * passed);
        self.whole -= passed;
    }

    fn flush(&mut self, output: &mut Vec<f32>) {
        self.process(&[0.0; 2 * BEHIND], output);
        self.reset();
    }

    fn reset(&mut self) {
        self.pending.clear();
        self.pending.resize(2 * BEFORE, 0.0);
        self.whole = 0;
        self.fraction = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(rate: f64, input: &[f32], block: usize) -> Vec<f32> {
        let mut stage = RateChange::new(rate);
        let mut output = Vec::new();
        for piece in input.chunks(2 * block) {
            stage.process(piece, &mut output);
        }
        stage.flush(&mut output);
        output
    }

    #[test]
    fn reads_at_multiples_of_the_rate() {
        // A straight line comes through cubic interpolation unchanged, so values show positions.
        let input: Vec<f32> = (0..2000)
            .flat_map(|n| [n as f32 / 4096.0, n as f32 / -4096.0])
            .collect();
        for rate in [0.37, 0.8, 1.25, 2.0, 7.3] {
            let output = converted(rate, &input, 96);
            let frames = output.len() as f64 / 2.0;
            assert!(
                (frames - 2000.0 / rate).abs() <= 1.0,
                "rate {rate}: {frames} frames"
            );
            for (n, frame) in output.chunks_exact(2).enumerate() {
                let at = n as f64 * rate;
                if (1.0..1997.0).contains(&at) {
                    assert!(
                        (f64::from(frame[0]) - at / 4096.0).abs() < 1e-5,
                        "rate {rate}, frame {n}"
                    );
                    assert_eq!(frame[0], -frame[1]);
                }
            }
        }
    }

    #[test]
    fn block_size_does_not_matter() {
        let input = crate::filters::signal::noise(0.5, 3000);
        for rate in [0.013, 0.9, 1.1, 99.0] {
            assert_eq!(
                converted(rate, &input, 1),
                converted(rate, &input, 3000),
                "rate {rate}"
            );
        }
    }
}
