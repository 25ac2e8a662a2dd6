//! The player volume: the curve from the protocol's 0..=1000 scale to a linear gain, and the ramp
//! that applies it to PCM without clicks.

/// The volume at which samples are left untouched.
pub const UNITY: u16 = 100;

/// The loudest volume; anything above counts as this.
pub const MAX: u16 = 1000;

/// Last volume of the tangent part of the curve; above it the gain grows linearly.
const TANGENT_END: u16 = 150;

/// Radians per volume step in the tangent part, so that 100 lands next to tan(pi/4) = 1.
const TANGENT_STEP: f64 = 0.0079;

/// Gain of `TANGENT_END` in steps of 1/10000, the slope of the linear part.
const TANGENT_END_GAIN: u32 = 24_621;

/// Lavalink computes gains in whole steps of this size.
const STEPS: f64 = 10_000.0;

/// Linear gain of a player volume: 0 is silence, 100 exactly 1.0, 1000 about 16.4.
///
/// Lavaplayer's curve: the tangent of 0.0079 rad per step up to 150, linear above, both rounded
/// down to steps of 1/10000. Volumes above 1000 count as 1000.
pub fn gain(volume: u16) -> f32 {
    let volume = volume.min(MAX);
    match volume {
        UNITY => 1.0,
        0..=TANGENT_END => ((STEPS * (TANGENT_STEP * f64::from(volume)).tan()).floor() / STEPS) as f32,
        _ => {
            let steps = TANGENT_END_GAIN * u32::from(volume) / u32::from(TANGENT_END);
            (f64::from(steps) / STEPS) as f32
        }
    }
}

/// Multiplies interleaved stereo samples by a gain that moves linearly from `from_gain` to
/// `to_gain`; the last frame has exactly `to_gain`. Results are limited to ±1.
///
/// With both gains exactly 1.0 the samples stay untouched, limit included.
pub fn apply(samples: &mut [f32], from_gain: f32, to_gain: f32) {
    if from_gain == to_gain {
        if to_gain != 1.0 {
            for sample in samples {
                *sample = (*sample * to_gain).clamp(-1.0, 1.0);
            }
        }
        return;
    }
    let frames = samples.len().div_ceil(2);
    for (index, frame) in samples.chunks_mut(2).enumerate() {
        // A weighted mean, not start + slope, so that the end of the ramp is hit without rounding.
        let weight = (index + 1) as f32 / frames as f32;
        let gain = from_gain * (1.0 - weight) + to_gain * weight;
        for sample in frame {
            *sample = (*sample * gain).clamp(-1.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn curve_has_the_published_values() {
        let expected = [
            (0, 0.0),
            (1, 0.0079),
            (10, 0.0791),
            (25, 0.2001),
            (50, 0.4169),
            (75, 0.6731),
            (99, 0.9934),
            (100, 1.0),
            (101, 1.0253),
            (125, 1.5154),
            (150, 2.4621),
            (200, 3.2828),
            (500, 8.207),
            (1000, 16.414),
        ];
        for (volume, value) in expected {
            assert!(
                (gain(volume) - value).abs() < 1e-6,
                "volume {volume}: {} != {value}",
                gain(volume)
            );
        }
        assert_eq!(gain(UNITY).to_bits(), 1.0f32.to_bits());
        assert_eq!(gain(0).to_bits(), 0.0f32.to_bits());
        assert_eq!(gain(u16::MAX).to_bits(), gain(MAX).to_bits());
    }

    #[test]
    fn unity_leaves_even_overshoot_alone() {
        let mut samples = [1.5, -2.0, 0.25, -0.125];
        apply(&mut samples, 1.0, 1.0);
        assert_eq!(samples, [1.5, -2.0, 0.25, -0.125]);
    }

    #[test]
    fn constant_gain_scales_and_limits() {
        let mut samples = [0.25, -0.25, 0.75, -0.75];
        apply(&mut samples, 2.0, 2.0);
        assert_eq!(samples, [0.5, -0.5, 1.0, -1.0]);
    }

    #[test]
    fn ramp_is_linear_per_frame_and_ends_on_target() {
        let mut samples = [0.5f32; 8];
        apply(&mut samples, 0.0, 1.0);
        assert_eq!(samples, [0.125, 0.125, 0.25, 0.25, 0.375, 0.375, 0.5, 0.5]);
        let mut samples = [0.5f32; 1920];
        apply(&mut samples, gain(100), gain(37));
        assert_eq!(samples[1919].to_bits(), (0.5 * gain(37)).to_bits());
    }

    proptest! {
        #[test]
        fn curve_never_falls(volume in 0u16..1000) {
            prop_assert!(gain(volume) < gain(volume + 1));
        }

        #[test]
        fn apply_stays_within_full_scale(
            mut samples in proptest::collection::vec(-4.0f32..4.0, 0..64),
            from in 0u16..=1000,
            to in 0u16..=1000,
        ) {
            prop_assume!(from != UNITY || to != UNITY);
            apply(&mut samples, gain(from), gain(to));
            prop_assert!(samples.iter().all(|sample| sample.abs() <= 1.0));
        }
    }
}
