//! What can be read from Opus data without decoding it: the table-of-contents byte and the identification header.

use crate::SAMPLE_RATE_HZ;

/// Most frames one packet may hold: 120 ms of 2.5 ms frames (RFC 6716, section 3.2.5).
const MAX_FRAMES: usize = 48;

/// Bytes one frame may have (RFC 6716, section 3.2.1).
const MAX_FRAME_BYTES: usize = 1275;

/// The frames of one packet, as ranges into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PacketLayout {
    /// Table-of-contents byte without the frame count code: configuration and stereo flag.
    toc: u8,
    /// Samples per channel of one frame at 48 kHz.
    frame_samples: usize,
    frames: Vec<(usize, usize)>,
}

impl PacketLayout {
    /// Samples per channel of one frame at 48 kHz.
    pub(crate) fn frame_samples(&self) -> usize {
        self.frame_samples
    }

    /// Number of frames in the packet.
    pub(crate) fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Writes frame `index` as a packet of its own (code 0: one frame, the rest of the packet is its data).
    pub(crate) fn write_frame(&self, packet: &[u8], index: usize, out: &mut Vec<u8>) -> bool {
        let Some(data) = self
            .frames
            .get(index)
            .and_then(|&(start, end)| packet.get(start..end))
        else {
            return false;
        };
        out.clear();
        out.push(self.toc);
        out.extend_from_slice(data);
        true
    }
}

/// Samples per channel of one frame at 48 kHz, by the configuration in the first byte (RFC 6716, table 2).
fn frame_samples(toc: u8) -> usize {
    let per_ms = SAMPLE_RATE_HZ as usize / 1000;
    match toc >> 3 {
        config @ 0..=11 => [10, 20, 40, 60][usize::from(config % 4)] * per_ms,
        config @ 12..=15 => [10, 20][usize::from(config % 2)] * per_ms,
        config => (per_ms * 5 / 2) << (config % 4),
    }
}

/// Samples per channel of a packet at 48 kHz; `None` when it cannot be an Opus packet.
pub(crate) fn packet_samples(packet: &[u8]) -> Option<usize> {
    let toc = *packet.first()?;
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(packet.get(1)? & 0x3f),
    };
    let samples = frame_samples(toc) * count;
    (count > 0 && samples <= SAMPLE_RATE_HZ as usize * 120 / 1000).then_some(samples)
}

/// Splits a packet into its frames (RFC 6716, section 3.2); `None` when the packet is malformed.
pub(crate) fn layout(packet: &[u8]) -> Option<PacketLayout> {
    packet_samples(packet)?;
    let (&toc, _) = packet.split_first()?;
    let mut at = 1;
    let mut end = packet.len();
    let mut frames = Vec::new();
    match toc & 3 {
        0 => frames.push((at, end)),
        1 => {
            let each = (end - at) / 2;
            if !(end - at).is_multiple_of(2) {
                return None;
            }
            frames.extend([(at, at + each), (at + each, end)]);
        }
        2 => {
            let first = frame_length(packet, &mut at)?;
            frames.extend([(at, at.checked_add(first)?), (at + first, end)]);
        }
        _ => {
            let header = *packet.get(at)?;
            at += 1;
            let count = usize::from(header & 0x3f);
            if count > MAX_FRAMES {
                return None;
            }
            if header & 0x40 != 0 {
                end = end.checked_sub(padding_length(packet, &mut at)?)?;
            }
            if header & 0x80 != 0 {
                let mut lengths = Vec::with_capacity(count);
                for _ in 1..count {
                    lengths.push(frame_length(packet, &mut at)?);
                }
                for length in lengths {
                    frames.push((at, at.checked_add(length)?));
                    at += length;
                }
                frames.push((at, end));
            } else {
                let total = end.checked_sub(at)?;
                if !total.is_multiple_of(count) {
                    return None;
                }
                let each = total / count;
                frames.extend((0..count).map(|n| (at + n * each, at + (n + 1) * each)));
            }
        }
    }
    let valid =
        |&(start, stop): &(usize, usize)| start <= stop && stop <= end && stop - start <= MAX_FRAME_BYTES;
    frames.iter().all(valid).then(|| PacketLayout {
        toc: toc & !3,
        frame_samples: frame_samples(toc),
        frames,
    })
}

fn frame_length(packet: &[u8], at: &mut usize) -> Option<usize> {
    let first = usize::from(*packet.get(*at)?);
    *at += 1;
    if first < 252 {
        return Some(first);
    }
    let second = usize::from(*packet.get(*at)?);
    *at += 1;
    Some(second * 4 + first)
}

fn padding_length(packet: &[u8], at: &mut usize) -> Option<usize> {
    let mut total = 0;
    loop {
        let byte = usize::from(*packet.get(*at)?);
        *at += 1;
        if byte < 255 {
            return Some(total + byte);
        }
        total += 254;
    }
}

/// The identification header of an Opus stream (RFC 7845, section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpusHead {
    /// Channels of the decoded stream, `1..=255`.
    pub(crate) channels: u8,
    /// Samples per channel at 48 kHz to drop from the start of the decoded stream.
    pub(crate) pre_skip: u16,
    /// Gain to apply when decoding, in 1/256 dB.
    pub(crate) output_gain: i16,
    /// How channels map to streams.
    pub(crate) mapping: ChannelMapping,
}

/// Channel mapping of an [`OpusHead`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChannelMapping {
    /// Family 0: one mono or stereo stream.
    Single,
    /// Another family: several streams.
    Multistream {
        /// Mapping family.
        family: u8,
        /// Streams in a packet.
        streams: u8,
        /// How many of the streams are stereo.
        coupled: u8,
        /// Stream channel of every output channel.
        table: Vec<u8>,
    },
}

impl OpusHead {
    /// What is assumed for a stream without a usable header: plain stereo.
    pub(crate) fn plain_stereo() -> Self {
        Self {
            channels: 2,
            pre_skip: 0,
            output_gain: 0,
            mapping: ChannelMapping::Single,
        }
    }

    /// Parses the header; `None` when it is not one or contradicts itself.
    pub(crate) fn parse(data: &[u8]) -> Option<Self> {
        let rest = data.strip_prefix(b"OpusHead")?;
        let (
            &[
                version,
                channels,
                skip_low,
                skip_high,
                _,
                _,
                _,
                _,
                gain_low,
                gain_high,
                family,
            ],
            table,
        ) = rest.split_first_chunk::<11>()?;
        // The upper half of the version byte is the incompatible part.
        if version >> 4 != 0 || channels == 0 {
            return None;
        }
        let mapping = if family == 0 {
            if channels > 2 {
                return None;
            }
            ChannelMapping::Single
        } else {
            let (&[streams, coupled], table) = table.split_first_chunk::<2>()?;
            let table = table.get(..usize::from(channels))?.to_vec();
            let usable = streams > 0 && coupled <= streams && u16::from(streams) + u16::from(coupled) <= 255;
            if !usable
                || table
                    .iter()
                    .any(|&entry| entry != 255 && u16::from(entry) >= u16::from(streams) + u16::from(coupled))
            {
                return None;
            }
            ChannelMapping::Multistream {
                family,
                streams,
                coupled,
                table,
            }
        };
        Some(Self {
            channels,
            pre_skip: u16::from_le_bytes([skip_low, skip_high]),
            output_gain: i16::from_le_bytes([gain_low, gain_high]),
            mapping,
        })
    }

    /// Whether packets of this stream sound right in any stereo decoder as they are.
    pub(crate) fn allows_passthrough(&self) -> bool {
        self.mapping == ChannelMapping::Single && self.output_gain == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus::{Application, Channels, Encoder};
    use proptest::prelude::*;

    fn encoded(samples: usize, channels: Channels) -> Vec<u8> {
        let mut encoder = Encoder::new(48_000, channels, Application::Audio).expect("libopus is linked");
        let count = samples * if matches!(channels, Channels::Mono) { 1 } else { 2 };
        let pcm: Vec<f32> = (0..count).map(|n| (n as f32 * 0.03).sin() * 0.5).collect();
        encoder.encode_vec_float(&pcm, 4000).expect("valid input")
    }

    #[test]
    fn durations_of_real_packets() {
        for samples in [120, 240, 480, 960, 1920, 2880] {
            for channels in [Channels::Mono, Channels::Stereo] {
                let packet = encoded(samples, channels);
                assert_eq!(packet_samples(&packet), Some(samples));
                assert_eq!(
                    layout(&packet).map(|l| l.frame_samples() * l.frame_count()),
                    Some(samples)
                );
            }
        }
        assert_eq!(packet_samples(&[]), None);
        assert_eq!(packet_samples(&[0xff]), None, "code 3 needs a count byte");
        assert_eq!(packet_samples(&[0xff, 0]), None, "no frames");
    }

    #[test]
    fn long_packets_split_into_20_ms_packets_that_decode_alike() {
        for samples in [1920, 2880] {
            let packet = encoded(samples, Channels::Stereo);
            let layout = layout(&packet).expect("valid packet");
            assert_eq!(
                (layout.frame_samples(), layout.frame_count()),
                (960, samples / 960)
            );
            let mut whole = opus::Decoder::new(48_000, Channels::Stereo).expect("libopus is linked");
            let mut split = opus::Decoder::new(48_000, Channels::Stereo).expect("libopus is linked");
            let mut expected = vec![0.0; samples * 2];
            whole
                .decode_float(&packet, &mut expected, false)
                .expect("valid packet");
            let mut actual = Vec::new();
            let mut single = Vec::new();
            for index in 0..layout.frame_count() {
                assert!(layout.write_frame(&packet, index, &mut single));
                let mut pcm = vec![0.0; 960 * 2];
                assert_eq!(
                    split
                        .decode_float(&single, &mut pcm, false)
                        .expect("valid packet"),
                    960
                );
                actual.extend(pcm);
            }
            assert_eq!(actual, expected);
        }
    }

    #[test]
    fn header_of_a_stereo_stream() {
        let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00";
        let parsed = OpusHead::parse(head).expect("valid header");
        assert_eq!(
            (parsed.channels, parsed.pre_skip, parsed.output_gain),
            (2, 312, 0)
        );
        assert!(parsed.allows_passthrough());
        assert_eq!(OpusHead::parse(&head[..18]), None);
        let surround =
            b"OpusHead\x01\x06\x38\x01\x80\xbb\x00\x00\x00\x00\x01\x04\x02\x00\x04\x01\x02\x03\x05";
        let parsed = OpusHead::parse(surround).expect("valid header");
        assert!(!parsed.allows_passthrough());
        assert_eq!(OpusHead::parse(&surround[..surround.len() - 1]), None);
    }

    proptest! {
        #[test]
        fn layout_agrees_with_libopus(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            let ours = layout(&packet);
            // libopus parses the same packets; only its verdict on validity is compared.
            let theirs = opus::packet::parse(&packet).ok();
            prop_assert_eq!(ours.is_some(), theirs.is_some());
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                prop_assert_eq!(ours.frame_count(), theirs.frames.len());
                for (&(start, end), frame) in ours.frames.iter().zip(&theirs.frames) {
                    prop_assert_eq!(&packet[start..end], *frame);
                }
            }
        }

        #[test]
        fn header_parser_never_panics(data in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut head = b"OpusHead".to_vec();
            head.extend(data);
            let _ = OpusHead::parse(&head);
        }
    }
}
