//! The volume filter: a gain on the same tangent curve as the player volume, with 1.0 as unity.

/// Largest accepted volume; the original refuses more.
pub(super) const MAX: f32 = 5.0;

/// Volumes nearer to unity than this are not applied, as in the original.
const DEAD_ZONE: f32 = 0.02;

/// Last volume of the tangent part of the curve.
const TANGENT_END: f64 = 1.5;

/// Radians per unit of volume in the tangent part.
const TANGENT_STEP: f64 = 0.79;

/// Slope of the linear part above the tangent.
const LINEAR_SLOPE: f64 = 24_612.0 * 100.0 / 150.0 / 10_000.0;

/// Scales samples and limits them to ±1.
#[derive(Debug, Clone)]
pub(super) struct Volume {
    gain: f32,
}

impl Volume {
    /// `None` within 0.02 of unity, where the filter does nothing, and outside 0..=5.
    pub(super) fn new(volume: f32) -> Option<Self> {
        if !(0.0..=MAX).contains(&volume) || (1.0 - volume).abs() < DEAD_ZONE {
            return None;
        }
        let volume = f64::from(volume);
        let gain = if volume <= TANGENT_END {
            (TANGENT_STEP * volume).tan()
        } else {
            LINEAR_SLOPE * volume
        };
        Some(Self { gain: gain as f32 })
    }

    pub(super) fn process(&self, samples: &mut [f32]) {
        for sample in samples {
            *sample = (*sample * self.gain).clamp(-1.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_curve() {
        for (volume, gain) in [
            (0.0, 0.0),
            (0.5, 0.416_93),
            (1.5, 2.462_14),
            (2.0, 3.2816),
            (5.0, 8.204),
        ] {
            let filter = Volume::new(volume).expect("on");
            let mut samples = [0.1, -0.1];
            filter.process(&mut samples);
            assert!(
                (samples[0] - 0.1 * gain).abs() < 1e-5,
                "volume {volume}: {}",
                samples[0]
            );
            assert_eq!(samples[1], -samples[0]);
        }
    }

    #[test]
    fn limits_to_full_scale() {
        let filter = Volume::new(5.0).expect("on");
        let mut samples = [0.9, -0.9];
        filter.process(&mut samples);
        assert_eq!(samples, [1.0, -1.0]);
    }

    #[test]
    fn is_off_near_unity_and_out_of_range() {
        for volume in [1.0, 0.981, 1.019, -0.1, 5.1, f32::NAN, f32::INFINITY] {
            assert!(Volume::new(volume).is_none(), "volume {volume}");
        }
    }
}
