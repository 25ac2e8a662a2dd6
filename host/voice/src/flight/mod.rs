//! The flight recorder: what became of every 20 ms slot of a player's last minute, and what its gaps were caused by.

mod cause;
mod entry;
mod gaps;
mod recorder;

pub use cause::GapCause;
pub use entry::{Outcome, Slot};
pub use gaps::{AUDIBLE_LATENESS, Gap, find_gaps};
pub use recorder::{FLIGHT_RECORDER_BYTES, Flight, FlightRecorder};
