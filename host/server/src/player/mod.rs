//! Players: one per guild and session, each owned by a task of its own.

mod abort;
mod command;
mod connecting;
mod decode;
mod effects;
mod feedback;
mod frames;
mod handle;
mod markers;
mod playback;
mod shown;
mod source;
mod task;
mod track;
mod track_clock;
mod view;

pub use command::{Applied, Controls, Play, TrackIntent, VoiceTarget};
pub use decode::{AbsentSource, decode, decode_all};
pub use effects::PluginEffects;
pub use handle::{Destroyed, PlayerHandle};
pub use markers::MarkerRefused;
pub use shown::{MustAsk, Showcase};
pub use track::{LoadedTrack, plugin_info};
pub use view::VoicePhase;
