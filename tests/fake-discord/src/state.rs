//! What the gateway, the UDP threads and the rooms share.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::config::Config;
use crate::faults::{Ending, Faults, Stage};
use crate::gateway::message::Identify;
use crate::gateway::session::Session;
use crate::report::ConnectionReport;
use crate::room::RoomHandle;
use crate::room::mls::ExternalSenderKey;
use crate::udp::SocketDrops;

/// Ended sessions remembered per guild.
const MAX_ENDED: usize = 16;
/// Sessions whose packets are still taken after their end: the close frame may overtake the last ones.
const RECEIVABLE_ENDED: usize = 64;
/// Faults of the server itself remembered.
const MAX_FAULTS: usize = 100;

/// One guild: its call and the sessions seen in it, oldest first.
#[derive(Default)]
struct Guild {
    room: Option<RoomHandle>,
    sessions: Vec<Arc<Session>>,
}

/// Everything shared.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) external_sender: ExternalSenderKey,
    sockets: Vec<Arc<SocketDrops>>,
    next_session: AtomicU64,
    next_ssrc: AtomicU32,
    next_socket: AtomicUsize,
    guilds: Mutex<HashMap<u64, Guild>>,
    by_ssrc: RwLock<HashMap<u32, Arc<Session>>>,
    by_peer: RwLock<HashMap<SocketAddr, Arc<Session>>>,
    faults: Mutex<Vec<String>>,
    planned: Mutex<HashMap<u64, Faults>>,
    ended: Mutex<VecDeque<Arc<Session>>>,
}

impl Shared {
    /// State of a server that reads those sockets.
    pub(crate) fn new(
        config: Config,
        external_sender: ExternalSenderKey,
        sockets: Vec<Arc<SocketDrops>>,
    ) -> Self {
        Self {
            config,
            external_sender,
            sockets,
            next_session: AtomicU64::new(1),
            // SSRCs of one server start anywhere; spread them so that mix-ups show.
            next_ssrc: AtomicU32::new(rand::random_range(1..u32::MAX / 2)),
            next_socket: AtomicUsize::new(0),
            guilds: Mutex::default(),
            by_ssrc: RwLock::default(),
            by_peer: RwLock::default(),
            faults: Mutex::default(),
            planned: Mutex::default(),
            ended: Mutex::default(),
        }
    }

    /// Creates the session of an Identify. A live session of the same guild and user is returned to be closed.
    pub(crate) fn open_session(
        &self,
        identify: Identify,
        version: u8,
    ) -> (Arc<Session>, Option<Arc<Session>>) {
        let socket = &self.sockets[self.next_socket.fetch_add(1, Ordering::Relaxed) % self.sockets.len()];
        let session = Arc::new(Session::new(
            self.next_session.fetch_add(1, Ordering::Relaxed),
            self.next_ssrc.fetch_add(1, Ordering::Relaxed),
            identify,
            version,
            &self.config,
            socket.clone(),
        ));
        self.by_ssrc.write().insert(session.ssrc, session.clone());
        let mut guilds = self.guilds.lock();
        let guild = guilds.entry(session.identify.guild_id).or_default();
        let replaced = guild
            .sessions
            .iter()
            .find(|other| other.identify.user_id == session.identify.user_id && other.is_alive())
            .cloned();
        // Audio is kept for the newest session of a user only.
        for other in guild
            .sessions
            .iter()
            .filter(|other| other.identify.user_id == session.identify.user_id)
        {
            other.media.lock().recording.clear();
        }
        guild.sessions.push(session.clone());
        let ended = guild
            .sessions
            .iter()
            .filter(|session| !session.is_alive())
            .count();
        if ended > MAX_ENDED
            && let Some(oldest) = guild.sessions.iter().position(|session| !session.is_alive())
        {
            guild.sessions.remove(oldest);
        }
        drop(guilds);
        (session, replaced)
    }

    /// Ends a session and takes it out of its call.
    pub(crate) fn end_session(&self, session: &Arc<Session>) {
        if session.end() {
            let forgotten = {
                let mut ended = self.ended.lock();
                ended.push_back(session.clone());
                (ended.len() > RECEIVABLE_ENDED)
                    .then(|| ended.pop_front())
                    .flatten()
            };
            if let Some(old) = forgotten {
                self.by_ssrc.write().remove(&old.ssrc);
                self.by_peer.write().retain(|_, other| other.id != old.id);
            }
            if let Some(room) = self.existing_room(session.identify.guild_id) {
                room.left(session.id);
            }
        }
    }

    /// The live session a Resume names.
    pub(crate) fn resumable(&self, guild_id: u64, session_id: &str, token: &str) -> Option<Arc<Session>> {
        self.guilds
            .lock()
            .get(&guild_id)?
            .sessions
            .iter()
            .rev()
            .find(|session| {
                session.is_alive()
                    && session.identify.session_id == session_id
                    && session.identify.token == token
            })
            .cloned()
    }

    /// The newest session of a guild.
    pub(crate) fn newest(&self, guild_id: u64) -> Option<Arc<Session>> {
        self.guilds.lock().get(&guild_id)?.sessions.last().cloned()
    }

    /// The newest session of a user in a guild.
    pub(crate) fn newest_of(&self, guild_id: u64, user_id: u64) -> Option<Arc<Session>> {
        self.guilds
            .lock()
            .get(&guild_id)?
            .sessions
            .iter()
            .rev()
            .find(|session| session.identify.user_id == user_id)
            .cloned()
    }

    /// All sessions of a guild, oldest first.
    pub(crate) fn sessions(&self, guild_id: u64) -> Vec<Arc<Session>> {
        self.guilds
            .lock()
            .get(&guild_id)
            .map(|guild| guild.sessions.clone())
            .unwrap_or_default()
    }

    /// Every guild a client has identified for, ascending.
    pub(crate) fn guild_ids(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self
            .guilds
            .lock()
            .iter()
            .filter(|(_, guild)| !guild.sessions.is_empty())
            .map(|(id, _)| *id)
            .collect();
        ids.sort_unstable();
        ids
    }

    /// The call of a guild, started by `start` if it does not exist yet.
    pub(crate) fn room(&self, guild_id: u64, start: impl FnOnce() -> RoomHandle) -> RoomHandle {
        self.guilds
            .lock()
            .entry(guild_id)
            .or_default()
            .room
            .get_or_insert_with(start)
            .clone()
    }

    fn existing_room(&self, guild_id: u64) -> Option<RoomHandle> {
        self.guilds.lock().get(&guild_id)?.room.clone()
    }

    /// The session that owns an SSRC.
    pub(crate) fn session_by_ssrc(&self, ssrc: u32) -> Option<Arc<Session>> {
        self.by_ssrc.read().get(&ssrc).cloned()
    }

    /// The session whose discovery came from that address.
    pub(crate) fn session_by_peer(&self, peer: SocketAddr) -> Option<Arc<Session>> {
        self.by_peer.read().get(&peer).cloned()
    }

    /// Remembers where a session's discovery came from.
    pub(crate) fn bind_peer(&self, peer: SocketAddr, session: &Arc<Session>) {
        self.by_peer.write().insert(peer, session.clone());
    }

    /// Plans the faults of a guild.
    pub(crate) fn set_faults(&self, guild_id: u64, faults: Faults) {
        self.planned.lock().insert(guild_id, faults);
    }

    /// The faults of a guild.
    pub(crate) fn faults_of(&self, guild_id: u64) -> Faults {
        self.planned.lock().get(&guild_id).cloned().unwrap_or_default()
    }

    /// Whether any guild has faults, so that nothing may be sent before it is known whose socket it is.
    pub(crate) fn plans_faults(&self) -> bool {
        !self.planned.lock().is_empty()
    }

    /// The end a guild's socket takes instead of an answer.
    pub(crate) fn refusal(&self, guild_id: u64, stage: Stage) -> Option<Ending> {
        self.planned.lock().get_mut(&guild_id)?.refuse(stage)
    }

    /// Notes that the server itself failed at something; tests should find none.
    pub(crate) fn fault(&self, what: String) {
        tracing::error!("{what}");
        let mut faults = self.faults.lock();
        if faults.len() < MAX_FAULTS {
            faults.push(what);
        }
    }

    /// The faults so far.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.lock().clone()
    }

    /// Reports of all remembered sessions, by guild, oldest first.
    pub(crate) fn reports(&self) -> Vec<ConnectionReport> {
        self.guild_ids()
            .into_iter()
            .flat_map(|guild_id| self.sessions(guild_id))
            .map(|session| session.report())
            .collect()
    }
}
