//! Packets: which belong to the audio, and what they carry.

use super::section::{self, Sections, Service};

/// Size of a packet.
pub(super) const PACKET_BYTES: usize = 188;

/// First byte of each packet.
pub(super) const SYNC: u8 = 0x47;

/// Packets of the program association table.
const PAT_PID: u16 = 0;

/// Packets of the service description table (ETSI EN 300 468, section 5.1.3).
const SDT_PID: u16 = 0x11;

/// Audio the elementary stream of a program may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// AAC in ADTS, stream type 0x0F.
    Adts,
    /// MPEG-1 or MPEG-2 audio, stream types 0x03 and 0x04.
    MpegAudio,
}

impl Codec {
    /// The codec of a stream type (ISO/IEC 13818-1, table 2-34).
    pub(super) fn of(stream_type: u8) -> Option<Self> {
        match stream_type {
            0x03 | 0x04 => Some(Self::MpegAudio),
            0x0f => Some(Self::Adts),
            _ => None,
        }
    }
}

/// What to say of a stream type that is audio nobody plays here.
fn unplayable(stream_type: u8) -> Option<&'static str> {
    match stream_type {
        0x11 => Some("the audio of the transport stream is AAC in LATM, which is not played"),
        0x81 | 0x87 => Some("the audio of the transport stream is AC-3, which is not played"),
        _ => None,
    }
}

/// Follows the tables and collects the audio.
#[derive(Debug, Default)]
pub(super) struct Demux {
    pat: Sections,
    pmt: Sections,
    sdt: Sections,
    pmt_pid: Option<u16>,
    audio: Option<Audio>,
    /// Audio of a program that cannot be played.
    unplayable: Option<&'static str>,
    service: Option<Service>,
}

/// The stream that is played.
#[derive(Debug)]
struct Audio {
    pid: u16,
    codec: Codec,
    /// Bytes of the current PES packet's header that are still to come; `None` before the first packet begins.
    header: Option<Header>,
    counter: Option<u8>,
}

/// The header of a PES packet, which may be spread over several transport packets.
#[derive(Debug)]
enum Header {
    Collecting(Vec<u8>),
    Done,
}

/// Fixed part of a PES header, up to its own length.
const PES_FIXED: usize = 9;

impl Demux {
    /// The audio found.
    pub(super) fn codec(&self) -> Option<Codec> {
        self.audio.as_ref().map(|audio| audio.codec)
    }

    /// Why no audio was found.
    pub(super) fn why_silent(&self) -> &'static str {
        self.unplayable
            .unwrap_or("the transport stream has no ADTS or MPEG audio")
    }

    /// The service described.
    pub(super) fn service(&self) -> Option<&Service> {
        self.service.as_ref()
    }

    /// The packets were out of step; what was begun is not gone on with.
    pub(super) fn lost_step(&mut self) {
        self.pat = Sections::default();
        self.pmt = Sections::default();
        self.sdt = Sections::default();
    }

    /// Takes one packet of [`PACKET_BYTES`] and appends its share of the audio.
    pub(super) fn push(&mut self, packet: &[u8], out: &mut Vec<u8>) {
        let Some(packet) = Packet::parse(packet) else {
            return;
        };
        match packet.pid {
            PAT_PID => {
                if let Some(table) = self.pat.push(packet.starts, packet.payload)
                    && let Some(pid) = section::first_program(&table)
                {
                    self.pmt_pid = Some(pid);
                }
            }
            SDT_PID => {
                if let Some(table) = self.sdt.push(packet.starts, packet.payload) {
                    self.service = section::first_service(&table).or(self.service.take());
                }
            }
            pid if Some(pid) == self.pmt_pid => {
                if let Some(table) = self.pmt.push(packet.starts, packet.payload) {
                    self.choose(&table);
                }
            }
            pid => {
                if let Some(audio) = self.audio.as_mut().filter(|audio| audio.pid == pid) {
                    audio.push(&packet, out);
                }
            }
        }
    }

    /// Takes the program's first stream that can be played. The codec stays what it was: the reader is built for it.
    fn choose(&mut self, table: &[u8]) {
        let known = self.codec();
        let found = section::streams(table).find_map(|(stream_type, pid)| {
            let codec = Codec::of(stream_type)?;
            (known.is_none() || known == Some(codec)).then_some((codec, pid))
        });
        self.unplayable = section::streams(table).find_map(|(stream_type, _)| unplayable(stream_type));
        if let Some((codec, pid)) = found
            && self.audio.as_ref().is_none_or(|audio| audio.pid != pid)
        {
            self.audio = Some(Audio {
                pid,
                codec,
                header: None,
                counter: None,
            });
        }
    }
}

impl Audio {
    fn push(&mut self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        // A packet sent twice has the same counter and the same payload.
        if self.counter == Some(packet.counter) && !packet.starts {
            return;
        }
        self.counter = Some(packet.counter);
        if packet.starts {
            self.header = Some(Header::Collecting(Vec::new()));
        }
        match &mut self.header {
            None => {}
            Some(Header::Done) => out.extend_from_slice(packet.payload),
            Some(Header::Collecting(header)) => {
                header.extend_from_slice(packet.payload);
                let Some(&length) = header.get(PES_FIXED - 1) else {
                    return;
                };
                if !header.starts_with(&[0, 0, 1]) {
                    self.header = None;
                    return;
                }
                if let Some(audio) = header.get(PES_FIXED + usize::from(length)..) {
                    out.extend_from_slice(audio);
                    self.header = Some(Header::Done);
                }
            }
        }
    }
}

/// One transport packet with a payload.
struct Packet<'a> {
    pid: u16,
    /// A section or PES packet begins in it.
    starts: bool,
    counter: u8,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// `None` for packets that are damaged, scrambled or without a payload.
    fn parse(packet: &'a [u8]) -> Option<Self> {
        let &[SYNC, high, low, control, ref rest @ ..] = packet else {
            return None;
        };
        let has_error = high & 0x80 != 0;
        let is_scrambled = control & 0xc0 != 0;
        if has_error || is_scrambled || control & 0x10 == 0 {
            return None;
        }
        let payload = if control & 0x20 == 0 {
            rest
        } else {
            let (&length, rest) = rest.split_first()?;
            rest.get(usize::from(length)..)?
        };
        Some(Self {
            pid: u16::from(high & 0x1f) << 8 | u16::from(low),
            starts: high & 0x40 != 0,
            counter: control & 0x0f,
            payload,
        })
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! A small multiplexer.

    use super::{PACKET_BYTES, SYNC};

    const PMT_PID: u16 = 0x100;
    const AUDIO_PID: u16 = 0x101;

    /// A stream with one program whose only stream is of `stream_type` and has the given PES packets.
    pub(crate) fn stream(stream_type: u8, packets: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let pat = section(0, &[0, 1, 0xe0 | (PMT_PID >> 8) as u8, PMT_PID as u8]);
        packet(&mut out, 0, true, 0, &[&[0], pat.as_slice()].concat());
        let [high, low] = AUDIO_PID.to_be_bytes();
        let pmt = section(
            2,
            &[0xe0 | high, low, 0xf0, 0, stream_type, 0xe0 | high, low, 0xf0, 0],
        );
        packet(&mut out, PMT_PID, true, 0, &[&[0], pmt.as_slice()].concat());
        let mut counter = 0;
        for audio in packets {
            let mut pes = vec![0, 0, 1, 0xc0, 0, 0, 0x80, 0x80, 5, 1, 2, 3, 4, 5];
            pes.extend_from_slice(audio);
            for (index, piece) in pes.chunks(PACKET_BYTES - 4).enumerate() {
                packet(&mut out, AUDIO_PID, index == 0, counter, piece);
                counter = (counter + 1) & 0x0f;
            }
        }
        out
    }

    fn section(table: u8, body: &[u8]) -> Vec<u8> {
        let length = body.len() + 9;
        let mut out = vec![table, 0xb0 | (length >> 8) as u8, length as u8, 0, 1, 0xc1, 0, 0];
        out.extend_from_slice(body);
        out.extend_from_slice(&[0; 4]);
        out
    }

    fn packet(out: &mut Vec<u8>, pid: u16, starts: bool, counter: u8, payload: &[u8]) {
        let start = if starts { 0x40 } else { 0 };
        let stuffing = PACKET_BYTES - 4 - payload.len();
        let adaptation = if stuffing > 0 { 0x20 } else { 0 };
        out.extend_from_slice(&[
            SYNC,
            start | (pid >> 8) as u8,
            pid as u8,
            0x10 | adaptation | counter,
        ]);
        if stuffing > 0 {
            out.push(stuffing as u8 - 1);
            if stuffing > 1 {
                out.push(0);
                out.resize(out.len() + stuffing - 2, 0xff);
            }
        }
        out.extend_from_slice(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_packet_counts_once() {
        let bytes = testing::stream(0x0f, &[&[9; 400]]);
        let mut demux = Demux::default();
        let mut audio = Vec::new();
        for packet in bytes.chunks_exact(PACKET_BYTES) {
            demux.push(packet, &mut audio);
            let is_start = packet[1] & 0x40 != 0;
            if !is_start {
                demux.push(packet, &mut audio);
            }
        }
        assert_eq!(audio, [9; 400]);
    }

    #[test]
    fn scrambled_and_damaged_packets_are_left_out() {
        let mut packet = [0xff; PACKET_BYTES];
        packet[..4].copy_from_slice(&[SYNC, 0x41, 0x01, 0x10]);
        assert!(Packet::parse(&packet).is_some());
        for (at, bits) in [(1, 0x80), (3, 0x40)] {
            let mut bad = packet;
            bad[at] |= bits;
            assert!(Packet::parse(&bad).is_none());
        }
        packet[3] = 0x30;
        packet[4] = 200;
        assert!(
            Packet::parse(&packet).is_none(),
            "an adaptation field longer than the packet"
        );
    }
}
