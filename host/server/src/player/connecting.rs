//! The player's voice connection: opening, replacing, losing and closing it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use lavalink_protocol::events::Event;
use lavalink_protocol::player::VoiceState;
use lavalink_voice::{VoiceConnection, VoiceEvent, VoiceInfo};
use tokio::sync::{mpsc, oneshot};

use super::abort::{Owned, finished};
use super::command::{VoiceRefused, VoiceTarget};
use super::task::PlayerTask;

/// Longest time to open the voice gateway; past it the request is answered with 500.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Longest time the connection that is being replaced may take to close.
const REPLACE_DEADLINE: Duration = Duration::from_secs(2);
/// Events of a connection waiting for the player.
const EVENTS: usize = 16;
/// Requests that may wait for one connection.
const MAX_WAITERS: usize = 32;

/// What a connection attempt came to; the text is for the log.
pub(super) type Outcome = Result<VoiceConnection, String>;
type Waiter = oneshot::Sender<Result<(), VoiceRefused>>;

/// A connection being opened.
pub(super) struct Connecting {
    target: VoiceTarget,
    attempt: Option<Owned<Outcome>>,
    events: mpsc::Receiver<VoiceEvent>,
    waiters: Vec<Waiter>,
}

/// Waits for the attempt that is under way; for ever when there is none.
pub(super) async fn connected(connecting: &mut Option<Connecting>) -> Outcome {
    match connecting {
        Some(connecting) => match finished(&mut connecting.attempt).await {
            Ok(outcome) => outcome,
            Err(error) => Err(format!("the attempt broke off: {error}")),
        },
        None => std::future::pending().await,
    }
}

impl PlayerTask {
    /// Step 9 of section 1.9. Answers at once when nothing has to change.
    pub(super) fn connect(&mut self, target: VoiceTarget, waiter: Waiter) {
        let mut waiters = Vec::new();
        if let Some(mut connecting) = self.connecting.take() {
            if connecting.waiters.len() >= MAX_WAITERS {
                // Dropping the longest waiting one answers its request with a refusal.
                connecting.waiters.remove(0);
            }
            if connecting.target == target {
                connecting.waiters.push(waiter);
                self.connecting = Some(connecting);
                return;
            }
            // Superseded, as when a bot is moved: what the client wants now decides for the earlier requests as well.
            waiters = connecting.waiters;
        } else if self.shared.is_connected() && *self.shared.view.lock().voice == voice_state(&target) {
            let _given_up = waiter.send(Ok(()));
            return;
        }
        waiters.push(waiter);
        let old = self.drop_voice();
        let (sender, events) = mpsc::channel(EVENTS);
        let info = VoiceInfo {
            guild_id: self.shared.guild_id,
            user_id: self.user_id,
            channel_id: target.channel_id,
            session_id: target.update.session_id.clone(),
            token: target.update.token.clone(),
            endpoint: target.update.endpoint.clone(),
        };
        let (services, source) = (Arc::clone(&self.services), self.source.shared());
        let attempt = Owned::spawn(async move {
            if let Some(old) = old {
                // The source must have one pacer at a time, so the old connection goes first.
                let _too_slow = tokio::time::timeout(REPLACE_DEADLINE, old.close()).await;
            }
            let engine = services.voice().map_err(|failure| failure.to_string())?;
            match tokio::time::timeout(CONNECT_DEADLINE, engine.connect(info, source, sender)).await {
                Ok(outcome) => outcome.map_err(|error| error.to_string()),
                Err(_) => Err(format!("no answer within {CONNECT_DEADLINE:?}")),
            }
        });
        self.shared.is_connecting.store(true, Relaxed);
        self.connecting = Some(Connecting {
            target,
            attempt: Some(attempt),
            events,
            waiters,
        });
    }

    /// An attempt ended.
    pub(super) fn voice_connected(&mut self, outcome: Outcome) {
        let Some(connecting) = self.connecting.take() else {
            return;
        };
        self.shared.is_connecting.store(false, Relaxed);
        let answer = match outcome {
            Ok(connection) => {
                *self.shared.connection.lock() = Some(connection);
                self.voice_events = Some(connecting.events);
                self.shared.view.lock().voice = Arc::new(voice_state(&connecting.target));
                Ok(())
            }
            Err(reason) => {
                tracing::warn!(
                    "guild {}: failed to connect to voice: {reason}",
                    self.shared.guild_id
                );
                Err(VoiceRefused)
            }
        };
        for waiter in connecting.waiters {
            let _given_up = waiter.send(answer);
        }
    }

    /// Something happened on the connection.
    pub(super) fn voice_event(&mut self, event: Option<VoiceEvent>) {
        match event {
            Some(VoiceEvent::Ready) => self.send_update(),
            Some(VoiceEvent::Closed {
                code,
                reason,
                by_remote,
            }) => {
                let guild_id = self.shared.guild_id;
                tracing::info!(
                    "guild {guild_id}: voice closed with {code} {reason:?}, by remote: {by_remote}"
                );
                self.send_event(Event::WebSocketClosed {
                    guild_id,
                    code: i32::from(code),
                    reason,
                    by_remote,
                });
                self.send_update();
            }
            None => self.voice_events = None,
        }
    }

    /// Takes the connection away; an open one is reported as closed from this side.
    pub(super) fn drop_voice(&mut self) -> Option<VoiceConnection> {
        self.voice_events = None;
        let connection = self.shared.connection.lock().take()?;
        if connection.is_open() {
            let guild_id = self.shared.guild_id;
            self.send_event(Event::WebSocketClosed {
                guild_id,
                code: 1000,
                reason: String::new(),
                by_remote: false,
            });
            self.send_update();
        }
        Some(connection)
    }
}

fn voice_state(target: &VoiceTarget) -> VoiceState {
    VoiceState {
        token: target.update.token.clone(),
        endpoint: target.update.endpoint.clone(),
        session_id: target.update.session_id.clone(),
        channel_id: target.update.channel_id.clone(),
    }
}
