//! What happens in the node, for plugins that listen.

use std::time::Duration;

use crate::{Failure, Host, SourcedTrack};

/// Which events a plugin wants. Each costs a call of the plugin when it happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interest {
    /// Sessions that open, pause and end.
    pub sessions: bool,
    /// Every message to a client, replayed ones too.
    pub messages: bool,
    /// Players that appear and go.
    pub players: bool,
    /// Tracks that start, end, fail or get stuck.
    pub tracks: bool,
}

/// A session of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRef {
    /// Its id.
    pub session_id: String,
    /// The bot's user.
    pub user_id: u64,
    /// `Client-Name` as received.
    pub client_name: Option<String>,
}

/// A player.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerRef {
    /// Session it belongs to.
    pub session_id: String,
    /// The bot's user.
    pub user_id: u64,
    /// Its guild.
    pub guild_id: u64,
}

/// Why a track is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackEndReason {
    /// It came to its end, or to its end time.
    Finished,
    /// It could not be played.
    LoadFailed,
    /// The client stopped it, or its player is gone.
    Stopped,
    /// Another track took its place.
    Replaced,
    /// Nobody listened for a while.
    Cleanup,
}

/// What became of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerState {
    /// Playback came to its position.
    Reached,
    /// A jump led over it.
    Bypassed,
    /// Its position lay behind playback already when it was set.
    Late,
    /// The track was over before.
    Dropped,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A client connected; `resumed` when it took an earlier session up again.
    SessionOpen {
        /// The session.
        session: SessionRef,
        /// Whether it had been there before.
        resumed: bool,
    },
    /// A client is gone and may resume its session.
    SessionPaused {
        /// The session.
        session: SessionRef,
    },
    /// A session is over.
    SessionDestroyed {
        /// The session.
        session: SessionRef,
    },
    /// A message is sent to a client, or kept for when it comes back; once more when it is replayed.
    MessageOut {
        /// Session it goes to.
        session_id: String,
        /// JSON text.
        message: String,
    },
    /// A player was made.
    NewPlayer {
        /// The player.
        player: PlayerRef,
    },
    /// A player is gone.
    DestroyPlayer {
        /// The player.
        player: PlayerRef,
    },
    /// A track was started.
    TrackStart {
        /// Where.
        player: PlayerRef,
        /// What.
        track: SourcedTrack,
    },
    /// A track is over.
    TrackEnd {
        /// Where.
        player: PlayerRef,
        /// What.
        track: SourcedTrack,
        /// Why.
        reason: TrackEndReason,
    },
    /// A track failed.
    TrackException {
        /// Where.
        player: PlayerRef,
        /// What.
        track: SourcedTrack,
        /// How.
        failure: Failure,
    },
    /// No audio came for a while.
    TrackStuck {
        /// Where.
        player: PlayerRef,
        /// What.
        track: SourcedTrack,
        /// How long.
        threshold: Duration,
    },
    /// A marker this plugin set with [`Host::add_marker`].
    Marker {
        /// Where.
        player: PlayerRef,
        /// Its name.
        marker: String,
        /// What became of it.
        state: MarkerState,
    },
}

/// Listens to events.
///
/// Events wait in a bounded queue for the plugin, and nothing in the node waits for it: of a plugin that is too slow, the
/// oldest events are dropped, and counted.
pub trait EventListener: Send + Sync + 'static {
    /// What it listens to. Asked once, when the plugin is loaded.
    fn interest(&self) -> Interest;

    /// Tells of one event, in the order they happened. The next one comes after this call has returned.
    ///
    /// # Errors
    /// Reported.
    fn on_event(&self, host: &dyn Host, event: Event) -> Result<(), Failure>;
}
