//! One session: its players, its outbox and what the client asked for about resuming.

use std::collections::HashMap;
use std::sync::Arc;

use lavalink_plugin_api::SessionRef;
use lavalink_plugins::EventBus;
use lavalink_protocol::ids::{GuildId, SessionId, UserId};
use lavalink_protocol::session::SessionState;
use lavalink_protocol::update::SessionUpdate;
use parking_lot::Mutex;

use super::outbox::{Budget, Outbox};
use crate::player::PlayerHandle;
use crate::services::Services;

/// See the module.
pub struct Session {
    /// 16 characters.
    pub id: SessionId,
    /// The bot's user.
    pub user_id: UserId,
    /// Where messages for the client go.
    pub outbox: Arc<Outbox>,
    client_name: Mutex<Option<String>>,
    resume: Mutex<SessionState>,
    players: Mutex<Players>,
}

struct Players {
    by_guild: HashMap<GuildId, PlayerHandle>,
    is_closed: bool,
}

impl Session {
    /// A session without players, whose messages count against `budget` and are told to plugins.
    pub fn new(id: SessionId, user_id: UserId, budget: Arc<Budget>, events: EventBus) -> Self {
        Self {
            outbox: Arc::new(Outbox::new(budget).of_session(id.as_str(), events)),
            id,
            user_id,
            client_name: Mutex::new(None),
            resume: Mutex::new(SessionState::default()),
            players: Mutex::new(Players {
                by_guild: HashMap::new(),
                is_closed: false,
            }),
        }
    }

    /// Takes note of the `Client-Name` of its client.
    pub fn set_client_name(&self, name: Option<String>) {
        *self.client_name.lock() = name;
    }

    /// The session, for plugins.
    pub fn to_plugin(&self) -> SessionRef {
        SessionRef {
            session_id: self.id.as_str().to_owned(),
            user_id: self.user_id.0.cast_unsigned(),
            client_name: self.client_name.lock().clone(),
        }
    }

    /// What the client asked for about resuming.
    pub fn resume_state(&self) -> SessionState {
        *self.resume.lock()
    }

    /// Changes it; takes effect with the next disconnect.
    pub fn update(&self, update: &SessionUpdate) -> SessionState {
        let mut state = self.resume.lock();
        state.apply(update);
        *state
    }

    /// The player of a guild.
    pub fn player(&self, guild_id: GuildId) -> Option<PlayerHandle> {
        self.players.lock().by_guild.get(&guild_id).cloned()
    }

    /// The player of a guild, made when there is none; `None` once the session is being destroyed.
    pub fn player_or_new(&self, guild_id: GuildId, services: &Arc<Services>) -> Option<PlayerHandle> {
        let mut players = self.players.lock();
        if players.is_closed {
            return None;
        }
        let spawn = || {
            PlayerHandle::spawn(
                guild_id,
                self.user_id,
                Arc::clone(services),
                Arc::clone(&self.outbox),
            )
        };
        let player = players.by_guild.entry(guild_id).or_insert_with(spawn);
        if player.is_gone() {
            // Its task ended without being asked to, which only a bug can cause; the guild gets a fresh player.
            tracing::error!("the player of guild {guild_id} broke down and is replaced");
            *player = spawn();
        }
        Some(player.clone())
    }

    /// Takes the player of a guild away; the caller destroys it.
    pub fn remove_player(&self, guild_id: GuildId) -> Option<PlayerHandle> {
        self.players.lock().by_guild.remove(&guild_id)
    }

    /// All players.
    pub fn players(&self) -> Vec<PlayerHandle> {
        self.players.lock().by_guild.values().cloned().collect()
    }

    /// How many players there are.
    pub fn player_count(&self) -> usize {
        self.players.lock().by_guild.len()
    }

    /// Takes all players away, for good.
    pub fn close_players(&self) -> Vec<PlayerHandle> {
        let mut players = self.players.lock();
        players.is_closed = true;
        players.by_guild.drain().map(|(_, player)| player).collect()
    }
}
