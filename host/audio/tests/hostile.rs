//! Broken, truncated and mutated media: clear errors, never a panic or a hang.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lavalink_audio::{
    AudioError, MAX_PACKET, MediaHint, PipelineEvent, PipelineSpec, Popped, Probed, ResamplingQuality, probe,
};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use support::{Manner, TestInput, Wish, assert_tone, decode, encode, engine, engine_with, start, two_tones};

const FORMATS: [(&str, &[&str]); 9] = [
    ("a.mp3", &["-b:a", "128k"]),
    ("a.flac", &["-c:a", "flac"]),
    ("a.wav", &["-c:a", "pcm_s16le"]),
    ("a.ogg", &["-c:a", "libvorbis"]),
    ("a.ogg", &["-c:a", "libopus", "-ar", "48000"]),
    ("a.webm", &["-c:a", "libopus", "-ar", "48000"]),
    ("a.webm", &["-c:a", "libvorbis"]),
    ("a.m4a", &["-c:a", "aac"]),
    ("a.aac", &["-c:a", "aac"]),
];

fn failure(bytes: &[u8], manner: Manner) -> (AudioError, bool, usize) {
    let engine = engine();
    let mut playing = start(
        &engine,
        bytes,
        Wish {
            manner,
            ..Wish::default()
        },
    );
    let frames = playing.rest().len();
    loop {
        if let PipelineEvent::Failed { error, any_frames } = playing.event() {
            return (error, any_frames, frames);
        }
    }
}

#[test]
fn what_is_no_audio_is_refused() {
    let html = b"<!DOCTYPE html><html><head><title>404</title></head><body>Not found</body></html>";
    for bytes in [&b""[..], b"\0", html, &[0; 10_000], &[0xff; 10_000]] {
        let (error, any_frames, frames) = failure(bytes, Manner::PLAIN);
        assert_eq!(error, AudioError::UnknownFormat { cause: String::new() });
        assert_eq!(
            (error.to_string().as_str(), any_frames, frames),
            ("Unknown file format.", false, 0)
        );
        let probed = probe(TestInput::boxed(bytes, Manner::PLAIN), &MediaHint::default());
        assert_eq!(probed, Err(error));
    }
}

#[test]
fn the_end_is_not_seen_before_its_reason() {
    let engine = engine();
    let told = Arc::new(AtomicBool::new(false));
    let observed = Arc::clone(&told);
    let (_pipeline, mut frames) = engine.start(PipelineSpec {
        input: TestInput::boxed(&[0xff; 10_000], Manner::PLAIN),
        hint: MediaHint::default(),
        start: Duration::ZERO,
        volume: 100,
        filters: Arc::default(),
        effects: None,
        use_seek_ghosting: true,
        observer: Box::new(move |event| {
            // A slow observer: whoever polls meanwhile must not be told that the track is over.
            std::thread::sleep(Duration::from_millis(50));
            observed.store(matches!(event, PipelineEvent::Failed { .. }), Ordering::Release);
        }),
    });
    let mut packet = [0; MAX_PACKET];
    while frames.pop(&mut packet) != Popped::Ended {
        std::thread::yield_now();
    }
    assert!(
        told.load(Ordering::Acquire),
        "the observer hears of the failure before the consumer of the end"
    );
}

#[test]
fn a_file_without_audio_says_so() {
    let bytes = encode("testsrc=d=1:r=5:s=64x64", "a.mkv", &["-c:v", "mpeg4", "-an"]);
    let probed = probe(TestInput::boxed(&bytes, Manner::PLAIN), &MediaHint::default());
    let Err(error @ AudioError::NothingPlayable { .. }) = probed else {
        panic!("{probed:?}")
    };
    assert_eq!(
        error.to_string(),
        "No supported audio tracks present in the file."
    );
}

#[test]
fn an_input_error_is_reported_with_its_cause_after_the_audio_before_it() {
    for (name, arguments) in FORMATS {
        let bytes = encode(&two_tones(4.0, 44_100), name, arguments);
        let breaks_at = Some(bytes.len() as u64 / 2);
        // Seekable inputs would also be read near their end while being opened.
        let (error, any_frames, frames) = failure(
            &bytes,
            Manner {
                breaks_at,
                ..Manner::LIVE
            },
        );
        if name == "a.m4a" {
            // The index of this file is behind the break.
            assert!(!any_frames);
            continue;
        }
        assert!(any_frames && frames > 50, "{name} {arguments:?}: {frames} frames");
        assert_eq!(error.to_string(), "Something went wrong when decoding the track.");
        let cause = error.cause().unwrap_or_default();
        assert!(
            cause.contains("connection reset by the test"),
            "{name} {arguments:?}: {cause}"
        );
    }
}

#[test]
fn truncated_files_play_what_they_have() {
    for (name, arguments) in FORMATS {
        let bytes = encode(&two_tones(4.0, 44_100), name, arguments);
        if name == "a.m4a" {
            continue;
        }
        let engine = engine();
        let mut playing = start(&engine, &bytes[..bytes.len() / 2], Wish::default());
        let frames = playing.rest().len();
        assert!(
            (40..=140).contains(&frames),
            "{name} {arguments:?}: {frames} frames"
        );
        for event in playing.events.try_iter() {
            assert!(
                !matches!(event, PipelineEvent::Failed { .. }),
                "{name} {arguments:?}: {event:?}"
            );
        }
        let half = TestInput::boxed(&bytes[..bytes.len() / 2], Manner::PLAIN);
        let probed = probe(half, &MediaHint::default());
        assert!(
            matches!(probed, Ok(Probed::Audio(_))),
            "{name} {arguments:?}: {probed:?}"
        );
    }
}

#[test]
fn truncated_headers_fail() {
    for (name, arguments) in FORMATS {
        let bytes = encode(&two_tones(2.0, 44_100), name, arguments);
        let (error, any_frames, frames) = failure(&bytes[..40], Manner::PLAIN);
        assert_eq!(
            (any_frames, frames),
            (false, 0),
            "{name} {arguments:?}: {error:?}"
        );
    }
}

#[test]
fn mutated_files_end_and_leave_the_engine_usable() {
    const MUTANTS: usize = 24;
    let mut random = SmallRng::seed_from_u64(0x5eed);
    let engine = engine();
    let sound = encode(&two_tones(1.0, 48_000), "a.ogg", &["-c:a", "libopus"]);
    for (name, arguments) in FORMATS {
        let bytes = encode(&two_tones(1.0, 44_100), name, arguments);
        let mutants: Vec<Vec<u8>> = (0..MUTANTS)
            .map(|number| {
                let mut mutant = bytes.clone();
                // Headers are the interesting part, so half of the mutants are damaged only there.
                let reach = if number % 2 == 0 {
                    mutant.len().min(600)
                } else {
                    mutant.len()
                };
                for _ in 0..=random.random_range(0..12) {
                    let at = random.random_range(4..reach);
                    mutant[at] = random.random();
                }
                mutant
            })
            .collect();
        for mutant in &mutants {
            // The verdict does not matter, only that there is one.
            let _ = probe(TestInput::boxed(mutant, Manner::PLAIN), &MediaHint::default());
        }
        let mut playing: Vec<_> = mutants
            .iter()
            .enumerate()
            .map(|(number, mutant)| {
                let start_at = Duration::from_millis(if number % 3 == 0 { 500 } else { 0 });
                start(
                    &engine,
                    mutant,
                    Wish {
                        start: start_at,
                        volume: 99,
                        ..Wish::default()
                    },
                )
            })
            .collect();
        for one in &mut playing {
            // A damaged length or rate field may ask for hours; a share of it is enough.
            one.take(200);
            one.pipeline.seek(Duration::from_millis(250));
            one.take(20);
        }
    }
    let frames = start(&engine, &sound, Wish::default()).rest().len();
    assert!(
        (50..=53).contains(&frames),
        "the engine suffered: {frames} frames"
    );
}

#[test]
fn samples_that_are_no_numbers_are_survived() {
    let bytes = encode(&two_tones(2.0, 44_100), "a.wav", &["-c:a", "pcm_f32le"]);
    let data = bytes.windows(4).position(|w| w == b"data").expect("a data chunk") + 8;
    let mut broken = bytes.clone();
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN];
    for (index, value) in odd.into_iter().enumerate() {
        let at = data + 80_000 + 4 * index;
        broken[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    for resampling in [
        ResamplingQuality::Low,
        ResamplingQuality::Medium,
        ResamplingQuality::High,
    ] {
        let engine = engine_with(resampling, 25);
        let mut playing = start(&engine, &broken, Wish::default());
        let frames = playing.rest();
        let failed = playing
            .events
            .try_iter()
            .any(|event| matches!(event, PipelineEvent::Failed { .. }));
        assert!(
            !failed && frames.len() >= 100,
            "{resampling:?}: {} frames",
            frames.len()
        );
        // What comes behind the bad place sounds as it should.
        let [left, _] = decode(&frames);
        assert_tone(&left[48_000..], 440.0, 0.25, "after the bad samples");
    }
}
