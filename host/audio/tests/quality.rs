//! What must not be heard: clicks where tracks join, and where passing packets through starts and stops.

mod support;

use lavalink_protocol::filters::Filters;
use support::{Frame, Wish, decode, encode, engine_with, play, start};

const HERTZ: f32 = 440.0;

/// Largest deviation of a decoded tone from the recurrence every sine obeys. A step in the signal shows with its full
/// height; coding noise stays far below.
fn worst_step(samples: &[f32]) -> (f32, usize) {
    let turn = 2.0 * (HERTZ / 48_000.0 * std::f32::consts::TAU).cos();
    samples
        .windows(3)
        .enumerate()
        .map(|(at, s)| ((s[2] - turn * s[1] + s[0]).abs(), at))
        .fold(
            (0.0, 0),
            |worst, step| if step.0 > worst.0 { step } else { worst },
        )
}

fn sine(from: f32, seconds: f32, rate: u32) -> String {
    format!(
        "aevalsrc=0.25*sin({HERTZ}*2*PI*(t+{from}))|0.25*sin({HERTZ}*2*PI*(t+{from})):s={rate}:d={seconds}"
    )
}

#[test]
fn a_tone_cut_in_two_files_joins() {
    let formats: [(&str, &[&str], u32); 6] = [
        ("a.wav", &["-c:a", "pcm_s16le"], 48_000),
        ("a.flac", &["-c:a", "flac"], 44_100),
        ("a.mp3", &["-b:a", "256k"], 44_100),
        ("a.mp3", &["-q:a", "0"], 48_000),
        ("a.m4a", &["-c:a", "alac"], 44_100),
        ("a.ogg", &["-c:a", "libvorbis", "-q:a", "8"], 44_100),
    ];
    // A whole number of frames, but not of periods.
    let cut = 1.02;
    for (name, arguments, rate) in formats {
        let mut frames = Vec::new();
        for from in [0.0, cut] {
            frames.extend(play(
                &encode(&sine(from, cut, rate), name, arguments),
                Wish::default(),
            ));
        }
        assert_eq!(frames.len(), 102, "{name} {arguments:?}");
        let [left, _] = decode(&frames);
        let (step, at) = worst_step(&left[4_800..93_000]);
        eprintln!("{name} {arguments:?}: worst step {step:.4} at {}", at + 4_800);
        // Coders without loss leave the edges as they are; the others blur them. Silence between would show as 0.25.
        let limit = if ["a.wav", "a.flac", "a.m4a"].contains(&name) {
            0.01
        } else {
            0.05
        };
        assert!(
            step < limit,
            "{name} {arguments:?}: a step of {step} at {}",
            at + 4_800
        );
    }
}

#[test]
fn switching_passthrough_is_not_heard() {
    let swap = |json: &str| Filters::parse(json).expect("valid filters");
    for (name, extra) in [
        ("a.ogg", &["-b:a", "160k"][..]),
        ("a.webm", &["-b:a", "160k"]),
        ("a.ogg", &["-b:a", "160k", "-frame_duration", "60"]),
        ("a.ogg", &["-b:a", "96k", "-ac", "1"]),
    ] {
        let arguments = [&["-c:a", "libopus"], extra].concat();
        let bytes = encode(&sine(0.0, 12.0, 48_000), name, &arguments);
        let engine = engine_with(Default::default(), 3);
        let mut playing = start(&engine, &bytes, Wish::default());
        let mut frames: Vec<Frame> = playing.take(50);
        for round in 0..4 {
            if round % 2 == 0 {
                playing.pipeline.set_volume(99);
            } else {
                playing
                    .pipeline
                    .set_filters(swap(r#"{"channelMix":{"leftToLeft":0.9,"rightToRight":0.9}}"#).into());
            }
            frames.extend(playing.take(51));
            playing.pipeline.set_volume(100);
            playing.pipeline.set_filters(Filters::default().into());
            frames.extend(playing.take(50));
        }
        frames.extend(playing.rest());
        let [left, right] = decode(&frames);
        for side in [left, right] {
            let (step, at) = worst_step(&side[9_600..560_000]);
            eprintln!("{name} {extra:?}: worst step {step:.4} at {}", at + 9_600);
            assert!(
                step < 0.02,
                "{name} {extra:?}: a step of {step} at {}",
                at + 9_600
            );
        }
        let last = frames.last().expect("frames").position.as_millis();
        assert!(last.abs_diff(12_000) <= 60, "{name}: ends at {last} ms");
    }
}

#[test]
fn changing_filters_is_not_heard() {
    let bytes = encode(&sine(0.0, 8.0, 48_000), "a.flac", &["-c:a", "flac"]);
    let engine = engine_with(Default::default(), 3);
    let mut playing = start(&engine, &bytes, Wish::default());
    let mut frames: Vec<Frame> = playing.take(40);
    for json in [
        r#"{"channelMix":{"leftToLeft":0.2,"leftToRight":0,"rightToLeft":0,"rightToRight":0.2}}"#,
        "{}",
        r#"{"volume":0.5}"#,
        r#"{"lowPass":{"smoothing":40}}"#,
        r#"{"equalizer":[{"band":6,"gain":-0.25}]}"#,
        r#"{"volume":1.3}"#,
        "{}",
    ] {
        playing
            .pipeline
            .set_filters(Filters::parse(json).expect("valid filters").into());
        frames.extend(playing.take(40));
    }
    frames.extend(playing.rest());
    let [left, _] = decode(&frames);
    let (step, at) = worst_step(&left[9_600..370_000]);
    eprintln!("filters: worst step {step:.4} at {}", at + 9_600);
    assert!(step < 0.02, "a step of {step} at {}", at + 9_600);
}
