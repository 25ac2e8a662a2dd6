//! The PCM half of a pipeline: resampler, filters, 20 ms frames, volume, encoder - in this order, as late as possible.

use std::sync::Arc;

use lavalink_protocol::filters::Filters;

use super::Settings;
use crate::encode::FrameEncoder;
use crate::filters::FilterChain;
use crate::resample::Resample;
use crate::{AudioError, CHANNELS, FRAME_SAMPLES, SAMPLE_RATE_HZ, volume};

/// Interleaved samples of one frame.
const FRAME: usize = FRAME_SAMPLES * CHANNELS;

/// Samples per channel an encoder holds back at 48 kHz; that much silence pushes the end of a track out.
const ENCODER_DELAY: usize = 312;

/// Opus packet of 20 ms of silence (full band, stereo, as the Java server sends for muted frames).
const SILENCE: &[u8] = &[0xfc, 0xff, 0xfe];

/// PCM on its way to the encoder.
pub(super) struct PcmPath {
    settings: Settings,
    resampler: Option<Resample>,
    /// 48 kHz stereo before the filters.
    source: Vec<f32>,
    /// The same behind them.
    filtered: Vec<f32>,
    chunk: Vec<f32>,
    filters: Arc<Filters>,
    chain: Option<FilterChain>,
    gain: Option<f32>,
    encoder: Option<FrameEncoder>,
}

impl PcmPath {
    pub(super) fn new(settings: Settings, filters: Arc<Filters>) -> Self {
        let chain = FilterChain::build(&filters, SAMPLE_RATE_HZ);
        Self {
            settings,
            resampler: None,
            source: Vec::new(),
            filtered: Vec::new(),
            chunk: Vec::new(),
            filters,
            chain,
            gain: None,
            encoder: None,
        }
    }

    /// Takes over new filters; what the old ones still hold is played.
    pub(super) fn set_filters(&mut self, filters: &Arc<Filters>) {
        if Arc::ptr_eq(&self.filters, filters) {
            return;
        }
        self.filters = Arc::clone(filters);
        self.flush_chain();
        self.chain = FilterChain::build(filters, SAMPLE_RATE_HZ);
    }

    /// Whether any filter changes the sound.
    pub(super) fn has_filters(&self) -> bool {
        self.chain.is_some()
    }

    /// Takes interleaved stereo at `rate_hz`.
    ///
    /// # Errors
    /// [`AudioError::Decode`] when the rate cannot be converted.
    pub(super) fn push(&mut self, pcm: &[f32], rate_hz: u32) -> Result<(), AudioError> {
        if self
            .resampler
            .as_ref()
            .is_some_and(|resampler| resampler.source_rate_hz() != rate_hz)
        {
            self.finish_resampler()?;
            self.resampler = None;
        }
        if rate_hz == SAMPLE_RATE_HZ {
            self.source.extend_from_slice(pcm);
            return Ok(());
        }
        if self.resampler.is_none() {
            self.resampler = Some(Resample::new(rate_hz, self.settings.resampling).map_err(decode_error)?);
        }
        match &mut self.resampler {
            Some(resampler) => resampler.push(pcm, &mut self.source).map_err(decode_error),
            None => Ok(()),
        }
    }

    /// Whether [`PcmPath::encode`] would give a frame; runs the filters over as much audio as that takes.
    pub(super) fn prepare(&mut self) -> bool {
        while self.filtered.len() < FRAME && self.source.len() >= FRAME {
            self.filter(FRAME);
        }
        self.filtered.len() >= FRAME
    }

    /// Whether there is audio that does not fill a frame yet.
    pub(super) fn has_rest(&self) -> bool {
        !self.source.is_empty() || !self.filtered.is_empty()
    }

    /// The next frame as a packet, at the given volume (`0..=1000`), ramped from the one of the frame before.
    ///
    /// # Errors
    /// [`AudioError::Decode`] when the encoder fails.
    pub(super) fn encode(&mut self, volume: u16) -> Result<&[u8], AudioError> {
        let count = self.filtered.len().min(FRAME);
        self.chunk.clear();
        self.chunk.extend(self.filtered.drain(..count));
        self.chunk.resize(FRAME, 0.0);
        let gain = volume::gain(volume);
        let before = self.gain.replace(gain).unwrap_or(gain);
        if before == 0.0 && gain == 0.0 {
            return Ok(SILENCE);
        }
        volume::apply(&mut self.chunk, before, gain);
        if self.encoder.is_none() {
            self.encoder = Some(FrameEncoder::new(self.settings.opus_quality)?);
        }
        match &mut self.encoder {
            Some(encoder) => encoder.encode(&mut self.chunk).map_err(decode_error),
            None => Ok(SILENCE),
        }
    }

    /// The source has ended: brings everything held back into frames, the last one filled up with silence.
    ///
    /// # Errors
    /// [`AudioError::Decode`] when the resampler fails.
    pub(super) fn finish(&mut self) -> Result<(), AudioError> {
        self.finish_resampler()?;
        self.filter(self.source.len());
        self.flush_chain();
        if self.encoder.is_some() || !self.filtered.is_empty() {
            let whole = (self.filtered.len() + ENCODER_DELAY * CHANNELS).div_ceil(FRAME) * FRAME;
            self.filtered.resize(whole, 0.0);
        }
        Ok(())
    }

    /// Forgets all audio before a jump; the volume is kept.
    pub(super) fn reset(&mut self) {
        self.source.clear();
        self.filtered.clear();
        if let Some(resampler) = &mut self.resampler {
            resampler.reset();
        }
        if let Some(chain) = &mut self.chain {
            chain.seeked();
        }
        if let Some(encoder) = &mut self.encoder {
            encoder.reset();
        }
    }

    /// Drops audio and encoder: packets are passed through from now on.
    pub(super) fn leave(&mut self) {
        self.reset();
        self.encoder = None;
        self.source = Vec::new();
        self.filtered = Vec::new();
        self.chunk = Vec::new();
        // Passed-through audio has unity gain, so a later change ramps from there.
        self.gain = Some(volume::gain(100));
    }

    fn filter(&mut self, samples: usize) {
        let samples = samples.min(self.source.len());
        self.chunk.clear();
        self.chunk.extend(self.source.drain(..samples));
        if let Some(chain) = &mut self.chain {
            chain.process(&mut self.chunk);
        }
        self.filtered.append(&mut self.chunk);
    }

    fn flush_chain(&mut self) {
        if let Some(chain) = &mut self.chain {
            self.chunk.clear();
            chain.flush(&mut self.chunk);
            self.filtered.append(&mut self.chunk);
        }
    }

    fn finish_resampler(&mut self) -> Result<(), AudioError> {
        match &mut self.resampler {
            Some(resampler) => resampler.finish(&mut self.source).map_err(decode_error),
            None => Ok(()),
        }
    }
}

fn decode_error(cause: String) -> AudioError {
    AudioError::Decode { cause }
}
