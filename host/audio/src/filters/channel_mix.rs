//! Channel mix: each output channel is a weighted sum of both inputs.

/// Weights of the two inputs in the two outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ChannelMix {
    pub(super) left_to_left: f32,
    pub(super) left_to_right: f32,
    pub(super) right_to_left: f32,
    pub(super) right_to_right: f32,
}

impl ChannelMix {
    /// Each channel to itself.
    const OFF: Self = Self {
        left_to_left: 1.0,
        left_to_right: 0.0,
        right_to_left: 0.0,
        right_to_right: 1.0,
    };

    /// Whether the mix leaves the channels as they are.
    pub(super) fn is_off(&self) -> bool {
        *self == Self::OFF
    }

    /// Results are limited to ±1; the protocol documents weights of 0..=1 but accepts any.
    pub(super) fn process(&self, samples: &mut [f32]) {
        // In f64, where no finite weights can overflow into a NaN.
        let [ll, lr, rl, rr] = [
            self.left_to_left,
            self.left_to_right,
            self.right_to_left,
            self.right_to_right,
        ]
        .map(f64::from);
        for frame in samples.chunks_exact_mut(2) {
            let (left, right) = (f64::from(frame[0]), f64::from(frame[1]));
            frame[0] = (ll * left + rl * right).clamp(-1.0, 1.0) as f32;
            frame[1] = (lr * left + rr * right).clamp(-1.0, 1.0) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(weights: [f32; 4], mut frame: [f32; 2]) -> [f32; 2] {
        let [left_to_left, left_to_right, right_to_left, right_to_right] = weights;
        ChannelMix {
            left_to_left,
            left_to_right,
            right_to_left,
            right_to_right,
        }
        .process(&mut frame);
        frame
    }

    #[test]
    fn mixes_by_the_formula() {
        assert_eq!(mixed([0.5, 0.5, 0.5, 0.5], [0.5, -0.25]), [0.125, 0.125]);
        assert_eq!(mixed([0.0, 1.0, 1.0, 0.0], [0.5, -0.25]), [-0.25, 0.5], "swap");
        assert_eq!(
            mixed([1.0, 0.25, 0.0, 0.0], [0.5, 0.75]),
            [0.5, 0.125],
            "left only"
        );
        assert_eq!(mixed([2.0, -2.0, 1.0, -1.0], [0.5, 0.5]), [1.0, -1.0], "limited");
    }

    #[test]
    fn off_is_the_identity() {
        assert!(ChannelMix::OFF.is_off());
        assert_eq!(mixed([1.0, 0.0, 0.0, 1.0], [0.3, -0.7]), [0.3, -0.7]);
    }
}
