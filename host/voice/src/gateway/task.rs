//! The task that keeps one voice connection alive: losses, retries, the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use super::{
    close::{ABNORMAL, Reaction, reaction},
    messages,
    resume::{Retries, Retry},
    serve::{Call, End, Entry},
    socket::{self, Socket},
};
use crate::{
    counters::VoiceCounters, engine::Shared, event::VoiceEvent, info::VoiceInfo, source::SharedSource,
};

/// Time the silence packets have to leave: five slots of 20 ms, and room for a machine that does much else.
const SILENCE_LIMIT: Duration = Duration::from_millis(600);

/// Time for telling the gateway goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_millis(400);

/// Time the owner has to take the news that the connection is over.
const CLOSED_LIMIT: Duration = Duration::from_secs(10);

/// Time the owner has to take any other event; heartbeats wait meanwhile.
const EVENT_LIMIT: Duration = Duration::from_secs(1);

/// Close code for giving up a socket in order to resume; unlike 1000 it keeps the voice session.
const RECONNECTING: u16 = 4000;

/// What a connection shows its owner.
#[derive(Default)]
pub(crate) struct Status {
    open: AtomicBool,
    ping_ms: AtomicI64,
    pub(crate) counters: Arc<VoiceCounters>,
}

impl Status {
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    pub(crate) fn ping_ms(&self) -> i64 {
        self.ping_ms.load(Ordering::Relaxed)
    }

    pub(super) fn set_ping(&self, round_trip: Duration) {
        // Rounded up: 0 stands for "not measured yet".
        let ms = i64::try_from(round_trip.as_micros().div_ceil(1000)).unwrap_or(i64::MAX);
        self.ping_ms.store(ms, Ordering::Relaxed);
    }
}

/// What a connection's task works with.
pub(crate) struct Context {
    pub(crate) info: VoiceInfo,
    pub(crate) engine: Arc<Shared>,
    pub(crate) source: SharedSource,
    pub(crate) events: mpsc::Sender<VoiceEvent>,
    pub(crate) status: Arc<Status>,
}

impl Context {
    /// Tells the owner. One that takes no events is not waited for for ever.
    pub(super) async fn tell(&self, event: VoiceEvent) {
        let limit = if matches!(event, VoiceEvent::Closed { .. }) {
            CLOSED_LIMIT
        } else {
            EVENT_LIMIT
        };
        if let Err(error) = self.events.send_timeout(event, limit).await {
            tracing::debug!(guild = %self.info.guild_id, %error, "nobody takes the voice event");
        }
    }
}

/// Marks the connection closed however its task ends.
struct ClosedOnDrop(Arc<Status>);

impl Drop for ClosedOnDrop {
    fn drop(&mut self) {
        self.0.set_open(false);
    }
}

/// Runs a connection from its first WebSocket upgrade to its end. `close` resolves, or loses its sender, when the
/// owner wants it to end.
pub(crate) async fn run(context: Context, socket: Socket, mut close: oneshot::Receiver<()>) {
    let _closed = ClosedOnDrop(Arc::clone(&context.status));
    let mut call = Call::new(&context);
    let mut retries = Retries::new(Instant::now());
    let mut next = Some((socket, Entry::Identify));
    while let Some((mut socket, entry)) = next.take() {
        if matches!(entry, Entry::Identify) {
            call = Call::new(&context);
        }
        let end = tokio::select! {
            _ = &mut close => End::Local,
            end = call.serve(&context, &mut socket, entry, &mut retries) => end,
        };
        match end {
            End::Local => return say_goodbye(call, socket).await,
            // In a box of its own: what reconnecting needs is not kept while all is well.
            end => {
                next = Box::pin(reconnect(
                    &context,
                    &mut call,
                    Some(socket),
                    end,
                    &mut retries,
                    &mut close,
                ))
                .await;
            }
        }
    }
    // Closed by the owner while the gateway was gone: the audio path may still be there.
    if let Some(media) = call.media.take() {
        media.handle.finish(SILENCE_LIMIT).await;
    }
}

/// Finds a new socket after `end`; `None` when the connection is over.
async fn reconnect(
    context: &Context,
    call: &mut Call,
    mut lost: Option<Socket>,
    mut end: End,
    retries: &mut Retries,
    close: &mut oneshot::Receiver<()>,
) -> Option<(Socket, Entry)> {
    context.status.set_open(false);
    let guild = context.info.guild_id;
    loop {
        let (code, reason, by_remote, reaction) = match end {
            End::Local => return None,
            End::Remote { code, reason } => (code, reason, true, reaction(code)),
            End::Lost(why) => (ABNORMAL, why, false, Reaction::Resume),
            End::Restart(why) => (ABNORMAL, why, false, Reaction::Identify),
        };
        let (pause, entry) = match retries.lost(reaction, by_remote, call.is_resumable(), Instant::now()) {
            Retry::Resume(pause) => (pause, Entry::Resume),
            Retry::Identify(pause) => (pause, Entry::Identify),
            Retry::GiveUp => {
                tracing::info!(%guild, code, reason, by_remote, "voice connection closed");
                call.end_media();
                context
                    .tell(VoiceEvent::Closed {
                        code,
                        reason,
                        by_remote,
                    })
                    .await;
                if let Some(lost) = lost {
                    leave(lost, RECONNECTING).await;
                }
                return None;
            }
        };
        tracing::debug!(%guild, code, reason, ?entry, ?pause, "voice gateway lost; connecting again");
        if matches!(entry, Entry::Identify) {
            call.end_media();
        }
        let open = async {
            if let Some(lost) = lost.take() {
                leave(lost, RECONNECTING).await;
            }
            tokio::time::sleep(pause).await;
            socket::open(&context.info.endpoint, &context.engine.tls).await
        };
        let opened = tokio::select! {
            _ = &mut *close => return None,
            opened = open => opened,
        };
        match opened {
            Ok(socket) => {
                context.status.set_open(true);
                return Some((socket, entry));
            }
            // Without media there is nothing to resume, so a fresh identify stays one at the next try.
            Err(error) => end = End::Lost(error.to_string()),
        }
    }
}

/// The owner's close: silence, speaking 0, close frame.
async fn say_goodbye(mut call: Call, mut socket: Socket) {
    if let Some(media) = call.media.take() {
        media.handle.finish(SILENCE_LIMIT).await;
        let quiet = messages::speaking(false, media.ssrc);
        if call.told_speaking
            && timeout(GOODBYE_LIMIT, socket::send(&mut socket, quiet))
                .await
                .is_err()
        {
            return;
        }
    }
    leave(socket, 1000).await;
}

/// Sends a close frame, or the answer to the one received, and drops the socket when the peer has closed it or soon after.
async fn leave(mut socket: Socket, code: u16) {
    let frame = CloseFrame {
        code: CloseCode::from(code),
        reason: "".into(),
    };
    // Failing to say goodbye to a socket that is given up anyway changes nothing.
    let Ok(Ok(())) = timeout(GOODBYE_LIMIT, socket.close(Some(frame))).await else {
        return;
    };
    // A socket dropped with bytes unread is reset, which may overtake the frame.
    tokio::spawn(timeout(GOODBYE_LIMIT, async move {
        while let Some(Ok(_)) = socket.next().await {}
    }));
}
