//! Just enough of MPEG audio, ADTS and ID3v2 headers to recognise them.

/// Bitrates of layer III in kbit/s by index: MPEG-1, then MPEG-2 and 2.5 (ISO/IEC 11172-3, 13818-3). Index 0 is
/// free format, which is not played.
const LAYER3_KBITS: [[u32; 15]; 2] = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// Sample rates of MPEG-1 in Hz by index; MPEG-2 halves them and MPEG-2.5 quarters them.
const MPEG1_RATES_HZ: [u32; 3] = [44_100, 48_000, 32_000];

/// The header of a layer III frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MpegHeader {
    rate_hz: u32,
    bits_per_second: u32,
    /// 1152, or 576 for MPEG-2 and 2.5.
    samples: u32,
    padding: u32,
    is_mono: bool,
    is_mpeg1: bool,
}

impl MpegHeader {
    /// Sample rate in Hz.
    pub(crate) fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Bits per second.
    pub(crate) fn bitrate(&self) -> u32 {
        self.bits_per_second
    }

    /// Samples per channel of one frame.
    pub(crate) fn samples(&self) -> u64 {
        u64::from(self.samples)
    }

    /// Bytes of this frame, header included.
    pub(crate) fn frame_bytes(&self) -> usize {
        (self.samples / 8 * self.bits_per_second / self.rate_hz + self.padding) as usize
    }

    /// Bytes of a frame at this bitrate on average.
    pub(crate) fn mean_frame_bytes(&self) -> f64 {
        f64::from(self.samples) / 8.0 * f64::from(self.bits_per_second) / f64::from(self.rate_hz)
    }

    /// Bytes between the header and the audio, where encoders put headers for the whole file.
    pub(crate) fn side_info_bytes(&self) -> usize {
        match (self.is_mpeg1, self.is_mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        }
    }

    /// Whether frames with these two headers can be of one stream.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.rate_hz, self.samples, self.is_mono) == (other.rate_hz, other.samples, other.is_mono)
    }

    /// How long `samples` are.
    pub(crate) fn duration(&self, samples: u64) -> std::time::Duration {
        let nanos = u128::from(samples) * 1_000_000_000 / u128::from(self.rate_hz);
        std::time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Parses the layer III header that `data` starts with.
pub(crate) fn mpeg_header(data: &[u8]) -> Option<MpegHeader> {
    let &[sync, version_layer, rates, mode, ..] = data else {
        return None;
    };
    if sync != 0xff || version_layer & 0xe6 != 0xe2 || mode & 3 == 2 {
        return None;
    }
    let (table, rate_divisor, samples) = match (version_layer >> 3) & 3 {
        0 => (1, 4, 576),
        2 => (1, 2, 576),
        3 => (0, 1, 1_152),
        _ => return None,
    };
    let kbits = *LAYER3_KBITS[table].get(usize::from(rates >> 4))?;
    let rate_hz = MPEG1_RATES_HZ.get(usize::from(rates >> 2 & 3))? / rate_divisor;
    (kbits > 0).then_some(MpegHeader {
        rate_hz,
        bits_per_second: kbits * 1_000,
        samples,
        padding: u32::from(rates >> 1 & 1),
        is_mono: mode >> 6 == 3,
        is_mpeg1: table == 0,
    })
}

/// Length in bytes of the layer III frame that starts with `header`, header included.
pub(super) fn layer3_frame_length(header: &[u8]) -> Option<usize> {
    mpeg_header(header).map(|header| header.frame_bytes())
}

/// Length in bytes of the ADTS frame that starts with `header`, header included (ISO/IEC 13818-7, 6.2).
pub(super) fn adts_frame_length(header: &[u8]) -> Option<usize> {
    let &[sync, flags, profile, high, middle, low, ..] = header else {
        return None;
    };
    let rate_index = profile >> 2 & 0x0f;
    if sync != 0xff || flags & 0xf6 != 0xf0 || rate_index > 12 {
        return None;
    }
    let length = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low >> 5);
    let header_length = if flags & 1 == 0 { 9 } else { 7 };
    (length > header_length).then_some(length)
}

/// Whether a frame starts within the first `window` bytes and another of its kind follows it. A lone frame counts
/// when it is the first thing in a medium that ends before the next.
pub(super) fn find_frame(head: &[u8], window: usize, length: fn(&[u8]) -> Option<usize>) -> bool {
    (0..window.min(head.len())).any(|start| {
        let Some(next) = length(&head[start..]).map(|length| start + length) else {
            return false;
        };
        match head.get(next..) {
            Some(following) if following.len() >= 6 => length(following).is_some(),
            _ => start == 0,
        }
    })
}

/// Length in bytes of the ID3v2 tag at the start of `head`, 0 without one (ID3v2.4, section 3.1).
pub(crate) fn id3_length(head: &[u8]) -> u64 {
    const HEADER: u64 = 10;
    match head {
        &[b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] => {
            let size = [a, b, c, d]
                .iter()
                .fold(0, |size, &byte| size << 7 | u64::from(byte & 0x7f));
            let footer = if flags & 0x10 == 0 { 0 } else { HEADER };
            HEADER + size + footer
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer3_lengths() {
        assert_eq!(layer3_frame_length(&[0xff, 0xfb, 0x90, 0x00]), Some(417));
        assert_eq!(layer3_frame_length(&[0xff, 0xfb, 0x92, 0x00]), Some(418));
        assert_eq!(
            layer3_frame_length(&[0xff, 0xf3, 0x80, 0x00]),
            Some(208),
            "MPEG-2, 64 kbit/s, 22.05 kHz"
        );
        assert_eq!(
            layer3_frame_length(&[0xff, 0xfb, 0x00, 0x00]),
            None,
            "free format"
        );
        assert_eq!(layer3_frame_length(&[0xff, 0xfd, 0x90, 0x00]), None, "layer II");
        assert_eq!(layer3_frame_length(&[0xff, 0xfb]), None);
    }

    #[test]
    fn adts_lengths() {
        assert_eq!(
            adts_frame_length(&[0xff, 0xf1, 0x50, 0x80, 0x0c, 0x9f, 0xfc]),
            Some(100)
        );
        assert_eq!(
            adts_frame_length(&[0xff, 0xf1, 0x50, 0x80, 0x00, 0xff, 0xfc]),
            None,
            "shorter than its header"
        );
        assert_eq!(adts_frame_length(&[0xff, 0xfb, 0x90, 0x00, 0, 0]), None);
    }

    #[test]
    fn id3_length_is_syncsafe() {
        assert_eq!(id3_length(b"ID3\x04\0\0\0\0\x02\x01"), 10 + 257);
        assert_eq!(id3_length(b"ID3\x04\0\x10\0\0\0\x01"), 21);
        assert_eq!(id3_length(b"fLaC"), 0);
    }
}
