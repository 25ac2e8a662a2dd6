//! lavalink-rust
fn main() {}
