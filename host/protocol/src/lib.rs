//! The Lavalink v4 wire as pure data: JSON types, lenient request parsing, the track string codec.
//!
//! Nothing here does I/O or knows about time, randomness or threads. JSON is written by [`json`] exactly as the Java
//! server writes it (compact, declaration order, Java float text), and request bodies are read with the leniency of
//! its JSON library (quoted numbers, any-case booleans, unknown keys ignored).

pub mod codec;
pub mod error;
pub mod events;
pub mod exception;
pub mod filters;
pub mod ids;
pub mod info;
pub mod json;
pub mod load;
pub mod message;
pub mod player;
pub mod route_planner;
pub mod secret;
pub mod session;
pub mod stats;
pub mod track;
pub mod update;
