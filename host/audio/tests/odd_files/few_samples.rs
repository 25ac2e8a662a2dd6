//! Hardly any audio, none, or none that is played.

use std::time::Duration;

use lavalink_audio::AudioError;

use super::support::{encode, two_tones};
use super::{frames, refused, stereo};

#[test]
fn what_is_not_played_is_refused() {
    let free_format = [[0xff, 0xfb, 0x00, 0x64].as_slice(), &[0; 500]]
        .concat()
        .repeat(20);
    let mut files = vec![("mp3, free format", free_format)];
    let others: [(&str, &[&str]); 7] = [
        ("a.w64", &["-c:a", "pcm_s16le"]),
        ("a.wav", &["-rf64", "always"]),
        ("a.ac3", &["-c:a", "ac3"]),
        ("a.wma", &["-c:a", "wmav2"]),
        ("a.au", &["-c:a", "pcm_s16be"]),
        ("a.mp2", &["-c:a", "mp2"]),
        ("a.wv", &["-c:a", "wavpack"]),
    ];
    for (name, arguments) in others {
        files.push((name, encode(&stereo(44_100), name, arguments)));
    }
    for (name, bytes) in files {
        let error = refused(&bytes);
        assert!(
            matches!(error, AudioError::UnknownFormat { .. }),
            "{name}: {error}"
        );
    }
    let silent = "color=s=64x64:r=10:d=1";
    for (name, arguments) in [("a.mp4", &["-c:v", "mpeg4"]), ("a.mkv", &["-c:v", "mpeg4"])] {
        let error = refused(&encode(silent, name, arguments));
        assert!(
            matches!(error, AudioError::NothingPlayable { .. }),
            "{name}: {error}"
        );
        assert!(
            error.cause().is_some_and(|cause| cause.contains("video")),
            "{name}: {:?}",
            error.cause()
        );
    }
}

#[test]
fn hardly_any_audio() {
    let formats: [(&str, &[&str]); 12] = [
        ("a.wav", &["-c:a", "pcm_s16le"]),
        ("a.flac", &["-c:a", "flac"]),
        ("a.mp3", &["-b:a", "128k"]),
        ("a.aac", &["-c:a", "aac"]),
        ("a.m4a", &["-c:a", "aac"]),
        ("a.m4a", &["-c:a", "alac"]),
        ("a.ogg", &["-c:a", "libopus"]),
        ("a.ogg", &["-c:a", "libvorbis"]),
        ("a.webm", &["-c:a", "libopus"]),
        ("a.aiff", &["-c:a", "pcm_s16be"]),
        ("a.caf", &["-c:a", "pcm_s16le"]),
        ("a.ts", &["-c:a", "aac", "-f", "mpegts"]),
    ];
    let mut wrong = Vec::new();
    for (name, arguments) in formats {
        for millis in [1_u8, 15, 45] {
            let bytes = encode(&two_tones(f32::from(millis) / 1_000.0, 48_000), name, arguments);
            let played = frames(&bytes, Duration::ZERO).map(|frames| frames.len());
            // Encoders that tell nothing of their delay add up to three frames of 1024 samples.
            if !matches!(played, Ok(1..=7)) {
                wrong.push(format!("{millis} ms in {name} {arguments:?}: {played:?}"));
            }
            // Behind the end there is nothing, and that is no failure.
            let behind = frames(&bytes, Duration::from_secs(5)).map(|frames| frames.len());
            if behind != Ok(0) && name != "a.ts" {
                wrong.push(format!(
                    "{millis} ms in {name} {arguments:?} from 5 s on: {behind:?}"
                ));
            }
        }
        // Not one sample. Some muxers write no file then that anybody could read.
        let graph = format!("{},atrim=end_sample=0", two_tones(1.0, 48_000));
        let bytes = encode(&graph, name, arguments);
        match frames(&bytes, Duration::ZERO) {
            Ok(frames) if frames.len() <= 1 => {}
            Err(error) if !error.contains("panicked") => {}
            other => wrong.push(format!(
                "nothing in {name} {arguments:?}: {:?}",
                other.map(|frames| frames.len())
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
