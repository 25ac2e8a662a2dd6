//! From what a plugin says about a track to bytes the audio engine can read.

mod input;
mod open;
mod origin;

pub use input::{PlaybackInput, ProbeInput};
pub use open::{Opener, net_request};
