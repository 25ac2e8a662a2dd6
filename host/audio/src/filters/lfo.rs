//! The sine oscillator behind tremolo, vibrato and rotation.

use std::f64::consts::TAU;

/// A sine oscillator whose phase is kept within one turn, so hours of playback lose no precision.
#[derive(Debug, Clone)]
pub(super) struct Lfo {
    /// Turns, 0..1.
    phase: f64,
    /// Turns per frame; the whole turns of a frequency above the sample rate are dropped.
    step: f64,
}

impl Lfo {
    /// Starts at phase 0. `frequency_hz` may be negative (turns backwards).
    pub(super) fn new(frequency_hz: f64, sample_rate_hz: u32) -> Self {
        Self {
            phase: 0.0,
            step: (frequency_hz / f64::from(sample_rate_hz)).fract(),
        }
    }

    /// Sine of the current phase, then advances by one frame.
    pub(super) fn next(&mut self) -> f64 {
        let value = (self.phase * TAU).sin();
        self.phase += self.step;
        // The step is less than a turn, so one correction is enough.
        if self.phase >= 1.0 {
            self.phase -= 1.0;
        } else if self.phase < 0.0 {
            self.phase += 1.0;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_sine_in_both_directions() {
        for frequency in [3.0, -3.0, 0.0] {
            let mut lfo = Lfo::new(frequency, 48_000);
            for n in 0..100_000 {
                let expected = (TAU * frequency * f64::from(n) / 48_000.0).sin();
                assert!((lfo.next() - expected).abs() < 1e-8, "{frequency} Hz, frame {n}");
            }
        }
    }

    #[test]
    fn phase_stays_within_a_turn() {
        for frequency in [700.0, -700.0, 47_999.0, 96_001.0] {
            let mut lfo = Lfo::new(frequency, 48_000);
            for _ in 0..1_000_000 {
                lfo.next();
                assert!((0.0..=1.0).contains(&lfo.phase), "{frequency} Hz: {}", lfo.phase);
            }
        }
    }

    #[test]
    fn absurd_frequencies_stay_finite() {
        for frequency in [f64::from(f32::MAX), f64::MAX, -f64::MAX, f64::MIN_POSITIVE] {
            let mut lfo = Lfo::new(frequency, 48_000);
            for _ in 0..100 {
                assert!(lfo.next().is_finite());
            }
        }
    }
}
