//! Opus packets that go to the queue as they are, and the ways between them and encoded frames.

use std::collections::VecDeque;

use symphonia::core::packet::Packet;

use super::Turn;
use super::clock::{position_of, samples_of};
use super::session::{Session, Stop};
use crate::FRAME_SAMPLES;
use crate::opus_packet::{OpusHead, layout, packet_samples};
use crate::queue::MAX_PACKET;
use crate::scratch::{self, Purpose};

/// Packets kept to warm up the decoder when a filter is switched on: 80 ms.
const WARM_UP_PACKETS: usize = 4;

impl Session<'_> {
    /// Whether stream, volume and filters allow packets to be handed through.
    pub(super) fn passes_through(&self) -> bool {
        self.opus.as_ref().is_some_and(OpusHead::allows_passthrough)
            && self.link.control().volume() == 100
            && !self.pcm.has_filters()
    }

    /// Whether a packet is, or can be split into, packets of 20 ms.
    pub(super) fn is_whole_frames(&self, packet: &[u8]) -> bool {
        match packet_samples(packet) {
            Some(FRAME_SAMPLES) => packet.len() <= MAX_PACKET,
            Some(samples) if samples % FRAME_SAMPLES == 0 => {
                layout(packet).is_some_and(|layout| layout.frame_samples() == FRAME_SAMPLES)
            }
            _ => false,
        }
    }

    pub(super) fn pass(&mut self, packet: Packet, start_ns: i64) -> Result<(), Stop> {
        if self.passed.is_none() {
            self.leave_pcm(&packet)?;
            if self.discard_until_ns.is_none() {
                // Filling up a frame and timescale both let the count of samples drift from source time.
                self.position = samples_of(start_ns);
            }
        }
        self.ever_decoded = true;
        if let Some(until) = self.discard_until_ns {
            if start_ns.saturating_add(self.packet_ns(&packet)) <= until {
                self.remember(packet);
                return Ok(());
            }
            self.discard_until_ns = None;
            self.position = samples_of(start_ns);
        }
        if packet_samples(&packet.data) == Some(FRAME_SAMPLES) {
            self.push_packet(&packet.data)?;
        } else if let Some(layout) = layout(&packet.data) {
            let mut single = Vec::with_capacity(packet.data.len());
            for index in 0..layout.frame_count() {
                if layout.write_frame(&packet.data, index, &mut single) {
                    self.push_packet(&single)?;
                }
            }
        }
        self.remember(packet);
        Ok(())
    }

    fn push_packet(&mut self, packet: &[u8]) -> Result<(), Stop> {
        self.wait_for_room()?;
        self.position += FRAME_SAMPLES as u64;
        self.frames.push(position_of(self.position), packet);
        self.link.suspend(Turn::Worked);
        Ok(())
    }

    fn remember(&mut self, packet: Packet) {
        let passed = self.passed.get_or_insert_default();
        if passed.len() >= WARM_UP_PACKETS {
            passed.pop_front();
        }
        passed.push_back(packet);
    }

    /// Changes over to passing packets through: what is left of the PCM is filled up to a frame from the packet
    /// that will be passed next.
    fn leave_pcm(&mut self, next: &Packet) -> Result<(), Stop> {
        if self.discard_until_ns.is_none() && self.pcm.has_rest() {
            let (decoder, pcm) = (&mut self.decoder, &mut self.pcm);
            let push = |decoded: &mut Vec<f32>| match decoder.decode(next, decoded) {
                Ok(rate_hz) => pcm.push(decoded, rate_hz),
                Err(_) => Ok(()),
            };
            self.link
                .on_worker_stack(|| scratch::with(Purpose::Decoded, push))
                .map_err(Stop::Failed)?;
            self.run_effects(true)?;
            while self.pcm.prepare() {
                self.emit_one()?;
            }
        }
        self.pcm.leave();
        self.passed = Some(VecDeque::with_capacity(WARM_UP_PACKETS));
        Ok(())
    }
}
