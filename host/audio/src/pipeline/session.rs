//! The life of a track: open, play packet by packet, jump, end. Straight-line code that runs in a coroutine.

use std::collections::VecDeque;
use std::time::Duration;

use symphonia::core::errors::Error as MediaError;
use symphonia::core::formats::FormatReader;
use symphonia::core::packet::Packet;
use symphonia::core::units::Duration as Ticks;

use super::clock::{duration_ns, nanos_of, samples_of, time_ns};
use super::extent::{Extent, Index};
use super::jump::{self, open_reader};
use super::link::Link;
use super::pcm::PcmPath;
use super::{Settings, Turn};
use crate::container::{self, Container, OPEN_BUDGET_BYTES, Selected};
use crate::decode::{PacketDecoder, opus_head};
use crate::input::Offer;
use crate::opus_packet::{OpusHead, packet_samples};
use crate::probe::{HEAD_BYTES, Kind, detect, head_wanted, id3_length};
use crate::queue::FrameProducer;
use crate::{AudioError, MediaHint, PipelineEvent};

/// Input bytes one packet may take. Declared sizes are not trusted; whole packets of real media are far smaller.
const PACKET_BUDGET_BYTES: u64 = 32 * 1024 * 1024;

/// Errors of the container reader in a row after which a track is given up.
const MAX_BAD_READS: u32 = 32;

/// Packets read in one turn without a frame coming out.
const PACKETS_PER_TURN: u32 = 8;

/// While reading towards a position, packets that end this long before it are not even decoded.
const DECODE_AHEAD_NS: i64 = 500_000_000;

/// Most silence an MP3 encoder says it has added at the end: 4095 samples, here at 8 kHz.
const MAX_PADDING_NS: i64 = 512_000_000;

/// A live stream joined in the middle may carry any time; later first times than this are taken as zero.
const LIVE_ORIGIN_NS: i64 = 1_000_000_000;

/// Why playing packets stopped.
pub(super) enum Stop {
    /// A seek was asked for.
    Seek,
    /// The track has no more audio.
    End,
    /// Nothing more can be played.
    Failed(AudioError),
}

/// A track that is open.
pub(super) struct Session<'a> {
    pub(super) link: &'a Link<'a>,
    pub(super) container: Container,
    pub(super) reader: Box<dyn FormatReader + 'a>,
    pub(super) selected: Selected,
    pub(super) opus: Option<OpusHead>,
    pub(super) decoder: PacketDecoder,
    pub(super) length: Option<Duration>,
    pub(super) index: Index,
    /// Container time of the first sample to be heard; what comes before primes the decoder.
    pub(super) origin_ns: i64,
    /// Source time behind the last sample to be heard, when the container tells.
    pub(super) end_ns: Option<i64>,
    pub(super) pcm: PcmPath,
    pub(super) frames: FrameProducer,
    /// Packets passed through last, as long as packets are passed through.
    pub(super) passed: Option<VecDeque<Packet>>,
    /// Audio before this source time is dropped; cleared by the first that is not.
    pub(super) discard_until_ns: Option<i64>,
    /// Added to container times to get source time.
    pub(super) shift_ns: i64,
    /// Source time the next packet is to have, when the container's times cannot be trusted.
    pub(super) rebase_ns: Option<i64>,
    /// Start of the next frame in samples at 48 kHz.
    pub(super) position: u64,
    /// Source time behind the last packet, also of those that were not played.
    reached_ns: i64,
    /// The reader has gone on to another stream of a chain, and its times with it.
    pub(super) is_in_chain: bool,
    pub(super) reader_is_lost: bool,
    pub(super) ever_sought: bool,
    /// The place to begin at was gone to before anything was read.
    is_at_start: bool,
    pub(super) ever_decoded: bool,
    pub(super) bad_packets: u32,
    pub(super) bad_reads: u32,
    pub(super) last_problem: String,
}

impl<'a> Session<'a> {
    /// Finds out the container, opens it and sets up the decoder.
    pub(super) fn open(
        link: &'a Link<'a>,
        hint: &MediaHint,
        frames: FrameProducer,
        settings: Settings,
        start: Duration,
    ) -> Result<Self, AudioError> {
        link.set_budget(Some(OPEN_BUDGET_BYTES));
        // A medium in pieces is opened where it is to play, not read from its beginning.
        let piece = jump::piece_for(link, start)?;
        let mut head = link.head(HEAD_BYTES)?;
        let wanted = head_wanted(&head, hint);
        if wanted > HEAD_BYTES {
            head = link.head(wanted)?;
        }
        let tag_bytes = id3_length(&head);
        let container = match detect(&head, hint) {
            Some(Kind::Container(container)) => container,
            Some(Kind::Playlist(_)) => return Err(AudioError::NotSupportedYet { what: "Playlist" }),
            None => return Err(AudioError::UnknownFormat { cause: String::new() }),
        };
        link.set_offer(match container {
            // The estimate its reader makes of a length it does not know would cut the end of the audio.
            Container::Mp3 => Offer::Nothing,
            // Their readers would look through the file before the first packet.
            Container::Ogg | Container::Matroska | Container::Adts if start.is_zero() => Offer::Length,
            _ => Offer::Everything,
        });
        if matches!(container, Container::Mp3 | Container::Mp4) {
            link.start_recording(tag_bytes);
        }
        let reader = open_reader(link, container)?;
        let selected = container::select_track(reader.tracks())
            .ok_or_else(|| container.nothing_playable(container::describe_tracks(reader.tracks())))?;
        let decoder = link
            .on_worker_stack(|| PacketDecoder::new(&selected))
            .map_err(|cause| container.nothing_playable(cause))?;
        let recording = link.take_recording();
        link.forget_head();
        if matches!(container, Container::Mp3 | Container::Adts) {
            link.set_offer(Offer::Everything);
        }
        let extent = Extent::of(container, reader.as_ref(), &selected, link, &recording, tag_bytes);
        drop(recording);
        // Errors the reader got over are no reason to fail later.
        let _ = link.take_error();
        let filters = link.control().filters.load_full();
        Ok(Self {
            link,
            container,
            reader,
            opus: selected.is_opus().then(|| opus_head(&selected)),
            selected,
            decoder,
            length: extent.length,
            index: extent.index,
            origin_ns: extent.origin_ns,
            end_ns: extent.end_ns,
            pcm: PcmPath::new(settings, filters),
            frames,
            passed: None,
            discard_until_ns: Some(piece.map_or(0, |_| duration_ns(start))),
            shift_ns: 0,
            rebase_ns: piece.map(|piece| duration_ns(piece.start)),
            position: piece.map_or(0, |_| samples_of(duration_ns(start))),
            reached_ns: 0,
            is_in_chain: false,
            reader_is_lost: false,
            ever_sought: piece.is_some(),
            is_at_start: piece.is_some(),
            ever_decoded: false,
            bad_packets: 0,
            bad_reads: 0,
            last_problem: String::new(),
        })
    }

    /// Plays from `start` until a failure; stands by at the end for seeks.
    pub(super) fn run(mut self, start: Duration) -> AudioError {
        let is_seekable = self.link.can_jump();
        self.link
            .control()
            .seekable
            .store(is_seekable, std::sync::atomic::Ordering::Relaxed);
        let passthrough = self.passes_through();
        self.link.suspend(Turn::Event(PipelineEvent::Ready {
            length: self.length,
            is_seekable,
            passthrough,
        }));
        self.link.allow_abandoning();
        let mut outcome = if start.is_zero() || self.is_at_start || self.link.seek_is_pending() {
            Ok(())
        } else {
            self.go_to(start)
        };
        loop {
            let stop = match outcome.and_then(|()| self.play()) {
                Ok(never) => match never {},
                Err(stop) => stop,
            };
            match stop {
                Stop::Failed(error) => return error,
                Stop::Seek => {}
                Stop::End => {
                    if let Some(error) = self.end() {
                        return error;
                    }
                    while !self.link.seek_is_pending() {
                        self.link.suspend(Turn::Idle);
                    }
                }
            }
            let (generation, target) = self.link.take_seek();
            outcome = self.go_to(target);
            self.frames.start_generation(generation);
            if !matches!(outcome, Err(Stop::Seek | Stop::Failed(_))) {
                self.link.suspend(Turn::Event(PipelineEvent::SeekDone));
            }
        }
    }

    /// The end was reached: an error when that is no regular end.
    fn end(&mut self) -> Option<AudioError> {
        if let Some(cause) = self.link.take_error() {
            return Some(AudioError::Decode { cause });
        }
        if !self.ever_decoded && !self.ever_sought {
            let cause = match self.last_problem.as_str() {
                "" => "the file has no audio in it".to_owned(),
                problem => format!("no audio could be decoded: {problem}"),
            };
            return Some(AudioError::Decode { cause });
        }
        self.frames.end();
        None
    }

    fn play(&mut self) -> Result<std::convert::Infallible, Stop> {
        let mut packets = 0;
        loop {
            if self.link.seek_is_pending() {
                return Err(Stop::Seek);
            }
            packets += 1;
            if packets % PACKETS_PER_TURN == 0 {
                self.link.suspend(Turn::Worked);
            }
            let Some(packet) = self.next_packet()? else {
                continue;
            };
            self.play_packet(packet)?;
        }
    }

    /// The next packet of the track; `None` when it was of another or damaged.
    fn next_packet(&mut self) -> Result<Option<Packet>, Stop> {
        self.link.set_budget(Some(PACKET_BUDGET_BYTES));
        match self.reader.next_packet() {
            Ok(Some(mut packet)) => {
                if self.container == Container::Mp3 {
                    // Cut by `end_ns`, which also holds after a jump.
                    packet.trim_end = Ticks::ZERO;
                }
                self.bad_reads = 0;
                self.link.made_progress();
                Ok((packet.track_id == self.selected.track.id).then_some(packet))
            }
            Ok(None) => self.end_of_part(),
            Err(_) if self.link.take_abandoned() => {
                self.reader_is_lost = true;
                Err(Stop::Seek)
            }
            Err(error) => {
                if let Some(cause) = self.link.take_error() {
                    return Err(Stop::Failed(AudioError::Decode { cause }));
                }
                match error {
                    MediaError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                        self.last_problem = "the file ends early".to_owned();
                        self.end_of_part()
                    }
                    MediaError::ResetRequired => {
                        self.is_in_chain = true;
                        self.next_chain().map(|()| None)
                    }
                    MediaError::DecodeError(problem) if self.bad_reads < MAX_BAD_READS => {
                        self.bad_reads += 1;
                        problem.clone_into(&mut self.last_problem);
                        Ok(None)
                    }
                    error => Err(Stop::Failed(AudioError::Decode {
                        cause: error.to_string(),
                    })),
                }
            }
        }
    }

    /// Another logical stream follows in the same file, as Ogg radio does at every title.
    pub(super) fn next_chain(&mut self) -> Result<(), Stop> {
        let selected = container::select_track(self.reader.tracks()).ok_or_else(|| {
            let cause = container::describe_tracks(self.reader.tracks());
            Stop::Failed(AudioError::Decode {
                cause: format!("the stream changed to something else: {cause}"),
            })
        })?;
        self.decoder = self
            .link
            .on_worker_stack(|| PacketDecoder::new(&selected))
            .map_err(|cause| Stop::Failed(AudioError::Decode { cause }))?;
        self.opus = selected.is_opus().then(|| opus_head(&selected));
        self.selected = selected;
        if self.container == Container::Ogg {
            let pre_skip = self.opus.as_ref().map_or(0, |head| head.pre_skip);
            self.origin_ns = nanos_of(u64::from(pre_skip));
        }
        // On the way to a target the position is already that of the target.
        self.rebase_ns = Some(match self.discard_until_ns {
            Some(_) => self.reached_ns,
            None => nanos_of(self.position),
        });
        Ok(())
    }

    /// The decoder forgets the audio before a jump.
    pub(super) fn reset_decoder(&mut self) {
        let decoder = &mut self.decoder;
        self.link.on_worker_stack(|| decoder.reset());
    }

    /// The container has ended: goes on with the next one where the medium has several, else ends.
    fn end_of_part<T>(&mut self) -> Result<Option<T>, Stop> {
        if !self.link.next_part() {
            return self.finish();
        }
        self.open_part()?;
        Ok(None)
    }

    /// Plays what is held back, then ends.
    fn finish<T>(&mut self) -> Result<T, Stop> {
        if self.passed.is_none() {
            self.pcm.finish_resampler().map_err(Stop::Failed)?;
            self.run_effects(true)?;
            self.flush_effects()?;
            self.pcm.finish();
            self.emit()?;
        }
        Err(Stop::End)
    }

    fn play_packet(&mut self, packet: Packet) -> Result<(), Stop> {
        let start_ns = self.source_time(&packet);
        self.reached_ns = start_ns.saturating_add(self.packet_ns(&packet));
        if let Some(until) = self.discard_until_ns
            && self.reached_ns.saturating_add(DECODE_AHEAD_NS) <= until
        {
            return Ok(());
        }
        match self.end_ns {
            // More audio than padding can be: the header was about another file, or about the first of several.
            Some(end_ns)
                if self.container == Container::Mp3 && start_ns > end_ns.saturating_add(MAX_PADDING_NS) =>
            {
                self.end_ns = None;
            }
            Some(end_ns) if start_ns >= end_ns => return Ok(()),
            _ => {}
        }
        self.take_settings()?;
        if self.passes_through() && self.is_whole_frames(&packet.data) {
            self.pass(packet, start_ns)
        } else {
            self.transcode(&packet, start_ns)
        }
    }

    /// Source time of a packet's first sample in ns; before zero for audio that only primes the decoder.
    fn source_time(&mut self, packet: &Packet) -> i64 {
        let Some(base) = self.selected.track.time_base else {
            return nanos_of(self.position);
        };
        let pts_ns = time_ns(base.calc_time_saturating(packet.pts)).saturating_sub(self.origin_ns);
        // Decoders that cut encoder delay themselves return audio from behind it.
        let cut_ns = time_ns(base.calc_duration_saturating(packet.trim_start));
        let raw_ns = pts_ns.saturating_add(if self.opus.is_some() { 0 } else { cut_ns });
        if let Some(wanted) = self.rebase_ns.take() {
            self.shift_ns = wanted.saturating_sub(raw_ns);
        } else if !self.ever_decoded
            && !self.link.is_seekable()
            && raw_ns > LIVE_ORIGIN_NS
            && self.shift_ns == 0
        {
            self.shift_ns = -raw_ns;
        }
        raw_ns.saturating_add(self.shift_ns)
    }

    pub(super) fn packet_ns(&self, packet: &Packet) -> i64 {
        if self.opus.is_some() {
            return nanos_of(packet_samples(&packet.data).unwrap_or_default() as u64);
        }
        let base = self.selected.track.time_base;
        base.map_or(0, |base| {
            time_ns(base.calc_duration_saturating(packet.block_dur()))
        })
    }
}
