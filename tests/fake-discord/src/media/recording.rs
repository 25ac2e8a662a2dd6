//! The newest audio of one connection: Opus packets and PCM, bounded.

use std::collections::VecDeque;
use std::time::Duration;

use super::rtp::SAMPLES_PER_FRAME;

/// Interleaved i16 samples per 20 ms stereo frame.
const PCM_PER_FRAME: usize = SAMPLES_PER_FRAME as usize * 2;
/// Longest run of lost frames written as silence: 5 s.
const MAX_FILL_FRAMES: u16 = 250;
/// Longest Opus packet in samples per channel: 120 ms.
const MAX_DECODED: usize = 5_760;

/// Keeps at most a given duration of packets, and of PCM if it decodes.
pub(crate) struct Recording {
    limit_frames: usize,
    packets: VecDeque<Box<[u8]>>,
    pcm: VecDeque<i16>,
    decoder: Option<opus::Decoder>,
    buffer: Vec<i16>,
}

impl Recording {
    /// Records up to `limit` of 20 ms frames.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit_frames: (limit.as_millis() / 20).min(10_000_000) as usize,
            packets: VecDeque::new(),
            pcm: VecDeque::new(),
            decoder: None,
            buffer: Vec::new(),
        }
    }

    /// Adds a packet without decoding it.
    pub(crate) fn push_packet(&mut self, opus: &[u8]) {
        if self.limit_frames == 0 {
            return;
        }
        if self.packets.len() >= self.limit_frames {
            self.packets.pop_front();
        }
        self.packets.push_back(opus.into());
    }

    /// Decodes a packet that followed `missing` lost ones and adds its PCM; false when the decoder refuses it.
    pub(crate) fn push_decoded(&mut self, opus: &[u8], missing: u16) -> bool {
        if missing > 0 {
            let fill = usize::from(missing.min(MAX_FILL_FRAMES)) * PCM_PER_FRAME;
            self.pcm.extend(std::iter::repeat_n(0, fill));
        }
        if self.decoder.is_none() {
            self.decoder = opus::Decoder::new(48_000, opus::Channels::Stereo).ok();
            self.buffer.resize(MAX_DECODED * 2, 0);
        }
        let decoded = match &mut self.decoder {
            Some(decoder) => decoder.decode(opus, &mut self.buffer, false).ok(),
            None => None,
        };
        if let Some(samples) = decoded {
            self.pcm.extend(&self.buffer[..samples * 2]);
        }
        let excess = self.pcm.len().saturating_sub(self.limit_frames * PCM_PER_FRAME);
        self.pcm.drain(..excess);
        decoded.is_some()
    }

    /// The packets kept, oldest first.
    pub(crate) fn packets(&self) -> Vec<Vec<u8>> {
        self.packets.iter().map(|packet| packet.to_vec()).collect()
    }

    /// The PCM kept: interleaved stereo, 48 kHz.
    pub(crate) fn pcm(&self) -> Vec<i16> {
        self.pcm.iter().copied().collect()
    }

    /// Forgets the audio; the decoder keeps its state.
    pub(crate) fn clear(&mut self) {
        self.packets = VecDeque::new();
        self.pcm = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone_packet(encoder: &mut opus::Encoder, frame: usize) -> Vec<u8> {
        let pcm: Vec<i16> = (0..960)
            .flat_map(|n| {
                let t = (frame * 960 + n) as f64 / 48_000.0;
                let sample = (8_000.0 * (std::f64::consts::TAU * 500.0 * t).sin()) as i16;
                [sample, sample]
            })
            .collect();
        encoder.encode_vec(&pcm, 1_275).unwrap()
    }

    #[test]
    fn decodes_fills_losses_and_stays_within_the_limit() {
        let mut encoder =
            opus::Encoder::new(48_000, opus::Channels::Stereo, opus::Application::Audio).unwrap();
        let mut recording = Recording::new(Duration::from_secs(1));
        for frame in 0..40 {
            let packet = tone_packet(&mut encoder, frame);
            assert!(recording.push_decoded(&packet, 0));
            recording.push_packet(&packet);
        }
        assert_eq!(recording.pcm().len(), 40 * PCM_PER_FRAME);
        let found = crate::analysis::stereo(&recording.pcm(), 48_000).unwrap();
        assert!(
            (found[0].peak_hz - 500.0).abs() < 1.0 && found[0].peak_share > 0.95,
            "{found:?}"
        );

        assert!(recording.push_decoded(&tone_packet(&mut encoder, 42), 2));
        let pcm = recording.pcm();
        assert_eq!(pcm.len(), 43 * PCM_PER_FRAME);
        assert!(
            pcm[40 * PCM_PER_FRAME..42 * PCM_PER_FRAME]
                .iter()
                .all(|sample| *sample == 0)
        );

        for frame in 43..200 {
            let packet = tone_packet(&mut encoder, frame);
            recording.push_decoded(&packet, 0);
            recording.push_packet(&packet);
        }
        assert_eq!(
            (recording.pcm().len(), recording.packets().len()),
            (50 * PCM_PER_FRAME, 50)
        );
        recording.clear();
        assert!(recording.pcm().is_empty() && recording.packets().is_empty());
    }

    #[test]
    fn refuses_garbage() {
        let mut recording = Recording::new(Duration::from_secs(1));
        assert!(!recording.push_decoded(&[0xFF; 3], 0));
        assert!(recording.pcm().is_empty());
    }
}
