//! The parsers of foreign bytes, each by itself: entry points of the fuzz targets and of the tests with damaged input.
//!
//! Their answers do not matter, only that there is one.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::time::Duration;

use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};

use crate::mp3_index::Mp3Index;
use crate::mp4_index::{Mp4Index, decode_time, fragment_header};
use crate::opus_packet::{OpusHead, layout, packet_samples};
use crate::recording::Recording;
use crate::{MediaHint, MediaInput, mpeg_ts, probe};

/// Packets taken from a container at most.
const PACKETS: usize = 2_000;

struct Bytes(Cursor<Vec<u8>>);

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Bytes {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

impl MediaInput for Bytes {
    fn byte_len(&self) -> Option<u64> {
        Some(self.0.get_ref().len() as u64)
    }

    fn is_seekable(&self) -> bool {
        true
    }
}

/// Probes a medium or playlist of any kind: detection, PLS, M3U and plain lists, tags, the title of a Matroska segment.
pub fn probe_medium(bytes: &[u8]) {
    let _ = probe(
        Box::new(Bytes(Cursor::new(bytes.to_vec()))),
        &MediaHint::default(),
    );
}

/// Takes the audio out of an MPEG transport stream.
pub fn transport_stream(bytes: &[u8]) {
    let _ = mpeg_ts::service(bytes);
    let source = Box::new(Cursor::new(bytes.to_vec()));
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    if let Ok(mut reader) = mpeg_ts::open(stream) {
        for _ in 0..PACKETS {
            if !matches!(reader.next_packet(), Ok(Some(_))) {
                break;
            }
        }
    }
}

/// Reads an Opus identification header, and an Opus packet that is to be split.
pub fn opus(bytes: &[u8]) {
    if let Some(head) = OpusHead::parse(bytes) {
        let _ = head.allows_passthrough();
    }
    let _ = packet_samples(bytes);
    if let Some(layout) = layout(bytes) {
        let mut frame = Vec::new();
        for index in 0..=layout.frame_count() {
            let _ = layout.write_frame(bytes, index, &mut frame);
        }
        let _ = layout.frame_samples();
    }
}

/// Reads what the start of an MP3 or MP4 file says about where things are in it.
pub fn index(bytes: &[u8]) {
    let mut recording = Recording::starting_at(0);
    recording.add(0, bytes);
    let length = bytes.len() as u64;
    let times = [0, 1, 60, u64::MAX / 1_000_000_000].map(Duration::from_secs);
    if let Some(index) = Mp3Index::read(&recording, 0, length, 576) {
        let _ = (
            index.length(),
            index.confirms(bytes),
            times.map(|time| index.landing(time)),
        );
    }
    for file_bytes in [Some(length), None] {
        let index = Mp4Index::read(&recording, file_bytes);
        let _ = (index.edit(1, 44_100), index.edit(0, 0));
        if let Some(fragments) = &index.fragments {
            let _ = times.map(|time| fragments.at(time));
        }
    }
    let _ = (fragment_header(bytes), decode_time(bytes, 1));
}
