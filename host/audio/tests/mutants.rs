//! Damaged and lying media and lists: an answer or audio, within bounded memory and time.
//!
//! One test in a binary of its own: its allocator counts everything the process asks for.

mod support;

use std::time::{Duration, Instant};

use lavalink_audio::{MAX_PACKET, Popped, fuzzing};
use lavalink_test_mutants::{Bounds, Corpus, Counting};
use support::{Playing, Wish, encode, engine, start, two_tones};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Frames played of a medium; a lying length may promise hours.
const FRAMES: usize = 30;

#[test]
fn damaged_input_is_answered() {
    let bounds = Bounds::default();
    Corpus::of("transport_stream").check(1_000, bounds, fuzzing::transport_stream);
    Corpus::of("list").check(2_000, bounds, fuzzing::probe_medium);
    Corpus::of("opus").check(5_000, bounds, fuzzing::opus);
    let media = Corpus::of("media");
    media.check(200, bounds, fuzzing::index);
    media.check(100, bounds, fuzzing::probe_medium);
    let engine = engine();
    media.check(40, bounds, |bytes| {
        let mut playing = start(
            &engine,
            bytes,
            Wish {
                volume: 99,
                ..Wish::default()
            },
        );
        take(&mut playing, bounds.time);
        playing.pipeline.seek(Duration::from_millis(200));
        take(&mut playing, bounds.time);
    });
    let sound = encode(&two_tones(1.0, 48_000), "a.ogg", &["-c:a", "libopus"]);
    let frames = start(&engine, &sound, Wish::default()).rest().len();
    assert!(
        (50..=53).contains(&frames),
        "the engine suffered: {frames} frames"
    );
}

/// Takes some frames; the end and a failure are as good.
fn take(playing: &mut Playing, patience: Duration) {
    let began = Instant::now();
    let mut packet = [0; MAX_PACKET];
    let mut frames = 0;
    while frames < FRAMES {
        match playing.frames.pop(&mut packet) {
            Popped::Frame { .. } => frames += 1,
            Popped::Ended => return,
            Popped::Empty { .. } => {
                assert!(began.elapsed() < patience, "it hangs");
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    }
}
