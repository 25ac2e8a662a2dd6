//! Audio beyond its first and last sample, for what looks beyond them: filters of resamplers and encoders.
//!
//! Silence there would be an edge, and heard as a click where the next track goes on with the sound of this one.

use crate::CHANNELS;

/// How the audio is continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mirror {
    /// Turned around the last sample: value and slope go on. For filters that see a short stretch; a long one would
    /// wander off to where no audio is.
    Point,
    /// Played backwards: the value goes on and the level stays. For encoders, which adapt to what they hear.
    Line,
}

impl Mirror {
    fn sample(self, edge: f32, inside: f32) -> f32 {
        match self {
            Self::Point => 2.0 * edge - inside,
            Self::Line => inside,
        }
    }
}

/// `samples` interleaved samples that could have come before `audio`; silence first when it is too short to tell.
pub(crate) fn before(audio: &[f32], samples: usize, mirror: Mirror) -> Vec<f32> {
    let mut beyond = beyond(audio.chunks_exact(CHANNELS), samples, mirror);
    beyond.chunks_exact_mut(CHANNELS).for_each(<[f32]>::reverse);
    beyond.reverse();
    beyond
}

/// `samples` interleaved samples that could come after `audio`; silence last when it is too short to tell.
pub(crate) fn after(audio: &[f32], samples: usize, mirror: Mirror) -> Vec<f32> {
    beyond(audio.rchunks_exact(CHANNELS), samples, mirror)
}

/// What could follow beyond the first of `frames`, which lead away from that edge; the nearest comes first.
fn beyond<'a>(mut frames: impl Iterator<Item = &'a [f32]>, samples: usize, mirror: Mirror) -> Vec<f32> {
    let Some(&[left, right]) = frames.next() else {
        return vec![0.0; samples];
    };
    let mut beyond: Vec<f32> = frames
        .take(samples / CHANNELS)
        .flat_map(|frame| [mirror.sample(left, frame[0]), mirror.sample(right, frame[1])])
        .collect();
    beyond.resize(samples, 0.0);
    beyond
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_go_on() {
        let ramp = [0.1, 1.0, 0.2, 2.0, 0.3, 3.0];
        let close = |actual: Vec<f32>, expected: &[f32]| {
            assert_eq!(actual.len(), expected.len());
            assert!(
                actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6),
                "{actual:?}"
            );
        };
        close(before(&ramp, 4, Mirror::Point), &[-0.1, -1.0, 0.0, 0.0]);
        close(after(&ramp, 4, Mirror::Point), &[0.4, 4.0, 0.5, 5.0]);
        close(before(&ramp, 6, Mirror::Point), &[0.0, 0.0, -0.1, -1.0, 0.0, 0.0]);
        close(after(&ramp, 6, Mirror::Point), &[0.4, 4.0, 0.5, 5.0, 0.0, 0.0]);
        close(before(&ramp, 4, Mirror::Line), &[0.3, 3.0, 0.2, 2.0]);
        close(after(&ramp, 2, Mirror::Line), &[0.2, 2.0]);
        close(after(&[], 2, Mirror::Point), &[0.0, 0.0]);
    }
}
