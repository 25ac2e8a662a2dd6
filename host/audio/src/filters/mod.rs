//! The player's filters: builds the chain from a filters object and runs it over 48 kHz stereo PCM.
//!
//! The samples pass low pass, channel mix, rotation, distortion, vibrato, tremolo, timescale,
//! karaoke, equalizer and volume, in this order: the audible order of the Java server. Members that
//! are off are not built, so they cost nothing and do not keep a player from packet passthrough.

mod chain;
mod channel_mix;
mod distortion;
mod equalizer;
mod interpolation;
mod karaoke;
mod lfo;
mod low_pass;
mod rotation;
#[cfg(test)]
mod signal;
mod timescale;
mod tremolo;
mod validate;
mod vibrato;
mod volume;

pub use chain::FilterChain;
pub use validate::{FilterError, validate};

/// Largest sample that leaves a filter without a limit of its own: far above full scale, far below
/// where later arithmetic could overflow.
const BOUND: f64 = 1024.0;

/// Narrows to f32, limited to ±[`BOUND`], with 0 for NaN.
fn bounded(value: f64) -> f32 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(-BOUND, BOUND) as f32
    }
}

/// Turns values too small to hear into 0, so that decaying feedback never reaches the denormal
/// numbers, on which processors are many times slower.
fn flush_denormal(value: f64) -> f64 {
    if value.abs() < 1e-30 { 0.0 } else { value }
}
