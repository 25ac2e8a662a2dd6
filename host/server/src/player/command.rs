//! What a player's task can be asked to do.

use std::sync::Arc;

use lavalink_protocol::filters::{BandOutOfRange, Filters};
use lavalink_protocol::ids::ChannelId;
use lavalink_protocol::json::JsonObject;
use lavalink_protocol::update::VoiceUpdate;
use tokio::sync::oneshot;

use super::effects::PluginEffects;
use super::markers::{Marker, MarkerRefused};
use super::track::LoadedTrack;

/// The parts of a PATCH that act at once, in the order they are applied (section 1.9, steps 10 to 16b).
#[derive(Debug, Default)]
pub struct Controls {
    /// Pause state.
    pub paused: Option<bool>,
    /// What the client attaches to the current track.
    pub user_data: Option<JsonObject>,
    /// Percent, not yet clamped.
    pub volume: Option<i32>,
    /// Seek target, milliseconds.
    pub position: Option<i64>,
    /// End marker, milliseconds.
    pub end_time: Option<i64>,
    /// A new set of filters, with those of plugins that are on.
    pub filters: Option<(Filters, Option<Arc<PluginEffects>>)>,
    /// Set when the PATCH also asks for a track: pause, user data, position and end time then belong to that track.
    pub track: Option<TrackIntent>,
}

/// How a PATCH asks for a track.
#[derive(Debug, Clone, Copy)]
pub struct TrackIntent {
    /// Leave a playing track alone.
    pub no_replace: bool,
}

/// What applying [`Controls`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The track asked for, if any, is to be resolved and played.
    Proceed,
    /// There is a track already, and it is to stay.
    KeepTrack,
    /// The filters name an equalizer band that does not exist; what stands before them has been applied.
    BadBand(BandOutOfRange),
}

/// A track to play.
#[derive(Debug)]
pub struct Play {
    /// What.
    pub track: Arc<LoadedTrack>,
    /// Where to begin, milliseconds; the position stored in the track by default.
    pub position: Option<i64>,
    /// Where to end, milliseconds.
    pub end_time: Option<i64>,
    /// What the client attaches.
    pub user_data: JsonObject,
}

/// Voice data that has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceTarget {
    /// As sent, all four members filled.
    pub update: VoiceUpdate,
    /// `channelId` as a number.
    pub channel_id: ChannelId,
}

/// The voice connection did not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoiceRefused;

/// One entry of a player's mailbox.
#[derive(Debug)]
pub enum Command {
    /// Connect to voice; answered when the gateway's socket is open.
    Voice(Box<VoiceTarget>, oneshot::Sender<Result<(), VoiceRefused>>),
    /// Apply controls.
    Control(Box<Controls>, oneshot::Sender<Applied>),
    /// Play a track.
    Play(Box<Play>, oneshot::Sender<()>),
    /// Stop the current track.
    Stop(oneshot::Sender<()>),
    /// Set a marker of a plugin.
    Marker(Marker, oneshot::Sender<Result<(), MarkerRefused>>),
    /// Send one playerUpdate (after a resume).
    Announce,
    /// Stop, disconnect and end.
    Destroy(oneshot::Sender<()>),
}
