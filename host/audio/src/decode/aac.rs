//! Which decoder an AAC track gets: symphonia's for plain AAC-LC, the FDK library for all that it does not decode.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Result as MediaResult;
use symphonia::core::io::{BitReaderLtr, ReadBitsLtr};

/// Audio object types (ISO/IEC 14496-3, table 1.17).
const LOW_COMPLEXITY: u32 = 2;
const SPECTRAL_BAND_REPLICATION: u32 = 5;
const PARAMETRIC_STEREO: u32 = 29;

/// Sample rates by index in Hz (ISO/IEC 14496-3, table 1.18).
const RATES_HZ: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/// Core rates up to this one in Hz usually carry an extension that doubles them, whatever the header says.
const USUALLY_EXTENDED_HZ: u32 = 24_000;

/// What the header of a track says about its AAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AacConfig {
    object_type: u32,
    /// Rate of the core, in Hz.
    rate_hz: u32,
    /// Channel configuration, `1..=15`; 0 means that the stream itself describes its channels.
    channels: u32,
    /// 1024 samples a frame rather than 960.
    long_frames: bool,
    /// Whether spectral band replication is there; `None` when the header is silent about it.
    extended: Option<bool>,
}

impl AacConfig {
    /// Reads the container's description; `None` when it says too little to decode anything.
    pub(super) fn of(parameters: &AudioCodecParameters) -> Option<Self> {
        if let Some(header) = &parameters.extra_data {
            return Self::parse(header).ok();
        }
        // ADTS: the container reader has taken the header apart.
        let channels = parameters.channels.as_ref()?.count();
        Some(Self {
            object_type: LOW_COMPLEXITY,
            rate_hz: parameters.sample_rate?,
            channels: u32::try_from(if channels == 8 { 7 } else { channels }).ok()?,
            long_frames: true,
            extended: None,
        })
    }

    /// Parses an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
    fn parse(header: &[u8]) -> MediaResult<Self> {
        let mut bits = BitReaderLtr::new(header);
        let mut object_type = read_object_type(&mut bits)?;
        let rate_hz = read_rate(&mut bits)?;
        let channels = bits.read_bits_leq32(4)?;
        let mut extended = None;
        if object_type == SPECTRAL_BAND_REPLICATION || object_type == PARAMETRIC_STEREO {
            extended = Some(true);
            read_rate(&mut bits)?;
            object_type = read_object_type(&mut bits)?;
        }
        let long_frames = !bits.read_bool()?;
        if object_type == LOW_COMPLEXITY && extended.is_none() && channels > 0 {
            extended = read_sync_extension(&mut bits).unwrap_or(None);
        }
        Ok(Self {
            object_type,
            rate_hz,
            channels,
            long_frames,
            extended,
        })
    }

    /// Whether symphonia's decoder plays the core of this: low complexity, one or two channels.
    fn is_plain(&self) -> bool {
        self.object_type == LOW_COMPLEXITY && self.long_frames && matches!(self.channels, 1 | 2)
    }

    /// The header of the core alone, for tracks that came without or say more than a decoder takes.
    fn core_header(&self) -> [u8; 2] {
        let index = RATES_HZ
            .iter()
            .position(|&rate_hz| rate_hz <= self.rate_hz)
            .unwrap_or(RATES_HZ.len() - 1);
        let bits = LOW_COMPLEXITY << 11 | (index as u32) << 7 | (self.channels & 0xf) << 3;
        [(bits >> 8) as u8, bits as u8]
    }
}

fn read_object_type(bits: &mut BitReaderLtr<'_>) -> MediaResult<u32> {
    const ESCAPE: u32 = 31;
    Ok(match bits.read_bits_leq32(5)? {
        ESCAPE => 32 + bits.read_bits_leq32(6)?,
        object_type => object_type,
    })
}

fn read_rate(bits: &mut BitReaderLtr<'_>) -> MediaResult<u32> {
    const EXPLICIT: u32 = 15;
    let index = bits.read_bits_leq32(4)?;
    if index == EXPLICIT {
        return Ok(bits.read_bits_leq32(24)?);
    }
    Ok(RATES_HZ.get(index as usize).copied().unwrap_or(0))
}

/// The backward compatible extension behind the configuration of the core: what it says about band replication.
fn read_sync_extension(bits: &mut BitReaderLtr<'_>) -> MediaResult<Option<bool>> {
    const SYNC: u32 = 0x2b7;
    if bits.read_bool()? {
        // Delay of the core coder.
        bits.ignore_bits(14)?;
    }
    let _extension_flag = bits.read_bool()?;
    if bits.read_bits_leq32(11)? != SYNC || read_object_type(bits)? != SPECTRAL_BAND_REPLICATION {
        return Ok(None);
    }
    Ok(Some(bits.read_bool()?))
}

/// A decoder for the track. `delay` is kept at the samples per channel by which its audio comes later than the packet it
/// belongs to.
///
/// # Errors
/// A text when neither library takes it.
pub(super) fn make(
    parameters: &AudioCodecParameters,
    delay: &Arc<AtomicU32>,
) -> Result<Box<dyn AudioDecoder>, String> {
    let Some(config) = AacConfig::of(parameters) else {
        return Err("the AAC header says neither rate nor channels".to_owned());
    };
    choose(config, parameters, delay)
}

fn plain(config: AacConfig, parameters: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, String> {
    let mut core = parameters.clone();
    if config.extended == Some(true) {
        core.extra_data = Some(Box::new(config.core_header()));
    }
    symphonia::default::get_codecs()
        .make_audio_decoder(&core, &AudioDecoderOptions::default())
        .map_err(|error| error.to_string())
}

#[cfg(not(feature = "he-aac"))]
fn choose(
    config: AacConfig,
    parameters: &AudioCodecParameters,
    _delay: &Arc<AtomicU32>,
) -> Result<Box<dyn AudioDecoder>, String> {
    if !config.is_plain() {
        return Err(format!(
            "this node was built without the feature he-aac and cannot play AAC of object type {} with channel \
             configuration {}, only low complexity in mono or stereo",
            config.object_type, config.channels
        ));
    }
    if config.extended.unwrap_or(config.rate_hz <= USUALLY_EXTENDED_HZ) {
        tracing::info!(
            "this node was built without the feature he-aac: HE-AAC plays with half its bandwidth, and version 2 in mono"
        );
    }
    plain(config, parameters)
}

#[cfg(feature = "he-aac")]
fn choose(
    config: AacConfig,
    parameters: &AudioCodecParameters,
    delay: &Arc<AtomicU32>,
) -> Result<Box<dyn AudioDecoder>, String> {
    use super::fdk::FdkDecoder;
    let header = match &parameters.extra_data {
        Some(header) => header.clone(),
        None => Box::from(config.core_header()),
    };
    let may_be_extended = config.extended.unwrap_or(config.rate_hz <= USUALLY_EXTENDED_HZ);
    if !config.is_plain() || may_be_extended {
        return Ok(Box::new(FdkDecoder::new(&header, parameters, Arc::clone(delay))?));
    }
    let plain = plain(config, parameters)?;
    if config.extended == Some(false) {
        return Ok(plain);
    }
    Ok(Box::new(Undecided {
        fdk: Some(FdkDecoder::new(&header, parameters, Arc::clone(delay))?),
        plain: Some(plain),
        packets_left: PACKETS_TO_DECIDE,
        parameters: parameters.clone(),
        delay: Arc::clone(delay),
    }))
}

/// Packets decoded twice before a track at a rate that is rarely extended counts as plain.
#[cfg(feature = "he-aac")]
const PACKETS_TO_DECIDE: u32 = 4;

/// Decodes the first packets with both libraries, as only decoding shows whether they carry band replication, and
/// stays with the one that fits. FDK costs about five times symphonia's decoder.
#[cfg(feature = "he-aac")]
struct Undecided {
    fdk: Option<super::fdk::FdkDecoder>,
    plain: Option<Box<dyn AudioDecoder>>,
    packets_left: u32,
    parameters: AudioCodecParameters,
    delay: Arc<AtomicU32>,
}

#[cfg(feature = "he-aac")]
mod undecided {
    use std::sync::atomic::Ordering;

    use symphonia::core::audio::GenericAudioBufferRef;
    use symphonia::core::codecs::CodecInfo;
    use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
    use symphonia::core::errors::{Result, unsupported_error};
    use symphonia::core::packet::PacketRef;

    use super::Undecided;

    impl AudioDecoder for Undecided {
        fn reset(&mut self) {
            if let Some(plain) = &mut self.plain {
                plain.reset();
            }
            if let Some(fdk) = &mut self.fdk {
                fdk.reset();
            }
        }

        fn codec_info(&self) -> &CodecInfo {
            super::super::fdk::codec_info()
        }

        fn codec_params(&self) -> &AudioCodecParameters {
            &self.parameters
        }

        fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
            if self.packets_left > 0
                && let Some(fdk) = &mut self.fdk
            {
                self.packets_left -= 1;
                let decoded = fdk.decode_ref(packet).is_ok();
                if decoded && fdk.found_extension() {
                    self.plain = None;
                    self.packets_left = 0;
                    return self.fdk.as_mut().map_or_else(
                        || unsupported_error("aac: no decoder"),
                        |fdk| Ok(fdk.last_decoded()),
                    );
                }
                self.delay.store(0, Ordering::Relaxed);
                if self.packets_left == 0 {
                    self.fdk = None;
                }
            }
            match (&mut self.plain, &mut self.fdk) {
                (Some(plain), _) => plain.decode_ref(packet),
                (None, Some(fdk)) => fdk.decode_ref(packet),
                (None, None) => unsupported_error("aac: no decoder"),
            }
        }

        fn finalize(&mut self) -> FinalizeResult {
            FinalizeResult::default()
        }

        fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
            match (&self.plain, &self.fdk) {
                (None, Some(fdk)) => fdk.last_decoded(),
                (Some(plain), _) => plain.last_decoded(),
                (None, None) => super::super::fdk::nothing(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(object_type: u32, rate_hz: u32, channels: u32, extended: Option<bool>) -> AacConfig {
        AacConfig {
            object_type,
            rate_hz,
            channels,
            long_frames: true,
            extended,
        }
    }

    #[cfg(not(feature = "he-aac"))]
    #[test]
    fn without_the_fdk_library_it_is_said_what_cannot_be_played() {
        use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
        let decoder = |header: &[u8]| {
            let mut parameters = AudioCodecParameters::new();
            parameters.for_codec(CODEC_ID_AAC).with_extra_data(header.into());
            make(&parameters, &Arc::default()).map(drop)
        };
        assert_eq!(decoder(&[0x12, 0x10]), Ok(()), "low complexity in stereo");
        assert_eq!(decoder(&[0x2b, 0x11, 0x88, 0x00]), Ok(()), "the core of HE-AAC");
        let refused = decoder(&[0x12, 0x30]).expect_err("5.1");
        assert!(
            refused.contains("he-aac") && refused.contains("configuration 6"),
            "{refused}"
        );
    }

    #[test]
    fn headers_of_all_signalling_modes() {
        let parse = |header: &[u8]| AacConfig::parse(header).expect("a whole header");
        // LC, 44.1 kHz, stereo.
        assert_eq!(parse(&[0x12, 0x10]), config(2, 44_100, 2, None));
        // Object type 5 first: LC at 24 kHz extended to 48 kHz.
        assert_eq!(parse(&[0x2b, 0x11, 0x88, 0x00]), config(2, 24_000, 2, Some(true)));
        // Object type 29: mono core.
        assert_eq!(parse(&[0xeb, 0x09, 0x88, 0x00]), config(2, 24_000, 1, Some(true)));
        // Backward compatible: LC at 24 kHz, sync extension says that replication is there, and that it is not.
        assert_eq!(
            parse(&[0x13, 0x10, 0x56, 0xe5, 0x98]),
            config(2, 24_000, 2, Some(true))
        );
        assert_eq!(
            parse(&[0x13, 0x10, 0x56, 0xe5, 0x00]),
            config(2, 24_000, 2, Some(false))
        );
        assert!(AacConfig::parse(&[0x12]).is_err());
    }

    #[test]
    fn the_header_of_the_core_reads_back() {
        for (rate_hz, channels) in [(44_100, 2), (24_000, 1), (7_350, 6)] {
            let config = config(LOW_COMPLEXITY, rate_hz, channels, None);
            assert_eq!(AacConfig::parse(&config.core_header()).ok(), Some(config));
        }
    }

    proptest! {
        #[test]
        fn never_panics(header in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(config) = AacConfig::parse(&header) {
                let _ = config.core_header();
            }
        }
    }
}
