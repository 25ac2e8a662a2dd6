//! Stereo PCM to Opus frames.

use opus::{Application, Bitrate, Channels, Encoder};

use crate::queue::MAX_PACKET;
use crate::{AudioError, CHANNELS, FRAME_SAMPLES, SAMPLE_RATE_HZ};

/// One encoder of a pipeline: `OPUS_APPLICATION_AUDIO`, constrained VBR, bitrate left to libopus (about 99 kbit/s).
pub(crate) struct FrameEncoder {
    encoder: Encoder,
    packet: Box<[u8; MAX_PACKET]>,
    /// Whether the next frame is the first that anybody hears.
    is_first: bool,
}

impl FrameEncoder {
    /// An encoder of the given complexity, `0..=10`; more is taken as 10.
    ///
    /// # Errors
    /// When libopus cannot allocate its state.
    pub(crate) fn new(complexity: u8) -> Result<Self, AudioError> {
        let build = || {
            let mut encoder = Encoder::new(SAMPLE_RATE_HZ, Channels::Stereo, Application::Audio)?;
            encoder.set_complexity(i32::from(complexity.min(10)))?;
            encoder.set_bitrate(Bitrate::Auto)?;
            encoder.set_vbr(true)?;
            Ok(Self {
                encoder,
                packet: Box::new([0; MAX_PACKET]),
                is_first: false,
            })
        };
        build().map_err(|error: opus::Error| AudioError::Broken {
            cause: error.to_string(),
        })
    }

    /// Lets the encoder hear a frame that nobody else does. The frame after it does not refer to it.
    ///
    /// # Errors
    /// What libopus reports, as text.
    pub(crate) fn prime(&mut self, frame: &mut [f32]) -> Result<(), String> {
        self.encode(frame)?;
        self.is_first = true;
        self.encoder
            .set_prediction_disabled(true)
            .map_err(|error| error.to_string())
    }

    /// Encodes one frame of [`FRAME_SAMPLES`] interleaved stereo samples. Samples beyond full scale are clipped.
    ///
    /// # Errors
    /// What libopus reports, as text.
    pub(crate) fn encode(&mut self, frame: &mut [f32]) -> Result<&[u8], String> {
        debug_assert_eq!(frame.len(), FRAME_SAMPLES * CHANNELS);
        // NaN from a filter would poison the encoder's state for good.
        frame
            .iter_mut()
            .for_each(|s| *s = if s.is_finite() { s.clamp(-1.0, 1.0) } else { 0.0 });
        let len = self
            .encoder
            .encode_float(frame, &mut self.packet[..])
            .map_err(|error| error.to_string())?;
        if std::mem::take(&mut self.is_first) {
            self.encoder
                .set_prediction_disabled(false)
                .map_err(|error| error.to_string())?;
        }
        self.packet
            .get(..len)
            .ok_or_else(|| "the encoder wrote beyond its buffer".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primed_encoder_starts_at_full_level() {
        let tone = |from: usize| -> Vec<f32> {
            (from * CHANNELS..(from + FRAME_SAMPLES) * CHANNELS)
                .map(|n| ((n / CHANNELS) as f32 * 0.13).cos() * 0.5)
                .collect()
        };
        let mut encoder = FrameEncoder::new(10).expect("libopus is linked");
        encoder.prime(&mut tone(0)).expect("valid input");
        let mut decoder =
            opus::Decoder::new(SAMPLE_RATE_HZ, opus::Channels::Stereo).expect("libopus is linked");
        for number in 1..4 {
            let packet = encoder
                .encode(&mut tone(number * FRAME_SAMPLES))
                .expect("valid input");
            let mut pcm = [0.0; FRAME_SAMPLES * CHANNELS];
            decoder
                .decode_float(packet, &mut pcm, false)
                .expect("a valid packet");
            let loudest = pcm[500..]
                .iter()
                .fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
            assert!((0.4..0.6).contains(&loudest), "frame {number}: {loudest}");
        }
    }

    #[test]
    fn a_frame_is_one_stereo_packet_of_20_ms() {
        let mut encoder = FrameEncoder::new(10).expect("libopus is linked");
        let mut frame: Vec<f32> = (0..FRAME_SAMPLES * CHANNELS)
            .map(|n| (n as f32 * 0.05).sin() * 3.0)
            .collect();
        frame[7] = f32::NAN;
        let packet = encoder.encode(&mut frame).expect("valid input");
        assert_eq!(
            opus::packet::get_nb_samples(packet, SAMPLE_RATE_HZ).expect("valid packet"),
            FRAME_SAMPLES
        );
        assert!(packet.len() > 10);
    }
}
