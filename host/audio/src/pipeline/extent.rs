//! Where the audio of an opened track begins and ends, and what its start tells about where things are in it.

use std::time::Duration;

use symphonia::core::formats::FormatReader;

use super::clock::{duration_ns, nanos_of};
use super::link::Link;
use crate::container::{self, Container, Selected};
use crate::decode::opus_head;
use crate::mp3_index::Mp3Index;
use crate::mp4_index::{Fragments, Mp4Index};
use crate::recording::Recording;

/// What the start of the file tells about where things are in it.
pub(super) enum Index {
    /// Nothing the container reader does not know as well.
    None,
    /// Frames by bitrate or table.
    Mp3(Mp3Index),
    /// Fragments of a fragmented file.
    Mp4(Fragments),
}

/// The part of a track that is to be heard.
pub(super) struct Extent {
    /// Playing time, when known.
    pub(super) length: Option<Duration>,
    /// Container time of the first sample to be heard, in ns; what comes before primes the decoder.
    pub(super) origin_ns: i64,
    /// Source time behind the last sample to be heard, in ns, when the container tells.
    pub(super) end_ns: Option<i64>,
    pub(super) index: Index,
}

impl Extent {
    /// What an opened container and the bytes it was opened from say. `tag_bytes`: length of an ID3 tag in front.
    pub(super) fn of(
        container: Container,
        reader: &dyn FormatReader,
        selected: &Selected,
        link: &Link<'_>,
        recording: &Recording,
        tag_bytes: u64,
    ) -> Self {
        let mut extent = Self {
            length: container::length(reader, selected),
            origin_ns: 0,
            end_ns: None,
            index: Index::None,
        };
        match container {
            Container::Mp3 => {
                extent.end_ns = extent.length.map(duration_ns);
                let delay = selected.track.delay.unwrap_or(0);
                let found = link
                    .file_len()
                    .and_then(|bytes| Mp3Index::read(recording, tag_bytes, bytes, delay));
                let by_bitrate = || found.as_ref().and_then(Mp3Index::length);
                extent.length = extent.length.or_else(by_bitrate);
                extent.index = found.map_or(Index::None, Index::Mp3);
            }
            Container::Mp4 => {
                let found = Mp4Index::read(recording, link.file_len());
                let edit = found.edit(selected.track.id, selected.parameters.sample_rate.unwrap_or(0));
                extent.origin_ns = duration_ns(edit.start);
                extent.end_ns = edit.length.map(duration_ns);
                extent.length = edit.length.or(extent.length);
                extent.index = found.fragments.map_or(Index::None, Index::Mp4);
            }
            // Its times count the priming samples.
            Container::Ogg if selected.is_opus() => {
                extent.origin_ns = nanos_of(u64::from(opus_head(selected).pre_skip));
            }
            _ => {}
        }
        if link.is_in_pieces() {
            // What the first piece says about length and index holds for itself only.
            extent.length = None;
            extent.end_ns = None;
            extent.index = Index::None;
        }
        extent
    }
}
