//! Events of a player, sent on the WebSocket with `op` = `event` (spec section 2.7).

use serde::{Deserialize, Serialize};

use crate::exception::Exception;
use crate::ids::GuildId;
use crate::track::Track;

/// Something that happened to a player.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// A track was given to the player; its source has not been opened yet.
    #[serde(rename = "TrackStartEvent")]
    TrackStart {
        /// The player.
        guild_id: GuildId,
        /// The track.
        track: Track,
    },
    /// A track is over.
    #[serde(rename = "TrackEndEvent")]
    TrackEnd {
        /// The player.
        guild_id: GuildId,
        /// The track, with its last position.
        track: Track,
        /// Why it is over.
        reason: EndReason,
    },
    /// Playback failed; a [`Event::TrackEnd`] follows.
    #[serde(rename = "TrackExceptionEvent")]
    TrackException {
        /// The player.
        guild_id: GuildId,
        /// The track.
        track: Track,
        /// What failed.
        exception: Exception,
    },
    /// No audio for longer than the threshold; the track is not stopped.
    #[serde(rename = "TrackStuckEvent")]
    TrackStuck {
        /// The player.
        guild_id: GuildId,
        /// The track.
        track: Track,
        /// The threshold in ms.
        threshold_ms: i64,
    },
    /// A radio station has begun another song: an extension, sent only when the operator wants it.
    #[serde(rename = "StreamTitleEvent")]
    StreamTitle {
        /// The player.
        guild_id: GuildId,
        /// The track; its `pluginInfo.streamTitle` is the title.
        track: Track,
        /// The title as the station sends it, often `Artist - Song`.
        title: String,
    },
    /// The voice gateway is closed for good.
    #[serde(rename = "WebSocketClosedEvent")]
    WebSocketClosed {
        /// The player.
        guild_id: GuildId,
        /// Close code.
        code: i32,
        /// Close reason, may be empty.
        reason: String,
        /// Whether Discord closed it.
        by_remote: bool,
    },
}

impl Event {
    /// The player the event is about.
    #[must_use]
    pub fn guild_id(&self) -> GuildId {
        match self {
            Self::TrackStart { guild_id, .. }
            | Self::TrackEnd { guild_id, .. }
            | Self::TrackException { guild_id, .. }
            | Self::TrackStuck { guild_id, .. }
            | Self::StreamTitle { guild_id, .. }
            | Self::WebSocketClosed { guild_id, .. } => *guild_id,
        }
    }
}

/// Why a track is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EndReason {
    /// Played to its end or to `endTime`, or failed after its first frame.
    Finished,
    /// Failed before its first frame.
    LoadFailed,
    /// Stopped by the client or by the end of the session.
    Stopped,
    /// Another track took its place.
    Replaced,
    /// Nobody took audio from the player for too long.
    Cleanup,
}

impl EndReason {
    /// Whether a client should start the next track of its queue.
    #[must_use]
    pub fn may_start_next(self) -> bool {
        matches!(self, Self::Finished | Self::LoadFailed)
    }
}
