//! Finding out what a medium is: its container, whether it can be played, its tags and its length.

mod detect;
mod matroska;
mod mpeg;
mod playlist;
mod tags;

use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use symphonia::core::errors::Error as MediaError;
use symphonia::core::formats::FormatReader;
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};

pub(crate) use detect::{HEAD_BYTES, Kind, detect, head_wanted};
pub(crate) use mpeg::{MpegHeader, id3_length, mpeg_header};

use crate::container::{self, Container, Id3, OPEN_BUDGET_BYTES, Selected};
use crate::input::{HeadInput, Offer};
use crate::{AudioError, MediaHint, MediaInput, mpeg_ts};

/// Bytes of a text playlist that are looked at.
const PLAYLIST_BYTES: u64 = 256 * 1024;

/// Packets averaged to estimate the length of an MPEG or WAV stream whose header does not tell it.
const ESTIMATE_PACKETS: usize = 64;

/// What a medium turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// Something that can be played.
    Audio(ProbedAudio),
    /// A playlist that points elsewhere.
    Reference {
        /// First usable `http`, `https` or `icy` URL.
        identifier: String,
        /// Title the playlist gives it.
        title: Option<String>,
    },
    /// An HLS playlist, master or media.
    Hls,
}

/// A playable medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbedAudio {
    /// Container name as stored in encoded tracks: `wav`, `matroska/webm`, `mp4`, `flac`, `ogg`, `mp3` or `adts`.
    pub container: String,
    /// Parameters of the container as stored after `|` in encoded tracks.
    pub parameters: Option<String>,
    /// Title from the tags.
    pub title: Option<String>,
    /// Artist from the tags.
    pub author: Option<String>,
    /// International standard recording code from the tags.
    pub isrc: Option<String>,
    /// Playing time; `None` for streams, zero for files that do not tell theirs.
    pub length: Option<Duration>,
    /// Whether playback can jump.
    pub is_seekable: bool,
}

/// Finds out what `input` is. The input must block instead of answering `WouldBlock`, and stand at its first byte.
///
/// Reads the first few KiB, then what the container's reader needs for its header (32 MiB at most).
///
/// # Errors
/// [`AudioError`] with the texts and severities Lavalink users know; the input's own errors end up as
/// [`AudioError::ReadForDetection`].
pub fn probe(input: Box<dyn MediaInput>, hint: &MediaHint) -> Result<Probed, AudioError> {
    let mut input = HeadInput::new(input);
    let mut wanted = HEAD_BYTES;
    loop {
        match input.fill_head(wanted) {
            Ok(true) if wanted == HEAD_BYTES && head_wanted(input.head(), hint) > HEAD_BYTES => {
                wanted = head_wanted(input.head(), hint);
            }
            Ok(true) => break,
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(AudioError::ReadForDetection {
                    cause: error.to_string(),
                });
            }
        }
    }
    match detect(input.head(), hint) {
        None => Err(AudioError::UnknownFormat { cause: String::new() }),
        Some(Kind::Playlist(kind)) => {
            let mut text = Vec::new();
            let read = (&mut input).take(PLAYLIST_BYTES).read_to_end(&mut text);
            read.map_err(|error| AudioError::ReadForDetection {
                cause: error.to_string(),
            })?;
            let text = String::from_utf8_lossy(&text);
            if playlist::is_hls(kind, &text) {
                return Ok(Probed::Hls);
            }
            let (identifier, title) = playlist::first_link(kind, &text)?;
            Ok(Probed::Reference { identifier, title })
        }
        Some(Kind::Container(container)) => probe_container(container, input),
    }
}

/// Blocking source for a container reader; the probe keeps the input, to try again and to see its errors.
struct BlockingSource(Arc<Mutex<Probing>>);

struct Probing {
    input: HeadInput,
    /// The first real I/O error, which readers tend to swallow.
    error: Option<String>,
}

impl Probing {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.error.get_or_insert_with(|| error.to_string());
        }
        result
    }
}

impl Read for BlockingSource {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut probing = self.0.lock();
        let result = probing.input.read(buf);
        probing.note(result)
    }
}

impl Seek for BlockingSource {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut probing = self.0.lock();
        let result = probing.input.seek(to);
        probing.note(result)
    }
}

impl MediaSource for BlockingSource {
    fn is_seekable(&self) -> bool {
        self.0.lock().input.offers_seeking()
    }

    fn byte_len(&self) -> Option<u64> {
        self.0.lock().input.offered_len()
    }
}

fn probe_container(container: Container, mut input: HeadInput) -> Result<Probed, AudioError> {
    input.set_budget(Some(OPEN_BUDGET_BYTES));
    if container == Container::Mp3 {
        // Its reader's estimate looks at a few frames; `estimate_length` looks at more.
        input.set_offer(Offer::Nothing);
    }
    let may_try_again = container == Container::Matroska && input.is_seekable();
    let probing = Arc::new(Mutex::new(Probing { input, error: None }));
    let mut outcome = open_and_read(container, &probing);
    if may_try_again && matches!(outcome, Err(AudioError::UnknownFormat { .. })) {
        // A file cut short still lists elements behind its end; read in sequence it plays.
        let mut again = probing.lock();
        again.input.set_offer(Offer::Nothing);
        let rewound = again.input.seek(SeekFrom::Start(0)).is_ok();
        drop(again);
        if rewound {
            outcome = open_and_read(container, &probing);
        }
    }
    outcome.map(Probed::Audio)
}

fn open_and_read(container: Container, probing: &Arc<Mutex<Probing>>) -> Result<ProbedAudio, AudioError> {
    // Readers are not free of panics on hostile files.
    let outcome = catch_unwind(AssertUnwindSafe(|| read_container(container, probing)));
    let broken = |cause: String| match probing.lock().error.take() {
        Some(cause) => AudioError::ReadForDetection { cause },
        None => AudioError::UnknownFormat { cause },
    };
    match outcome {
        Ok(Ok(found)) => found,
        Ok(Err(MediaError::Unsupported(cause)))
            if container == Container::MpegTs && probing.lock().error.is_none() =>
        {
            Err(container.nothing_playable(cause.to_owned()))
        }
        Ok(Err(error)) => Err(broken(error.to_string())),
        Err(_) => Err(broken(format!(
            "the {} reader failed on this file",
            container.name()
        ))),
    }
}

fn read_container(
    container: Container,
    probing: &Arc<Mutex<Probing>>,
) -> Result<Result<ProbedAudio, AudioError>, MediaError> {
    let (is_seekable, audio_bytes, segment_title, service) = {
        let input = &probing.lock().input;
        let tag_bytes = mpeg::id3_length(input.head());
        let title = (container == Container::Matroska)
            .then(|| matroska::segment_title(input.head()))
            .flatten();
        (
            input.is_seekable(),
            input.byte_len().map(|length| length.saturating_sub(tag_bytes)),
            title,
            (container == Container::MpegTs)
                .then(|| mpeg_ts::service(input.head()))
                .flatten(),
        )
    };
    let source = Box::new(BlockingSource(Arc::clone(probing)));
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    let mut reader = container.open(stream, Id3::Read)?;
    let Some(selected) = container::select_track(reader.tracks()) else {
        return Ok(Err(
            container.nothing_playable(container::describe_tracks(reader.tracks()))
        ));
    };
    let mut tags = tags::read(reader.as_mut(), selected.track.id);
    if let Some(service) = service {
        tags.title = tags.title.or(service.name);
        tags.author = tags.author.or(service.provider);
    }
    let mut length = container::length(reader.as_ref(), &selected);
    if matches!(container, Container::Mp3 | Container::Wav) && length.is_none() {
        length = estimate_length(reader.as_mut(), &selected, audio_bytes);
    }
    let length = length.or(container.is_never_a_stream().then_some(Duration::ZERO));
    Ok(Ok(ProbedAudio {
        container: container.name().to_owned(),
        parameters: None,
        title: segment_title.filter(|title| !title.is_empty()).or(tags.title),
        author: tags.author,
        isrc: tags.isrc,
        length,
        is_seekable: is_seekable && length.is_some(),
    }))
}

/// Length of a stream at the average bitrate of its first packets.
fn estimate_length(
    reader: &mut dyn FormatReader,
    selected: &Selected,
    audio_bytes: Option<u64>,
) -> Option<Duration> {
    let base = selected.track.time_base?;
    let mut bytes = 0_u64;
    let mut ticks = symphonia::core::units::Duration::new(0);
    for _ in 0..ESTIMATE_PACKETS {
        match reader.next_packet() {
            Ok(Some(packet)) => {
                bytes += packet.data.len() as u64;
                ticks = ticks.saturating_add(packet.block_dur());
            }
            Ok(None) | Err(MediaError::IoError(_) | MediaError::DecodeError(_)) => break,
            Err(_) => return None,
        }
    }
    let nanos = u128::try_from(base.calc_duration(ticks)?.as_nanos()).ok()?;
    let total = nanos
        .checked_mul(u128::from(audio_bytes?))?
        .checked_div(u128::from(bytes))?;
    u64::try_from(total)
        .ok()
        .filter(|&nanos| nanos > 0)
        .map(Duration::from_nanos)
}
