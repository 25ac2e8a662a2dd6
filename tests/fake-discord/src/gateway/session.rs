//! A voice session: what survives the loss of its WebSocket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

pub use super::flood::Flood;
use super::message::Identify;
use super::op;
use super::outbox::{Acknowledgement, Outbox};
use crate::config::{Config, Mode};
use crate::faults::Reply;
use crate::media::Media;
use crate::media::transport::TransportKey;
use crate::report::{CloseReport, ConnectionReport, GatewayReport, HISTORY_LIMIT, SpeakingEvent};
use crate::udp::SocketDrops;

/// Instructions to the task that owns a session's WebSocket.
#[derive(Debug)]
pub(crate) enum ToLink {
    /// Write a message.
    Send(Message),
    /// Close with that code and reason.
    Close(u16, String),
    /// Drop the TCP connection without a close frame.
    Drop,
    /// Send that many bytes of it.
    Flood(Flood, u64),
}

/// Instructions a link can have waiting; a client that reads slower than this loses its socket.
pub(crate) const LINK_QUEUE: usize = 1024;

struct Link {
    id: u64,
    sender: mpsc::Sender<ToLink>,
}

struct State {
    outbox: Outbox,
    link: Option<Link>,
    links: u64,
    alive: bool,
    mode: Option<Mode>,
    report: GatewayReport,
    speaking: Vec<SpeakingEvent>,
}

/// One voice session.
pub(crate) struct Session {
    /// Unique within the server.
    pub(crate) id: u64,
    pub(crate) identify: Identify,
    pub(crate) channel_id: u64,
    pub(crate) ssrc: u32,
    /// Gateway version, 4..=8.
    pub(crate) version: u8,
    /// DAVE version negotiated at op 4.
    pub(crate) dave_version: u16,
    pub(crate) media: Mutex<Media>,
    pub(crate) acks_withheld: AtomicBool,
    pub(crate) socket: Arc<SocketDrops>,
    drops_before: u64,
    started: Instant,
    state: Mutex<State>,
}

impl Session {
    /// A session on the UDP socket `socket`.
    pub(crate) fn new(
        id: u64,
        ssrc: u32,
        identify: Identify,
        version: u8,
        config: &Config,
        socket: Arc<SocketDrops>,
    ) -> Self {
        let dave_version = config.dave_version.min(identify.max_dave_protocol_version);
        let guild_id = identify.guild_id;
        Self {
            id,
            channel_id: config.channel_of(guild_id),
            ssrc,
            version,
            dave_version,
            media: Mutex::new(Media::new(config, guild_id, dave_version)),
            acks_withheld: AtomicBool::new(false),
            drops_before: socket.count(),
            socket,
            started: Instant::now(),
            identify,
            state: Mutex::new(State {
                outbox: Outbox::new(config.first_sequence),
                link: None,
                links: 0,
                alive: true,
                mode: None,
                report: GatewayReport::default(),
                speaking: Vec::new(),
            }),
        }
    }

    /// Binds a new WebSocket; a previous one is dropped. Returns the link's number.
    pub(crate) fn attach(&self, sender: mpsc::Sender<ToLink>) -> u64 {
        self.state.lock().attach(sender)
    }

    /// Resumes on a new WebSocket: op 9, then the messages after `seq_ack`. An error leaves the session as it was.
    pub(crate) fn resume(&self, sender: mpsc::Sender<ToLink>, seq_ack: Option<i64>) -> Result<u64, String> {
        let mut state = self.state.lock();
        if !state.alive {
            return Err("the session has ended".to_owned());
        }
        let missed = if self.version >= 8 {
            let missed = state.outbox.replay(seq_ack, Instant::now());
            if let Err(problem) = &missed {
                state.report.seq_ack_errors += 1;
                state.protocol_error(format!("resume: {problem}"));
            }
            missed?
        } else {
            Vec::new()
        };
        let id = state.attach(sender);
        state.report.last_seq_ack = seq_ack.or(state.report.last_seq_ack);
        state.report.resumes += 1;
        state.report.replayed += missed.len() as u64;
        state.sent(op::RESUMED);
        state.write(text(op::RESUMED, &Value::Null, None));
        for message in missed {
            state.write(message);
        }
        Ok(id)
    }

    /// Notes the end of link `id`. True when it was the current one.
    pub(crate) fn detach(&self, id: u64, close: CloseReport) -> bool {
        let mut state = self.state.lock();
        if state.link.as_ref().is_none_or(|link| link.id != id) {
            return false;
        }
        state.link = None;
        if close.code == 1006 {
            state.report.lost_sockets += 1;
        }
        state.report.close = Some(close);
        true
    }

    /// Ends the session for good. True when it was alive.
    pub(crate) fn end(&self) -> bool {
        std::mem::replace(&mut self.state.lock().alive, false)
    }

    /// Whether the session can still be resumed or is in use.
    pub(crate) fn is_alive(&self) -> bool {
        self.state.lock().alive
    }

    /// Number of the last WebSocket that was bound.
    pub(crate) fn newest_link(&self) -> u64 {
        self.state.lock().links
    }

    /// Sends a JSON message, numbered in version 8.
    pub(crate) fn send_json(&self, code: u8, data: &Value) {
        let mut state = self.state.lock();
        state.sent(code);
        if self.version < 8 {
            state.write(text(code, data, None));
            return;
        }
        let sequence = state.outbox.number();
        state.write_numbered(sequence, text(code, data, Some(sequence)));
    }

    /// Sends a JSON message without a number (hello, ready, acknowledgements).
    pub(crate) fn send_unnumbered(&self, code: u8, data: &Value) {
        let mut state = self.state.lock();
        if code != op::HEARTBEAT_ACK {
            state.sent(code);
        }
        state.write(text(code, data, None));
    }

    /// Sends a binary message, with a sequence number in front in version 8.
    pub(crate) fn send_binary(&self, code: u8, payload: &[u8]) {
        let mut state = self.state.lock();
        state.sent(code);
        let mut frame = Vec::with_capacity(payload.len() + 3);
        if self.version < 8 {
            frame.push(code);
            frame.extend_from_slice(payload);
            state.write(Message::binary(frame));
            return;
        }
        let sequence = state.outbox.number();
        frame.extend_from_slice(&sequence.to_be_bytes());
        frame.push(code);
        frame.extend_from_slice(payload);
        state.write_numbered(sequence, Message::binary(frame));
    }

    /// Tells the link something. False when there is none.
    pub(crate) fn instruct(&self, instruction: ToLink) -> bool {
        self.state.lock().instruct(instruction)
    }

    /// Notes bytes of a flood.
    pub(crate) fn flooded(&self, bytes: u64) {
        self.state.lock().report.flooded += bytes;
    }

    /// Another key of the same mode, in force at once. False before the first.
    pub(crate) fn rekey(self: &Arc<Self>) -> bool {
        let secret: [u8; 32] = rand::random();
        let Some(mode) = self.state.lock().mode else {
            return false;
        };
        let Some(key) = TransportKey::new(mode, &secret) else {
            return false;
        };
        self.media.lock().set_key(key);
        self.send_description(mode, &secret);
        true
    }

    /// Op 4.
    pub(crate) fn send_description(&self, mode: Mode, secret: &[u8; 32]) {
        self.send_json(
            op::SESSION_DESCRIPTION,
            &json!({
                "mode": mode.wire_name(),
                "secret_key": secret,
                "dave_protocol_version": self.dave_version,
                "audio_codec": "opus",
                "video_codec": "VP8",
                "media_session_id": format!("{:032x}", rand::random::<u128>()),
            }),
        );
    }

    /// Tells the link to close with a code.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        self.state.lock().instruct(ToLink::Close(code, reason.to_owned()));
    }

    /// Tells the link to drop its TCP connection.
    pub(crate) fn drop_tcp(&self) {
        self.state.lock().instruct(ToLink::Drop);
    }

    /// Notes an opcode received.
    pub(crate) fn received(&self, code: u8) {
        let mut state = self.state.lock();
        if state.report.ops_received.len() < HISTORY_LIMIT {
            state.report.ops_received.push(code);
        }
    }

    /// Notes something a client must not do.
    pub(crate) fn protocol_error(&self, what: impl Into<String>) {
        self.state.lock().protocol_error(what.into());
    }

    /// Takes a heartbeat: checks `seq_ack` and acknowledges unless acknowledgements are withheld.
    pub(crate) fn heartbeat(self: &Arc<Self>, nonce: &Value, seq_ack: Option<i64>, reply: Reply) {
        {
            let mut state = self.state.lock();
            state.report.heartbeats += 1;
            if self.version >= 8 {
                state.report.last_seq_ack = seq_ack.or(state.report.last_seq_ack);
                if let Acknowledgement::Bad(problem) = state.outbox.acknowledge(seq_ack, Instant::now()) {
                    state.report.seq_ack_errors += 1;
                    state.protocol_error(format!("heartbeat: {problem}"));
                }
            }
        }
        if self.acks_withheld.load(Ordering::Relaxed) {
            return;
        }
        let data = if self.version >= 8 {
            json!({ "t": nonce })
        } else {
            nonce.clone()
        };
        match reply {
            Reply::Prompt => self.send_unnumbered(op::HEARTBEAT_ACK, &data),
            Reply::After(delay) => {
                let session = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    session.send_unnumbered(op::HEARTBEAT_ACK, &data);
                });
            }
            Reply::Never => {}
        }
    }

    /// Takes an op 5 that arrived at `at`, ns of the UDP clock.
    pub(crate) fn speaking(&self, bits: u32, ssrc: Option<u32>, at: i64) {
        let after_packets = {
            let mut media = self.media.lock();
            media.speaking(at);
            media.frames.total
        };
        let mut state = self.state.lock();
        if ssrc.is_some_and(|ssrc| ssrc != self.ssrc) {
            state.protocol_error(format!("speaking: ssrc {ssrc:?} is not {}", self.ssrc));
        }
        if state.speaking.len() < HISTORY_LIMIT {
            let at_ms = self.started.elapsed().as_secs_f64() * 1e3;
            state.speaking.push(SpeakingEvent {
                at_ms,
                speaking: bits,
                after_packets,
            });
        }
    }

    /// Notes the `any` of an op 15.
    pub(crate) fn media_sink_wants(&self, any: Option<i64>) {
        if any.is_some() {
            self.state.lock().report.media_sink_any = any;
        }
    }

    /// Installs mode and key of op 4.
    pub(crate) fn describe(&self, mode: Mode, key: TransportKey) {
        self.media.lock().set_key(key);
        self.state.lock().mode = Some(mode);
    }

    /// Whether op 4 was sent.
    pub(crate) fn is_described(&self) -> bool {
        self.state.lock().mode.is_some()
    }

    /// Everything known about the session.
    pub(crate) fn report(&self) -> ConnectionReport {
        let (frames, dave, rtp, timing) = {
            let media = self.media.lock();
            let mut rtp = media.rtp_report.clone();
            rtp.server_drops = self.socket.count() - self.drops_before;
            (
                media.frame_report(),
                media.epochs.report.clone(),
                rtp,
                media.timing_report(),
            )
        };
        let state = self.state.lock();
        ConnectionReport {
            guild_id: self.identify.guild_id,
            channel_id: self.channel_id,
            user_id: self.identify.user_id,
            session_id: self.identify.session_id.clone(),
            token: self.identify.token.clone(),
            max_dave_protocol_version: self.identify.max_dave_protocol_version,
            video: self.identify.video,
            gateway_version: self.version,
            ssrc: self.ssrc,
            mode: state.mode,
            alive: state.alive,
            connected: state.link.is_some(),
            gateway: state.report.clone(),
            frames,
            dave,
            rtp,
            timing,
            speaking: state.speaking.clone(),
        }
    }
}

impl State {
    fn attach(&mut self, sender: mpsc::Sender<ToLink>) -> u64 {
        self.instruct(ToLink::Drop);
        self.links += 1;
        self.link = Some(Link {
            id: self.links,
            sender,
        });
        self.links
    }

    fn instruct(&mut self, instruction: ToLink) -> bool {
        let Some(link) = &self.link else { return false };
        if link.sender.try_send(instruction).is_err() {
            // The queue is full or the task is gone; either way nothing more gets through.
            self.link = None;
            return false;
        }
        true
    }

    fn write(&mut self, message: Message) -> bool {
        self.instruct(ToLink::Send(message))
    }

    fn write_numbered(&mut self, sequence: u16, message: Message) {
        let delivered = self.write(message.clone()).then(Instant::now);
        self.outbox.keep(sequence, message, delivered);
    }

    fn sent(&mut self, code: u8) {
        if self.report.ops_sent.len() < HISTORY_LIMIT {
            self.report.ops_sent.push(code);
        }
    }

    fn protocol_error(&mut self, what: String) {
        if self.report.protocol_errors.len() < HISTORY_LIMIT {
            self.report.protocol_errors.push(what);
        }
    }
}

/// A text frame.
pub(crate) fn text(code: u8, data: &Value, sequence: Option<u16>) -> Message {
    let body = match sequence {
        None => json!({ "op": code, "d": data }),
        Some(sequence) => json!({ "op": code, "d": data, "seq": sequence }),
    };
    Message::text(body.to_string())
}
