//! lavalink-blackbox
