//! Where in an MP3 file a point in time is: exact for a constant bitrate, else by the table in its first frame.

use std::time::Duration;

use crate::probe::{MpegHeader, id3_length, mpeg_header};
use crate::recording::Recording;

/// Bytes searched for the first frame behind the tags.
const SYNC_WINDOW: usize = 64 * 1024;

/// Frames that must follow each other before the first counts as found.
const FRAMES_TO_TRUST: usize = 3;

/// Frames looked at to see whether the bitrate is constant: those in about what is read to open a file.
const FRAMES_TO_COMPARE: usize = 100;

/// Frames played into the decoder before a target, which hold the bits the target's frame borrows from earlier ones.
const WARM_UP_FRAMES: u64 = 12;

/// Entries of a Xing table.
const TABLE_ENTRIES: usize = 100;

/// A place to start reading at, with the time of the first frame there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Landing {
    /// Position in the file from which on the next frame is the wanted one.
    pub(crate) byte: u64,
    /// Time of that frame.
    pub(crate) time: Duration,
    /// Whether `time` is right to the sample.
    pub(crate) is_exact: bool,
    /// Where the frame starts if the bitrate is constant as assumed.
    pub(crate) frame_at: u64,
}

/// What the first frames say about the whole file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mp3Index {
    header: MpegHeader,
    /// Position of the first frame with audio.
    audio_at: u64,
    /// Bytes of audio.
    bytes: u64,
    /// Frames, when a header tells.
    frames: Option<u64>,
    /// Samples the encoder put in front.
    delay: u64,
    places: Places,
}

#[derive(Debug, Clone, PartialEq)]
enum Places {
    /// All frames are of the same size but for one byte of padding.
    Constant,
    /// Share of the bytes (`0.0..=1.0`) at equal steps of time, from 0 to the end.
    Table(Vec<f64>),
}

impl Mp3Index {
    /// Reads the first frames of a recorded file of `file_bytes` bytes; `None` when nothing can be told. `delay`: the
    /// samples the container reader cuts from the start. `start`: where to look, behind the first tag.
    pub(crate) fn read(recording: &Recording, mut start: u64, file_bytes: u64, delay: u32) -> Option<Self> {
        let delay = u64::from(delay);
        while let length @ 1.. = id3_length(recording.from(start)) {
            start = start.checked_add(length)?;
        }
        let data = recording.from(start);
        let offset = (0..SYNC_WINDOW.min(data.len())).find(|&at| follows(data, at, FRAMES_TO_TRUST))?;
        let first = data.get(offset..)?;
        let header = mpeg_header(first)?;
        let frame = &first[..header.frame_bytes().min(first.len())];
        let at = start + offset as u64;
        let next = at + header.frame_bytes() as u64;
        let whole = |audio_at: u64| file_bytes.saturating_sub(audio_at);
        if let Some(xing) = Xing::read(frame, &header) {
            let bytes = xing.bytes.map_or(whole(next), |bytes| {
                bytes.saturating_sub(header.frame_bytes() as u64).min(whole(next))
            });
            let places = match xing.table {
                Some(table) if xing.is_variable => Places::Table(table),
                _ if xing.is_variable => return None,
                _ => Places::Constant,
            };
            return Some(Self {
                header: mpeg_header(first.get(header.frame_bytes()..)?)?,
                audio_at: next,
                bytes,
                frames: xing.frames,
                delay,
                places,
            });
        }
        if let Some((frames, bytes, table)) = read_vbri(frame) {
            return Some(Self {
                header,
                audio_at: next,
                bytes: bytes.min(whole(next)),
                frames: Some(frames),
                delay,
                places: Places::Table(table),
            });
        }
        // Without a header only the frames themselves tell whether the bitrate is constant.
        is_constant(data, offset).then(|| Self {
            header,
            audio_at: at,
            bytes: whole(at),
            frames: None,
            delay,
            places: Places::Constant,
        })
    }

    /// Playing time without what the encoder put in front, when a header or the constant bitrate tells it.
    pub(crate) fn length(&self) -> Option<Duration> {
        let frames = match (self.frames, &self.places) {
            (Some(frames), _) => frames,
            (None, Places::Constant) => (self.bytes as f64 / self.header.mean_frame_bytes()).round() as u64,
            (None, Places::Table(_)) => return None,
        };
        Some(self.header.duration(frames * self.header.samples())).filter(|length| !length.is_zero())
    }

    /// Where to start reading to play from `time` on; the landing is before it.
    pub(crate) fn landing(&self, time: Duration) -> Option<Landing> {
        let rate = u128::from(self.header.rate_hz());
        let sample = u64::try_from(time.as_nanos() * rate / 1_000_000_000)
            .ok()?
            .checked_add(self.delay)?;
        let frame = (sample / self.header.samples()).saturating_sub(WARM_UP_FRAMES);
        // Near the start the file is read from there.
        let before = (frame * self.header.samples()).checked_sub(self.delay)?;
        if frame == 0 {
            return None;
        }
        let time = self.header.duration(before);
        match &self.places {
            Places::Constant => {
                let mean = self.header.mean_frame_bytes();
                let frame_at = self.audio_at + (frame as f64 * mean) as u64;
                Some(Landing {
                    byte: frame_at.saturating_sub((mean / 2.0) as u64),
                    time,
                    is_exact: true,
                    frame_at,
                })
            }
            Places::Table(table) => {
                let frames = self.frames.filter(|&frames| frames > 0)?;
                let place = frame.min(frames) as f64 / frames as f64 * (table.len() - 1) as f64;
                let (low, part) = (place.floor() as usize, place.fract());
                let before = *table.get(low)?;
                let after = table.get(low + 1).copied().unwrap_or(before);
                let byte = self.audio_at + ((before + (after - before) * part) * self.bytes as f64) as u64;
                Some(Landing {
                    byte,
                    time,
                    is_exact: false,
                    frame_at: byte,
                })
            }
        }
    }

    /// Whether `bytes`, read from one byte before [`Landing::frame_at`] on, hold the frame that a constant bitrate puts
    /// there.
    pub(crate) fn confirms(&self, bytes: &[u8]) -> bool {
        (0..=2).any(|at| {
            bytes
                .get(at..)
                .and_then(mpeg_header)
                .is_some_and(|found| found.is_like(&self.header) && found.bitrate() == self.header.bitrate())
        })
    }
}

/// Whether `count` frames of one kind follow each other from `at` on, as far as the data goes.
fn follows(data: &[u8], mut at: usize, count: usize) -> bool {
    let Some(first) = data.get(at..).and_then(mpeg_header) else {
        return false;
    };
    for _ in 0..count {
        at += match data.get(at..).map(mpeg_header) {
            Some(Some(header)) if header.is_like(&first) => header.frame_bytes(),
            Some(Some(_)) => return false,
            Some(None) if data.len() - at >= 4 => return false,
            _ => return true,
        };
    }
    true
}

/// Whether the first frames from `at` on have one bitrate, as far as the data goes.
fn is_constant(data: &[u8], mut at: usize) -> bool {
    let frame = |at: usize| data.get(at..).and_then(mpeg_header);
    let Some(first) = frame(at) else { return false };
    for _ in 0..FRAMES_TO_COMPARE {
        at += match frame(at) {
            Some(header) if header.is_like(&first) && header.bitrate() != first.bitrate() => return false,
            Some(header) if header.is_like(&first) => header.frame_bytes(),
            _ => return true,
        };
    }
    true
}

struct Xing {
    is_variable: bool,
    frames: Option<u64>,
    bytes: Option<u64>,
    table: Option<Vec<f64>>,
}

impl Xing {
    /// The header Xing introduced and LAME extended, in the place of the first frame's audio.
    fn read(frame: &[u8], header: &MpegHeader) -> Option<Self> {
        let tag = frame.get(4 + header.side_info_bytes()..)?;
        let is_variable = tag.starts_with(b"Xing");
        if !is_variable && !tag.starts_with(b"Info") {
            return None;
        }
        let mut rest = tag.get(4..)?;
        let mut word = || -> Option<u32> {
            let (first, after) = rest.split_first_chunk::<4>()?;
            rest = after;
            Some(u32::from_be_bytes(*first))
        };
        let flags = word()?;
        let frames = if flags & 1 != 0 {
            Some(u64::from(word()?))
        } else {
            None
        };
        let bytes = if flags & 2 != 0 {
            Some(u64::from(word()?))
        } else {
            None
        };
        let mut table = None;
        if flags & 4 != 0 {
            let entries = rest.get(..TABLE_ENTRIES)?;
            let shares = entries.iter().map(|&entry| f64::from(entry) / 256.0).chain([1.0]);
            table = Some(shares.collect());
        }
        Some(Self {
            is_variable,
            frames,
            bytes,
            table,
        })
    }
}

/// Frames, bytes and table of the header Fraunhofer's encoder writes 32 bytes behind the frame's header.
fn read_vbri(frame: &[u8]) -> Option<(u64, u64, Vec<f64>)> {
    let tag = frame.get(36..)?;
    if !tag.starts_with(b"VBRI") {
        return None;
    }
    let word = |at: usize| {
        tag.get(at..)?
            .first_chunk()
            .map(|bytes| u32::from_be_bytes(*bytes))
    };
    let half = |at: usize| {
        tag.get(at..)?
            .first_chunk()
            .map(|bytes| u16::from_be_bytes(*bytes))
    };
    let (bytes, frames) = (u64::from(word(10)?), u64::from(word(14)?));
    let (entries, scale, width) = (half(18)?, half(20)?, usize::from(half(22)?));
    if entries == 0 || !(1..=4).contains(&width) || bytes == 0 {
        return None;
    }
    let mut sum = 0.0;
    let mut table = vec![0.0];
    for entry in tag.get(26..)?.chunks_exact(width).take(usize::from(entries)) {
        let value = entry
            .iter()
            .fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
        sum += value as f64 * f64::from(scale);
        table.push(sum / bytes as f64);
    }
    (table.len() == usize::from(entries) + 1).then_some((frames, bytes, table))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// MPEG-1 layer III, 128 kbit/s, 44.1 kHz, stereo; padded when the mean says so.
    fn constant(frames: usize) -> Vec<u8> {
        let mut file = Vec::new();
        for number in 0..frames {
            let end = ((number + 1) as f64 * 144_000.0 * 128.0 / 44_100.0) as usize;
            let padding = end - file.len() - 417;
            file.extend([0xff, 0xfb, 0x90 | (padding as u8) << 1, 0x00]);
            file.resize(end, 0);
        }
        file
    }

    fn index(file: &[u8]) -> Option<Mp3Index> {
        let mut recording = Recording::default();
        recording.add(0, &file[..file.len().min(8_192)]);
        Mp3Index::read(&recording, 0, file.len() as u64, 0)
    }

    #[test]
    fn a_constant_bitrate_is_exact() {
        let file = constant(1_000);
        let index = index(&file).expect("frames");
        assert_eq!(index.length().expect("constant").as_millis(), 26_122);
        let landing = index.landing(Duration::from_secs(20)).expect("constant");
        let frame = 20 * 44_100 / 1_152 - WARM_UP_FRAMES;
        assert_eq!(
            landing.time,
            Duration::from_nanos(frame * 1_152 * 1_000_000_000 / 44_100)
        );
        assert!(landing.is_exact);
        let at = landing.frame_at as usize;
        assert!(index.confirms(&file[at - 1..at + 10]));
        assert!(!index.confirms(&file[at + 3..at + 14]));
        assert_eq!(&file[at..at + 2], [0xff, 0xfb]);
        // The first frame from the landing on is that one.
        let from = landing.byte as usize;
        let next = (from..).find(|&at| file[at] == 0xff && file[at + 1] == 0xfb);
        assert_eq!(next, Some(at));
    }

    #[test]
    fn a_variable_bitrate_without_a_header_tells_nothing() {
        let mut file = constant(5);
        // 160 kbit/s: 522 bytes.
        let mut louder = vec![0xff, 0xfb, 0xa0, 0x00];
        louder.resize(522, 0);
        file.extend(louder);
        file.extend(constant(5));
        assert_eq!(index(&file), None);
    }

    #[test]
    fn a_table_is_followed() {
        let mut file = constant(1_000);
        let mut tag = b"Xing\0\0\0\x07".to_vec();
        tag.extend(999_u32.to_be_bytes());
        tag.extend((file.len() as u32).to_be_bytes());
        // The first half of the time takes a quarter of the bytes.
        tag.extend((0..100).map(|n| if n < 50 { n * 64 / 50 } else { 64 + (n - 50) * 192 / 50 } as u8));
        file[36..36 + tag.len()].copy_from_slice(&tag);
        let index = index(&file).expect("frames");
        assert_eq!(index.length().expect("told").as_millis(), 26_096);
        let landing = index.landing(Duration::from_millis(13_362)).expect("a table");
        assert!(!landing.is_exact);
        assert!(
            landing.byte.abs_diff(file.len() as u64 / 4) < 4_000,
            "{landing:?}"
        );
    }

    #[test]
    fn the_fraunhofer_header_is_read() {
        let mut frame = constant(1);
        let mut tag = b"VBRI\0\x01\0\0\0\0".to_vec();
        tag.extend(1_000_u32.to_be_bytes());
        tag.extend(77_u32.to_be_bytes());
        tag.extend([0, 4, 0, 1, 0, 2, 0, 20]);
        tag.extend(
            [100_u16, 200, 300, 400]
                .iter()
                .flat_map(|step| step.to_be_bytes()),
        );
        frame[36..36 + tag.len()].copy_from_slice(&tag);
        let (frames, bytes, table) = read_vbri(&frame).expect("a header");
        assert_eq!((frames, bytes), (77, 1_000));
        assert_eq!(table, [0.0, 0.1, 0.3, 0.6, 1.0]);
    }

    proptest! {
        #[test]
        fn never_panics(
            mutations in proptest::collection::vec((0_usize..700, any::<u8>()), 0..40),
            millis in any::<u32>(),
        ) {
            let mut file = constant(20);
            file[36..44].copy_from_slice(b"Xing\0\0\0\x0f");
            for (at, byte) in mutations {
                file[at] = byte;
            }
            if let Some(index) = index(&file) {
                let _ = (index.length(), index.landing(Duration::from_millis(u64::from(millis))));
            }
        }
    }
}
