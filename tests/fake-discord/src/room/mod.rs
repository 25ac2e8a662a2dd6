//! One call: its simulated listeners, its clients, and the MLS group they form.
//!
//! A room is a task that owns its state; everything reaches it through a [`RoomHandle`].

mod client;
mod group;
mod hostile;
pub(crate) mod listener;
pub(crate) mod mls;
mod transition;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::error::FakeError;
use crate::gateway::op;
use crate::gateway::session::Session;
use crate::state::Shared;
use client::Client;
use group::{Group, Round};
pub use hostile::Hostile;
use listener::Listener;
use transition::Transition;

/// User id of a channel's first simulated listener; the others follow.
pub const FIRST_LISTENER: u64 = 800_000_000_000_000_000;

/// Messages a room can have waiting.
const QUEUE: usize = 512;

/// Answer to a scenario command: sent when the room has settled.
pub(crate) type Done = oneshot::Sender<Result<(), FakeError>>;

/// What a room is told.
pub(crate) enum Command {
    /// A client identified and is about to get op 4.
    Arrived(Arc<Session>),
    /// The client got op 4.
    Described(Arc<Session>),
    /// The session ended.
    Left(u64),
    /// A binary message of a client.
    Binary {
        session: u64,
        code: u8,
        payload: Vec<u8>,
    },
    /// Op 23.
    Ready { session: u64, transition: u16 },
    /// Op 31.
    Invalid { session: u64, transition: u16 },
    /// Answered when everything before it was handled.
    Barrier(oneshot::Sender<()>),
    /// A scenario of the test.
    Scenario(Scenario, Done),
}

/// What a test can make happen in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// One more listener.
    AddListener,
    /// The newest listener leaves.
    RemoveListener,
    /// End-to-end encryption ends.
    Downgrade,
    /// End-to-end encryption begins anew.
    Upgrade,
    /// As many listeners as that.
    SetListeners(usize),
    /// A transition to the version in force.
    Reannounce,
    /// A commit is announced that no member can apply.
    BadCommit,
    /// A message no server should send.
    Hostile(Hostile),
    /// Nothing; done when the room is settled.
    Settle,
}

/// Access to a room.
#[derive(Clone)]
pub(crate) struct RoomHandle {
    sender: mpsc::Sender<Command>,
}

impl RoomHandle {
    /// Starts the call of a guild on the current runtime.
    pub(crate) fn start(shared: Arc<Shared>, guild_id: u64) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(Room::new(shared, guild_id, receiver).run());
        Self { sender }
    }

    /// Sends a command, waiting for room in the queue.
    pub(crate) async fn send(&self, command: Command) {
        // A closed room means that the server is being stopped.
        let _ = self.sender.send(command).await;
    }

    /// Tells that a session ended, from a context that cannot wait.
    pub(crate) fn left(&self, session: u64) {
        if let Err(mpsc::error::TrySendError::Full(command)) = self.sender.try_send(Command::Left(session)) {
            let sender = self.sender.clone();
            tokio::spawn(async move { sender.send(command).await });
        }
    }
}

/// A simulated listener's place in the call.
struct Seat {
    user_id: u64,
    /// Its MLS state; made when first needed.
    member: Option<Listener>,
    in_group: bool,
}

struct Room {
    shared: Arc<Shared>,
    guild_id: u64,
    channel_id: u64,
    receiver: mpsc::Receiver<Command>,
    /// DAVE version in force, 0 or 1.
    version: u16,
    seats: Vec<Seat>,
    next_listener: u64,
    clients: Vec<Client>,
    group: Option<Group>,
    round: Option<Round>,
    transition: Option<Transition>,
    last_transition: u16,
    /// The next first group comes into force by op 22 even if the configuration says otherwise.
    upgrading: bool,
    scenarios: VecDeque<(Scenario, Done)>,
    waiting: Vec<Done>,
}

impl Room {
    fn new(shared: Arc<Shared>, guild_id: u64, receiver: mpsc::Receiver<Command>) -> Self {
        let count = shared.config.listeners as u64;
        Self {
            channel_id: shared.config.channel_of(guild_id),
            version: shared.config.dave_version,
            seats: (0..count)
                .map(|n| Seat {
                    user_id: FIRST_LISTENER + n,
                    member: None,
                    in_group: false,
                })
                .collect(),
            next_listener: FIRST_LISTENER + count,
            shared,
            guild_id,
            receiver,
            clients: Vec::new(),
            group: None,
            round: None,
            transition: None,
            last_transition: 0,
            upgrading: false,
            scenarios: VecDeque::new(),
            waiting: Vec::new(),
        }
    }

    async fn run(mut self) {
        loop {
            let deadline = self.deadline();
            let command = tokio::select! {
                command = self.receiver.recv() => match command {
                    Some(command) => Some(command),
                    None => return,
                },
                () = tokio::time::sleep_until(deadline) => None,
            };
            match command {
                Some(command) => self.handle(command),
                None => self.expire(),
            }
            self.progress();
        }
    }

    /// When the pending round or transition is to be ended without its clients; far away if there is none.
    fn deadline(&self) -> Instant {
        let round = self.round.as_ref().map(|round| round.deadline);
        let transition = self.transition.as_ref().map(|transition| transition.deadline);
        round
            .into_iter()
            .chain(transition)
            .min()
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600))
    }

    fn expire(&mut self) {
        let now = Instant::now();
        if self.round.as_ref().is_some_and(|round| round.deadline <= now) {
            self.announce_own();
        }
        if self
            .transition
            .as_ref()
            .is_some_and(|transition| transition.deadline <= now)
        {
            self.execute();
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Arrived(session) => self.arrive(session),
            Command::Described(session) => self.describe(&session),
            Command::Left(session) => self.leave(session),
            Command::Binary {
                session,
                code: op::KEY_PACKAGE,
                payload,
            } => self.key_package(session, &payload),
            Command::Binary {
                session,
                code: op::COMMIT_WELCOME,
                payload,
            } => {
                self.client_commit(session, &payload);
            }
            Command::Binary { session, code, .. } => {
                if let Some(client) = self.client(session) {
                    client
                        .session
                        .protocol_error(format!("binary message with opcode {code}"));
                }
            }
            Command::Ready { session, transition } => self.ready(session, transition),
            Command::Invalid { session, transition } => self.recover(session, transition),
            Command::Barrier(done) => {
                let _ = done.send(());
            }
            Command::Scenario(scenario, done) => self.scenarios.push_back((scenario, done)),
        }
    }

    /// Starts whatever is due and answers those who wait for it.
    fn progress(&mut self) {
        loop {
            self.advance();
            if !self.is_settled() {
                return;
            }
            for done in self.waiting.drain(..) {
                let _ = done.send(Ok(()));
            }
            let Some((scenario, done)) = self.scenarios.pop_front() else {
                return;
            };
            match self.play(scenario) {
                Ok(()) => self.waiting.push(done),
                Err(error) => {
                    let _ = done.send(Err(error));
                }
            }
        }
    }

    /// Whether nothing is under way and everybody who should be in the group is.
    fn is_settled(&self) -> bool {
        let grouped = self.version == 0
            || self.seats.is_empty()
            || self
                .clients
                .iter()
                .filter(|client| client.wants_group())
                .all(|client| client.in_group && !client.readd);
        self.round.is_none() && self.transition.is_none() && grouped
    }

    fn play(&mut self, scenario: Scenario) -> Result<(), FakeError> {
        match scenario {
            Scenario::Settle => {}
            Scenario::AddListener => self.add_listener(),
            Scenario::RemoveListener => self.remove_listener()?,
            Scenario::SetListeners(count) => {
                while self.seats.len() < count {
                    self.add_listener();
                }
                while self.seats.len() > count {
                    self.remove_listener()?;
                }
            }
            Scenario::Reannounce => self.reannounce(),
            Scenario::Hostile(what) => self.be_hostile(what)?,
            Scenario::Downgrade => self.downgrade(),
            Scenario::Upgrade => self.upgrade(),
            Scenario::BadCommit => self.bad_commit()?,
        }
        Ok(())
    }

    fn add_listener(&mut self) {
        let user_id = self.next_listener;
        self.next_listener += 1;
        self.seats.push(Seat {
            user_id,
            member: None,
            in_group: false,
        });
        self.tell_everyone(
            op::CLIENTS_CONNECT,
            &json!({ "user_ids": [user_id.to_string()] }),
            None,
        );
    }

    fn remove_listener(&mut self) -> Result<(), FakeError> {
        let seat = self.seats.pop().ok_or(FakeError::NoListener(self.guild_id))?;
        self.tell_everyone(
            op::CLIENT_DISCONNECT,
            &json!({ "user_id": seat.user_id.to_string() }),
            None,
        );
        Ok(())
    }

    fn client(&self, session: u64) -> Option<&Client> {
        self.clients.iter().find(|client| client.session.id == session)
    }

    fn client_mut(&mut self, session: u64) -> Option<&mut Client> {
        self.clients
            .iter_mut()
            .find(|client| client.session.id == session)
    }

    /// Sends a JSON message to every described client but one.
    fn tell_everyone(&self, code: u8, data: &serde_json::Value, except: Option<u64>) {
        for client in &self.clients {
            if client.described && Some(client.session.id) != except {
                client.session.send_json(code, data);
            }
        }
    }
}
