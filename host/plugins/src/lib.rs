//! lavalink-plugins
