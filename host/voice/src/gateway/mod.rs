//! The voice gateway, version 8: a WebSocket with JSON and binary messages.

mod close;
mod dial;
mod handshake;
mod heartbeat;
mod inflow;
mod messages;
mod resume;
mod serve;
mod sinks;
pub(crate) mod socket;
pub(crate) mod task;
pub(crate) mod tls;
pub(crate) mod url;
