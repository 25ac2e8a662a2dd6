//! Finding out what a medium is: its container, whether it can be played, its tags and its length.

mod detect;
mod mpeg;
mod playlist;
mod tags;

use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use parking_lot::Mutex;
use symphonia::core::errors::Error as MediaError;
use symphonia::core::formats::FormatReader;
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};

pub(crate) use detect::{HEAD_BYTES, Kind, detect};

use crate::container::{self, Container, OPEN_BUDGET_BYTES, Selected};
use crate::input::HeadInput;
use crate::{AudioError, MediaHint, MediaInput};

/// Bytes of a text playlist that are looked at.
const PLAYLIST_BYTES: u64 = 256 * 1024;

/// Packets averaged to estimate the length of an MPEG stream without a length header.
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
    /// Playing time; `None` for streams.
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
    loop {
        match input.fill_head(HEAD_BYTES) {
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
        Some(Kind::MpegTs) => Err(AudioError::NotSupportedYet { what: "MPEG-TS" }),
        Some(Kind::Playlist(kind)) => {
            let mut text = Vec::new();
            let read = (&mut input).take(PLAYLIST_BYTES).read_to_end(&mut text);
            read.map_err(|error| AudioError::ReadForDetection {
                cause: error.to_string(),
            })?;
            let (identifier, title) = playlist::first_link(kind, &String::from_utf8_lossy(&text))?;
            Ok(Probed::Reference { identifier, title })
        }
        Some(Kind::Container(container)) => probe_container(container, input),
    }
}

/// Blocking source for a container reader; keeps the first real I/O error, which readers tend to swallow.
struct BlockingSource {
    // Only there to make the source `Sync`; never locked.
    input: Mutex<HeadInput>,
    error: std::sync::Arc<Mutex<Option<String>>>,
}

impl BlockingSource {
    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.error.lock().get_or_insert_with(|| error.to_string());
        }
        result
    }
}

impl Read for BlockingSource {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.input.get_mut().read(buf);
        self.note(result)
    }
}

impl Seek for BlockingSource {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let result = self.input.get_mut().seek(to);
        self.note(result)
    }
}

impl MediaSource for BlockingSource {
    fn is_seekable(&self) -> bool {
        self.input.lock().is_seekable()
    }

    fn byte_len(&self) -> Option<u64> {
        self.input.lock().byte_len()
    }
}

fn probe_container(container: Container, mut input: HeadInput) -> Result<Probed, AudioError> {
    input.set_budget(Some(OPEN_BUDGET_BYTES));
    let input_seekable = input.is_seekable();
    let byte_len = input.byte_len();
    let tag_bytes = mpeg::id3_length(input.head());
    let io_error = std::sync::Arc::new(Mutex::new(None));
    let source = BlockingSource {
        input: Mutex::new(input),
        error: std::sync::Arc::clone(&io_error),
    };
    // Readers are not free of panics on hostile files.
    let outcome = catch_unwind(AssertUnwindSafe(
        || -> Result<Result<ProbedAudio, AudioError>, MediaError> {
            let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
            let mut reader = container.open(stream)?;
            let selected = container::select_track(reader.tracks());
            let Some(selected) = selected else {
                return Ok(Err(
                    container.nothing_playable(container::describe_tracks(reader.tracks()))
                ));
            };
            let tags = tags::read(reader.as_mut(), selected.track.id);
            let mut length = container::length(reader.as_ref(), &selected);
            if container == Container::Mp3 && length.is_none() {
                length = estimate_length(
                    reader.as_mut(),
                    &selected,
                    byte_len.map(|len| len.saturating_sub(tag_bytes)),
                );
            }
            Ok(Ok(ProbedAudio {
                container: container.name().to_owned(),
                parameters: None,
                title: tags.title,
                author: tags.author,
                isrc: tags.isrc,
                length,
                is_seekable: input_seekable && length.is_some(),
            }))
        },
    ));
    let broken = |cause: String| match io_error.lock().take() {
        Some(cause) => AudioError::ReadForDetection { cause },
        None => AudioError::UnknownFormat { cause },
    };
    match outcome {
        Ok(Ok(found)) => found.map(Probed::Audio),
        Ok(Err(error)) => Err(broken(error.to_string())),
        Err(_) => Err(broken(format!(
            "the {} reader failed on this file",
            container.name()
        ))),
    }
}

/// Length of an MPEG stream at the average bitrate of its first packets.
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
