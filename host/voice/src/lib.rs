//! lavalink-voice
