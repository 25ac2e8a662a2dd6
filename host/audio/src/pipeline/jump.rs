//! Jumps to another place of the track: with the container's means, else by reading from the start.

use std::time::Duration;

use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_VORBIS};
use symphonia::core::errors::{Error as MediaError, SeekErrorKind};
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo};
use symphonia::core::units::Time;

use super::clock::{nanos_of, samples_of, time_ns};
use super::link::Link;
use super::session::{Session, Stop};
use crate::container::{Container, OPEN_BUDGET_BYTES};
use crate::{AudioError, MediaPiece};

/// Opus needs this much audio before a point to decode it right (RFC 7845, section 4.6).
const OPUS_PREROLL_NS: i64 = 80_000_000;

/// AAC overlaps neighbouring packets of at most 2048 samples.
const AAC_PREROLL_NS: i64 = 50_000_000;

/// Vorbis overlaps neighbouring blocks of at most 8192 samples.
const VORBIS_PREROLL_NS: i64 = 200_000_000;

/// In a medium of pieces playback begins this long before a target: the decoder needs what is before it.
const PIECE_PREROLL: Duration = Duration::from_millis(100);

/// An MP3 seek that would read more than this goes by the byte rate instead of counting frames.
const MP3_EXACT_SEEK_BYTES: u64 = 8 * 1024 * 1024;

/// A seek that lands later than this after its target has failed.
const SEEK_TOLERANCE_NS: i64 = 1_000_000_000;

impl Session<'_> {
    /// Jumps so that the next audio is that of `target`. Does nothing when the input cannot seek.
    pub(super) fn go_to(&mut self, target: Duration) -> Result<(), Stop> {
        if !self.link.can_jump() {
            return Ok(());
        }
        self.ever_sought = true;
        // A jump may have to read its way through a long file.
        self.link.set_budget(None);
        self.pcm.reset();
        self.passed = None;
        self.bad_reads = 0;
        self.rebase_ns = None;
        let target_ns = i64::try_from(target.as_nanos()).unwrap_or(i64::MAX);
        let before_ns = nanos_of(self.position);
        self.discard_until_ns = Some(target_ns);
        self.position = samples_of(target_ns);
        if self.length.is_some_and(|length| target >= length) {
            return Err(Stop::End);
        }
        if let Some(piece) = self.link.piece_at(target.saturating_sub(PIECE_PREROLL)) {
            return self.go_to_piece(piece);
        }
        if self.reader_is_lost || self.seek_in_container(before_ns, target_ns).is_none() {
            self.rewind()?;
        }
        self.decoder.reset();
        self.shift_ns = 0;
        Ok(())
    }

    /// Begins anew with a piece, whose first packet has the time of the piece whatever the container says.
    fn go_to_piece(&mut self, piece: MediaPiece) -> Result<(), Stop> {
        self.link.restart_at(piece.offset).map_err(|error| {
            Stop::Failed(AudioError::Seek {
                cause: error.to_string(),
            })
        })?;
        self.rewind()?;
        self.rebase_ns = Some(i64::try_from(piece.start.as_nanos()).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Seeks with the container's own means; `None` when that failed and the file has to be read from its start.
    fn seek_in_container(&mut self, before_ns: i64, target_ns: i64) -> Option<()> {
        // The reader never comes back from a seek among several streams.
        if self.container == Container::Ogg && self.reader.tracks().len() > 1 {
            return None;
        }
        let preroll_ns = match &self.opus {
            Some(_) => OPUS_PREROLL_NS,
            None if self.selected.parameters.codec == CODEC_ID_AAC => AAC_PREROLL_NS,
            None if self.selected.parameters.codec == CODEC_ID_VORBIS => VORBIS_PREROLL_NS,
            None => 0,
        };
        let seek_ns = target_ns
            .saturating_add(self.pre_skip_ns())
            .saturating_sub(preroll_ns)
            .max(0);
        let to = SeekTo::Time {
            time: Time::from_nanos(seek_ns),
            track_id: Some(self.selected.track.id),
        };
        match self.reader.seek(self.seek_mode(before_ns, seek_ns), to) {
            Ok(landed) => {
                // Errors on the way that the reader got over are no reason to fail later.
                let _ = self.link.take_error();
                let base = self.selected.track.time_base?;
                let landed_ns = time_ns(base.calc_time_saturating(landed.actual_ts)) - self.pre_skip_ns();
                // Readers without an index do not go back, whatever they were asked for.
                (landed_ns <= target_ns.saturating_add(SEEK_TOLERANCE_NS)).then_some(())
            }
            Err(error) => {
                let expected = matches!(
                    error,
                    MediaError::SeekError(SeekErrorKind::OutOfRange | SeekErrorKind::Unseekable)
                );
                if !expected {
                    tracing::debug!(%error, container = self.container.name(), "seek failed, reading from the start");
                }
                None
            }
        }
    }

    /// MP3 readers count every frame up to the target when they seek exactly.
    fn seek_mode(&self, before_ns: i64, seek_ns: i64) -> SeekMode {
        let (Container::Mp3, Some(length), Some(bytes)) = (self.container, self.length, self.link.byte_len())
        else {
            return SeekMode::Accurate;
        };
        let from_ns = if before_ns <= seek_ns { before_ns } else { 0 };
        let share =
            u128::from((seek_ns - from_ns).unsigned_abs()) * u128::from(bytes) / length.as_nanos().max(1);
        if share > u128::from(MP3_EXACT_SEEK_BYTES) {
            SeekMode::Coarse
        } else {
            SeekMode::Accurate
        }
    }

    /// Opens the container again at its first byte.
    fn rewind(&mut self) -> Result<(), Stop> {
        // Errors of the failed seek are behind us; if they persist, opening fails with them.
        let _ = self.link.take_error();
        let _ = self.link.take_abandoned();
        self.link.set_budget(Some(OPEN_BUDGET_BYTES));
        let opened = open_reader(self.link, self.container);
        let reader = match opened {
            Ok(reader) => reader,
            Err(_) if self.link.take_abandoned() => {
                self.reader_is_lost = true;
                return Err(Stop::Seek);
            }
            Err(error) => {
                let cause = error
                    .cause()
                    .unwrap_or("the container could not be opened again")
                    .to_owned();
                return Err(Stop::Failed(AudioError::Seek { cause }));
            }
        };
        self.reader = reader;
        self.reader_is_lost = false;
        self.next_chain()?;
        self.rebase_ns = None;
        Ok(())
    }
}

/// Opens the container at the first byte of the input.
pub(super) fn open_reader<'a>(
    link: &'a Link<'a>,
    container: Container,
) -> Result<Box<dyn FormatReader + 'a>, AudioError> {
    let open = || {
        let stream = link.stream().map_err(|error| error.to_string())?;
        container
            .open(stream)
            .map_err(|error| link.take_error().unwrap_or_else(|| error.to_string()))
    };
    let mut opened = open();
    if opened.is_err() && container == Container::Matroska && link.is_seekable() {
        // A file cut short still lists elements behind its end; read in sequence it plays.
        link.hide_seeking();
        opened = open();
    }
    opened.map_err(|cause| AudioError::Decode { cause })
}
