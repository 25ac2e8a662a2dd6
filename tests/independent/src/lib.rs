//! lavalink-independent-tests
