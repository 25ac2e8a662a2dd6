//! Distortion: a product of sine, cosine and tangent of the sample.

/// Offset and scale of each factor and of the product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Distortion {
    pub(super) sin_offset: f32,
    pub(super) sin_scale: f32,
    pub(super) cos_offset: f32,
    pub(super) cos_scale: f32,
    pub(super) tan_offset: f32,
    pub(super) tan_scale: f32,
    pub(super) offset: f32,
    pub(super) scale: f32,
}

impl Distortion {
    /// The values at which the protocol counts the filter as off. Applied, they would not be neutral.
    const OFF: Self = Self {
        sin_offset: 0.0,
        sin_scale: 1.0,
        cos_offset: 0.0,
        cos_scale: 1.0,
        tan_offset: 0.0,
        tan_scale: 1.0,
        offset: 0.0,
        scale: 1.0,
    };

    /// Whether all values are the protocol's defaults.
    pub(super) fn is_off(&self) -> bool {
        *self == Self::OFF
    }

    /// Results are limited to ±1; where the formula has no value the sample becomes 0.
    pub(super) fn process(&self, samples: &mut [f32]) {
        for sample in samples {
            *sample = self.shape(*sample);
        }
    }

    fn shape(&self, sample: f32) -> f32 {
        let sine = self.sin_offset + (sample * self.sin_scale).sin();
        let cosine = self.cos_offset + (sample * self.cos_scale).cos();
        let tangent = self.tan_offset + (sample * self.tan_scale).tan();
        let shaped = self.offset + self.scale * sine * cosine * tangent;
        if shaped.is_nan() {
            0.0
        } else {
            shaped.clamp(-1.0, 1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_by_the_formula() {
        let filter = Distortion {
            sin_offset: 0.1,
            sin_scale: 2.0,
            cos_offset: -0.2,
            cos_scale: 3.0,
            tan_offset: 0.3,
            tan_scale: 0.5,
            offset: 0.05,
            scale: 1.5,
        };
        for step in -100..=100i32 {
            let x = f64::from(step) / 100.0;
            let product = (0.1 + (2.0 * x).sin()) * (-0.2 + (3.0 * x).cos()) * (0.3 + (0.5 * x).tan());
            let expected = (0.05 + 1.5 * product).clamp(-1.0, 1.0);
            let mut samples = [x as f32, 0.0];
            filter.process(&mut samples);
            assert!((f64::from(samples[0]) - expected).abs() < 1e-5, "x = {x}");
        }
    }

    #[test]
    fn overflowing_products_become_silence() {
        let filter = Distortion {
            offset: f32::MAX,
            scale: -f32::MAX,
            sin_offset: 9e37,
            ..Distortion::OFF
        };
        let mut samples = [0.5, -0.5, 0.0, 1.0];
        filter.process(&mut samples);
        assert!(samples.iter().all(|sample| sample.abs() <= 1.0));
    }

    #[test]
    fn only_the_defaults_are_off() {
        assert!(Distortion::OFF.is_off());
        assert!(
            !Distortion {
                offset: 0.1,
                ..Distortion::OFF
            }
            .is_off()
        );
    }
}
