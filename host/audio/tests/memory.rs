//! What a playing track takes in the engine.
//!
//! One test in a binary of its own: its allocator counts everything the process asks for. What libopus and the FDK library
//! allocate themselves is not counted: 47 KiB for an encoder, about as much for a decoder.

mod support;

use std::time::Duration;

use lavalink_test_mutants::{Counting, allocated};
use support::{Playing, Wish, encode, engine_with, start, two_tones};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Tracks played at once.
const TRACKS: usize = 16;

/// KiB in RAM of all mappings of the size of a track's stack.
#[cfg(target_os = "linux")]
fn stacks_kib() -> usize {
    const STACK_KIB: usize = 1024;
    let text = std::fs::read_to_string("/proc/self/smaps").expect("every Linux has it");
    let kib = |line: &str, name| -> Option<usize> {
        line.strip_prefix(name)?
            .trim_end_matches("kB")
            .trim()
            .parse()
            .ok()
    };
    let mut total = 0;
    let mut is_stack = false;
    for line in text.lines() {
        if let Some(size) = kib(line, "Size:") {
            is_stack = size == STACK_KIB;
        } else if let Some(resident) = kib(line, "Rss:").filter(|_| is_stack) {
            total += resident;
        }
    }
    total
}

#[cfg(not(target_os = "linux"))]
fn stacks_kib() -> usize {
    0
}

#[test]
fn a_playing_track_is_small() {
    // With room for other compilers; what is measured is printed.
    let media: [(&str, &[&str], u32, usize, usize); 6] = [
        ("a.mp3", &["-b:a", "192k"], 48_000, 155, 24),
        ("a.mp3", &["-b:a", "192k"], 44_100, 230, 24),
        ("a.flac", &["-c:a", "flac"], 48_000, 200, 24),
        ("a.ogg", &["-c:a", "libopus", "-b:a", "128k"], 48_000, 220, 32),
        ("a.webm", &["-c:a", "libopus", "-b:a", "128k"], 48_000, 100, 32),
        ("a.m4a", &["-c:a", "aac", "-b:a", "128k"], 44_100, 290, 40),
    ];
    let engine = engine_with(Default::default(), 3);
    for (name, arguments, rate, most_heap, most_stack) in media {
        let bytes = encode(&two_tones(20.0, rate), name, arguments);
        let play = |playing: &mut Vec<Playing>| {
            for one in playing {
                assert_eq!(one.take(20).len(), 20, "{name}");
            }
        };
        // What all tracks share is there before it is counted.
        let mut first = vec![start(&engine, &bytes, Wish::default())];
        play(&mut first);
        let (heap, stacks) = (allocated(), stacks_kib());
        let mut playing: Vec<_> = (0..TRACKS)
            .map(|number| {
                // Half of them begin with a jump.
                let start_at = Duration::from_secs(number as u64 % 2 * 3);
                let wish = Wish {
                    start: start_at,
                    ..Wish::default()
                };
                start(&engine, &bytes, wish)
            })
            .collect();
        for _ in 0..5 {
            play(&mut playing);
        }
        let heap = (allocated() - heap) / TRACKS - bytes.len();
        let stack = (stacks_kib() - stacks) / TRACKS;
        eprintln!("{name} {rate}: {} KiB of heap, {stack} KiB of stack", heap / 1024);
        assert!(
            heap / 1024 <= most_heap,
            "{name} {rate}: {} KiB of heap",
            heap / 1024
        );
        assert!(stack <= most_stack, "{name} {rate}: {stack} KiB of stack");
    }
}
