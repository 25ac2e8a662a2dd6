//! One WebSocket connection: handshake, the loop that reads and writes it, and what each message does.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode};

use super::flood::flood;
use super::message::{ClientMessage, Identify, ParseError, Resume, parse};
use super::session::{LINK_QUEUE, Session, ToLink, text};
use super::{close_code, op};
use crate::config::Mode;
use crate::faults::{Ending, Faults, Reply, Stage};
use crate::media::transport::TransportKey;
use crate::report::CloseReport;
use crate::room::{Command, RoomHandle};
use crate::state::Shared;
use crate::udp::now_ns;

/// TLS and WebSocket handshake together.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// From the upgrade to Identify or Resume.
const IDENTIFY: Duration = Duration::from_secs(10);
/// Longest wait for one write, and for the client's answer to a close frame.
const WRITE: Duration = Duration::from_secs(5);
/// Largest message accepted, bytes; a commit with welcome for 20 members has less than 10 kB.
const MAX_MESSAGE: usize = 256 << 10;
/// Missed heartbeat intervals until the session times out.
const MISSED_HEARTBEATS: u32 = 3;

/// How the server ends a socket.
struct End {
    code: u16,
    reason: String,
}

impl End {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}

/// Why a socket is not served any further.
enum Stop {
    Close(End),
    /// TCP goes away without a close frame.
    Drop,
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::Close(end)
    }
}

/// Waits as long as an answer is to be late. False when it is not to come.
async fn pause(reply: Reply) -> bool {
    match reply {
        Reply::Prompt => true,
        Reply::After(delay) => {
            tokio::time::sleep(delay).await;
            true
        }
        Reply::Never => false,
    }
}

/// Serves one TCP connection to its end.
pub(crate) async fn serve(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let mut version = None;
    let upgraded = timeout(HANDSHAKE, async {
        stream.set_nodelay(true).ok();
        let tls = acceptor.accept(stream).await.map_err(|error| error.to_string())?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        // The callback's signature is the library's.
        #[allow(clippy::result_large_err)]
        let read_version = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            version = request.uri().query().and_then(version_of);
            Ok(response)
        };
        tokio_tungstenite::accept_hdr_async_with_config(tls, read_version, Some(config))
            .await
            .map_err(|error| error.to_string())
    })
    .await;
    let socket = match upgraded {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return tracing::debug!("handshake failed: {error}"),
        Err(_) => return tracing::debug!("handshake timed out"),
    };
    let (sender, receiver) = mpsc::channel(LINK_QUEUE);
    let link = Link {
        socket,
        receiver,
        sender,
        version: version.unwrap_or(0),
        shared,
        session: None,
    };
    link.run().await;
}

/// `v` of the query string.
fn version_of(query: &str) -> Option<u8> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("v="))
        .and_then(|version| version.parse().ok())
}

struct Link {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    receiver: mpsc::Receiver<ToLink>,
    sender: mpsc::Sender<ToLink>,
    version: u8,
    shared: Arc<Shared>,
    /// The session bound to this socket, with the link's number in it.
    session: Option<(Arc<Session>, u64)>,
}

impl Link {
    async fn run(mut self) {
        let close = self.exchange().await;
        let Some((session, id)) = self.session.take() else {
            return;
        };
        if !session.detach(id, close.clone()) {
            return;
        }
        let ended = if close.by_client {
            close.code == 1000
        } else {
            !close_code::is_resumable(close.code)
        };
        if ended {
            self.shared.end_session(&session);
        } else {
            tokio::spawn(expire(self.shared.clone(), session, id));
        }
    }

    /// Reads and writes until the socket ends; returns how it did.
    async fn exchange(&mut self) -> CloseReport {
        let lost = CloseReport {
            code: 1006,
            reason: String::new(),
            by_client: true,
        };
        if !(4..=8).contains(&self.version) {
            return self
                .close(End::new(
                    close_code::BAD_REQUEST,
                    "gateway version 4 to 8 required",
                ))
                .await;
        }
        // With faults planned the greeting waits until it is known for whom it is.
        if !self.shared.plans_faults() && !self.hello(&Faults::default()).await {
            return lost;
        }
        let interval = self.shared.config.heartbeat_interval;
        let mut deadline = Instant::now() + IDENTIFY;
        loop {
            tokio::select! {
                biased;
                instruction = self.receiver.recv() => match instruction {
                    Some(ToLink::Send(message)) => {
                        if !self.write(message).await {
                            return lost;
                        }
                    }
                    Some(ToLink::Close(code, reason)) => return self.close(End { code, reason }).await,
                    Some(ToLink::Flood(kind, total)) => {
                        let bytes = flood(&mut self.socket, kind, total).await;
                        if let Some((session, _)) = &self.session {
                            session.flooded(bytes);
                        }
                    }
                    // Returning drops the stream, which closes TCP without a close frame.
                    Some(ToLink::Drop) | None => return CloseReport { by_client: false, ..lost },
                },
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        match self.text(text.as_str()).await {
                            Ok(alive) if alive => deadline = Instant::now() + interval * MISSED_HEARTBEATS + WRITE,
                            Ok(_) => {}
                            Err(Stop::Close(end)) => return self.close(end).await,
                            Err(Stop::Drop) => return CloseReport { by_client: false, ..lost },
                        }
                    }
                    Some(Ok(Message::Binary(bytes))) => {
                        if let Err(end) = self.binary(&bytes).await {
                            return self.close(end).await;
                        }
                    }
                    Some(Ok(Message::Close(frame))) => {
                        // The library queued the answer; this writes it.
                        let _ = timeout(WRITE, self.socket.flush()).await;
                        return match frame {
                            Some(frame) => CloseReport {
                                code: frame.code.into(),
                                reason: frame.reason.to_string(),
                                by_client: true,
                            },
                            None => CloseReport { code: 1005, reason: String::new(), by_client: true },
                        };
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return lost,
                },
                () = tokio::time::sleep_until(deadline) => {
                    let end = match self.session {
                        Some(_) => End::new(close_code::SESSION_TIMEOUT, "Session timed out."),
                        None => End::new(close_code::NOT_AUTHENTICATED, "Not authenticated."),
                    };
                    return self.close(end).await;
                }
            }
        }
    }

    /// Op 8, if it is to come at all.
    async fn hello(&mut self, faults: &Faults) -> bool {
        if !pause(faults.hello).await {
            return true;
        }
        let interval = faults
            .heartbeat_interval
            .unwrap_or(self.shared.config.heartbeat_interval);
        let hello = json!({ "heartbeat_interval": interval.as_secs_f64() * 1e3, "v": self.version });
        self.write(text(op::HELLO, &hello, None)).await
    }

    /// The faults of the guild that has just named itself; its greeting is made up for.
    async fn faults_of(&mut self, guild_id: u64, stage: Stage) -> Result<Faults, Stop> {
        let faults = self.shared.faults_of(guild_id);
        if self.shared.plans_faults() && !self.hello(&faults).await {
            return Err(Stop::Drop);
        }
        self.refuse(guild_id, stage)?;
        Ok(faults)
    }

    fn refuse(&self, guild_id: u64, stage: Stage) -> Result<(), Stop> {
        match self.shared.refusal(guild_id, stage) {
            None => Ok(()),
            Some(Ending::Close(code, reason)) => Err(Stop::Close(End::new(code, reason))),
            Some(Ending::Drop) => Err(Stop::Drop),
        }
    }

    async fn write(&mut self, message: Message) -> bool {
        matches!(timeout(WRITE, self.socket.send(message)).await, Ok(Ok(())))
    }

    /// Sends a close frame and waits for the client's.
    async fn close(&mut self, end: End) -> CloseReport {
        let frame = CloseFrame {
            code: CloseCode::from(end.code),
            reason: end.reason.clone().into(),
        };
        let _ = timeout(WRITE, async {
            self.socket.close(Some(frame)).await.ok();
            while let Some(Ok(_)) = self.socket.next().await {}
        })
        .await;
        CloseReport {
            code: end.code,
            reason: end.reason,
            by_client: false,
        }
    }

    /// Takes a text frame. True when it proves the client alive (identify, resume, heartbeat).
    async fn text(&mut self, text: &str) -> Result<bool, Stop> {
        let (code, message) = match parse(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let (code, what) = match error {
                    ParseError::Decode(what) => (close_code::DECODE_ERROR, what),
                    ParseError::UnknownOpcode(op) => (close_code::UNKNOWN_OPCODE, format!("opcode {op}")),
                };
                if let Some((session, _)) = &self.session {
                    session.protocol_error(format!("{what} in {text:.200}"));
                }
                return Err(End::new(code, what).into());
            }
        };
        match message {
            ClientMessage::Identify(identify) => return self.identify(identify).await.map(|()| true),
            ClientMessage::Resume(resume) => return self.resume(&resume).await.map(|()| true),
            // The real service answers heartbeats before Identify as well.
            ClientMessage::Heartbeat { nonce, .. } if self.session.is_none() => {
                let data = if self.version >= 8 {
                    json!({ "t": nonce })
                } else {
                    nonce
                };
                self.write(super::session::text(op::HEARTBEAT_ACK, &data, None))
                    .await;
                return Ok(false);
            }
            _ => {}
        }
        let session = self.session()?;
        session.received(code);
        let alive = matches!(message, ClientMessage::Heartbeat { .. });
        match message {
            ClientMessage::SelectProtocol { protocol, mode } => {
                self.select_protocol(&session, &protocol, &mode).await?
            }
            ClientMessage::Heartbeat { nonce, seq_ack } => {
                let reply = self.shared.faults_of(session.identify.guild_id).heartbeat_ack;
                session.heartbeat(&nonce, seq_ack, reply);
            }
            ClientMessage::Speaking { bits, ssrc } => session.speaking(bits, ssrc, now_ns()),
            ClientMessage::MediaSinkWants { any } => session.media_sink_wants(any),
            ClientMessage::TransitionReady(transition) => {
                self.tell_room(
                    &session,
                    Command::Ready {
                        session: session.id,
                        transition,
                    },
                )
                .await;
            }
            ClientMessage::InvalidCommitWelcome(transition) => {
                self.tell_room(
                    &session,
                    Command::Invalid {
                        session: session.id,
                        transition,
                    },
                )
                .await;
            }
            ClientMessage::Ignored | ClientMessage::Identify(_) | ClientMessage::Resume(_) => {}
        }
        Ok(alive)
    }

    async fn binary(&mut self, bytes: &[u8]) -> Result<(), End> {
        let session = self.session()?;
        let Some((code, payload)) = bytes.split_first() else {
            session.protocol_error("empty binary message");
            return Err(End::new(close_code::DECODE_ERROR, "empty binary message"));
        };
        session.received(*code);
        let command = Command::Binary {
            session: session.id,
            code: *code,
            payload: payload.to_vec(),
        };
        self.tell_room(&session, command).await;
        Ok(())
    }

    fn session(&self) -> Result<Arc<Session>, End> {
        match &self.session {
            Some((session, _)) => Ok(session.clone()),
            None => Err(End::new(close_code::NOT_AUTHENTICATED, "Not authenticated.")),
        }
    }

    async fn tell_room(&self, session: &Session, command: Command) {
        room_of(&self.shared, session.identify.guild_id)
            .send(command)
            .await;
    }

    async fn identify(&mut self, identify: Identify) -> Result<(), Stop> {
        if let Some((session, _)) = &self.session {
            session.protocol_error("second Identify");
            return Err(End::new(close_code::ALREADY_AUTHENTICATED, "Already authenticated.").into());
        }
        let faults = self.faults_of(identify.guild_id, Stage::Identify).await?;
        let config = &self.shared.config;
        if config
            .token
            .as_ref()
            .is_some_and(|token| *token != identify.token)
        {
            return Err(End::new(close_code::AUTHENTICATION_FAILED, "Authentication failed.").into());
        }
        if config.require_dave && config.dave_version > identify.max_dave_protocol_version {
            return Err(End::new(close_code::E2EE_REQUIRED, "E2EE/DAVE protocol required").into());
        }
        let (session, replaced) = self.shared.open_session(identify, self.version);
        if let Some(replaced) = replaced {
            replaced.close(close_code::SESSION_INVALID, "Session is no longer valid.");
            self.shared.end_session(&replaced);
        }
        let id = session.attach(self.sender.clone());
        session.received(op::IDENTIFY);
        self.session = Some((session.clone(), id));
        if !pause(faults.ready).await {
            return Ok(());
        }
        let modes: Vec<&str> = self
            .shared
            .config
            .modes
            .iter()
            .map(|mode| mode.wire_name())
            .collect();
        session.send_unnumbered(
            op::READY,
            &json!({
                "ssrc": session.ssrc,
                "ip": self.shared.config.listen.ip().to_string(),
                "port": session.socket.port,
                "modes": modes,
                "experiments": [],
                "streams": [],
                // The real service's value here is meaningless as well.
                "heartbeat_interval": 1,
            }),
        );
        // Without meaning to a bot; clients must ignore what they do not know.
        let flags = json!({ "user_id": session.identify.user_id.to_string(), "flags": Value::Null });
        session.send_json(op::CLIENT_FLAGS, &flags);
        self.tell_room(&session, Command::Arrived(session.clone())).await;
        Ok(())
    }

    async fn resume(&mut self, resume: &Resume) -> Result<(), Stop> {
        if let Some((session, _)) = &self.session {
            session.protocol_error("Resume on an identified socket");
            return Err(End::new(close_code::ALREADY_AUTHENTICATED, "Already authenticated.").into());
        }
        let faults = self.faults_of(resume.guild_id, Stage::Resume).await?;
        if !pause(faults.resumed).await {
            return Ok(());
        }
        let invalid = || End::new(close_code::SESSION_INVALID, "Session is no longer valid.");
        let session = self
            .shared
            .resumable(resume.guild_id, &resume.session_id, &resume.token)
            .filter(|session| session.version == self.version)
            .ok_or_else(invalid)?;
        let id = session
            .resume(self.sender.clone(), resume.seq_ack)
            .map_err(|_| invalid())?;
        session.received(op::RESUME);
        self.session = Some((session, id));
        Ok(())
    }

    async fn select_protocol(&self, session: &Arc<Session>, protocol: &str, mode: &str) -> Result<(), Stop> {
        if protocol != "udp" {
            return Err(End::new(close_code::UNKNOWN_PROTOCOL, "Unknown protocol.").into());
        }
        let guild_id = session.identify.guild_id;
        self.refuse(guild_id, Stage::SelectProtocol)?;
        if !pause(self.shared.faults_of(guild_id).description).await {
            return Ok(());
        }
        let mode = Mode::from_wire_name(mode)
            .filter(|mode| self.shared.config.modes.contains(mode))
            .ok_or_else(|| End::new(close_code::UNKNOWN_ENCRYPTION_MODE, "Unknown encryption mode."))?;
        if session.is_described() {
            session.protocol_error("second Select Protocol");
            return Ok(());
        }
        let secret: [u8; 32] = rand::random();
        let Some(key) = TransportKey::new(mode, &secret) else {
            self.shared.fault(format!("no transport key for {mode:?}"));
            return Err(End::new(4000, "Internal error.").into());
        };
        session.describe(mode, key);
        let quirks = self.shared.config.quirks;
        if quirks.roster_before_description || quirks.external_sender_before_description {
            // The room sends those when the client arrives; this waits until it has.
            let (done, sent) = tokio::sync::oneshot::channel();
            self.tell_room(session, Command::Barrier(done)).await;
            let _ = timeout(WRITE, sent).await;
        }
        session.send_description(mode, &secret);
        self.tell_room(session, Command::Described(session.clone())).await;
        Ok(())
    }
}

/// The call of a guild, started on first use.
pub(crate) fn room_of(shared: &Arc<Shared>, guild_id: u64) -> RoomHandle {
    shared.room(guild_id, || RoomHandle::start(shared.clone(), guild_id))
}

/// Ends a session that lost link number `lost` unless a resume replaced it in time.
async fn expire(shared: Arc<Shared>, session: Arc<Session>, lost: u64) {
    tokio::time::sleep(shared.config.resume_window).await;
    if session.newest_link() == lost {
        shared.end_session(&session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_from_the_query() {
        assert_eq!(version_of("v=8"), Some(8));
        assert_eq!(version_of("encoding=json&v=4"), Some(4));
        assert_eq!(version_of("v=300"), None);
        assert_eq!(version_of("encoding=json"), None);
    }
}
