//! AAC through the Fraunhofer FDK library, as a decoder like symphonia's.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use fdk_aac::dec::{Decoder, Transport};
use symphonia::core::audio::{
    AsGenericAudioBufferRef, Audio, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef,
    Position,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
use symphonia::core::errors::{Error, Result, decode_error};
use symphonia::core::packet::PacketRef;

/// Most samples one call gives: eight channels of 2048.
const MAX_SAMPLES: usize = 8 * 2_048;

/// Names of the decoder for symphonia's interface.
pub(super) fn codec_info() -> &'static CodecInfo {
    static INFO: CodecInfo = CodecInfo {
        short_name: "aac",
        long_name: "Advanced Audio Coding (FDK)",
        profiles: &[],
    };
    &INFO
}

/// An empty buffer.
pub(super) fn nothing() -> GenericAudioBufferRef<'static> {
    static EMPTY: LazyLock<AudioBuffer<i16>> = LazyLock::new(AudioBuffer::default);
    EMPTY.as_generic_audio_buffer_ref()
}

/// An FDK decoder with the configuration it is set up with again after jumps and errors.
pub(super) struct FdkDecoder {
    decoder: Decoder,
    header: Box<[u8]>,
    parameters: AudioCodecParameters,
    pcm: Vec<i16>,
    buffer: AudioBuffer<i16>,
    delay: Arc<AtomicU32>,
}

impl FdkDecoder {
    /// A decoder for packets described by an AudioSpecificConfig. `delay` is kept at the samples per channel by which the
    /// audio comes later than the packet it belongs to.
    ///
    /// # Errors
    /// The library's text when it does not support what the header asks for.
    pub(super) fn new(
        header: &[u8],
        parameters: &AudioCodecParameters,
        delay: Arc<AtomicU32>,
    ) -> std::result::Result<Self, String> {
        Ok(Self {
            decoder: configured(header).map_err(|error| error.to_string())?,
            header: header.into(),
            parameters: parameters.clone(),
            pcm: vec![0; MAX_SAMPLES],
            buffer: AudioBuffer::default(),
            delay,
        })
    }

    /// Whether the audio decoded so far is more than the core: a doubled rate, or stereo from mono.
    pub(super) fn found_extension(&self) -> bool {
        let info = self.decoder.stream_info();
        info.sampleRate != info.aacSampleRate || info.numChannels != info.aacNumChannels
    }

    fn decode_packet(&mut self, packet: &[u8]) -> Result<()> {
        self.buffer.clear();
        let taken = self
            .decoder
            .fill(packet)
            .map_err(|error| Error::DecodeError(error.message()))?;
        if taken < packet.len() {
            return decode_error("aac: packet too large");
        }
        self.decoder
            .decode_frame(&mut self.pcm)
            .map_err(|error| Error::DecodeError(error.message()))?;
        let info = self.decoder.stream_info();
        let (Ok(rate_hz), Ok(channels), Ok(frames)) = (
            u32::try_from(info.sampleRate),
            usize::try_from(info.numChannels),
            usize::try_from(info.frameSize),
        ) else {
            return decode_error("aac: negative sizes");
        };
        let Some(pcm) = self.pcm.get(..frames * channels) else {
            return decode_error("aac: frame too long");
        };
        let Some(layout) = layout(channels) else {
            return decode_error("aac: unsupported number of channels");
        };
        let spec = AudioSpec::new(rate_hz, layout);
        if *self.buffer.spec() != spec || self.buffer.capacity() < frames {
            self.buffer = AudioBuffer::new(spec, frames);
        }
        self.buffer.render_uninit(Some(frames));
        self.buffer.copy_from_slice_interleaved(&pcm);
        self.delay.store(info.outputDelay, Ordering::Relaxed);
        Ok(())
    }
}

fn configured(header: &[u8]) -> std::result::Result<Decoder, fdk_aac::dec::DecoderError> {
    let mut decoder = Decoder::new(Transport::Raw);
    decoder.config_raw(header)?;
    Ok(decoder)
}

/// Positions of decoded channels. The library orders them as WAVE does, which is the order of these bits.
fn layout(channels: usize) -> Option<Channels> {
    const FRONT: Position = Position::FRONT_LEFT.union(Position::FRONT_RIGHT);
    const THREE: Position = FRONT.union(Position::FRONT_CENTER);
    const REAR: Position = Position::REAR_LEFT.union(Position::REAR_RIGHT);
    const SIX: Position = THREE.union(Position::LFE1).union(REAR);
    Some(Channels::Positioned(match channels {
        1 => Position::FRONT_CENTER,
        2 => FRONT,
        3 => THREE,
        4 => THREE.union(Position::REAR_CENTER),
        5 => THREE.union(REAR),
        6 => SIX,
        7 => SIX.union(Position::REAR_CENTER),
        8 => SIX.union(Position::SIDE_LEFT).union(Position::SIDE_RIGHT),
        _ => return None,
    }))
}

impl AudioDecoder for FdkDecoder {
    fn reset(&mut self) {
        // The header was accepted once; if memory has run out since, the next packet says so.
        if let Ok(decoder) = configured(&self.header) {
            self.decoder = decoder;
        }
        self.buffer.clear();
    }

    fn codec_info(&self) -> &CodecInfo {
        codec_info()
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.parameters
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        match self.decode_packet(packet.data) {
            Ok(()) => Ok(self.buffer.as_generic_audio_buffer_ref()),
            Err(error) => {
                // What a damaged packet left inside must not spoil the next.
                self.reset();
                Err(error)
            }
        }
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}
