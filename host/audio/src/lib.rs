//! lavalink-audio
