//! The media side of one session: every RTP packet is opened, checked, timed and, if wanted, decoded.

pub(crate) mod epochs;
pub(crate) mod frame;
pub(crate) mod recording;
pub(crate) mod rtp;
mod timing;
pub(crate) mod transport;

use std::net::SocketAddr;
use std::ops::Range;

use crate::config::{Config, Content};
use crate::report::{FrameReport, HISTORY_LIMIT, RtpReport, TimingReport};
use epochs::{Epochs, Verdict};
use frame::SILENCE;
use recording::Recording;
use rtp::{NonceSet, RtpHeader, RtpTracker, Step};
use timing::Timing;
use transport::{Opened, TransportKey};

/// How long audio may overtake the first op 5, ns (UDP and WebSocket are not ordered).
const SPEAKING_GRACE_NS: i64 = 250_000_000;

/// State of one session's stream.
pub(crate) struct Media {
    pub(crate) content: Content,
    pub(crate) frames: FrameReport,
    pub(crate) epochs: Epochs,
    pub(crate) recording: Recording,
    pub(crate) rtp_report: RtpReport,
    key: Option<TransportKey>,
    /// The key before a change, until the first packet under the new one.
    previous_key: Option<TransportKey>,
    peer: Option<SocketAddr>,
    /// Packets sent to it; the nonce of the last.
    forwarded: u32,
    rtp: RtpTracker,
    nonces: NonceSet,
    timing: Timing,
    speaking_seen: bool,
    first_unannounced: Option<i64>,
    silence_run: u32,
    scratch: Vec<u8>,
}

impl Media {
    /// A session in a guild, before op 4.
    pub(crate) fn new(config: &Config, guild_id: u64, dave_version: u16) -> Self {
        Self {
            content: config.content_of(guild_id),
            frames: FrameReport::default(),
            epochs: Epochs::new(dave_version),
            recording: Recording::new(config.record_limit),
            rtp_report: RtpReport::default(),
            key: None,
            previous_key: None,
            peer: None,
            forwarded: 0,
            rtp: RtpTracker::default(),
            nonces: NonceSet::default(),
            timing: Timing::new(config.gap_threshold),
            speaking_seen: false,
            first_unannounced: None,
            silence_run: 0,
            scratch: Vec::new(),
        }
    }

    /// Installs the key of op 4.
    pub(crate) fn set_key(&mut self, key: TransportKey) {
        self.previous_key = self.key.replace(key);
    }

    /// Where the session's packets come from.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Decrypts in place; right after a change of keys with the earlier one as well.
    fn open(&mut self, packet: &mut [u8]) -> Option<Opened> {
        let key = self.key.as_ref()?;
        let Some(previous) = &self.previous_key else {
            return key.open(packet);
        };
        // A failed try may leave anything behind.
        let mut copy = packet.to_vec();
        if let Some(opened) = previous.open(&mut copy) {
            packet.copy_from_slice(&copy);
            self.frames.under_previous_key += 1;
            return Some(opened);
        }
        let opened = key.open(packet)?;
        self.previous_key = None;
        self.nonces = NonceSet::default();
        self.frames.key_changes += 1;
        Some(opened)
    }

    /// Counts a discovery request; true when it is to be answered.
    pub(crate) fn discover(&mut self, peer: SocketAddr, ignored: u32) -> bool {
        self.frames.discoveries += 1;
        let answer = self.frames.discoveries > u64::from(ignored);
        if answer {
            self.peer = Some(peer);
        }
        answer
    }

    /// Notes an op 5 that arrived at `at`, ns.
    pub(crate) fn speaking(&mut self, at: i64) {
        if !self.speaking_seen {
            self.speaking_seen = true;
            if self
                .first_unannounced
                .is_some_and(|first| at - first <= SPEAKING_GRACE_NS)
            {
                self.frames.before_speaking = 0;
            }
        }
    }

    /// Takes an RTP packet that arrived from `peer` at `at`, ns. Decrypts in place and returns where the payload is,
    /// unless it is stale or not authentic.
    pub(crate) fn receive(
        &mut self,
        header: &RtpHeader,
        packet: &mut [u8],
        peer: SocketAddr,
        at: i64,
    ) -> Option<Range<usize>> {
        self.frames.total += 1;
        if *self.peer.get_or_insert(peer) != peer {
            self.frames.wrong_address += 1;
        }
        if !self.speaking_seen {
            self.first_unannounced.get_or_insert(at);
            self.frames.before_speaking += 1;
        }
        let Some(opened) = self.open(packet) else {
            self.frames.transport_failed += 1;
            return None;
        };
        if !self.nonces.insert(opened.nonce) {
            self.rtp_report.nonce_reuse += 1;
        }
        let payload = &packet[opened.payload.clone()];
        let silent = payload == SILENCE;
        let step = self
            .rtp
            .observe(header, self.silence_run > 0, &mut self.rtp_report);
        let missing = match step {
            Step::Forward { missing, in_pause } => {
                let missing = if in_pause { 0 } else { missing };
                self.timing.observe(at, missing, silent);
                missing
            }
            Step::Stale => {
                if silent {
                    self.frames.silence += 1;
                } else {
                    self.frames.media += 1;
                }
                return None;
            }
        };
        if silent {
            self.frames.silence += 1;
            self.silence_run += 1;
            self.keep(missing, None);
            return Some(opened.payload);
        }
        self.end_silence_run();
        self.frames.media += 1;
        let mut scratch = std::mem::take(&mut self.scratch);
        let open = self.content != Content::TransportOnly;
        match self.epochs.judge(payload, at, open, &mut scratch) {
            Verdict::Plain => self.keep(missing, Some(payload)),
            Verdict::Opened => self.keep(missing, Some(&scratch)),
            Verdict::Sealed | Verdict::Failed => {}
        }
        self.scratch = scratch;
        Some(opened.payload)
    }

    /// Another client's packet as this one is to receive it, and where; `None` before op 4.
    pub(crate) fn forward(&mut self, header: &[u8], payload: &[u8]) -> Option<(Vec<u8>, SocketAddr)> {
        let (key, peer) = (self.key.as_ref()?, self.peer?);
        self.forwarded = self.forwarded.wrapping_add(1);
        Some((key.seal(header, payload, self.forwarded.to_be_bytes())?, peer))
    }

    /// Records an Opus packet, or silence for `None`.
    fn keep(&mut self, missing: u16, opus: Option<&[u8]>) {
        self.frames.opus_bytes += opus.map_or(0, |opus| opus.len() as u64);
        if self.content == Content::TransportOnly {
            return;
        }
        let opus = opus.unwrap_or(&SILENCE);
        self.recording.push_packet(opus);
        if self.content == Content::Full {
            if self.recording.push_decoded(opus, missing) {
                self.frames.decoded += 1;
            } else {
                self.frames.decode_failed += 1;
            }
        }
    }

    fn end_silence_run(&mut self) {
        if self.silence_run > 0 && self.frames.silence_runs.len() < HISTORY_LIMIT {
            self.frames.silence_runs.push(self.silence_run);
        }
        self.silence_run = 0;
    }

    /// The frame counters, a silence run in progress included.
    pub(crate) fn frame_report(&self) -> FrameReport {
        let mut report = self.frames.clone();
        if self.silence_run > 0 && report.silence_runs.len() < HISTORY_LIMIT {
            report.silence_runs.push(self.silence_run);
        }
        report
    }

    /// The timing figures.
    pub(crate) fn timing_report(&self) -> TimingReport {
        self.timing.report()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;

    const SECRET: [u8; 32] = [5; 32];
    const FRAME_NS: i64 = 20_000_000;

    struct Sender {
        media: Media,
        sequence: u16,
        at: i64,
    }

    impl Sender {
        fn new(content: Content) -> Self {
            let config = Config {
                content,
                ..Config::default()
            };
            let mut media = Media::new(&config, 1, 0);
            media.set_key(TransportKey::new(Mode::Aes256Gcm, &SECRET).unwrap());
            Self {
                media,
                sequence: 0,
                at: 0,
            }
        }

        fn send(&mut self, payload: &[u8]) {
            let mut header = vec![0x80, 0x78];
            header.extend_from_slice(&self.sequence.to_be_bytes());
            header.extend_from_slice(&(u32::from(self.sequence) * 960).to_be_bytes());
            header.extend_from_slice(&[0, 0, 0, 1]);
            let nonce = u32::from(self.sequence).to_be_bytes();
            let mut packet = transport::tests::seal(Mode::Aes256Gcm, &SECRET, &header, payload, nonce);
            let header = RtpHeader::parse(&packet).unwrap();
            self.media
                .receive(&header, &mut packet, "127.0.0.1:5".parse().unwrap(), self.at);
            self.sequence += 1;
            self.at += FRAME_NS;
        }
    }

    #[test]
    fn silence_runs_and_pauses() {
        let mut sender = Sender::new(Content::Decrypt);
        sender.media.speaking(0);
        sender.send(b"opus");
        for _ in 0..5 {
            sender.send(&SILENCE);
        }
        sender.at += 50 * FRAME_NS;
        sender.send(b"opus");
        sender.send(&SILENCE);
        let report = sender.media.frame_report();
        assert_eq!((report.total, report.silence, report.media), (8, 6, 2));
        assert_eq!(report.silence_runs, [5, 1]);
        assert_eq!(sender.media.timing_report().gap_count, 0);
        assert_eq!(sender.media.recording.packets().len(), 8);
        assert!(sender.media.recording.pcm().is_empty());
    }

    #[test]
    fn speaking_may_be_overtaken_but_not_forgotten() {
        let mut sender = Sender::new(Content::TransportOnly);
        sender.send(b"opus");
        sender.media.speaking(sender.at);
        assert_eq!(sender.media.frames.before_speaking, 0);

        let mut sender = Sender::new(Content::TransportOnly);
        for _ in 0..20 {
            sender.send(b"opus");
        }
        sender.media.speaking(sender.at);
        assert_eq!(sender.media.frames.before_speaking, 20);
    }

    #[test]
    fn other_addresses_and_bad_packets_are_counted() {
        let mut sender = Sender::new(Content::TransportOnly);
        assert!(!sender.media.discover("127.0.0.1:9".parse().unwrap(), 1));
        assert!(sender.media.discover("127.0.0.1:9".parse().unwrap(), 1));
        sender.send(b"opus");
        assert_eq!(
            (sender.media.frames.wrong_address, sender.media.frames.discoveries),
            (1, 2)
        );
        let mut packet = [0x80; 64];
        let header = RtpHeader::parse(&packet).unwrap();
        sender
            .media
            .receive(&header, &mut packet, "127.0.0.1:9".parse().unwrap(), 0);
        assert_eq!(sender.media.frames.transport_failed, 1);
    }
}
