//! MPEG transport streams (ISO/IEC 13818-1): the first program's audio as the elementary stream it carries.
//!
//! Only what playing audio takes is read: which stream carries it, and its bytes. Times are left out, since ADTS and MPEG
//! audio are continuous; damaged or foreign packets are skipped.

mod demux;
mod section;

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::errors::{Result, unsupported_error};
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::default::formats::{AdtsReader, MpaReader};

use demux::{Codec, Demux, PACKET_BYTES, SYNC};
pub(crate) use section::Service;

/// Bytes without a program with audio after which a stream is given up.
const SEARCH_BYTES: u64 = 2 * 1024 * 1024;

/// Packets taken from the input at once.
const BATCH_PACKETS: usize = 21;

/// Distances of packets in bytes: bare; behind a time stamp, as on Blu-ray discs and from cameras (`.m2ts`); before a
/// check sum, as broadcast.
const STRIDES: [usize; 3] = [PACKET_BYTES, 192, 204];

/// Bytes from which the distance of packets can be told.
const TELLING_BYTES: usize = 4 * 204;

/// Packets that must follow each other where a stream does not begin with one.
const PACKETS_TO_TRUST: usize = 8;

/// Where the packets of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Alignment {
    /// The first byte of the first packet.
    first: usize,
    /// From packet to packet.
    stride: usize,
}

impl Alignment {
    /// How the packets in a stream's first bytes lie; `None` when it is none.
    fn of(head: &[u8]) -> Option<Self> {
        let is_at = |first: usize, stride: usize, count: usize, may_end: bool| {
            (0..count).all(|number| {
                head.get(first + number * stride)
                    .map_or(may_end, |&byte| byte == SYNC)
            })
        };
        let at_the_start = STRIDES
            .into_iter()
            .map(|stride| Self {
                first: if stride == 192 { 4 } else { 0 },
                stride,
            })
            .find(|it| head.len() > it.first + it.stride && is_at(it.first, it.stride, 3, true));
        // Recorded from the middle of a broadcast.
        let cut = || {
            let all = STRIDES
                .into_iter()
                .flat_map(|stride| (0..stride).map(move |first| Self { first, stride }));
            all.into_iter()
                .find(|it| is_at(it.first, it.stride, PACKETS_TO_TRUST, false))
        };
        at_the_start.or_else(cut)
    }
}

/// Whether these first bytes of a medium are those of a transport stream.
pub(crate) fn is_transport_stream(head: &[u8]) -> bool {
    Alignment::of(head).is_some()
}

/// Builds the reader of the audio in a transport stream.
///
/// # Errors
/// An unsupported error when no program with ADTS or MPEG audio shows up; those of the input and of the audio's
/// own reader.
pub(crate) fn open<'s>(stream: MediaSourceStream<'s>) -> Result<Box<dyn FormatReader + 's>> {
    let mut audio = TsAudio::new(stream);
    let codec = audio.find_audio()?;
    let inner = MediaSourceStream::new(Box::new(audio), MediaSourceStreamOptions::default());
    let options = FormatOptions::default();
    Ok(match codec {
        Codec::Adts => Box::new(AdtsReader::try_new(inner, options)?),
        Codec::MpegAudio => Box::new(MpaReader::try_new(inner, options)?),
    })
}

/// What a stream's first bytes say about the service.
pub(crate) fn service(head: &[u8]) -> Option<Service> {
    let mut demux = Demux::default();
    let mut audio = Vec::new();
    let Alignment { first, stride } = Alignment::of(head)?;
    for packet in head.get(first..)?.chunks(stride) {
        demux.push(packet.get(..PACKET_BYTES)?, &mut audio);
    }
    demux.service().cloned()
}

/// The elementary stream of the audio, as a source of bytes.
struct TsAudio<'s> {
    input: MediaSourceStream<'s>,
    demux: Demux,
    /// From packet to packet; 0 until that is known.
    stride: usize,
    /// Bytes from the input that do not make a packet yet.
    packets: Vec<u8>,
    /// Bytes of the input up to the next packet.
    between: usize,
    audio: Vec<u8>,
    delivered: usize,
}

impl<'s> TsAudio<'s> {
    fn new(input: MediaSourceStream<'s>) -> Self {
        Self {
            input,
            demux: Demux::default(),
            stride: 0,
            packets: Vec::new(),
            between: 0,
            audio: Vec::new(),
            delivered: 0,
        }
    }

    /// Reads until the audio stream is known.
    fn find_audio(&mut self) -> Result<Codec> {
        let mut searched = 0;
        loop {
            if let Some(codec) = self.demux.codec() {
                return Ok(codec);
            }
            let read = self.fill()?;
            searched += read as u64;
            if (read == 0 && self.demux.codec().is_none()) || searched > SEARCH_BYTES {
                return unsupported_error(self.demux.why_silent());
            }
        }
    }

    /// Takes more packets from the input; 0 at its end.
    fn fill(&mut self) -> io::Result<usize> {
        if self.delivered >= self.audio.len() {
            self.audio.clear();
            self.delivered = 0;
        }
        let have = self.packets.len();
        self.packets.resize(have + BATCH_PACKETS * PACKET_BYTES, 0);
        let read = self.input.read(&mut self.packets[have..]);
        self.packets.truncate(have + read.as_ref().copied().unwrap_or(0));
        let read = read?;
        if self.stride == 0 {
            if read > 0 && self.packets.len() < TELLING_BYTES {
                return Ok(read);
            }
            let alignment = Alignment::of(&self.packets);
            self.stride = alignment.map_or(PACKET_BYTES, |alignment| alignment.stride);
            self.between = alignment.map_or(0, |alignment| alignment.first);
        }
        let mut at = self.between;
        while let Some(packet) = self.packets.get(at..at + PACKET_BYTES) {
            if packet[0] == SYNC {
                self.demux.push(packet, &mut self.audio);
                at += self.stride;
            } else {
                // Out of step: the next sync byte with another behind it is a packet's first.
                let is_next = |skip: &usize| {
                    let next = self.packets.get(at + skip + self.stride);
                    packet[*skip] == SYNC && next.is_none_or(|&byte| byte == SYNC)
                };
                at += (0..PACKET_BYTES).find(is_next).unwrap_or(PACKET_BYTES);
                self.demux.lost_step();
            }
        }
        let used = at.min(self.packets.len());
        self.between = at - used;
        self.packets.drain(..used);
        Ok(read)
    }
}

impl Read for TsAudio<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        while self.delivered >= self.audio.len() {
            let is_end = self.fill()? == 0;
            if is_end && self.audio.is_empty() {
                return Ok(0);
            }
        }
        let rest = &self.audio[self.delivered..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.delivered += count;
        Ok(count)
    }
}

impl Seek for TsAudio<'_> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a transport stream is read from front to back",
        ))
    }
}

impl MediaSource for TsAudio<'_> {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;
    use symphonia::core::errors::Error as MediaError;

    fn stream(bytes: Vec<u8>) -> MediaSourceStream<'static> {
        MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default())
    }

    fn audio_of(bytes: Vec<u8>) -> Vec<u8> {
        let mut audio = TsAudio::new(stream(bytes));
        let mut all = Vec::new();
        audio.read_to_end(&mut all).expect("memory reads");
        all
    }

    #[test]
    fn the_audio_comes_out_whole_and_in_order() {
        let payload: Vec<u8> = (0..5_000_u32).map(|n| (n % 251) as u8).collect();
        let bytes = demux::testing::stream(0x0f, &[&payload[..2_000], &payload[2_000..]]);
        assert_eq!(audio_of(bytes.clone()), payload);
        assert_eq!(
            TsAudio::new(stream(bytes)).find_audio().expect("ADTS"),
            Codec::Adts
        );
    }

    #[test]
    fn bytes_out_of_step_are_skipped() {
        let payload = [7; 100];
        let mut bytes = vec![1, 2, 3];
        bytes.extend(demux::testing::stream(0x03, &[&payload]));
        assert_eq!(audio_of(bytes), payload);
    }

    #[test]
    fn packets_with_something_between_them_and_cut_ones_are_read() {
        let payload: Vec<u8> = (0..5_000_u32).map(|n| (n % 251) as u8).collect();
        let plain = demux::testing::stream(0x0f, &[&payload[..2_000], &payload[2_000..]]);
        let packets = || plain.chunks_exact(PACKET_BYTES);
        // Time stamps that look like packets.
        let stamped: Vec<u8> = packets()
            .flat_map(|packet| [&[SYNC; 4], packet].concat())
            .collect();
        let checked: Vec<u8> = packets()
            .flat_map(|packet| [packet, &[SYNC; 16]].concat())
            .collect();
        let cut = [&[0x11; 100], plain.as_slice()].concat();
        for (name, bytes) in [("stamped", stamped), ("checked", checked), ("cut", cut)] {
            assert!(is_transport_stream(&bytes), "{name}");
            assert_eq!(audio_of(bytes), payload, "{name}");
        }
        assert!(!is_transport_stream(&[0x11; 4_000]));
        assert!(!is_transport_stream(b"G"));
    }

    #[test]
    fn it_is_said_which_audio_is_not_played() {
        for (stream_type, named) in [(0x11, "LATM"), (0x81, "AC-3"), (0x1b, "no ADTS")] {
            let Err(error) = open(stream(demux::testing::stream(stream_type, &[&[0; 300]]))) else {
                panic!("{stream_type:#x} is played")
            };
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn a_stream_without_audio_is_no_audio() {
        let bytes = demux::testing::stream(0x1b, &[&[0; 300]]);
        assert!(matches!(open(stream(bytes)), Err(MediaError::Unsupported(_))));
        assert!(open(stream(vec![SYNC; 4_000_000])).is_err());
    }

    proptest! {
        #[test]
        fn damage_never_panics(
            payload in proptest::collection::vec(any::<u8>(), 0..2_000),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = demux::testing::stream(0x0f, &[&payload]);
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            let audio = audio_of(bytes.clone());
            prop_assert!(audio.len() <= bytes.len());
            let _ = service(&bytes);
        }
    }
}
