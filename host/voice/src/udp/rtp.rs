//! RTP headers of outgoing audio (RFC 3550, section 5.1).

/// Bytes of a header without CSRCs and without an extension.
pub(crate) const HEADER_BYTES: usize = 12;

/// Version 2, no padding, no extension, no CSRC.
const VERSION: u8 = 0x80;

/// Discord's payload type of Opus (120), marker bit clear.
const OPUS_PAYLOAD: u8 = 0x78;

/// Samples per channel in one packet of 20 ms at 48 kHz.
pub(crate) const SAMPLES_PER_PACKET: u32 = 960;

/// Sequence number and timestamp of one outgoing stream.
///
/// Both advance per packet sent, not with the wall clock, so a pause leaves no gap.
#[derive(Debug, Clone)]
pub(crate) struct RtpStream {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl RtpStream {
    /// Starts at random values, as RFC 3550 asks for.
    pub(crate) fn new(ssrc: u32) -> Self {
        Self::starting_at(ssrc, rand::random(), rand::random())
    }

    /// Starts with the given sequence number and timestamp (in samples).
    pub(crate) fn starting_at(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            sequence,
            timestamp,
        }
    }

    /// The header of the next packet; advances the counters, which wrap.
    pub(crate) fn next_header(&mut self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[0] = VERSION;
        header[1] = OPUS_PAYLOAD;
        header[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        header[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(SAMPLES_PER_PACKET);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_layout() {
        let mut stream = RtpStream::starting_at(0x0102_0304, 0xABCD, 0x1122_3344);
        assert_eq!(
            stream.next_header(),
            [0x80, 0x78, 0xAB, 0xCD, 0x11, 0x22, 0x33, 0x44, 1, 2, 3, 4]
        );
    }

    #[test]
    fn counters_advance_and_wrap() {
        let mut stream = RtpStream::starting_at(7, u16::MAX, u32::MAX - 959);
        stream.next_header();
        let header = stream.next_header();
        assert_eq!(header[2..8], [0, 0, 0, 0, 0, 0]);
        let header = stream.next_header();
        assert_eq!(header[2..4], [0, 1]);
        assert_eq!(header[4..8], 960u32.to_be_bytes());
    }
}
