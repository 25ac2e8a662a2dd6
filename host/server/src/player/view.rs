//! What everybody may see of a player without asking its task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use lavalink_protocol::filters::Filters;
use lavalink_protocol::ids::GuildId;
use lavalink_protocol::json::JsonObject;
use lavalink_protocol::player::{Player, PlayerState, VoiceState};
use lavalink_protocol::track::Track;
use lavalink_voice::VoiceConnection;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::effects::PluginEffects;
use super::source::SourceState;
use super::track::LoadedTrack;
use super::track_clock::TrackClock;
use crate::clock::unix_ms;

/// `ping` while there is no voice connection.
const NO_PING: i64 = -1;
/// Volume of a fresh player, percent.
const DEFAULT_VOLUME: u16 = 100;

/// A track as seen from outside its player.
#[derive(Debug, Clone)]
pub struct TrackView {
    /// What plays.
    pub track: Arc<LoadedTrack>,
    /// What the client attached.
    pub user_data: JsonObject,
    /// Where it is.
    pub clock: Arc<TrackClock>,
    /// Length found while playing, milliseconds.
    pub exact_length: Option<i64>,
    /// What a radio station calls its song.
    pub stream_title: Option<Arc<str>>,
}

impl TrackView {
    /// The wire form at the current position.
    pub fn to_wire(&self) -> Track {
        let position = self.clock.position();
        let mut track = self
            .track
            .to_wire(position, self.exact_length, self.user_data.clone());
        if let Some(title) = &self.stream_title {
            let member = ("streamTitle".to_owned(), Value::from(&**title));
            track
                .plugin_info
                .merge(&JsonObject::from(Map::from_iter([member])));
        }
        track
    }
}

/// The part of a player its task changes and others read. Copied out whole: every member is cheap to clone.
#[derive(Debug, Clone)]
pub struct View {
    /// The current track.
    pub track: Option<TrackView>,
    /// Percent, 0..=1000.
    pub volume: u16,
    /// The last filters given.
    pub filters: Arc<Filters>,
    /// Those of plugins among them that are on.
    pub effects: Option<Arc<PluginEffects>>,
    /// The last voice data a connection was opened with.
    pub voice: Arc<VoiceState>,
}

/// A player's state, shared between its task, the pacer and the requests that read it.
pub struct PlayerShared {
    /// Which guild it plays in.
    pub guild_id: GuildId,
    /// What is shared with the pacer.
    pub source: Arc<SourceState>,
    /// Locked for a copy or a change only, never over an await.
    pub view: Mutex<View>,
    /// The voice connection. The task takes it out to close it.
    pub connection: Mutex<Option<VoiceConnection>>,
    /// Whether a connection is being opened.
    pub is_connecting: AtomicBool,
}

/// Where a player's voice connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoicePhase {
    /// Never wanted, or given up.
    None,
    /// The gateway is being opened.
    Connecting,
    /// The gateway's socket is open.
    Connected,
    /// The socket was lost: it is being restored, or was closed by Discord.
    Lost,
}

impl PlayerShared {
    /// A fresh player.
    pub fn new(guild_id: GuildId, source: Arc<SourceState>) -> Self {
        let view = View {
            track: None,
            volume: DEFAULT_VOLUME,
            filters: Arc::default(),
            effects: None,
            voice: Arc::default(),
        };
        Self {
            guild_id,
            source,
            view: Mutex::new(view),
            connection: Mutex::new(None),
            is_connecting: AtomicBool::new(false),
        }
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.source.is_paused.load(Relaxed)
    }

    /// The track it has.
    pub fn play(&self) -> Option<TrackView> {
        self.view.lock().track.clone()
    }

    /// Whether it has a track that is not paused.
    pub fn is_playing(&self) -> bool {
        !self.is_paused() && self.view.lock().track.is_some()
    }

    /// Whether the voice gateway's socket is open.
    pub fn is_connected(&self) -> bool {
        self.connection
            .lock()
            .as_ref()
            .is_some_and(VoiceConnection::is_open)
    }

    /// Where the voice connection stands.
    pub fn voice_phase(&self) -> VoicePhase {
        if self.is_connecting.load(Relaxed) {
            return VoicePhase::Connecting;
        }
        match &*self.connection.lock() {
            Some(connection) if connection.is_open() => VoicePhase::Connected,
            Some(_) => VoicePhase::Lost,
            None => VoicePhase::None,
        }
    }

    /// `state` of playerUpdate and of the player object.
    pub fn state(&self) -> PlayerState {
        let position = self
            .view
            .lock()
            .track
            .as_ref()
            .map_or(0, |track| track.clock.position());
        let (connected, ping) = match &*self.connection.lock() {
            Some(connection) => (connection.is_open(), connection.ping_ms()),
            None => (false, NO_PING),
        };
        PlayerState {
            time: unix_ms(),
            position,
            connected,
            ping,
        }
    }

    /// The player object of the REST interface.
    pub fn to_wire(&self) -> Player {
        let view = self.view.lock().clone();
        Player {
            guild_id: self.guild_id,
            track: view.track.as_ref().map(TrackView::to_wire),
            volume: i32::from(view.volume),
            paused: self.is_paused(),
            state: self.state(),
            voice: (*view.voice).clone(),
            filters: (*view.filters).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_player_looks_as_in_the_reference() {
        let source = super::super::source::SourceHandle::<lavalink_audio::FrameConsumer>::new();
        let shared = PlayerShared::new(GuildId(817_327_181_659_111_454), Arc::clone(source.state()));
        let mut player = shared.to_wire();
        player.state.time = 1_772_901_000_123;
        assert_eq!(
            lavalink_protocol::json::to_string(&player),
            r#"{"guildId":"817327181659111454","track":null,"volume":100,"paused":false,"state":{"time":1772901000123,"position":0,"connected":false,"ping":-1},"voice":{"token":"","endpoint":"","sessionId":"","channelId":null},"filters":{}}"#
        );
        assert!(!shared.is_playing());
    }
}
