//! One connection's outgoing audio, a packet per slot.

use std::{
    io,
    net::UdpSocket,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use tokio::sync::oneshot;

use super::link::{MediaLink, Protection, Stop};
use super::watch::Blame;
use crate::{
    counters::VoiceCounters,
    dave::encryptor::{self, FrameEncryptor, SILENCE},
    flight::{AUDIBLE_LATENESS, FlightRecorder, GapCause, Outcome, Slot},
    source::{Lack, MAX_PACKET, SharedSource, SourceReport},
    udp::{
        crypto::{TRAILER_BYTES, TransportCipher},
        rtp::{HEADER_BYTES, RtpStream},
    },
};

/// Silence packets sent when audio stops, so that receivers do not interpolate past its end.
const SILENCE_PACKETS: u8 = 5;

/// Slots the first packet waits for "speaking" to be announced before it goes out anyway.
const ANNOUNCE_SLOTS: u8 = 3;

/// Slots without a packet after which a keepalive is sent (5 s).
const KEEPALIVE_SLOTS: u32 = 250;

/// Room for the largest datagram: header, packet, end-to-end and transport overhead.
const DATAGRAM_BYTES: usize = HEADER_BYTES + MAX_PACKET + encryptor::MAX_OVERHEAD + TRAILER_BYTES;

/// Linux's error for a full device queue; unlike a full socket buffer it has no `io::ErrorKind`.
const ENOBUFS: i32 = 105;

/// The slot that is being run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// When it was due, on the pacers' clock.
    pub(super) due: Duration,
    /// How much later it is now.
    pub(super) lateness: Duration,
    /// Whether that is worth a count.
    pub(super) is_late: bool,
    /// Who is to blame for that.
    pub(super) blame: Blame,
}

/// Where a pacer thread builds its datagrams.
pub(crate) struct Scratch {
    datagram: [u8; DATAGRAM_BYTES],
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            datagram: [0; DATAGRAM_BYTES],
        }
    }

    /// Where the payload of a datagram begins as an Opus packet.
    fn packet(&mut self) -> &mut [u8; MAX_PACKET] {
        self.datagram[HEADER_BYTES..]
            .first_chunk_mut()
            .expect("a datagram has room for the largest packet")
    }
}

/// What became of a slot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// The slot is done.
    Done,
    /// Somebody holds the source's lock; worth a second try within this slot.
    Locked,
    /// The stream has ended.
    Finished,
}

enum EndToEnd {
    Hold { slots: u16 },
    Plain,
    Sealed,
}

enum Talk {
    /// Nothing is being sent.
    Idle,
    /// A packet of `length` bytes waits until Discord knows that we speak.
    Announcing { length: usize, slots_left: u8 },
    /// Audio flows.
    Talking,
    /// The source ran dry; so many silence packets have been sent.
    Trailing { sent: u8 },
}

/// One connection's sender: owned by a pacer thread while it runs.
pub(crate) struct Stream {
    source: SharedSource,
    socket: UdpSocket,
    rtp: RtpStream,
    cipher: TransportCipher,
    link: Arc<MediaLink>,
    end_to_end: EndToEnd,
    /// Kept while not in use: should the same epoch come back, its nonces go on.
    encryptor: Option<Box<FrameEncryptor>>,
    talk: Talk,
    stop: Option<Stop>,
    /// The packet that waits while [`Talk::Announcing`].
    packet: [u8; MAX_PACKET],
    quiet_slots: u32,
    keepalives: u32,
    recorder: Option<Arc<FlightRecorder>>,
    /// Whether a listener expects audio: a frame was sent, and since then nothing said that there is no more.
    is_playing: bool,
    /// Whether frames have been missing since the last one sent.
    in_gap: bool,
    /// Of the last slot with a frame sent.
    last_lateness: Duration,
    /// Counts changes of the end-to-end protection.
    epoch: u8,
    has_joined: bool,
    /// The source was locked at the first try of this slot.
    pub(super) retry: bool,
    /// Takes the stream back to the control plane, where its socket and source are dropped.
    way_back: Option<oneshot::Sender<Box<Stream>>>,
}

impl Stream {
    /// A stream over `socket`, which must be connected and non-blocking. Starts on hold.
    pub(crate) fn new(
        source: SharedSource,
        socket: UdpSocket,
        rtp: RtpStream,
        cipher: TransportCipher,
        link: Arc<MediaLink>,
        way_back: oneshot::Sender<Box<Stream>>,
    ) -> Self {
        let recorder = source.lock().recorder();
        Self {
            source,
            socket,
            rtp,
            cipher,
            link,
            end_to_end: EndToEnd::Hold { slots: u16::MAX },
            encryptor: None,
            talk: Talk::Idle,
            stop: None,
            packet: [0; MAX_PACKET],
            quiet_slots: 0,
            keepalives: 0,
            recorder,
            is_playing: false,
            in_gap: false,
            last_lateness: Duration::ZERO,
            epoch: 0,
            has_joined: false,
            retry: false,
            way_back: Some(way_back),
        }
    }

    #[cfg(test)]
    pub(super) fn replace_source(&mut self, source: SharedSource) {
        self.source = source;
    }

    pub(super) fn counters(&self) -> &VoiceCounters {
        &self.link.counters
    }

    /// Gives the stream back to the control plane.
    pub(super) fn send_back(mut self: Box<Self>) {
        if let Some(way_back) = self.way_back.take() {
            // Nobody waiting means the runtime is gone; then it is dropped here.
            let _ = way_back.send(self);
        }
    }

    /// Runs one slot. `last_try` tells that a locked source will not be tried again.
    pub(super) fn run(&mut self, scratch: &mut Scratch, moment: Moment, last_try: bool) -> Ran {
        self.join(moment);
        self.read_mail();
        match self.stop {
            None => {}
            Some(Stop::AfterSilence) if matches!(self.talk, Talk::Talking | Talk::Trailing { .. }) => {
                // Nothing is recorded: whether this is the end or a change of connection shows later.
                self.trail(scratch);
                return if matches!(self.talk, Talk::Idle) {
                    Ran::Finished
                } else {
                    Ran::Done
                };
            }
            Some(_) => return Ran::Finished,
        }
        if let EndToEnd::Hold { slots } = &mut self.end_to_end {
            if *slots > 0 {
                *slots -= 1;
                VoiceCounters::add(&self.link.counters.held_slots, 1);
                self.missed(moment, GapCause::DaveTransition, SourceReport::default());
                self.trail(scratch);
                return Ran::Done;
            }
            self.end_to_end = EndToEnd::Plain;
        }
        if let Talk::Announcing { length, slots_left } = &mut self.talk {
            if *slots_left > 0 && !self.link.speaking.is_told() {
                *slots_left -= 1;
            } else {
                let length = *length;
                self.talk = Talk::Talking;
                scratch.packet()[..length].copy_from_slice(&self.packet[..length]);
                self.send_packet(scratch, moment, length, SourceReport::default());
            }
            return Ran::Done;
        }
        let Some(mut source) = self.source.try_lock() else {
            if last_try {
                VoiceCounters::add(&self.link.counters.locked_slots, 1);
                self.missed(moment, GapCause::SourceLocked, SourceReport::default());
            }
            return Ran::Locked;
        };
        let length = source
            .next_frame(scratch.packet())
            .filter(|length| (1..=MAX_PACKET).contains(length));
        let report = source.report();
        drop(source);
        match (length, &self.talk) {
            (Some(length), Talk::Idle) if !self.link.speaking.wanted().speaking() => {
                self.packet[..length].copy_from_slice(&scratch.packet()[..length]);
                self.link.speaking.want(true);
                self.talk = Talk::Announcing {
                    length,
                    slots_left: ANNOUNCE_SLOTS,
                };
            }
            (Some(length), _) => {
                self.talk = Talk::Talking;
                self.send_packet(scratch, moment, length, report);
            }
            (None, _) => {
                VoiceCounters::add(&self.link.counters.empty_slots, 1);
                match report.lack {
                    None => self.idle(moment, report),
                    Some(lack) => self.missed(moment, cause_of(lack, moment.blame), report),
                }
                self.trail(scratch);
            }
        }
        Ran::Done
    }

    /// The thread was so late that it gave up `slots`, the first of which was due at `due`.
    pub(super) fn gave_up(&mut self, due: Duration, slots: u64, blame: Blame) {
        if !self.is_playing {
            return;
        }
        let moment = Moment {
            due,
            lateness: Duration::ZERO,
            is_late: false,
            blame,
        };
        self.missed(moment, blame.late, SourceReport::default());
        // One of them is counted already.
        count(&self.link.counters.missed, blame.late, slots.saturating_sub(1));
    }

    /// The first slot of this connection.
    fn join(&mut self, moment: Moment) {
        if self.has_joined {
            return;
        }
        self.has_joined = true;
        if let Some(recorder) = &self.recorder {
            // A connection before this one was playing: what lies between is a gap.
            if recorder.last_outcome().is_some_and(Outcome::is_playing) {
                count(&self.link.counters.gaps, GapCause::VoiceReconnect, 1);
                self.in_gap = true;
            }
        }
        self.record(moment, Outcome::Joined, SourceReport::default());
    }

    /// Nothing is due.
    fn idle(&mut self, moment: Moment, report: SourceReport) {
        if self.is_playing || self.in_gap {
            self.record(moment, Outcome::Idle, report);
        }
        self.is_playing = false;
        self.in_gap = false;
    }

    /// A frame is due and cannot be sent.
    fn missed(&mut self, moment: Moment, cause: GapCause, report: SourceReport) {
        if !self.is_playing {
            return;
        }
        if !self.in_gap {
            self.in_gap = true;
            count(&self.link.counters.gaps, cause, 1);
        }
        count(&self.link.counters.missed, cause, 1);
        self.record(moment, Outcome::Missed(cause), report);
    }

    /// A frame went out.
    fn sent(&mut self, moment: Moment, report: SourceReport) {
        VoiceCounters::add(&self.link.counters.frames_sent, 1);
        let outcome = match (moment.is_late, moment.blame.late) {
            (false, _) => Outcome::Sent,
            (true, GapCause::CpuOverrun) => Outcome::SentLateOverrun,
            (true, _) => Outcome::SentLateStolen,
        };
        if moment.is_late {
            count(&self.link.counters.late, moment.blame.late, 1);
            if self.is_playing && !self.in_gap && moment.lateness >= self.last_lateness + AUDIBLE_LATENESS {
                count(&self.link.counters.gaps, moment.blame.late, 1);
            }
        }
        self.last_lateness = moment.lateness;
        self.is_playing = true;
        self.in_gap = false;
        self.record(moment, outcome, report);
    }

    fn record(&self, moment: Moment, outcome: Outcome, report: SourceReport) {
        if let Some(recorder) = &self.recorder {
            recorder.record(&Slot {
                due: moment.due,
                lateness: moment.lateness,
                ready_for: report.ready_for,
                queued: u8::try_from(report.queued).unwrap_or(u8::MAX),
                outcome,
                is_starved: report.is_starved,
                epoch: self.epoch,
            });
        }
    }

    fn read_mail(&mut self) {
        if !self.link.has_mail() {
            return;
        }
        let link = Arc::clone(&self.link);
        link.read_mail(|mail| {
            self.stop = mail.stop.take().or(self.stop);
            if let Some(mut transport) = mail.transport.take() {
                transport.cipher.follow(&self.cipher);
                std::mem::swap(&mut self.cipher, &mut transport.cipher);
                if let Some((socket, rtp)) = &mut transport.route {
                    std::mem::swap(&mut self.socket, socket);
                    std::mem::swap(&mut self.rtp, rtp);
                }
                mail.retired_transport = Some(transport);
            }
            match mail.protection.take() {
                None => {}
                Some(Protection::Hold { slots }) => self.end_to_end = EndToEnd::Hold { slots },
                Some(Protection::Plain) => {
                    self.epoch = self.epoch.wrapping_add(1);
                    self.end_to_end = EndToEnd::Plain;
                }
                Some(Protection::Sealed(new)) => {
                    self.end_to_end = EndToEnd::Sealed;
                    self.epoch = self.epoch.wrapping_add(1);
                    mail.retired = match &self.encryptor {
                        Some(current) if current.same_epoch(&new) => Some(new),
                        _ => self.encryptor.replace(new),
                    };
                }
            }
        });
    }

    /// A slot without audio: silence while audio has just stopped, a keepalive now and then afterwards.
    fn trail(&mut self, scratch: &mut Scratch) {
        let sent = match self.talk {
            Talk::Talking => 0,
            Talk::Trailing { sent } => sent,
            Talk::Announcing { .. } => return,
            Talk::Idle => return self.keep_alive(),
        };
        scratch.datagram[HEADER_BYTES..HEADER_BYTES + SILENCE.len()].copy_from_slice(&SILENCE);
        if self.transmit(scratch, HEADER_BYTES + SILENCE.len()).is_ok() {
            VoiceCounters::add(&self.link.counters.silence_sent, 1);
        }
        let sent = sent + 1;
        if sent < SILENCE_PACKETS {
            self.talk = Talk::Trailing { sent };
        } else {
            self.talk = Talk::Idle;
            self.link.speaking.want(false);
        }
    }

    fn keep_alive(&mut self) {
        self.quiet_slots += 1;
        if self.quiet_slots < KEEPALIVE_SLOTS {
            return;
        }
        self.quiet_slots = 0;
        let mut datagram = [0; 8];
        datagram[..4].copy_from_slice(&self.keepalives.to_le_bytes());
        self.keepalives = self.keepalives.wrapping_add(1);
        // Losing one keepalive of a NAT mapping that lives for a minute or more does no harm.
        let _ = self.socket.send(&datagram);
    }

    /// Sends the packet of `length` bytes in `scratch` with the protection of this moment.
    fn send_packet(&mut self, scratch: &mut Scratch, moment: Moment, length: usize, report: SourceReport) {
        let payload = &mut scratch.datagram[HEADER_BYTES..];
        let sealed = match (&self.end_to_end, &mut self.encryptor) {
            (EndToEnd::Sealed, _) if payload[..length] == SILENCE => Some(length),
            (EndToEnd::Sealed, Some(encryptor)) => encryptor.encrypt(payload, length).ok(),
            (EndToEnd::Sealed, None) => None,
            (EndToEnd::Plain | EndToEnd::Hold { .. }, _) => Some(length),
        };
        let sent = match sealed {
            Some(length) => self.transmit(scratch, HEADER_BYTES + length),
            None => {
                VoiceCounters::add(&self.link.counters.send_errors, 1);
                Err(GapCause::DaveTransition)
            }
        };
        match sent {
            Ok(()) => self.sent(moment, report),
            Err(cause) => self.missed(moment, cause, report),
        }
    }

    /// Puts header and transport encryption around the payload and sends it. A packet the system does not take is
    /// lost, as it would be on the way.
    fn transmit(&mut self, scratch: &mut Scratch, length: usize) -> Result<(), GapCause> {
        self.quiet_slots = 0;
        scratch.datagram[..HEADER_BYTES].copy_from_slice(&self.rtp.next_header());
        let sent = match self.cipher.seal(&mut scratch.datagram, length) {
            Ok(total) => match self.socket.send(&scratch.datagram[..total]) {
                Ok(_) => Ok(()),
                Err(error) => Err(refusal(&error)),
            },
            Err(_) => Err(GapCause::SocketError),
        };
        if sent.is_err() {
            VoiceCounters::add(&self.link.counters.send_errors, 1);
        }
        sent
    }
}

fn count(counters: &[AtomicU64; GapCause::ALL.len()], cause: GapCause, count: u64) {
    if let Some(counter) = counters.get(cause.index()) {
        VoiceCounters::add(counter, count);
    }
}

fn refusal(error: &io::Error) -> GapCause {
    if error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(ENOBUFS) {
        GapCause::SocketFull
    } else {
        GapCause::SocketError
    }
}

fn cause_of(lack: Lack, blame: Blame) -> GapCause {
    match lack {
        Lack::Bytes => GapCause::SourceStarved,
        Lack::Seek => GapCause::Seek,
        Lack::Work { was_hindered: true } if !blame.is_overloaded => GapCause::HostStolen,
        Lack::Work { .. } => GapCause::CpuOverrun,
    }
}
