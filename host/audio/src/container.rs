//! Opening a container with the right reader, and choosing the track to play in it.

use std::time::Duration;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::errors::Result;
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSourceStream, ReadBytes, SeekBuffered};
use symphonia::core::meta::{MetadataLog, MetadataOptions, MetadataReader};
use symphonia::default::formats::{
    AdtsReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader,
};
use symphonia::default::meta::Id3v2Reader;

use crate::AudioError;

/// Bytes that may be read before a container must have shown its tracks: room for big cover pictures and for a
/// metadata box behind the media of a short file.
pub(crate) const OPEN_BUDGET_BYTES: u64 = 32 * 1024 * 1024;

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
        ]
        .into_iter()
        .find(|container| container.name() == name)
    }

    /// Builds the reader of this container on a stream that stands at its first byte.
    ///
    /// # Errors
    /// Those of the reader.
    pub(crate) fn open<'s>(self, stream: MediaSourceStream<'s>) -> Result<Box<dyn FormatReader + 's>> {
        let mut options = FormatOptions::default();
        Ok(match self {
            Self::Wav => Box::new(WavReader::try_new(stream, options)?),
            Self::Matroska => Box::new(MkvReader::try_new(stream, options)?),
            Self::Mp4 => Box::new(IsoMp4Reader::try_new(stream, options)?),
            Self::Flac => Box::new(FlacReader::try_new(stream, options)?),
            Self::Ogg => Box::new(OggReader::try_new(stream, options)?),
            Self::Mp3 => Box::new(MpaReader::try_new(read_id3(stream, &mut options)?, options)?),
            Self::Adts => Box::new(AdtsReader::try_new(read_id3(stream, &mut options)?, options)?),
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

fn read_id3<'s>(
    mut stream: MediaSourceStream<'s>,
    options: &mut FormatOptions,
) -> Result<MediaSourceStream<'s>> {
    let mut log = MetadataLog::default();
    for _ in 0..MAX_ID3_TAGS {
        stream.ensure_seekback_buffer(3);
        let mut marker = [0; 3];
        stream.read_buf_exact(&mut marker)?;
        stream.seek_buffered_rev(marker.len());
        if &marker != b"ID3" {
            break;
        }
        let mut reader = Box::new(Id3v2Reader::try_new(stream, MetadataOptions::default())?);
        log.push(reader.read_all()?.revision);
        stream = reader.into_inner();
    }
    options.external_data.metadata = Some(log);
    Ok(stream)
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
