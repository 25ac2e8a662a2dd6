//! Messages the node sends on a client's WebSocket.

use serde::{Deserialize, Serialize};

use crate::events::Event;
use crate::ids::{GuildId, SessionId};
use crate::json;
use crate::player::PlayerState;
use crate::stats::Stats;

/// One message; the variant becomes `op`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum OutgoingMessage {
    /// First message of a connection.
    Ready {
        /// Whether a waiting session was taken up again.
        resumed: bool,
        /// The session.
        session_id: SessionId,
    },
    /// State of one player.
    PlayerUpdate {
        /// The state.
        state: PlayerState,
        /// The player.
        guild_id: GuildId,
    },
    /// Node statistics, once at start and every minute.
    Stats(Stats),
    /// Something happened to a player.
    Event(Box<Event>),
}

impl OutgoingMessage {
    /// The message as it goes over the wire.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::to_string(self)
    }
}

impl From<Event> for OutgoingMessage {
    fn from(event: Event) -> Self {
        Self::Event(Box::new(event))
    }
}
