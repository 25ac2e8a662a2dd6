//! From packets to encoded frames: decoding, the outside filters, and what waits for room in the queue.

use std::time::Duration;

use symphonia::core::packet::Packet;

use super::Turn;
use super::clock::{frames_of, position_of, samples_of};
use super::session::{Session, Stop};
use crate::decode::DecodeProblem;
use crate::effects::{EffectWork, Effects};
use crate::scratch::{self, Purpose};
use crate::{AudioError, FRAME_SAMPLES};

/// Damaged packets in a row after which a track is given up.
const MAX_BAD_PACKETS: u32 = 500;

impl Session<'_> {
    pub(super) fn take_settings(&mut self) -> Result<(), Stop> {
        let setup = self.link.control().filters.load_full();
        if self.pcm.must_flush_effects(&setup) {
            self.flush_effects()?;
        }
        self.pcm.set_filters(&setup);
        Ok(())
    }

    /// Runs the outside filters over the audio there is: in whole frames, or all when no more follows.
    pub(super) fn run_effects(&mut self, is_last: bool) -> Result<(), Stop> {
        while let Some((effects, samples)) = self.pcm.next_for_effects(is_last) {
            effects.begin(EffectWork::Process(samples), self.link.waker());
            self.await_effects()?;
        }
        Ok(())
    }

    pub(super) fn flush_effects(&mut self) -> Result<(), Stop> {
        if let Some(effects) = self.pcm.effects() {
            effects.begin(EffectWork::Flush, self.link.waker());
            self.await_effects()?;
        }
        Ok(())
    }

    /// Playback goes on elsewhere. The outside filters are not waited for here: what they get next comes after this.
    pub(super) fn seek_effects(&mut self, target: Duration) {
        if let Some(effects) = self.pcm.effects() {
            effects.begin(EffectWork::Seeked(target), self.link.waker());
        }
    }

    /// Waits for the outside filters, while the worker serves other tracks.
    fn await_effects(&mut self) -> Result<(), Stop> {
        loop {
            if self.link.seek_is_pending() {
                return Err(Stop::Seek);
            }
            match self.pcm.effects().map(Effects::poll) {
                Some(Some(samples)) => {
                    self.pcm.take_back(&samples);
                    return Ok(());
                }
                Some(None) => self.link.suspend(Turn::Poll),
                None => return Ok(()),
            }
        }
    }

    pub(super) fn transcode(&mut self, packet: &Packet, start_ns: i64) -> Result<(), Stop> {
        if let Some(passed) = self.passed.take() {
            let (decoder, pcm) = (&mut self.decoder, &mut self.pcm);
            let warm_up = |decoded: &mut Vec<f32>| {
                decoder.reset();
                for earlier in &passed {
                    decoded.clear();
                    // Only the decoder's state matters; a damaged packet was the source's.
                    let _ = decoder.decode(earlier, decoded);
                }
                pcm.continue_from(decoded);
            };
            self.link
                .on_worker_stack(|| scratch::with(Purpose::Decoded, warm_up));
        }
        if scratch::with(Purpose::Decoded, |decoded| self.decode(packet, start_ns, decoded))? {
            self.emit()
        } else {
            Ok(())
        }
    }

    /// Decodes a packet and takes what is to be heard of it into the PCM path; whether there was any. `decoded` is empty.
    fn decode(&mut self, packet: &Packet, start_ns: i64, decoded: &mut Vec<f32>) -> Result<bool, Stop> {
        let decoder = &mut self.decoder;
        let outcome = self.link.on_worker_stack(|| decoder.decode(packet, decoded));
        let rate_hz = match outcome {
            Ok(rate_hz) => rate_hz,
            Err(DecodeProblem::Packet(problem)) if self.bad_packets < MAX_BAD_PACKETS => {
                self.bad_packets += 1;
                self.last_problem = problem;
                return Ok(false);
            }
            Err(DecodeProblem::Packet(cause) | DecodeProblem::Fatal(cause)) => {
                return Err(Stop::Failed(AudioError::Decode { cause }));
            }
        };
        self.bad_packets = 0;
        self.ever_decoded = true;
        let delay_ns = u64::from(self.decoder.delay()) * 1_000_000_000 / u64::from(rate_hz.max(1));
        let start_ns = start_ns.saturating_sub_unsigned(delay_ns);
        if let Some(end_ns) = self.end_ns {
            let left = frames_of(end_ns.saturating_sub(start_ns), rate_hz);
            decoded.truncate(left.saturating_mul(crate::CHANNELS));
        }
        let mut skip = 0;
        if let Some(until) = self.discard_until_ns {
            let frames = decoded.len() / crate::CHANNELS;
            let early = frames_of(until.saturating_sub(start_ns), rate_hz);
            if early >= frames {
                return Ok(false);
            }
            skip = early * crate::CHANNELS;
            self.discard_until_ns = None;
            self.position = samples_of(until.max(start_ns));
        }
        let pcm = &mut self.pcm;
        self.link
            .on_worker_stack(|| pcm.push(&decoded[skip..], rate_hz))
            .map_err(Stop::Failed)?;
        Ok(true)
    }

    /// Encodes and queues all whole frames there are.
    pub(super) fn emit(&mut self) -> Result<(), Stop> {
        loop {
            self.wait_for_room()?;
            // Read after the wait, so that changes are heard within the depth of the queue.
            self.take_settings()?;
            self.run_effects(false)?;
            let pcm = &mut self.pcm;
            if !self.link.on_worker_stack(|| pcm.prepare()) {
                return Ok(());
            }
            self.emit_one()?;
        }
    }

    pub(super) fn emit_one(&mut self) -> Result<(), Stop> {
        self.wait_for_room()?;
        let (pcm, volume) = (&mut self.pcm, self.link.control().volume());
        let packet = self
            .link
            .on_worker_stack(|| pcm.encode(volume))
            .map_err(Stop::Failed)?;
        self.frames.push(position_of(self.position), packet);
        self.position += FRAME_SAMPLES as u64;
        self.link.suspend(Turn::Worked);
        Ok(())
    }

    pub(super) fn wait_for_room(&mut self) -> Result<(), Stop> {
        loop {
            if self.link.seek_is_pending() {
                return Err(Stop::Seek);
            }
            if self.frames.has_room() {
                return Ok(());
            }
            self.link.suspend(Turn::Full(self.frames.target()));
        }
    }
}
