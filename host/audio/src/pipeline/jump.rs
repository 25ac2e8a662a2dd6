//! Jumps to another place of the track: with the container's means, else by reading from the start.

use std::time::Duration;

use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP3, CODEC_ID_VORBIS};
use symphonia::core::errors::{Error as MediaError, SeekErrorKind};
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo};
use symphonia::core::units::{Duration as Ticks, Time};

use super::clock::{duration_ns, samples_of, time_ns};
use super::extent::Index;
use super::link::Link;
use super::session::{Session, Stop};
use crate::container::{self, Container, Id3, OPEN_BUDGET_BYTES};
use crate::input::Offer;
use crate::mp4_index::{decode_time, fragment_header};
use crate::probe::{HEAD_BYTES, Kind, detect};
use crate::{AudioError, MediaHint, MediaPiece};

/// Opus needs this much audio before a point to decode it right (RFC 7845, section 4.6).
const OPUS_PREROLL_NS: i64 = 80_000_000;

/// AAC overlaps neighbouring packets of at most 2048 samples, and band replication comes some packets late.
const AAC_PREROLL_NS: i64 = 250_000_000;

/// Vorbis overlaps neighbouring blocks of at most 8192 samples.
const VORBIS_PREROLL_NS: i64 = 200_000_000;

/// In a medium of pieces playback begins this long before a target: the decoder needs what is before it.
const PIECE_PREROLL: Duration = Duration::from_millis(100);

/// MP3 frames borrow bits from up to about ten earlier ones; the reader of bare MP3 sees to that itself.
const MP3_PREROLL_NS: i64 = 300_000_000;

/// Matroska times are rounded to milliseconds, so the packet found may be the one after.
const MATROSKA_PREROLL_NS: i64 = 50_000_000;

/// An MP3 seek without an exact index that would read more than this goes by the table or byte rate instead of
/// counting frames.
const MP3_EXACT_SEEK_BYTES: u64 = 8 * 1024 * 1024;

/// Most bytes of an Ogg page (RFC 3533, section 6).
const MAX_OGG_PAGE: u64 = 65_307;

/// How much earlier than needed seeks are tried when they lead too far.
const EARLIER_NS: [i64; 3] = [0, 6_000_000_000, 20_000_000_000];

/// Longest description of a fragment that is read for its time.
const MAX_FRAGMENT_HEADER: usize = 1024 * 1024;

/// A seek that lands later than this after its target has failed; containers round times to milliseconds.
const SEEK_TOLERANCE_NS: i64 = 2_000_000;

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
        self.seek_effects(target);
        self.passed = None;
        self.bad_reads = 0;
        self.rebase_ns = None;
        let target_ns = duration_ns(target);
        self.discard_until_ns = Some(target_ns);
        self.position = samples_of(target_ns);
        let is_behind = self.length.is_some_and(|length| target >= length);
        if is_behind && !self.another_stream_follows() {
            return Err(Stop::End);
        }
        if let Some(piece) = self.link.piece_at(target.saturating_sub(PIECE_PREROLL)) {
            return self.go_to_piece(piece);
        }
        if self.link.offer() == Offer::Length {
            // Opened without a look at the end of the file, where the index may be.
            self.link.set_offer(Offer::Everything);
            self.rewind()?;
        }
        // A reader of chained streams knows the times of the one it is in.
        let may_jump = !is_behind && !self.is_in_chain;
        let jumped = may_jump
            && (self.jump_by_index(target_ns)?
                || (!self.reader_is_lost && self.seek_in_container(target_ns).is_some()));
        if !jumped {
            self.rewind()?;
        }
        self.reset_decoder();
        self.shift_ns = 0;
        Ok(())
    }

    /// Whether a file goes on with another stream behind the one whose length is known: its last page is of none that the
    /// reader knows.
    fn another_stream_follows(&mut self) -> bool {
        const PAGE_HEADER: usize = 18;
        let Some(length) = self.link.file_len().filter(|_| self.container == Container::Ogg) else {
            return false;
        };
        self.reader_is_lost = true;
        self.link.splice(Vec::new(), 0);
        let tail = self
            .link
            .bytes_at(length.saturating_sub(MAX_OGG_PAGE), MAX_OGG_PAGE as usize);
        let tail = tail.unwrap_or_default();
        let page = tail
            .windows(PAGE_HEADER)
            .rfind(|bytes| bytes.starts_with(b"OggS\0"));
        let Some(&[.., a, b, c, d]) = page else {
            return false;
        };
        let serial = u32::from_le_bytes([a, b, c, d]);
        self.reader.tracks().iter().all(|track| track.id != serial)
    }

    /// Begins anew with a piece, whose first packet has the time of the piece whatever the container says.
    fn go_to_piece(&mut self, piece: MediaPiece) -> Result<(), Stop> {
        self.link.restart_at(piece.offset).map_err(|error| {
            Stop::Failed(AudioError::Seek {
                cause: error.to_string(),
            })
        })?;
        self.open_part()?;
        self.reset_decoder();
        self.shift_ns = 0;
        self.rebase_ns = Some(duration_ns(piece.start));
        Ok(())
    }

    /// Seeks with the container's own means; `None` when that failed and the file has to be read from its start.
    fn seek_in_container(&mut self, target_ns: i64) -> Option<()> {
        // The reader never comes back from a seek among several streams.
        if self.container == Container::Ogg && self.reader.tracks().len() > 1 {
            return None;
        }
        let preroll_ns = match &self.opus {
            Some(_) => OPUS_PREROLL_NS,
            None if self.selected.parameters.codec == CODEC_ID_AAC => AAC_PREROLL_NS,
            None if self.selected.parameters.codec == CODEC_ID_VORBIS => VORBIS_PREROLL_NS,
            None if self.selected.parameters.codec == CODEC_ID_MP3 && self.container != Container::Mp3 => {
                MP3_PREROLL_NS
            }
            None if self.container == Container::Matroska => MATROSKA_PREROLL_NS,
            None => 0,
        };
        let seek_ns = target_ns
            .saturating_add(self.origin_ns)
            .saturating_sub(preroll_ns)
            .max(0);
        // Some files' indexes lead behind the target; earlier entries are then tried.
        EARLIER_NS
            .iter()
            .find_map(|earlier_ns| {
                let landed_ns = self.seek_reader((seek_ns - earlier_ns).max(0))?;
                (landed_ns <= target_ns || seek_ns <= *earlier_ns).then_some(landed_ns)
            })
            // Readers without an index do not go back, whatever they were asked for.
            .filter(|&landed_ns| landed_ns <= target_ns.saturating_add(SEEK_TOLERANCE_NS))
            .map(drop)
    }

    /// Lets the container's reader seek to a container time; gives the source time it found, `None` when it failed.
    fn seek_reader(&mut self, container_ns: i64) -> Option<i64> {
        let to = SeekTo::Time {
            time: Time::from_nanos(container_ns),
            track_id: Some(self.selected.track.id),
        };
        match self.reader.seek(SeekMode::Accurate, to) {
            Ok(landed) => {
                // Errors on the way that the reader got over are no reason to fail later.
                let _ = self.link.take_error();
                let base = self.selected.track.time_base?;
                Some(time_ns(base.calc_time_saturating(landed.actual_ts)).saturating_sub(self.origin_ns))
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

    /// Jumps by what the start of the file told; `false` when that does not lead there.
    fn jump_by_index(&mut self, target_ns: i64) -> Result<bool, Stop> {
        let Some((head, byte, landing_ns)) = self.landing(target_ns) else {
            return Ok(false);
        };
        self.link.splice(head, byte);
        self.reopen()?;
        self.rebase_ns = Some(landing_ns);
        Ok(true)
    }

    /// What to read to get to the target: bytes to put in front, a position in the file, and the source time there.
    fn landing(&mut self, target_ns: i64) -> Option<(Vec<u8>, u64, i64)> {
        match &self.index {
            Index::None => None,
            Index::Mp3(index) => {
                let target = Duration::from_nanos(u64::try_from(target_ns).ok()?);
                let landing = index.landing(target)?;
                if landing.byte >= self.link.file_len()? {
                    return None;
                }
                let mut is_exact = landing.is_exact;
                if is_exact {
                    self.reader_is_lost = true;
                    self.link.splice(Vec::new(), 0);
                    let there = self.link.bytes_at(landing.frame_at.saturating_sub(1), 8).ok()?;
                    is_exact = index.confirms(&there);
                }
                // Counting the frames of a moderate distance is exact whatever the bitrate does.
                (is_exact || landing.byte > MP3_EXACT_SEEK_BYTES)
                    .then(|| (Vec::new(), landing.byte, duration_ns(landing.time)))
            }
            Index::Mp4(fragments) => {
                let origin_ns = self.origin_ns;
                let wanted_ns = target_ns.saturating_add(origin_ns).saturating_sub(AAC_PREROLL_NS);
                let wanted = Duration::from_nanos(u64::try_from(wanted_ns).unwrap_or(0));
                let (time, byte) = fragments.at(wanted)?;
                self.reader_is_lost = true;
                self.link.splice(Vec::new(), 0);
                let start = self.link.bytes_at(byte, 8).ok()?;
                let length = fragment_header(&start).filter(|&length| length <= MAX_FRAGMENT_HEADER)?;
                let fragment = self.link.bytes_at(byte.saturating_add(8), length).ok()?;
                let track = &self.selected.track;
                let exact = decode_time(&fragment, track.id)
                    .zip(track.time_base)
                    .map(|(ticks, base)| time_ns(base.calc_duration_saturating(Ticks::new(ticks))));
                let landing_ns = exact
                    .unwrap_or_else(|| duration_ns(time))
                    .saturating_sub(origin_ns);
                (landing_ns <= target_ns.saturating_add(SEEK_TOLERANCE_NS))
                    .then(|| (fragments.header.clone(), byte, landing_ns))
            }
        }
    }

    /// Opens the container again at its first byte.
    fn rewind(&mut self) -> Result<(), Stop> {
        self.link.splice(Vec::new(), 0);
        self.reopen()?;
        self.rebase_ns = None;
        if !self.link.is_in_pieces() {
            self.length = container::length(self.reader.as_ref(), &self.selected).or(self.length);
        }
        Ok(())
    }

    /// Opens what begins at what is now the first byte of the input. It may be another container than before.
    pub(super) fn open_part(&mut self) -> Result<(), Stop> {
        let _ = self.link.take_abandoned();
        self.link.set_budget(Some(OPEN_BUDGET_BYTES));
        match self.link.head(HEAD_BYTES) {
            Ok(head) => {
                if let Some(Kind::Container(container)) = detect(&head, &MediaHint::default()) {
                    self.container = container;
                }
            }
            Err(_) if self.link.take_abandoned() => {
                self.reader_is_lost = true;
                return Err(Stop::Seek);
            }
            Err(error) => return Err(Stop::Failed(error)),
        }
        self.origin_ns = 0;
        self.reopen()
    }

    /// Opens the container at what is now the first byte of the input.
    fn reopen(&mut self) -> Result<(), Stop> {
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
        self.is_in_chain = false;
        self.next_chain()
    }
}

/// Goes to the piece of the medium that plays at `start`, when there are pieces and it is not the first.
pub(super) fn piece_for(link: &Link<'_>, start: Duration) -> Result<Option<MediaPiece>, AudioError> {
    let piece = link.piece_at(start.saturating_sub(PIECE_PREROLL));
    let Some(piece) = piece.filter(|_| !start.is_zero() && !link.seek_is_pending()) else {
        return Ok(None);
    };
    link.restart_at(piece.offset).map_err(|error| AudioError::Seek {
        cause: error.to_string(),
    })?;
    Ok(Some(piece))
}

/// Opens the container at the first byte of the input.
pub(super) fn open_reader<'a>(
    link: &'a Link<'a>,
    container: Container,
) -> Result<Box<dyn FormatReader + 'a>, AudioError> {
    let open = || {
        let stream = link.stream().map_err(|error| error.to_string())?;
        container
            .open(stream, Id3::Skip)
            .map_err(|error| link.take_error().unwrap_or_else(|| error.to_string()))
    };
    let mut opened = open();
    if opened.is_err() && container == Container::Matroska && link.is_seekable() {
        // A file cut short still lists elements behind its end; read in sequence it plays.
        link.set_offer(Offer::Nothing);
        opened = open();
    }
    opened.map_err(|cause| AudioError::Decode { cause })
}
