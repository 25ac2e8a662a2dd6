//! Rotation: the sound wanders between the two ears.

use super::lfo::Lfo;

/// Opposite sine gains on left and right.
#[derive(Debug, Clone)]
pub(super) struct Rotation {
    lfo: Lfo,
}

impl Rotation {
    /// `None` at 0 Hz (off). Negative frequencies turn the other way.
    pub(super) fn new(rotation_hz: f64, sample_rate_hz: u32) -> Option<Self> {
        let is_on = rotation_hz.is_finite() && rotation_hz != 0.0;
        is_on.then(|| Self {
            lfo: Lfo::new(rotation_hz, sample_rate_hz),
        })
    }

    pub(super) fn process(&mut self, samples: &mut [f32]) {
        for frame in samples.chunks_exact_mut(2) {
            let pan = self.lfo.next();
            frame[0] *= ((1.0 + pan) / 2.0) as f32;
            frame[1] *= ((1.0 - pan) / 2.0) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[test]
    fn pans_by_the_formula() {
        for hz in [0.2, -0.2, 7.0] {
            let mut filter = Rotation::new(hz, 48_000).expect("on");
            let mut samples = vec![0.5f32; 2 * 96_000];
            filter.process(&mut samples);
            for (n, pair) in samples.chunks_exact(2).enumerate() {
                let sine = (TAU * hz * n as f64 / 48_000.0).sin();
                assert!(
                    (f64::from(pair[0]) - 0.5 * (sine + 1.0) / 2.0).abs() < 1e-6,
                    "{hz} Hz, frame {n}"
                );
                assert!(
                    (f64::from(pair[1]) - 0.5 * (1.0 - sine) / 2.0).abs() < 1e-6,
                    "{hz} Hz, frame {n}"
                );
            }
        }
    }

    #[test]
    fn is_off_at_rest() {
        for hz in [0.0, -0.0, f64::NAN, f64::INFINITY] {
            assert!(Rotation::new(hz, 48_000).is_none());
        }
    }
}
