//! Packets to stereo PCM at the source's rate.

mod aac;
#[cfg(feature = "he-aac")]
mod fdk;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP3, CODEC_ID_VORBIS};
use symphonia::core::errors::Error as MediaError;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration as Ticks, TimeBase};

use crate::container::Selected;
use crate::downmix::Downmix;
use crate::opus_packet::{ChannelMapping, OpusHead};
use crate::scratch::{self, Purpose};
use crate::{CHANNELS, SAMPLE_RATE_HZ};

/// Samples per channel in the longest Opus packet: 120 ms at 48 kHz (RFC 6716, section 3.2.5).
const MAX_OPUS_SAMPLES: usize = 5_760;

/// Most channels that are decoded; more are refused rather than mixed from nonsense.
const MAX_CHANNELS: usize = 16;

/// Why a packet gave no audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DecodeProblem {
    /// The packet is damaged; the next may be fine.
    Packet(String),
    /// The decoder cannot go on.
    Fatal(String),
}

/// A decoder for the packets of one track.
pub(crate) enum PacketDecoder {
    /// Opus through libopus, always at 48 kHz.
    Opus(Box<OpusDecoder>),
    /// Everything else.
    Other(Box<OtherDecoder>),
}

impl PacketDecoder {
    /// A decoder for the selected track.
    ///
    /// # Errors
    /// A text when the codec or its parameters are not supported.
    pub(crate) fn new(selected: &Selected) -> Result<Self, String> {
        if selected.is_opus() {
            return OpusDecoder::new(&opus_head(selected)).map(|decoder| Self::Opus(Box::new(decoder)));
        }
        OtherDecoder::new(selected).map(|decoder| Self::Other(Box::new(decoder)))
    }

    /// Decodes a packet and appends interleaved stereo to `out`. Returns the sample rate in Hz.
    ///
    /// # Errors
    /// [`DecodeProblem`]; nothing was appended then.
    pub(crate) fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Result<u32, DecodeProblem> {
        let before = out.len();
        let decoded = match self {
            Self::Opus(decoder) => decoder.decode(&packet.data, out).map(|()| SAMPLE_RATE_HZ),
            Self::Other(decoder) => decoder.decode(packet, out),
        };
        tame(out.get_mut(before..).unwrap_or_default());
        decoded
    }

    /// Samples per channel by which the audio last decoded comes later than its packet.
    pub(crate) fn delay(&self) -> u32 {
        match self {
            Self::Opus(_) => 0,
            Self::Other(decoder) => decoder.delay.load(Ordering::Relaxed),
        }
    }

    /// Forgets the audio before a jump.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::Opus(decoder) => decoder.reset(),
            Self::Other(decoder) => decoder.inner.reset(),
        }
    }
}

/// Loudest sample passed on, of full scale. Sound files may go beyond 1; what a damaged one holds can be anything, and
/// resamplers panic or fall silent for good over infinities.
const LOUDEST: f32 = 64.0;

/// Makes numbers of what is none, and bounds the rest.
fn tame(samples: &mut [f32]) {
    for sample in samples {
        *sample = if sample.is_nan() {
            0.0
        } else {
            sample.clamp(-LOUDEST, LOUDEST)
        };
    }
}

/// The identification header of an Opus track, or plain stereo when the container has none.
pub(crate) fn opus_head(selected: &Selected) -> OpusHead {
    let header = selected.parameters.extra_data.as_deref();
    header
        .and_then(OpusHead::parse)
        .unwrap_or_else(OpusHead::plain_stereo)
}

fn failed(error: opus::Error) -> String {
    format!("the Opus decoder could not be set up: {error}")
}

/// A decoder for `gain` in 1/256 dB.
fn stereo_decoder(gain: i32) -> Result<opus::Decoder, String> {
    let mut decoder = opus::Decoder::new(SAMPLE_RATE_HZ, opus::Channels::Stereo).map_err(failed)?;
    decoder.set_gain(gain).map_err(failed)?;
    Ok(decoder)
}

enum OpusState {
    /// A decoder of that gain (in 1/256 dB) is made by the first packet: a track that is passed through never needs one.
    Unmade(i32),
    Stereo(opus::Decoder),
    Multistream(opus::MSDecoder),
}

/// libopus with the output gain and channel mapping of the stream's header applied.
pub(crate) struct OpusDecoder {
    state: OpusState,
    downmix: Option<Downmix>,
    channels: usize,
}

impl OpusDecoder {
    fn new(head: &OpusHead) -> Result<Self, String> {
        let gain = i32::from(head.output_gain);
        match &head.mapping {
            ChannelMapping::Single => {
                // A stereo decoder plays mono streams on both sides.
                Ok(Self {
                    state: OpusState::Unmade(gain),
                    downmix: None,
                    channels: CHANNELS,
                })
            }
            ChannelMapping::Multistream {
                family,
                streams,
                coupled,
                table,
            } => {
                let channels = table.len();
                if channels > MAX_CHANNELS {
                    return Err(format!("Opus with {channels} channels is not supported"));
                }
                let mut decoder =
                    opus::MSDecoder::new(SAMPLE_RATE_HZ, *streams, *coupled, table).map_err(failed)?;
                decoder.set_gain(gain).map_err(failed)?;
                let downmix = match family {
                    1 => Downmix::vorbis_order(channels),
                    _ => Downmix::new(&Channels::Discrete(u16::try_from(channels).unwrap_or(u16::MAX))),
                };
                let state = OpusState::Multistream(decoder);
                Ok(Self {
                    state,
                    downmix: Some(downmix),
                    channels,
                })
            }
        }
    }

    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Result<(), DecodeProblem> {
        if packet.is_empty() {
            return Err(DecodeProblem::Packet("an empty Opus packet".to_owned()));
        }
        if let OpusState::Unmade(gain) = self.state {
            self.state = OpusState::Stereo(stereo_decoder(gain).map_err(DecodeProblem::Fatal)?);
        }
        scratch::with(Purpose::Codec, |pcm| {
            pcm.resize(MAX_OPUS_SAMPLES * self.channels, 0.0);
            let decoded = match &mut self.state {
                OpusState::Unmade(_) => Ok(0),
                OpusState::Stereo(decoder) => decoder.decode_float(packet, pcm, false),
                OpusState::Multistream(decoder) => decoder.decode_float(packet, pcm, false),
            };
            let samples = decoded.map_err(|error| DecodeProblem::Packet(error.to_string()))?;
            let pcm = pcm.get(..samples * self.channels).unwrap_or_default();
            match &self.downmix {
                Some(downmix) => downmix.mix(pcm, out),
                None => out.extend_from_slice(pcm),
            }
            Ok(())
        })
    }

    fn reset(&mut self) {
        let done = match &mut self.state {
            OpusState::Unmade(_) => Ok(()),
            OpusState::Stereo(decoder) => decoder.reset_state(),
            OpusState::Multistream(decoder) => decoder.reset_state(),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "Opus decoder was not reset");
        }
    }
}

/// A symphonia decoder with the mix to stereo.
pub(crate) struct OtherDecoder {
    inner: Box<dyn AudioDecoder>,
    selected: Selected,
    mix: Option<(Channels, Downmix)>,
    /// Samples per channel by which the audio comes later than its packet.
    delay: Arc<AtomicU32>,
}

impl OtherDecoder {
    fn new(selected: &Selected) -> Result<Self, String> {
        let delay = Arc::default();
        let inner = make(selected, &delay)?;
        Ok(Self {
            inner,
            selected: selected.clone(),
            mix: None,
            delay,
        })
    }

    fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Result<u32, DecodeProblem> {
        let buffer = match self.inner.decode(packet) {
            Ok(buffer) => buffer,
            Err(MediaError::ResetRequired) => {
                self.inner = make(&self.selected, &self.delay).map_err(DecodeProblem::Fatal)?;
                return Err(DecodeProblem::Packet(
                    "the stream changed its parameters".to_owned(),
                ));
            }
            Err(error @ (MediaError::DecodeError(_) | MediaError::IoError(_))) => {
                return Err(DecodeProblem::Packet(error.to_string()));
            }
            Err(error) => return Err(DecodeProblem::Fatal(error.to_string())),
        };
        // Rate and channels come from the audio: container parameters are wrong for AAC with extensions.
        let rate_hz = buffer.spec().rate();
        let channels = buffer.spec().channels();
        if channels.count() > MAX_CHANNELS {
            return Err(DecodeProblem::Fatal(format!(
                "{} channels are not supported",
                channels.count()
            )));
        }
        if self.mix.as_ref().is_none_or(|(known, _)| known != channels) {
            self.mix = Some((channels.clone(), Downmix::new(channels)));
        }
        let Some((_, mix)) = &self.mix else {
            return Err(DecodeProblem::Fatal("no channels".to_owned()));
        };
        let width = mix.channels().max(1);
        let codec = self.selected.parameters.codec;
        // These two decoders cut encoder delay and padding themselves.
        let (start, end) = if codec == CODEC_ID_MP3 || codec == CODEC_ID_VORBIS {
            (0, 0)
        } else {
            let base = self.selected.track.time_base;
            (
                frames(base, packet.trim_start, rate_hz),
                frames(base, packet.trim_end, rate_hz),
            )
        };
        scratch::with(Purpose::Codec, |pcm| {
            buffer.copy_to_vec_interleaved(pcm);
            let have = pcm.len() / width;
            let start = start.min(have);
            let end = have.saturating_sub(end).max(start);
            mix.mix(&pcm[start * width..end * width], out);
        });
        Ok(rate_hz)
    }
}

fn make(selected: &Selected, delay: &Arc<AtomicU32>) -> Result<Box<dyn AudioDecoder>, String> {
    if selected.parameters.codec == CODEC_ID_AAC {
        return aac::make(&selected.parameters, delay);
    }
    symphonia::default::get_codecs()
        .make_audio_decoder(&selected.parameters, &AudioDecoderOptions::default())
        .map_err(|error| error.to_string())
}

fn frames(base: Option<TimeBase>, ticks: Ticks, rate_hz: u32) -> usize {
    let nanos = base.map_or(0, |base| base.calc_duration_saturating(ticks).as_nanos());
    let frames = (nanos * i128::from(rate_hz) + 500_000_000) / 1_000_000_000;
    usize::try_from(frames).unwrap_or(0)
}
