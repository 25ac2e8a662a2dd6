//! Damaged and lying playlists, segments and station answers: an answer, within bounded memory and time.
//!
//! One test in a binary of its own: its allocator counts everything the process asks for.

use lavalink_net::fuzzing;
use lavalink_test_mutants::{Bounds, Corpus, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn damaged_input_is_answered() {
    let bounds = Bounds::default();
    Corpus::of("hls_playlist").check(2_000, bounds, fuzzing::hls_playlist);
    Corpus::of("hls_segment").check(2_000, bounds, fuzzing::hls_segment);
    Corpus::of("icy_head").check(2_000, bounds, fuzzing::icy_head);
    Corpus::of("stream_titles").check(2_000, bounds, fuzzing::stream_titles);
}
