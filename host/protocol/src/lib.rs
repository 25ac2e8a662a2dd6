//! lavalink-protocol
