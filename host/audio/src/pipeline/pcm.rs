//! The PCM half of a pipeline: resampler, outside filters, filters, 20 ms frames, volume, encoder - in this order, as late as possible.

use std::sync::Arc;

use super::{FilterSetup, Settings};
use crate::edge::{self, Mirror};
use crate::effects::Effects;
use crate::encode::FrameEncoder;
use crate::filters::FilterChain;
use crate::resample::Resample;
use crate::scratch::{self, Purpose};
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

/// Most interleaved samples the outside filters get at once: 100 ms, for which their deadlines are made.
const MAX_FOR_EFFECTS: usize = 5 * FRAME;

/// PCM on its way to the encoder.
pub(super) struct PcmPath {
    settings: Settings,
    resampler: Option<Resample>,
    /// 48 kHz stereo before the outside filters; stays empty without any.
    raw: Vec<f32>,
    /// 48 kHz stereo before the filters.
    source: Vec<f32>,
    /// The same behind them, or as it came while there are none.
    filtered: Vec<f32>,
    /// Samples at the end of `filtered` that came without a detour: filters switched on now still get them.
    unfiltered: usize,
    setup: Arc<FilterSetup>,
    effects: Option<Box<dyn Effects>>,
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
    pub(super) fn new(settings: Settings, setup: Arc<FilterSetup>) -> Self {
        let chain = FilterChain::build(&setup.filters, SAMPLE_RATE_HZ);
        let effects = setup.effects.as_ref().map(|effects| effects.make());
        Self {
            settings,
            resampler: None,
            raw: Vec::new(),
            source: Vec::new(),
            filtered: Vec::new(),
            unfiltered: 0,
            setup,
            effects,
            chain,
            fade: None,
            gain: None,
            encoder: None,
            history: Vec::new(),
        }
    }

    /// Whether outside filters are on that these filters would replace; they have to be flushed before.
    pub(super) fn must_flush_effects(&self, setup: &FilterSetup) -> bool {
        self.effects.is_some() && !self.setup.has_same_effects(setup)
    }

    /// Takes over new filters; what the old ones still hold is played, and fades into the new sound.
    pub(super) fn set_filters(&mut self, setup: &Arc<FilterSetup>) {
        if Arc::ptr_eq(&self.setup, setup) {
            return;
        }
        let before = std::mem::replace(&mut self.setup, Arc::clone(setup));
        if !before.has_same_effects(setup) {
            self.effects = setup.effects.as_ref().map(|effects| effects.make());
            if self.effects.is_none() {
                self.source.append(&mut self.raw);
            }
        }
        if Arc::ptr_eq(&before.filters, &setup.filters) {
            return;
        }
        self.end_fade();
        self.take_back_unfiltered();
        let chain = FilterChain::build(&setup.filters, SAMPLE_RATE_HZ);
        let old = std::mem::replace(&mut self.chain, chain);
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
        self.chain.is_some() || self.effects.is_some()
    }

    /// The outside filters and the next samples for them, in whole frames, or whatever there is when no more follow.
    pub(super) fn next_for_effects(&mut self, is_last: bool) -> Option<(&mut dyn Effects, Vec<f32>)> {
        let effects = self.effects.as_deref_mut()?;
        let whole = self.raw.len() / FRAME * FRAME;
        let count = if is_last { self.raw.len() } else { whole }.min(MAX_FOR_EFFECTS);
        if count == 0 {
            return None;
        }
        let rest = self.raw.split_off(count);
        Some((effects, std::mem::replace(&mut self.raw, rest)))
    }

    /// The outside filters.
    pub(super) fn effects(&mut self) -> Option<&mut dyn Effects> {
        match &mut self.effects {
            Some(effects) => Some(effects.as_mut()),
            None => None,
        }
    }

    /// Takes what the outside filters made.
    pub(super) fn take_back(&mut self, samples: &[f32]) {
        self.source.extend_from_slice(samples);
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
            self.take_in(pcm.len(), |inlet| {
                inlet.extend_from_slice(pcm);
                Ok(())
            })
        } else {
            let mut resampler = match self.resampler.take() {
                Some(resampler) => resampler,
                None => Resample::new(rate_hz, self.settings.resampling).map_err(decode_error)?,
            };
            let room = pcm.len() as u64 * u64::from(SAMPLE_RATE_HZ) / u64::from(rate_hz.max(1));
            let room = usize::try_from(room).unwrap_or(0);
            let outcome = self.take_in(room, |inlet| resampler.push(pcm, inlet).map_err(decode_error));
            self.resampler = Some(resampler);
            outcome
        }
    }

    /// Has samples added where audio comes in: before the outside filters, before the filters, or, while there are none,
    /// right before the encoder, which saves a buffer. `room`: about how many there will be.
    fn take_in<T>(&mut self, room: usize, add: impl FnOnce(&mut Vec<f32>) -> T) -> T {
        if self.effects.is_some() {
            return add(&mut self.raw);
        }
        if self.chain.is_some() || self.fade.is_some() || !self.source.is_empty() {
            return add(&mut self.source);
        }
        let before = self.filtered.len();
        // Doubling would keep room for more than ever comes together.
        self.filtered.reserve_exact(room);
        let outcome = add(&mut self.filtered);
        self.unfiltered += self.filtered.len() - before;
        outcome
    }

    /// What came without filters and was not encoded yet is to run through those that are switched on now.
    fn take_back_unfiltered(&mut self) {
        let count = std::mem::take(&mut self.unfiltered).min(self.filtered.len());
        let back = self.filtered.split_off(self.filtered.len() - count);
        self.source.splice(..0, back);
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
        !self.raw.is_empty() || !self.source.is_empty() || !self.filtered.is_empty()
    }

    /// The next frame as a packet, at the given volume (`0..=1000`), ramped from the one of the frame before.
    ///
    /// # Errors
    /// [`AudioError::Decode`] when the encoder fails.
    pub(super) fn encode(&mut self, volume: u16) -> Result<&[u8], AudioError> {
        let gain = volume::gain(volume);
        let before = self.gain.replace(gain).unwrap_or(gain);
        if before == 0.0 && gain == 0.0 {
            self.drop_filtered(FRAME);
            return Ok(SILENCE);
        }
        if self.encoder.is_none() {
            self.prime(before)?;
        }
        let Some(encoder) = &mut self.encoder else {
            return Ok(SILENCE);
        };
        scratch::with(Purpose::Chunk, |frame| {
            take(&mut self.filtered, FRAME, frame);
            volume::apply(frame, before, gain);
            encoder.encode(frame).map_err(decode_error)
        })
    }

    /// Sets up an encoder that has heard what came before and the lead.
    fn prime(&mut self, gain: f32) -> Result<(), AudioError> {
        let mut encoder = FrameEncoder::new(self.settings.opus_quality)?;
        let mut lead = Vec::new();
        take(&mut self.filtered, LEAD, &mut lead);
        let mut first = std::mem::take(&mut self.history);
        let missing = (FRAME - LEAD).saturating_sub(first.len());
        if missing > 0 {
            let known = [&first, lead.as_slice(), &self.filtered].concat();
            first.splice(..0, edge::before(&known, missing, Mirror::Line));
        }
        first.append(&mut lead);
        volume::apply(&mut first, gain, gain);
        encoder.prime(&mut first).map_err(decode_error)?;
        self.encoder = Some(encoder);
        Ok(())
    }

    /// Drops the next samples unheard.
    fn drop_filtered(&mut self, count: usize) {
        let have = self.filtered.len().min(count);
        self.filtered.drain(..have);
    }

    /// The source has ended: brings everything held back into frames, the last one filled up with silence. The resampler
    /// and the outside filters have been emptied before.
    pub(super) fn finish(&mut self) {
        self.filter(self.source.len());
        self.end_fade();
        self.flush_chain();
        let held = if self.encoder.is_some() { LEAD } else { 0 };
        let due = (self.filtered.len() + held).div_ceil(FRAME) * FRAME;
        if due == 0 {
            return;
        }
        if self.filtered.len() + held == due && self.filtered.len() > LEAD {
            // The next track may go on where this one ends.
            let beyond = edge::after(&self.filtered, LEAD, Mirror::Line);
            self.filtered.extend(beyond);
        }
        self.filtered.resize(due + LEAD - held, 0.0);
    }

    /// Forgets all audio before a jump; the volume is kept.
    pub(super) fn reset(&mut self) {
        self.raw.clear();
        self.source.clear();
        self.filtered.clear();
        self.unfiltered = 0;
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
        self.raw = Vec::new();
        self.source = Vec::new();
        self.filtered = Vec::new();
        // Passed-through audio has unity gain, so a later change ramps from there.
        self.gain = Some(volume::gain(100));
    }

    fn filter(&mut self, samples: usize) {
        let samples = samples.min(self.source.len());
        scratch::with(Purpose::Chunk, |chunk| {
            chunk.extend(self.source.drain(..samples));
            if let Some(Fade::Due(old)) = &mut self.fade {
                let mut tail = chunk.clone();
                if let Some(old) = old {
                    old.process(&mut tail);
                    old.flush(&mut tail);
                }
                // What the old filters made of this block starts where the new ones start.
                let mut under = tail.split_off(tail.len().saturating_sub(chunk.len()));
                under.truncate(FADE);
                self.filtered.append(&mut tail);
                let whole = under.len();
                self.fade = Some(Fade::Under(under, whole));
            }
            if let Some(chain) = &mut self.chain {
                chain.process(chunk);
            }
            self.mix_fade(chunk);
            self.filtered.append(chunk);
        });
    }

    /// Lays the old sound under the new in `chunk`.
    fn mix_fade(&mut self, chunk: &mut [f32]) {
        let Some(Fade::Under(under, whole)) = &mut self.fade else {
            return;
        };
        let done = *whole - under.len();
        let count = under.len().min(chunk.len());
        for (index, (new, old)) in chunk.iter_mut().zip(under.drain(..count)).enumerate() {
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
            Some(Fade::Due(Some(mut old))) => old.flush(&mut self.filtered),
            Some(Fade::Under(mut under, _)) => self.filtered.append(&mut under),
            Some(Fade::Due(None)) | None => {}
        }
    }

    fn flush_chain(&mut self) {
        if let Some(chain) = &mut self.chain {
            chain.flush(&mut self.filtered);
        }
    }

    /// Takes what the resampler still holds.
    ///
    /// # Errors
    /// [`AudioError::Decode`] when it fails.
    pub(super) fn finish_resampler(&mut self) -> Result<(), AudioError> {
        let Some(mut resampler) = self.resampler.take() else {
            return Ok(());
        };
        let outcome = self.take_in(0, |inlet| resampler.finish(inlet).map_err(decode_error));
        self.resampler = Some(resampler);
        outcome
    }
}

/// Moves the first `count` samples to the empty `chunk`, filled up with silence.
fn take(from: &mut Vec<f32>, count: usize, chunk: &mut Vec<f32>) {
    let have = from.len().min(count);
    chunk.extend(from.drain(..have));
    chunk.resize(count, 0.0);
}

fn decode_error(cause: String) -> AudioError {
    AudioError::Decode { cause }
}
