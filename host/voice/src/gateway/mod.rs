//! The voice gateway, version 8: a WebSocket with JSON and binary messages.

mod close;
mod handshake;
mod heartbeat;
mod messages;
mod resume;
mod serve;
pub(crate) mod socket;
pub(crate) mod task;
pub(crate) mod tls;
pub(crate) mod url;
