//! lavalink-net
