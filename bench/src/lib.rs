//! lavalink-bench
