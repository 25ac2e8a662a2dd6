//! All sessions: the connected ones and those waiting to be resumed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lavalink_plugin_api::Event;
use lavalink_plugins::{EventBus, Topic};
use lavalink_protocol::ids::{SessionId, UserId};
use lavalink_protocol::message::OutgoingMessage;
use parking_lot::Mutex;
use rand::RngExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::outbox::Budget;
use super::state::Session;
use crate::player::PlayerHandle;

/// A session that waits, and the timer that will end it.
struct Waiting {
    session: Arc<Session>,
    timer: JoinHandle<()>,
}

#[derive(Default)]
struct Sessions {
    connected: HashMap<SessionId, Arc<Session>>,
    waiting: HashMap<SessionId, Waiting>,
    is_shut_down: bool,
}

/// See the module.
#[derive(Default)]
pub struct Registry {
    sessions: Mutex<Sessions>,
    open_sockets: watch::Sender<usize>,
    budget: Arc<Budget>,
    events: EventBus,
}

/// Counts a socket as open while it lives.
pub struct OpenSocket(Arc<Registry>);

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.open_sockets.send_modify(|open| *open -= 1);
    }
}

/// A session a handshake has laid hands on.
pub enum Claim {
    /// A new one.
    New(Arc<Session>),
    /// One that was waiting; its timer is stopped.
    Resumed(Arc<Session>),
}

impl Registry {
    /// No sessions yet; what happens to them is told to plugins.
    pub fn new(events: EventBus) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }

    /// A session, connected or waiting.
    pub fn find(&self, id: &str) -> Option<Arc<Session>> {
        let sessions = self.sessions.lock();
        let waiting = || sessions.waiting.get(id).map(|waiting| &waiting.session);
        sessions.connected.get(id).or_else(waiting).cloned()
    }

    /// A connected session.
    pub fn connected(&self, id: &str) -> Option<Arc<Session>> {
        self.sessions.lock().connected.get(id).cloned()
    }

    /// All connected sessions.
    pub fn all_connected(&self) -> Vec<Arc<Session>> {
        self.sessions.lock().connected.values().cloned().collect()
    }

    /// All sessions, those that wait to be resumed included.
    pub fn all(&self) -> Vec<Arc<Session>> {
        let sessions = self.sessions.lock();
        let waiting = sessions.waiting.values().map(|waiting| &waiting.session);
        sessions.connected.values().chain(waiting).cloned().collect()
    }

    /// How many sessions are connected, and how many wait to be resumed.
    pub fn counts(&self) -> (usize, usize) {
        let sessions = self.sessions.lock();
        (sessions.connected.len(), sessions.waiting.len())
    }

    /// How many sessions and players there are, together.
    pub fn population(&self) -> usize {
        self.all().iter().map(|session| 1 + session.player_count()).sum()
    }

    /// The waiting session `wanted`, if it belongs to the same user, else a new one. Neither is connected yet:
    /// [`Self::attach`] follows, or [`Self::detach`] when the socket does not come about.
    pub fn claim(&self, wanted: Option<&str>, user_id: UserId) -> Claim {
        let mut sessions = self.sessions.lock();
        if let Some(id) = wanted
            && sessions
                .waiting
                .get(id)
                .is_some_and(|waiting| waiting.session.user_id == user_id)
            && let Some(waiting) = sessions.waiting.remove(id)
        {
            waiting.timer.abort();
            return Claim::Resumed(waiting.session);
        }
        let mut random = rand::rng();
        loop {
            let id = SessionId::generate(|below| random.random_range(0..below));
            if !sessions.connected.contains_key(&id) && !sessions.waiting.contains_key(&id) {
                return Claim::New(Arc::new(Session::new(
                    id,
                    user_id,
                    Arc::clone(&self.budget),
                    self.events.clone(),
                )));
            }
        }
    }

    /// Whether a handshake of this user would resume the session.
    pub fn is_waiting(&self, id: &str, user_id: UserId) -> bool {
        let sessions = self.sessions.lock();
        sessions
            .waiting
            .get(id)
            .is_some_and(|waiting| waiting.session.user_id == user_id)
    }

    /// Counts a socket that is being served.
    pub fn count_socket(self: &Arc<Self>) -> OpenSocket {
        self.open_sockets.send_modify(|open| *open += 1);
        OpenSocket(Arc::clone(self))
    }

    /// Waits until no socket is being served.
    pub async fn sockets_closed(&self) {
        let mut open_sockets = self.open_sockets.subscribe();
        // Cannot fail: the sender is a member of this.
        let _cannot_fail = open_sockets.wait_for(|open| *open == 0).await.is_err();
    }

    /// The socket of a claimed session is open: it becomes connected and `ready` is queued before all else.
    /// False when the node is shutting down.
    pub fn attach(&self, session: &Arc<Session>, is_resumed: bool) -> bool {
        {
            let mut sessions = self.sessions.lock();
            if sessions.is_shut_down {
                return false;
            }
            sessions.connected.insert(session.id.clone(), Arc::clone(session));
        }
        let ready = OutgoingMessage::Ready {
            resumed: is_resumed,
            session_id: session.id.clone(),
        };
        let (waiting, dropped) = session.outbox.attach(&ready);
        if is_resumed {
            tracing::info!("Resumed session with id {}", session.id);
            tracing::info!("Replaying {waiting} events");
            if dropped > 0 {
                tracing::warn!(
                    "{dropped} messages of session {} were dropped: too many had come",
                    session.id
                );
            }
        }
        true
    }

    /// The socket of a session is gone: it waits for a resume if the client asked for that, else it ends.
    /// Returns the seconds it will wait.
    pub fn detach(self: &Arc<Self>, session: &Arc<Session>) -> Option<u64> {
        let state = session.resume_state();
        let timeout = u64::try_from(state.timeout)
            .ok()
            .filter(|seconds| state.resuming && *seconds > 0);
        let mut sessions = self.sessions.lock();
        sessions.connected.remove(&session.id);
        if let (Some(seconds), false) = (timeout, sessions.is_shut_down) {
            session.outbox.detach();
            let (registry, id) = (Arc::downgrade(self), session.id.clone());
            let timer = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                if let Some(registry) = registry.upgrade() {
                    registry.expire(&id);
                }
            });
            sessions.waiting.insert(
                session.id.clone(),
                Waiting {
                    session: Arc::clone(session),
                    timer,
                },
            );
            drop(sessions);
            self.events.emit(Topic::Sessions, || Event::SessionPaused {
                session: session.to_plugin(),
            });
            return Some(seconds);
        }
        drop(sessions);
        destroy(session);
        None
    }

    fn expire(&self, id: &SessionId) {
        let Some(waiting) = self.sessions.lock().waiting.remove(id) else {
            return;
        };
        tracing::info!("Session {id} was not resumed in time and ends");
        destroy(&waiting.session);
    }

    /// Ends everything: sockets are closed with 1001, players destroyed. Returns the players, whose voice connections
    /// are still closing. Plugins hear of the end of sessions that wait at once, of the others with their sockets.
    pub fn shut_down(&self) -> Vec<PlayerHandle> {
        let (connected, waiting) = {
            let mut sessions = self.sessions.lock();
            sessions.is_shut_down = true;
            (
                std::mem::take(&mut sessions.connected),
                std::mem::take(&mut sessions.waiting),
            )
        };
        let mut players = Vec::new();
        for session in connected.values() {
            session.outbox.close(1001, "The node is shutting down");
            players.extend(session.close_players());
        }
        for waiting in waiting.values() {
            waiting.timer.abort();
            tell_end(&waiting.session);
            players.extend(waiting.session.close_players());
        }
        players
    }
}

fn tell_end(session: &Session) {
    let events = session.outbox.events();
    events.emit(Topic::Sessions, || Event::SessionDestroyed {
        session: session.to_plugin(),
    });
}

/// Destroys the players of a session that nobody can reach any more.
fn destroy(session: &Arc<Session>) {
    tell_end(session);
    session.outbox.end();
    let players = session.close_players();
    let playing = players
        .iter()
        .filter(|player| player.shared().is_playing())
        .count();
    if playing > 0 {
        tracing::info!("Shutting down {playing} playing players.");
    }
    for player in players {
        tokio::spawn(async move { player.destroy().await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lavalink_protocol::update::{Omissible, SessionUpdate};

    fn claimed(claim: Claim) -> (Arc<Session>, bool) {
        match claim {
            Claim::New(session) => (session, false),
            Claim::Resumed(session) => (session, true),
        }
    }

    fn resuming(session: &Session, seconds: i64) {
        session.update(&SessionUpdate {
            resuming: Omissible::Present(true),
            timeout: Omissible::Present(seconds),
        });
    }

    #[tokio::test]
    async fn a_session_that_did_not_ask_ends_with_its_socket() {
        let registry = Arc::new(Registry::default());
        let (session, _) = claimed(registry.claim(None, UserId(1)));
        assert_eq!(session.id.as_str().len(), 16);
        assert!(registry.connected(session.id.as_str()).is_none());
        assert!(registry.attach(&session, false));
        assert!(registry.connected(session.id.as_str()).is_some());
        assert_eq!(registry.detach(&session), None);
        assert!(!claimed(registry.claim(Some(session.id.as_str()), UserId(1))).1);
    }

    #[tokio::test]
    async fn a_waiting_session_is_resumed_by_its_own_user_only() {
        let registry = Arc::new(Registry::default());
        let (session, _) = claimed(registry.claim(None, UserId(1)));
        registry.attach(&session, false);
        resuming(&session, 60);
        assert!(
            !claimed(registry.claim(Some(session.id.as_str()), UserId(1))).1,
            "still connected"
        );
        assert_eq!(registry.detach(&session), Some(60));
        assert!(registry.connected(session.id.as_str()).is_none());
        assert!(
            !claimed(registry.claim(Some(session.id.as_str()), UserId(2))).1,
            "another user"
        );
        assert!(registry.is_waiting(session.id.as_str(), UserId(1)));
        assert!(!registry.is_waiting(session.id.as_str(), UserId(2)));
        let (same, resumed) = claimed(registry.claim(Some(session.id.as_str()), UserId(1)));
        assert!(resumed && Arc::ptr_eq(&same, &session));
        assert!(
            !claimed(registry.claim(Some(session.id.as_str()), UserId(1))).1,
            "claimed already"
        );
    }

    #[tokio::test]
    async fn an_expired_session_is_gone() {
        let registry = Arc::new(Registry::default());
        let (session, _) = claimed(registry.claim(None, UserId(1)));
        registry.attach(&session, false);
        resuming(&session, 5);
        registry.detach(&session);
        registry.expire(&session.id);
        assert!(session.outbox.is_ended());
        assert!(!claimed(registry.claim(Some(session.id.as_str()), UserId(1))).1);
    }

    #[tokio::test]
    async fn nothing_is_attached_after_the_shutdown() {
        let registry = Arc::new(Registry::default());
        let (session, _) = claimed(registry.claim(None, UserId(1)));
        registry.attach(&session, false);
        registry.shut_down();
        assert_eq!(
            session.outbox.interrupted().await,
            super::super::Interrupt::Close(1001, "The node is shutting down")
        );
        assert!(!registry.attach(&session, false));
    }
}
