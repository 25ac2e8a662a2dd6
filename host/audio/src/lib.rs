//! Bytes in, 20 ms Opus frames out: probing, demuxing, decoding, resampling, filters, volume and encoding.
//!
//! Nothing here knows a socket, a clock of the voice plane or an async runtime. Bytes come from a [`MediaInput`],
//! which may answer [`std::io::ErrorKind::WouldBlock`]; frames leave through a [`FrameConsumer`]. An [`Engine`] owns
//! a few worker threads; every playing track is a [`Pipeline`] whose demux and decode loop is straight-line code in a
//! coroutine that one worker steps.
//!
//! Every frame is one Opus packet of 20 ms for a 48 kHz stereo decoder (RFC 6716). Source packets that already are
//! that are handed through byte for byte while volume is 100 and no filter is on.

mod container;
mod decode;
mod downmix;
mod edge;
mod effects;
mod encode;
mod engine;
mod error;
pub mod filters;
#[doc(hidden)]
pub mod fuzzing;
mod input;
mod mp3_index;
mod mp4_index;
mod mpeg_ts;
mod opus_packet;
mod pipeline;
mod probe;
mod queue;
mod recording;
mod resample;
mod scratch;
pub mod volume;

pub use effects::{EffectWork, Effects, MakeEffects};
pub use engine::{Engine, EngineConfig, Pipeline, PipelineEvent, PipelineSpec};
pub use error::AudioError;
pub use input::{MediaHint, MediaInput, MediaPiece};
pub use probe::{Probed, ProbedAudio, probe};
pub use queue::{FrameConsumer, Lack, MAX_PACKET, Popped};
pub use resample::ResamplingQuality;

/// Sample rate of everything after the resampler, in Hz. Opus decoders and Discord run at it.
pub const SAMPLE_RATE_HZ: u32 = 48_000;

/// Samples per channel in one frame: 20 ms at [`SAMPLE_RATE_HZ`].
pub const FRAME_SAMPLES: usize = 960;

/// Output channels, always interleaved left, right.
pub const CHANNELS: usize = 2;
