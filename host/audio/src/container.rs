//! Opening a container with the right reader, and choosing the track to play in it.

use std::time::Duration;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::errors::Result;
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions, ReadBytes, SeekBuffered};
use symphonia::core::meta::{MetadataLog, MetadataOptions, MetadataReader, MetadataRevision};
use symphonia::default::formats::{
    AdtsReader, AiffReader, CafReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader,
};
use symphonia::default::meta::Id3v2Reader;

use crate::AudioError;
use crate::probe::id3_length;

/// Bytes that may be read before a container must have shown its tracks: room for big cover pictures and for a
/// metadata box behind the media of a short file.
pub(crate) const OPEN_BUDGET_BYTES: u64 = 32 * 1024 * 1024;

/// Largest ID3v2 tag read for its texts; it may hold pictures.
const MAX_ID3_BYTES: u64 = 16 * 1024 * 1024;

/// Most frames of an ID3v2 tag; each costs far more memory than bytes in the file.
const MAX_ID3_FRAMES: usize = 10_000;

/// Stacked ID3v2 tags skipped before the audio, as in the original.
const MAX_ID3_TAGS: usize = 3;

/// Containers this crate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// RIFF/WAVE.
    Wav,
    /// Matroska and WebM.
    Matroska,
    /// ISO base media.
    Mp4,
    /// Native FLAC.
    Flac,
    /// Ogg with Opus, Vorbis or FLAC.
    Ogg,
    /// MPEG audio elementary stream.
    Mp3,
    /// AAC in ADTS.
    Adts,
    /// ADTS or MPEG audio in an MPEG transport stream.
    MpegTs,
    /// AIFF and AIFF-C.
    Aiff,
    /// Core Audio Format.
    Caf,
}

impl Container {
    /// The name stored in encoded tracks.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Matroska => "matroska/webm",
            Self::Mp4 => "mp4",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Mp3 => "mp3",
            Self::Adts => "adts",
            Self::MpegTs => "mpegts-adts",
            Self::Aiff => "aiff",
            Self::Caf => "caf",
        }
    }

    /// The container of a stored name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [
            Self::Wav,
            Self::Matroska,
            Self::Mp4,
            Self::Flac,
            Self::Ogg,
            Self::Mp3,
            Self::Adts,
            Self::MpegTs,
            Self::Aiff,
            Self::Caf,
        ]
        .into_iter()
        .find(|container| container.name() == name)
    }

    /// Whether what has no known length is taken for a file all the same, as Java Lavalink does.
    pub(crate) fn is_never_a_stream(self) -> bool {
        !matches!(self, Self::Ogg | Self::Mp3 | Self::Adts | Self::MpegTs)
    }

    /// Builds the reader of this container on a stream that stands at its first byte. ID3 tags in front are read or
    /// passed over; those inside a container always come with it.
    ///
    /// # Errors
    /// Those of the reader.
    pub(crate) fn open<'s>(
        self,
        stream: MediaSourceStream<'s>,
        id3: Id3,
    ) -> Result<Box<dyn FormatReader + 's>> {
        let mut options = FormatOptions::default();
        Ok(match self {
            Self::Wav => Box::new(WavReader::try_new(stream, options)?),
            Self::Matroska => Box::new(MkvReader::try_new(stream, options)?),
            Self::Mp4 => Box::new(IsoMp4Reader::try_new(stream, options)?),
            Self::Flac => Box::new(FlacReader::try_new(
                pass_id3(stream, id3, &mut options)?,
                options,
            )?),
            Self::Ogg => Box::new(OggReader::try_new(stream, options)?),
            Self::Mp3 => Box::new(MpaReader::try_new(pass_id3(stream, id3, &mut options)?, options)?),
            Self::Adts => Box::new(AdtsReader::try_new(
                pass_id3(stream, id3, &mut options)?,
                options,
            )?),
            Self::Aiff => Box::new(AiffReader::try_new(stream, options)?),
            Self::Caf => Box::new(CafReader::try_new(stream, options)?),
            Self::MpegTs => crate::mpeg_ts::open(stream)?,
        })
    }

    /// The error for a container without a playable track.
    pub(crate) fn nothing_playable(self, cause: String) -> AudioError {
        let message = match self {
            Self::Mp4 => "No supported audio format in the MP4 file.",
            _ => "No supported audio tracks present in the file.",
        };
        AudioError::NothingPlayable { message, cause }
    }
}

/// What to do with ID3 tags in front of the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Id3 {
    /// Their contents are wanted.
    Read,
    /// Nobody asks for them.
    Skip,
}

fn pass_id3<'s>(
    mut stream: MediaSourceStream<'s>,
    id3: Id3,
    options: &mut FormatOptions,
) -> Result<MediaSourceStream<'s>> {
    const HEADER: usize = 10;
    let mut log = MetadataLog::default();
    for _ in 0..MAX_ID3_TAGS {
        stream.ensure_seekback_buffer(HEADER);
        let mut header = [0; HEADER];
        if stream.read_buf_exact(&mut header).is_err() {
            break;
        }
        let length = id3_length(&header);
        if length == 0 {
            stream.seek_buffered_rev(HEADER);
            break;
        }
        let rest = length - HEADER as u64;
        if id3 == Id3::Skip || rest > MAX_ID3_BYTES {
            stream.ignore_bytes(rest)?;
            continue;
        }
        let mut tag = header.to_vec();
        tag.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        stream.read_buf_exact(&mut tag[HEADER..])?;
        if count_id3_frames(&tag) <= MAX_ID3_FRAMES
            && let Ok(revision) = read_id3(tag)
        {
            log.push(revision);
        }
    }
    options.external_data.metadata = Some(log);
    Ok(stream)
}

fn read_id3(tag: Vec<u8>) -> Result<MetadataRevision> {
    let source = Box::new(std::io::Cursor::new(tag));
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    let mut reader = Id3v2Reader::try_new(stream, MetadataOptions::default())?;
    Ok(reader.read_all()?.revision)
}

/// Frames of a tag, by their sizes (ID3v2.2, section 3.2; ID3v2.3, section 3.3; ID3v2.4, section 4).
fn count_id3_frames(tag: &[u8]) -> usize {
    let version = tag.get(3).copied().unwrap_or_default();
    let mut rest = tag.get(10..).unwrap_or_default();
    let mut frames = 0;
    while rest.first().is_some_and(|&byte| byte != 0) {
        let (header, size) = match (version, rest) {
            (2, &[_, _, _, a, b, c, ..]) => (6, [0, a, b, c]),
            (3.., &[_, _, _, _, a, b, c, d, _, _, ..]) => (10, [a, b, c, d]),
            _ => break,
        };
        let bits = if version == 4 { 7 } else { 8 };
        let size = size
            .iter()
            .fold(0_usize, |size, &byte| size << bits | usize::from(byte));
        frames += 1;
        rest = rest.get(header + size..).unwrap_or_default();
    }
    frames
}

/// The track chosen to be played, with what is needed of its description.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    /// The container's description.
    pub(crate) track: Track,
    /// Parameters for the decoder.
    pub(crate) parameters: AudioCodecParameters,
}

impl Selected {
    /// Whether packets of this track are Opus.
    pub(crate) fn is_opus(&self) -> bool {
        self.parameters.codec == CODEC_ID_OPUS
    }
}

/// Chooses the first Opus track, else the first audio track there is a decoder for.
pub(crate) fn select_track(tracks: &[Track]) -> Option<Selected> {
    let audio = || {
        tracks.iter().filter_map(|track| match &track.codec_params {
            Some(CodecParameters::Audio(parameters)) => Some(Selected {
                track: track.clone(),
                parameters: parameters.clone(),
            }),
            _ => None,
        })
    };
    let decoders = symphonia::default::get_codecs();
    audio()
        .find(Selected::is_opus)
        .or_else(|| audio().find(|track| decoders.get_audio_decoder(track.parameters.codec).is_some()))
}

/// What the container holds instead of a playable track, for an error's cause.
pub(crate) fn describe_tracks(tracks: &[Track]) -> String {
    let names: Vec<String> = tracks
        .iter()
        .map(|track| match &track.codec_params {
            Some(CodecParameters::Audio(audio)) => format!("audio codec {}", audio.codec),
            Some(CodecParameters::Video(_)) => "video".to_owned(),
            Some(CodecParameters::Subtitle(_)) => "subtitles".to_owned(),
            Some(_) | None => "an unknown codec".to_owned(),
        })
        .collect();
    if names.is_empty() {
        "the file has no tracks".to_owned()
    } else {
        format!("found {}", names.join(", "))
    }
}

/// Length of the track, without encoder delay where the container tells.
pub(crate) fn length(reader: &dyn FormatReader, selected: &Selected) -> Option<Duration> {
    let track = &selected.track;
    let own = track.time_base.zip(track.duration);
    let whole = || reader.media_info().time_base.zip(reader.media_info().duration);
    let (base, duration) = own.or_else(whole)?;
    let length = base.calc_duration(duration)?;
    let nanos = u64::try_from(length.as_nanos()).ok().filter(|&nanos| nanos > 0)?;
    Some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_in_all_versions() {
        let two = |version, frame: &[u8]| {
            let mut tag = vec![b'I', b'D', b'3', version, 0, 0, 0, 0, 0, 40];
            tag.extend(frame.repeat(2));
            tag.extend([0; 8]);
            count_id3_frames(&tag)
        };
        assert_eq!(two(2, b"TT2\0\0\x02ab"), 2);
        assert_eq!(two(3, b"TIT2\0\0\0\x02\0\0ab"), 2);
        assert_eq!(
            two(4, &[b"TIT2\0\0\x01\x02\0\0".to_vec(), vec![1; 130]].concat()),
            2
        );
        assert_eq!(count_id3_frames(b"ID3"), 0);
        assert_eq!(
            count_id3_frames(b"ID3\x04\0\0\0\0\0\x0aTIT2\x7f\x7f\x7f\x7f\0\0"),
            1
        );
    }
}
