//! One Discord voice connection, and the pacers that send for all of them.
//!
//! A [`VoiceEngine`] owns the threads. [`VoiceEngine::connect`] opens the voice gateway (version 8) and gives back a
//! [`VoiceConnection`]; from then on a task of its own keeps the gateway, the end-to-end encryption (DAVE, protocol
//! version 1) and the UDP path alive, and a pacer thread asks the [`FrameSource`] for one Opus packet every 20 ms.
//!
//! Three planes that never wait for each other:
//! * `gateway` (tokio): WebSocket, heartbeats, resume, IP discovery;
//! * `dave` (a small pool of threads): MLS, whose public key operations take milliseconds;
//! * `pacer` (threads with absolute deadlines): takes a packet, encrypts it with the key of this very moment, sends it.
//!
//! What crosses between them is a handful of atomics and one mailbox per connection which the pacer only ever tries.

mod connection;
mod counters;
mod dave;
mod engine;
mod error;
mod event;
mod flight;
mod gateway;
mod info;
#[cfg(test)]
mod loopback;
mod pacer;
mod source;
mod totals;
mod udp;

pub use connection::VoiceConnection;
pub use counters::VoiceCounters;
pub use engine::{VoiceConfig, VoiceEngine};
pub use error::VoiceError;
pub use event::VoiceEvent;
pub use flight::{FLIGHT_RECORDER_BYTES, Flight, FlightRecorder, Gap, GapCause, Outcome, Slot, find_gaps};
pub use info::VoiceInfo;
pub use source::{FrameSource, Lack, MAX_PACKET, SharedSource, SourceReport};
pub use totals::{LATENESS_BOUNDS_US, Lateness, VoiceTotals};
