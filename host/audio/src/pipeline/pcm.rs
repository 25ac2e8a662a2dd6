//! The PCM half of a pipeline: resampler, filters, 20 ms frames, volume, encoder - in this order, as late as possible.

use std::sync::Arc;

use lavalink_protocol::filters::Filters;

use super::Settings;
use crate::edge::{self, Mirror};
use crate::encode::FrameEncoder;
use crate::filters::FilterChain;
use crate::resample::Resample;
use crate::{AudioError, CHANNELS, FRAME_SAMPLES, SAMPLE_RATE_HZ, volume};

/// Interleaved samples of one frame.
const FRAME: usize = FRAME_SAMPLES * CHANNELS;

/// Interleaved samples an encoder runs ahead of its output: 312 per channel. A new one is given them first, so that
/// its packets decode to exactly the audio of their time.
const LEAD: usize = 312 * CHANNELS;

/// Interleaved samples over which the sound of old filters goes over into that of new ones: 5 ms. Shorter than the
/// lead, so that it is over when the next packet is passed through.
const FADE: usize = 240 * CHANNELS;

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
    fade: Option<Fade>,
    gain: Option<f32>,
    encoder: Option<FrameEncoder>,
    /// What was heard before the first frame to be encoded, as far as known.
    history: Vec<f32>,
}

/// The end of what old filters made, faded out under what new ones make.
enum Fade {
    /// Before the first audio since the change.
    Due(Option<Box<FilterChain>>),
    /// What is left of the old sound, and how much of it there was.
    Under(Vec<f32>, usize),
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
            fade: None,
            gain: None,
            encoder: None,
            history: Vec::new(),
        }
    }

    /// Takes over new filters; what the old ones still hold is played, and fades into the new sound.
    pub(super) fn set_filters(&mut self, filters: &Arc<Filters>) {
        if Arc::ptr_eq(&self.filters, filters) {
            return;
        }
        self.filters = Arc::clone(filters);
        self.end_fade();
        let old = std::mem::replace(&mut self.chain, FilterChain::build(filters, SAMPLE_RATE_HZ));
        if old.is_some() || self.chain.is_some() {
            self.fade = Some(Fade::Due(old.map(Box::new)));
        }
    }

    /// Takes the audio that was heard up to now by other means, interleaved stereo at 48 kHz.
    pub(super) fn continue_from(&mut self, heard: &[f32]) {
        self.history.clear();
        self.history
            .extend_from_slice(&heard[heard.len().saturating_sub(FRAME - LEAD)..]);
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
        let wanted = if self.encoder.is_some() {
            FRAME
        } else {
            LEAD + FRAME
        };
        while self.filtered.len() < wanted && self.source.len() >= FRAME {
            self.filter(FRAME);
        }
        self.filtered.len() >= wanted
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
        let gain = volume::gain(volume);
        let before = self.gain.replace(gain).unwrap_or(gain);
        if before == 0.0 && gain == 0.0 {
            self.take(FRAME);
            return Ok(SILENCE);
        }
        if self.encoder.is_none() {
            self.prime(before)?;
        }
        self.take(FRAME);
        volume::apply(&mut self.chunk, before, gain);
        match &mut self.encoder {
            Some(encoder) => encoder.encode(&mut self.chunk).map_err(decode_error),
            None => Ok(SILENCE),
        }
    }

    /// Moves the next `count` samples to `chunk`, filled up with silence.
    fn take(&mut self, count: usize) {
        let have = self.filtered.len().min(count);
        self.chunk.clear();
        self.chunk.extend(self.filtered.drain(..have));
        self.chunk.resize(count, 0.0);
    }

    /// Sets up an encoder that has heard what came before and the lead.
    fn prime(&mut self, gain: f32) -> Result<(), AudioError> {
        let mut encoder = FrameEncoder::new(self.settings.opus_quality)?;
        self.take(LEAD);
        let mut first = std::mem::take(&mut self.history);
        let missing = (FRAME - LEAD).saturating_sub(first.len());
        if missing > 0 {
            let known = [&first, self.chunk.as_slice(), &self.filtered].concat();
            first.splice(..0, edge::before(&known, missing, Mirror::Line));
        }
        first.append(&mut self.chunk);
        volume::apply(&mut first, gain, gain);
        encoder.prime(&mut first).map_err(decode_error)?;
        self.encoder = Some(encoder);
        Ok(())
    }

    /// The source has ended: brings everything held back into frames, the last one filled up with silence.
    ///
    /// # Errors
    /// [`AudioError::Decode`] when the resampler fails.
    pub(super) fn finish(&mut self) -> Result<(), AudioError> {
        self.finish_resampler()?;
        self.filter(self.source.len());
        self.end_fade();
        self.flush_chain();
        let held = if self.encoder.is_some() { LEAD } else { 0 };
        let due = (self.filtered.len() + held).div_ceil(FRAME) * FRAME;
        if due == 0 {
            return Ok(());
        }
        if self.filtered.len() + held == due && self.filtered.len() > LEAD {
            // The next track may go on where this one ends.
            let beyond = edge::after(&self.filtered, LEAD, Mirror::Line);
            self.filtered.extend(beyond);
        }
        self.filtered.resize(due + LEAD - held, 0.0);
        Ok(())
    }

    /// Forgets all audio before a jump; the volume is kept.
    pub(super) fn reset(&mut self) {
        self.source.clear();
        self.filtered.clear();
        self.fade = None;
        self.history.clear();
        if let Some(resampler) = &mut self.resampler {
            resampler.reset();
        }
        if let Some(chain) = &mut self.chain {
            chain.seeked();
        }
        self.encoder = None;
    }

    /// Drops audio and encoder: packets are passed through from now on.
    pub(super) fn leave(&mut self) {
        self.reset();
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
        if let Some(Fade::Due(old)) = &mut self.fade {
            let mut tail = self.chunk.clone();
            if let Some(old) = old {
                old.process(&mut tail);
                old.flush(&mut tail);
            }
            // What the old filters made of this block starts where the new ones start.
            let mut under = tail.split_off(tail.len().saturating_sub(self.chunk.len()));
            under.truncate(FADE);
            self.filtered.append(&mut tail);
            let whole = under.len();
            self.fade = Some(Fade::Under(under, whole));
        }
        if let Some(chain) = &mut self.chain {
            chain.process(&mut self.chunk);
        }
        self.mix_fade();
        self.filtered.append(&mut self.chunk);
    }

    /// Lays the old sound under the new in `chunk`.
    fn mix_fade(&mut self) {
        let Some(Fade::Under(under, whole)) = &mut self.fade else {
            return;
        };
        let done = *whole - under.len();
        let count = under.len().min(self.chunk.len());
        for (index, (new, old)) in self.chunk.iter_mut().zip(under.drain(..count)).enumerate() {
            // Both samples of a frame have the same share.
            let share = ((done + index) / CHANNELS + 1) as f32 / (*whole / CHANNELS) as f32;
            *new = *new * share + old * (1.0 - share);
        }
        if under.is_empty() {
            self.fade = None;
        }
    }

    /// Plays what is left of old filters' sound as it is.
    fn end_fade(&mut self) {
        match self.fade.take() {
            Some(Fade::Due(Some(mut old))) => {
                self.chunk.clear();
                old.flush(&mut self.chunk);
                self.filtered.append(&mut self.chunk);
            }
            Some(Fade::Under(mut under, _)) => self.filtered.append(&mut under),
            Some(Fade::Due(None)) | None => {}
        }
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
