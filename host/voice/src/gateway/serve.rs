//! One voice session over one socket: from the first message to the end of the socket.

use std::{future::poll_fn, io, pin::Pin, time::Duration};

use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{
    close::NO_STATUS,
    handshake::{UdpPath, open_udp},
    heartbeat::{Beat, Heartbeat},
    inflow::Inflow,
    messages::{self, Incoming, MessageError, Numbered, SessionDescription},
    resume::Retries,
    sinks::Sinks,
    socket::{self, Socket},
    task::Context,
};
use crate::{
    dave::{
        pool::{Lane, LaneBroken},
        session::{Input, Machine, Output},
    },
    event::VoiceEvent,
    pacer::{
        MediaHandle,
        link::{Transport, Wish},
    },
    udp::{
        crypto::{Mode, TransportCipher},
        rtp::RtpStream,
    },
};

/// Time for each step of joining: hello, ready, session description, resumed. IP discovery is part of the third.
const STEP_LIMIT: Duration = Duration::from_secs(10);

/// How a socket is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Identify,
    Resume,
}

/// How a socket ended.
#[derive(Debug)]
pub(super) enum End {
    /// The owner closed it.
    Local,
    /// The gateway sent a close frame.
    Remote { code: u16, reason: String },
    /// It broke or went silent.
    Lost(String),
    /// The session is beyond repair, the gateway is not.
    Restart(String),
}

/// A running stream of ours.
pub(super) struct Media {
    pub(super) handle: MediaHandle,
    pub(super) ssrc: u32,
}

/// A voice session: everything that outlives a socket.
pub(super) struct Call {
    /// Number of the last numbered message, -1 before the first.
    sequence: i64,
    lane: Lane,
    /// DAVE outputs not sent yet.
    outbox: std::collections::VecDeque<Output>,
    pub(super) media: Option<Media>,
    /// Protocol version of end-to-end encryption in the last session description.
    described: u16,
    /// Streams of others we do not want.
    sinks: Sinks,
    /// Whether Discord last heard that we speak.
    pub(super) told_speaking: bool,
}

type Discovery = Pin<Box<dyn Future<Output = io::Result<UdpPath>> + Send>>;

/// Everything that ends with the socket.
struct Join {
    heartbeat: Option<Heartbeat>,
    /// When the current step must be done; `None` once the session runs.
    deadline: Option<Instant>,
    discovery: Option<Discovery>,
    path: Option<UdpPath>,
    inflow: Inflow,
    /// When the next message may be read.
    read_at: Instant,
}

impl Join {
    /// The session is accepted. Without a hello it will not last, and then it must not count.
    fn running(&mut self, retries: &mut Retries) {
        self.deadline = None;
        if self.heartbeat.is_some() {
            retries.established(Instant::now());
        }
    }
}

impl Call {
    pub(super) fn new(context: &Context) -> Self {
        // Ids are unsigned on Discord's side; the signed type is that of the Java API.
        let machine = Machine::new(context.info.user_id.0 as u64, context.info.channel_id.0);
        Self {
            sequence: -1,
            lane: Lane::new(context.engine.mls.clone(), machine),
            outbox: std::collections::VecDeque::new(),
            media: None,
            described: 0,
            sinks: Sinks::default(),
            told_speaking: false,
        }
    }

    /// Whether there is a session the gateway would let us resume.
    pub(super) fn is_resumable(&self) -> bool {
        self.media.is_some()
    }

    /// Stops sending.
    pub(super) fn end_media(&mut self) {
        self.media = None;
        self.told_speaking = false;
    }

    /// Serves the session until its socket ends.
    pub(super) async fn serve(
        &mut self,
        context: &Context,
        socket: &mut Socket,
        entry: Entry,
        retries: &mut Retries,
    ) -> End {
        match self.try_serve(context, socket, entry, retries).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn try_serve(
        &mut self,
        context: &Context,
        socket: &mut Socket,
        entry: Entry,
        retries: &mut Retries,
    ) -> Result<std::convert::Infallible, End> {
        let hello = match entry {
            Entry::Identify => messages::identify(&context.info),
            Entry::Resume => messages::resume(&context.info, self.sequence),
        };
        send(socket, hello).await?;
        let start = Instant::now();
        let mut join = Join {
            heartbeat: None,
            deadline: Some(start + STEP_LIMIT),
            discovery: None,
            path: None,
            inflow: Inflow::new(start),
            read_at: start,
        };
        loop {
            self.flush(socket).await?;
            let beat_at = join
                .heartbeat
                .as_ref()
                .map_or(start + STEP_LIMIT, Heartbeat::next);
            let deadline = join.deadline;
            let may_read = Instant::now() >= join.read_at;
            tokio::select! {
                message = socket.next(), if may_read => {
                    if let Some(Ok(message)) = &message {
                        join.read_at = join.inflow.took(message.len(), Instant::now());
                    }
                    let incoming = self.read(context, message)?;
                    if let Some(incoming) = incoming {
                        self.react(context, socket, &mut join, retries, incoming).await?;
                    }
                }
                () = sleep_until(join.read_at), if !may_read => {}
                () = sleep_until(beat_at) => self.beat(socket, &mut join).await?,
                () = sleep_until(deadline.unwrap_or(beat_at)), if deadline.is_some() => {
                    return Err(End::Lost(format!("the voice gateway did not answer for {STEP_LIMIT:?}")));
                }
                outputs = self.lane.finished() => self.outbox.extend(outputs.map_err(restart)?),
                path = poll_discovery(&mut join.discovery) => {
                    join.discovery = None;
                    let path = path.map_err(|error| End::Lost(format!("no UDP path: {error}")))?;
                    send(socket, messages::select_protocol(path.address, path.mode)).await?;
                    if self.media.is_none() {
                        join.deadline = Some(Instant::now() + STEP_LIMIT);
                    }
                    join.path = Some(path);
                }
                (wish, ssrc) = untold(self.media.as_ref()), if deadline.is_none() => {
                    self.tell_speaking(socket, wish, ssrc).await?;
                }
            }
        }
    }

    /// Sends what DAVE wants sent. What could not be sent stays for the next socket of this session.
    async fn flush(&mut self, socket: &mut Socket) -> Result<(), End> {
        while let Some(output) = self.outbox.front() {
            if let Some(message) = messages::dave(output) {
                send(socket, message).await?;
            }
            match self.outbox.pop_front() {
                Some(Output::Protect(protection)) => {
                    if let Some(media) = &self.media {
                        media.handle.link().protect(protection);
                    }
                }
                Some(Output::Restart) => {
                    return Err(End::Restart(
                        "the end-to-end encryption session could not be mended".into(),
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes a message apart; `None` for what needs no reaction.
    fn read(
        &mut self,
        context: &Context,
        message: Option<Result<Message, Error>>,
    ) -> Result<Option<Incoming>, End> {
        let parsed = match message {
            None => return Err(End::Lost("the voice gateway ended the connection".into())),
            Some(Err(error)) => return Err(End::Lost(error.to_string())),
            Some(Ok(Message::Text(text))) => messages::parse_text(&text),
            Some(Ok(Message::Binary(bytes))) => messages::parse_binary(bytes),
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) = frame.map_or((NO_STATUS, String::new()), |frame| {
                    (u16::from(frame.code), frame.reason.as_str().to_owned())
                });
                return Err(End::Remote { code, reason });
            }
            Some(Ok(_)) => return Ok(None),
        };
        let ignore = |error: MessageError| {
            tracing::debug!(guild = %context.info.guild_id, %error, "voice gateway message ignored");
        };
        match parsed {
            Ok(Numbered { sequence, message }) => {
                self.sequence = sequence.unwrap_or(self.sequence);
                Ok(message.map_err(ignore).ok())
            }
            Err(error) => {
                ignore(error);
                Ok(None)
            }
        }
    }

    async fn react(
        &mut self,
        context: &Context,
        socket: &mut Socket,
        join: &mut Join,
        retries: &mut Retries,
        incoming: Incoming,
    ) -> Result<(), End> {
        match incoming {
            Incoming::Hello { interval_ms } => {
                join.heartbeat = Heartbeat::new(interval_ms, Instant::now()).or(join.heartbeat.take());
                if join.deadline.is_none() {
                    retries.established(Instant::now());
                }
            }
            Incoming::HeartbeatRequest => {
                let heartbeat = join.heartbeat.as_mut();
                let nonce = heartbeat.map_or(0, |heartbeat| heartbeat.sent(Instant::now()));
                send(socket, messages::heartbeat(nonce, self.sequence)).await?;
            }
            Incoming::HeartbeatAck { nonce } => {
                let heartbeat = join.heartbeat.as_mut();
                if let Some(ping) = heartbeat.and_then(|heartbeat| heartbeat.answered(nonce, Instant::now()))
                {
                    context.status.set_ping(ping);
                }
            }
            Incoming::Ready(ready) => {
                // A second one moves us to another UDP server; audio goes on to the old one until op 4.
                join.path = None;
                join.discovery = Some(Box::pin(open_udp(ready)));
                if self.media.is_none() {
                    join.deadline = Some(Instant::now() + STEP_LIMIT);
                }
                context.tell(VoiceEvent::Ready).await;
            }
            Incoming::SessionDescription(description) => {
                match (self.media.is_some(), join.path.take()) {
                    (false, Some(path)) => self.start_media(context, socket, path, &description).await?,
                    (false, None) => {
                        tracing::debug!(guild = %context.info.guild_id, "session description before op 1 ignored");
                        return Ok(());
                    }
                    (true, path) => self.change_media(socket, path, &description).await?,
                }
                join.running(retries);
            }
            Incoming::Resumed if self.media.is_some() => {
                join.running(retries);
                if let Some(media) = &self.media {
                    let (wish, ssrc) = (media.handle.link().speaking.wanted(), media.ssrc);
                    self.tell_speaking(socket, wish, ssrc).await?;
                }
            }
            Incoming::Video { user, streams } => {
                if self.sinks.announced(user, streams) {
                    send(socket, messages::no_media_wanted(self.sinks.unwanted())).await?;
                }
            }
            Incoming::Dave(input) => {
                if let Input::UserLeft(user) = input
                    && self.sinks.left(user)
                {
                    send(socket, messages::no_media_wanted(self.sinks.unwanted())).await?;
                }
                let outputs = self.lane.push(input).map_err(restart)?;
                self.outbox.extend(outputs);
            }
            Incoming::Resumed | Incoming::Other => {}
        }
        Ok(())
    }

    /// Op 4: the key is here, audio may flow as soon as DAVE says how.
    async fn start_media(
        &mut self,
        context: &Context,
        socket: &mut Socket,
        path: UdpPath,
        description: &SessionDescription,
    ) -> Result<(), End> {
        let cipher = cipher_of(description)?;
        let ssrc = path.ssrc;
        // Discord drops connections whose first packet comes before any op 5.
        send(socket, messages::speaking(false, ssrc)).await?;
        send(socket, messages::no_media_wanted(self.sinks.unwanted())).await?;
        let handle = MediaHandle::start(
            &context.engine.pacers,
            context.source.clone(),
            path.socket,
            RtpStream::new(ssrc),
            cipher,
            context.status.counters.clone(),
        );
        self.media = Some(Media { handle, ssrc });
        self.start_encryption(description)
    }

    /// A further op 4: another key, and after a further op 2 another UDP server. The audio goes on.
    async fn change_media(
        &mut self,
        socket: &mut Socket,
        path: Option<UdpPath>,
        description: &SessionDescription,
    ) -> Result<(), End> {
        let cipher = cipher_of(description)?;
        let Some(media) = &mut self.media else {
            return Ok(());
        };
        let mut route = None;
        if let Some(path) = path {
            media.ssrc = path.ssrc;
            route = Some((path.socket, RtpStream::new(path.ssrc)));
            let speaking = media.handle.link().speaking.wanted().speaking();
            send(socket, messages::speaking(speaking, path.ssrc)).await?;
            send(socket, messages::no_media_wanted(self.sinks.unwanted())).await?;
            self.told_speaking = speaking;
        }
        media.handle.link().reroute(Box::new(Transport { cipher, route }));
        if description.dave_protocol_version == self.described {
            return Ok(());
        }
        self.start_encryption(description)
    }

    fn start_encryption(&mut self, description: &SessionDescription) -> Result<(), End> {
        let version = description.dave_protocol_version;
        self.described = version;
        let outputs = self.lane.push(Input::Start { version }).map_err(restart)?;
        self.outbox.extend(outputs);
        Ok(())
    }

    /// The heartbeat interval is over, or hello never came.
    async fn beat(&mut self, socket: &mut Socket, join: &mut Join) -> Result<(), End> {
        let Some(heartbeat) = &mut join.heartbeat else {
            return Err(End::Lost("the voice gateway did not say hello".into()));
        };
        match heartbeat.beat(Instant::now()) {
            Beat::Send(nonce) => send(socket, messages::heartbeat(nonce, self.sequence)).await,
            Beat::Dead => Err(End::Lost("the voice gateway stopped answering heartbeats".into())),
        }
    }

    async fn tell_speaking(&mut self, socket: &mut Socket, wish: Wish, ssrc: u32) -> Result<(), End> {
        send(socket, messages::speaking(wish.speaking(), ssrc)).await?;
        self.told_speaking = wish.speaking();
        if let Some(media) = &self.media {
            media.handle.link().speaking.told(wish);
        }
        Ok(())
    }
}

/// The transport encryption of op 4.
fn cipher_of(description: &SessionDescription) -> Result<TransportCipher, End> {
    let mode = Mode::from_name(&description.mode)
        .ok_or_else(|| End::Restart(format!("unknown encryption mode {}", description.mode)))?;
    Ok(TransportCipher::new(mode, &description.secret_key))
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), End> {
    socket::send(socket, message).await.map_err(End::Lost)
}

fn restart(LaneBroken: LaneBroken) -> End {
    End::Restart("the end-to-end encryption session was lost".into())
}

/// Waits for IP discovery; for ever when none is going on.
async fn poll_discovery(discovery: &mut Option<Discovery>) -> io::Result<UdpPath> {
    match discovery {
        Some(discovery) => discovery.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Waits until the pacer wants something announced; for ever without a stream.
async fn untold(media: Option<&Media>) -> (Wish, u32) {
    match media {
        Some(media) => (
            poll_fn(|context| media.handle.link().speaking.poll_untold(context)).await,
            media.ssrc,
        ),
        None => std::future::pending().await,
    }
}
