//! Any channel layout to interleaved stereo.

use symphonia::core::audio::{Channels, Position};

/// Gain of the centre and surround channels in a stereo downmix, -3 dB (ITU-R BS.775-3, table 2).
const MINUS_3_DB: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// Share of one input channel in the left and right output.
type Gains = [f32; 2];

/// A mixing matrix from `n` interleaved channels to stereo.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Downmix {
    gains: Vec<Gains>,
}

impl Downmix {
    /// Matrix for a channel set as decoders report it. Mono is copied to both sides; more than two positioned
    /// channels are mixed and scaled so that full scale on all of them does not clip; channels without a position
    /// beyond the second are dropped.
    pub(crate) fn new(channels: &Channels) -> Self {
        let count = channels.count();
        match (channels, count) {
            (_, 0 | 1) => Self {
                gains: vec![[1.0, 1.0]; count],
            },
            (Channels::Positioned(positions), 3..) => Self::positioned(positions.iter().map(side)),
            (_, 2..) => Self {
                gains: Self::first_two(count),
            },
        }
    }

    /// Matrix for the Vorbis channel order that Opus mapping family 1 uses (RFC 7845, section 5.1.1.2).
    pub(crate) fn vorbis_order(count: usize) -> Self {
        const L: Gains = [1.0, 0.0];
        const R: Gains = [0.0, 1.0];
        const C: Gains = [MINUS_3_DB, MINUS_3_DB];
        const SL: Gains = [MINUS_3_DB, 0.0];
        const SR: Gains = [0.0, MINUS_3_DB];
        const REAR: Gains = [0.5, 0.5];
        const LFE: Gains = [0.0, 0.0];
        let order: &[Gains] = match count {
            1 => {
                return Self {
                    gains: vec![[1.0, 1.0]],
                };
            }
            3 => &[L, C, R],
            4 => &[L, R, SL, SR],
            5 => &[L, C, R, SL, SR],
            6 => &[L, C, R, SL, SR, LFE],
            7 => &[L, C, R, SL, SR, REAR, LFE],
            8 => &[L, C, R, SL, SR, SL, SR, LFE],
            _ => {
                return Self {
                    gains: Self::first_two(count),
                };
            }
        };
        Self::positioned(order.iter().copied())
    }

    fn first_two(count: usize) -> Vec<Gains> {
        (0..count)
            .map(|n| [f32::from(u8::from(n == 0)), f32::from(u8::from(n == 1))])
            .collect()
    }

    fn positioned(gains: impl Iterator<Item = Gains>) -> Self {
        let mut gains: Vec<Gains> = gains.collect();
        let sum = |side: usize| gains.iter().map(|gain| gain[side]).sum::<f32>();
        let loudest = sum(0).max(sum(1)).max(1.0);
        gains.iter_mut().flatten().for_each(|gain| *gain /= loudest);
        Self { gains }
    }

    /// Input channels this matrix takes.
    pub(crate) fn channels(&self) -> usize {
        self.gains.len()
    }

    /// Appends the stereo mix of whole interleaved input frames to `out`; an incomplete last frame is dropped.
    pub(crate) fn mix(&self, input: &[f32], out: &mut Vec<f32>) {
        match self.gains.as_slice() {
            [] => {}
            [_] => out.extend(input.iter().flat_map(|&sample| [sample, sample])),
            [_, _] => out.extend_from_slice(&input[..input.len() & !1]),
            gains => out.extend(input.chunks_exact(gains.len()).flat_map(|frame| {
                frame
                    .iter()
                    .zip(gains)
                    .fold([0.0; 2], |[left, right], (&sample, gain)| {
                        [sample.mul_add(gain[0], left), sample.mul_add(gain[1], right)]
                    })
            })),
        }
    }
}

fn side(position: Position) -> Gains {
    const LEFT: Position = Position::FRONT_LEFT;
    const RIGHT: Position = Position::FRONT_RIGHT;
    const LEFT_SIDE: [Position; 7] = [
        Position::REAR_LEFT,
        Position::SIDE_LEFT,
        Position::FRONT_LEFT_CENTER,
        Position::TOP_FRONT_LEFT,
        Position::TOP_REAR_LEFT,
        Position::TOP_SIDE_LEFT,
        Position::FRONT_LEFT_WIDE,
    ];
    const RIGHT_SIDE: [Position; 7] = [
        Position::REAR_RIGHT,
        Position::SIDE_RIGHT,
        Position::FRONT_RIGHT_CENTER,
        Position::TOP_FRONT_RIGHT,
        Position::TOP_REAR_RIGHT,
        Position::TOP_SIDE_RIGHT,
        Position::FRONT_RIGHT_WIDE,
    ];
    match position {
        LEFT => [1.0, 0.0],
        RIGHT => [0.0, 1.0],
        Position::FRONT_CENTER => [MINUS_3_DB, MINUS_3_DB],
        Position::LFE1 | Position::LFE2 => [0.0, 0.0],
        p if LEFT_SIDE.contains(&p) => [MINUS_3_DB, 0.0],
        p if RIGHT_SIDE.contains(&p) => [0.0, MINUS_3_DB],
        _ => [0.5, 0.5],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(downmix: &Downmix, input: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        downmix.mix(input, &mut out);
        out
    }

    fn five_one() -> Channels {
        Channels::Positioned(
            Position::FRONT_LEFT
                | Position::FRONT_RIGHT
                | Position::FRONT_CENTER
                | Position::LFE1
                | Position::REAR_LEFT
                | Position::REAR_RIGHT,
        )
    }

    #[test]
    fn mono_is_duplicated_and_stereo_untouched() {
        let mono = Downmix::new(&Channels::Positioned(Position::FRONT_CENTER));
        assert_eq!(mix(&mono, &[0.1, 0.2]), [0.1, 0.1, 0.2, 0.2]);
        let stereo = Downmix::new(&Channels::Positioned(
            Position::FRONT_LEFT | Position::FRONT_RIGHT,
        ));
        assert_eq!(mix(&stereo, &[0.1, 0.2, 0.3, 0.4, 0.5]), [0.1, 0.2, 0.3, 0.4]);
    }

    #[test]
    fn surround_keeps_its_sides_and_does_not_clip() {
        let downmix = Downmix::new(&five_one());
        let all = mix(&downmix, &[1.0; 6]);
        assert!(
            (all[0] - 1.0).abs() < 1e-6 && (all[1] - 1.0).abs() < 1e-6,
            "{all:?}"
        );
        let rear_left = mix(&downmix, &[0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert!(rear_left[0] > 0.2 && rear_left[1] == 0.0);
        assert_eq!(
            mix(&downmix, &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
            [0.0, 0.0],
            "LFE is left out"
        );
        let centre = mix(&downmix, &[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert!(centre[0] > 0.2 && centre[0] == centre[1]);
    }

    #[test]
    fn vorbis_order_agrees_with_positions() {
        let from_positions = mix(&Downmix::new(&five_one()), &[1.0, 0.0, 0.5, 0.0, 0.25, 0.0]);
        let from_vorbis = mix(&Downmix::vorbis_order(6), &[1.0, 0.5, 0.0, 0.25, 0.0, 0.0]);
        assert_eq!(from_positions, from_vorbis);
    }

    #[test]
    fn unpositioned_channels_keep_the_first_two() {
        assert_eq!(
            mix(&Downmix::new(&Channels::Discrete(3)), &[0.1, 0.2, 0.3]),
            [0.1, 0.2]
        );
        assert_eq!(
            mix(&Downmix::new(&Channels::None), &[0.1, 0.2]),
            Vec::<f32>::new()
        );
    }
}
