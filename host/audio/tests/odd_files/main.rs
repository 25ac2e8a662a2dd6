//! Files as other programs write them: unusual rates and layouts, tags and pictures in the way, cut and joined streams,
//! hardly any audio or none. Each is probed, played, and played from its middle.

mod containers;
mod few_samples;
mod lacing;
mod rates;
mod tags;
mod transport_streams;

#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use lavalink_audio::{AudioError, MediaHint, PipelineEvent, Probed, probe};
use support::{Frame, Manner, TestInput, Wish, decode, engine, start, tone, two_tones};

/// Length of the files that have audio.
const SECONDS: f32 = 2.5;
const FRAMES: usize = 125;

/// What a file is expected to be.
#[derive(Clone, Copy)]
struct Expected {
    container: &'static str,
    /// Tones on the left and on the right, Hz.
    tones: [f32; 2],
    /// Whether the probe finds the length; else it says zero (a file) or nothing (a stream).
    length: Length,
    seeks: bool,
    /// Frames that may be missing, or more than there should be.
    slack: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Length {
    Told,
    /// Within the delay of an encoder at a low rate.
    About,
    Zero,
    None,
}

const STEREO: [f32; 2] = [440.0, 1_000.0];
const MONO: [f32; 2] = [440.0, 440.0];

const fn expected(container: &'static str) -> Expected {
    Expected {
        container,
        tones: STEREO,
        length: Length::Told,
        seeks: true,
        slack: 1,
    }
}

fn stereo(rate: u32) -> String {
    two_tones(SECONDS, rate)
}

/// Frames of the rest of a medium from `from` on, or why there are none.
fn frames(bytes: &[u8], from: Duration) -> Result<Vec<Frame>, String> {
    let engine = engine();
    let wish = Wish {
        start: from,
        // Decoded and encoded again, so that the first sample is the right one.
        volume: 101,
        ..Wish::default()
    };
    let mut playing = start(&engine, bytes, wish);
    let frames = playing.rest();
    for event in playing.events.try_iter() {
        if let PipelineEvent::Failed { error, .. } = event {
            return Err(format!("{error}, {:?}", error.cause()));
        }
    }
    Ok(frames)
}

fn check_rest(bytes: &[u8], from_ms: u64, expected: &Expected) -> Result<(), String> {
    let from = Duration::from_millis(from_ms);
    let frames = frames(bytes, from)?;
    let due = FRAMES - usize::try_from(from_ms).expect("small") / 20;
    if frames.len().abs_diff(due) > expected.slack {
        return Err(format!("{} frames instead of {due}", frames.len()));
    }
    let first = frames.first().ok_or("no frames")?.position;
    if first.abs_diff(from) > Duration::from_millis(30) {
        return Err(format!("begins at {first:?}"));
    }
    for (side, hertz) in decode(&frames).iter().zip(expected.tones) {
        let (found, level) = tone(&side[12_000..]);
        if (found - hertz).abs() > 3.0 || level < 0.1 {
            return Err(format!("{found} Hz at {level} instead of {hertz} Hz"));
        }
    }
    Ok(())
}

fn check(bytes: &[u8], expected: &Expected) -> Result<(), String> {
    let found = match probe(TestInput::boxed(bytes, Manner::PLAIN), &MediaHint::default()) {
        Ok(Probed::Audio(audio)) => audio,
        other => return Err(format!("probed as {other:?}")),
    };
    if found.container != expected.container {
        return Err(format!("probed as {}", found.container));
    }
    let is_right = match (expected.length, found.length) {
        (Length::Told, Some(length)) => length.abs_diff(Duration::from_secs_f32(SECONDS)).as_millis() <= 80,
        (Length::About, Some(length)) => length.abs_diff(Duration::from_secs_f32(SECONDS)).as_millis() <= 150,
        (Length::Zero, Some(length)) => length.is_zero(),
        (Length::None, None) => true,
        _ => false,
    };
    if !is_right {
        return Err(format!("length {:?}", found.length));
    }
    check_rest(bytes, 0, expected).map_err(|error| format!("from its start: {error}"))?;
    if expected.seeks {
        if !found.is_seekable {
            return Err("does not seek".to_owned());
        }
        check_rest(bytes, 1_000, expected).map_err(|error| format!("from its middle: {error}"))?;
    }
    Ok(())
}

/// Checks all, and tells all that is wrong.
fn check_all(files: Vec<(String, Vec<u8>, Expected)>) {
    let wrong: Vec<String> = files
        .iter()
        .filter_map(|(name, bytes, expected)| {
            let problem = check(bytes, expected).err()?;
            Some(format!("{name}: {problem}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn refused(bytes: &[u8]) -> AudioError {
    match probe(TestInput::boxed(bytes, Manner::PLAIN), &MediaHint::default()) {
        Err(error) => error,
        Ok(found) => panic!("probed as {found:?}"),
    }
}
