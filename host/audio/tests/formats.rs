//! Every format from bytes to frames: the right tones on the right sides at the right level for the right time.

mod support;

use lavalink_audio::{MediaHint, PipelineEvent, Probed, ResamplingQuality, probe};
use support::{
    Manner, TestInput, Wish, assert_tone, decode, encode, engine, engine_with, one_tone, play, start,
    two_tones,
};

const SECONDS: f32 = 3.0;

/// Container name, file name and encoder arguments of each playable format.
const FORMATS: [(&str, &str, &[&str]); 14] = [
    ("mp3", "a.mp3", &["-c:a", "libmp3lame", "-b:a", "128k"]),
    ("mp3", "a.mp3", &["-c:a", "libmp3lame", "-q:a", "2"]),
    ("flac", "a.flac", &["-c:a", "flac"]),
    ("wav", "a.wav", &["-c:a", "pcm_s16le"]),
    ("wav", "a.wav", &["-c:a", "pcm_s24le"]),
    ("wav", "a.wav", &["-c:a", "pcm_f32le"]),
    ("ogg", "a.ogg", &["-c:a", "libvorbis"]),
    ("ogg", "a.ogg", &["-c:a", "libopus", "-ar", "48000"]),
    ("ogg", "a.ogg", &["-c:a", "flac"]),
    ("matroska/webm", "a.webm", &["-c:a", "libopus", "-ar", "48000"]),
    ("matroska/webm", "a.webm", &["-c:a", "libvorbis"]),
    ("mp4", "a.m4a", &["-c:a", "aac", "-b:a", "128k"]),
    (
        "mp4",
        "a.m4a",
        &["-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart"],
    ),
    ("adts", "a.aac", &["-c:a", "aac", "-b:a", "128k"]),
];

fn check(bytes: &[u8], wish: Wish, stereo: bool, what: &str) {
    let frames = play(bytes, wish);
    let expected = (SECONDS * 50.0) as usize;
    // Formats without length information keep the encoder's priming samples, up to 2 frames and the filled-up last.
    assert!(
        (expected - 1..=expected + 4).contains(&frames.len()),
        "{what}: {} frames",
        frames.len()
    );
    let [left, right] = decode(&frames);
    assert_tone(&left[24_000..], 440.0, 0.25, &format!("{what}, left"));
    assert_tone(
        &right[24_000..],
        if stereo { 1_000.0 } else { 440.0 },
        0.25,
        &format!("{what}, right"),
    );
}

#[test]
fn stereo_at_44100_hz() {
    for (container, name, arguments) in FORMATS {
        let bytes = encode(&two_tones(SECONDS, 44_100), name, arguments);
        check(
            &bytes,
            Wish::default(),
            true,
            &format!("{container} {arguments:?}"),
        );
    }
}

#[test]
fn mono_at_44100_hz() {
    for (container, name, arguments) in FORMATS {
        let bytes = encode(&one_tone(SECONDS, 44_100), name, arguments);
        check(
            &bytes,
            Wish::default(),
            false,
            &format!("mono {container} {arguments:?}"),
        );
    }
}

#[test]
fn low_sample_rates() {
    for (container, name, arguments) in FORMATS {
        let bytes = encode(&two_tones(SECONDS, 22_050), name, arguments);
        check(
            &bytes,
            Wish {
                volume: 101,
                ..Wish::default()
            },
            true,
            &format!("22.05 kHz {container} {arguments:?}"),
        );
    }
}

#[test]
fn slow_input_in_small_pieces_gives_the_same_frames() {
    for (container, name, arguments) in FORMATS {
        let bytes = encode(&two_tones(SECONDS, 48_000), name, arguments);
        let smooth = play(&bytes, Wish::default());
        let choppy = play(
            &bytes,
            Wish {
                manner: Manner {
                    chunk: 20_000,
                    ..Manner::CHOPPY
                },
                ..Wish::default()
            },
        );
        assert!(smooth == choppy, "{container} {arguments:?}: frames differ");
    }
}

#[test]
fn live_input_without_length_plays() {
    for (container, name, arguments) in FORMATS {
        // The index of these MP4 files comes after the media, out of reach of a live input.
        if container == "mp4" && !arguments.contains(&"+faststart") {
            continue;
        }
        let bytes = encode(&two_tones(SECONDS, 44_100), name, arguments);
        let wish = Wish {
            manner: Manner::LIVE,
            ..Wish::default()
        };
        check(&bytes, wish, true, &format!("live {container} {arguments:?}"));
    }
}

#[test]
fn surround_keeps_its_sides() {
    let graph = "aevalsrc=0.5*sin(440*2*PI*t)|0.5*sin(1000*2*PI*t)|0|0|0|0:s=48000:d=3:c=5.1";
    for (name, arguments) in [
        ("a.wav", ["-c:a", "pcm_s16le"]),
        ("a.flac", ["-c:a", "flac"]),
        ("a.ogg", ["-c:a", "libvorbis"]),
        ("a.opus", ["-c:a", "libopus"]),
    ] {
        let [left, right] = decode(&play(&encode(graph, name, &arguments), Wish::default()));
        // The downmix scales by 1 + 2 / sqrt(2) so that full scale everywhere does not clip.
        let amplitude = 0.5 / (1.0 + std::f32::consts::SQRT_2);
        assert_tone(
            &left[24_000..],
            440.0,
            amplitude,
            &format!("5.1 {arguments:?}, left"),
        );
        assert_tone(
            &right[24_000..],
            1_000.0,
            amplitude,
            &format!("5.1 {arguments:?}, right"),
        );
    }
}

#[test]
fn all_resampling_qualities_play() {
    let bytes = encode(&two_tones(SECONDS, 44_100), "a.mp3", &["-b:a", "128k"]);
    for quality in [
        ResamplingQuality::Low,
        ResamplingQuality::Medium,
        ResamplingQuality::High,
    ] {
        let engine = engine_with(quality, 25);
        let [left, right] = decode(&start(&engine, &bytes, Wish::default()).rest());
        assert_tone(&left[24_000..], 440.0, 0.25, &format!("{quality:?}, left"));
        assert_tone(&right[24_000..], 1_000.0, 0.25, &format!("{quality:?}, right"));
    }
}

#[test]
fn probing_tells_container_length_and_tags() {
    for (container, name, arguments) in FORMATS {
        let tags = ["-metadata", "title=A tïtle", "-metadata", "artist=An artist"];
        let arguments: Vec<&str> = arguments.iter().copied().chain(tags).collect();
        let bytes = encode(&two_tones(SECONDS, 44_100), name, &arguments);
        let found = probe(TestInput::boxed(&bytes, Manner::PLAIN), &MediaHint::default());
        let Ok(Probed::Audio(audio)) = found else {
            panic!("{container} {arguments:?}: {found:?}")
        };
        assert_eq!(audio.container, container);
        assert!(audio.is_seekable, "{container} {arguments:?}");
        let millis = audio.length.expect("a known length").as_millis();
        assert!(
            millis.abs_diff(3_000) <= 100,
            "{container} {arguments:?}: {millis} ms"
        );
        // WAV has no tags in the original either.
        if !["adts", "wav"].contains(&container) {
            assert_eq!(
                audio.title.as_deref(),
                Some("A tïtle"),
                "{container} {arguments:?}"
            );
            assert_eq!(
                audio.author.as_deref(),
                Some("An artist"),
                "{container} {arguments:?}"
            );
        }
    }
}

fn probed(bytes: &[u8], manner: Manner) -> Probed {
    probe(TestInput::boxed(bytes, manner), &MediaHint::default()).expect("recognised")
}

#[test]
fn mp3_length_with_and_without_a_length_header() {
    let known_length = Manner {
        seekable: false,
        ..Manner::PLAIN
    };
    for arguments in [
        &["-b:a", "128k"][..],
        &["-b:a", "128k", "-write_xing", "0"],
        &["-q:a", "2", "-ac", "1"],
    ] {
        let bytes = encode(&two_tones(SECONDS, 44_100), "a.mp3", arguments);
        for manner in [Manner::PLAIN, known_length] {
            let Probed::Audio(audio) = probed(&bytes, manner) else {
                panic!("{arguments:?} is no audio")
            };
            let millis = audio.length.expect("a known length").as_millis();
            assert!(
                millis.abs_diff(3_000) <= 100,
                "{arguments:?} {manner:?}: {millis} ms"
            );
            assert_eq!(audio.is_seekable, manner.seekable);
        }
        let Probed::Audio(live) = probed(&bytes, Manner::LIVE) else {
            panic!("{arguments:?} is no audio")
        };
        assert_eq!(
            live.length.is_none(),
            arguments.contains(&"-write_xing"),
            "{arguments:?}"
        );
        assert!(!live.is_seekable);
    }
}

#[test]
fn live_ogg_has_no_length() {
    let bytes = encode(&two_tones(SECONDS, 48_000), "a.ogg", &["-c:a", "libopus"]);
    let Probed::Audio(audio) = probed(&bytes, Manner::LIVE) else {
        panic!("no audio")
    };
    assert_eq!((audio.length, audio.is_seekable), (None, false));
}

#[test]
fn playlists_are_references() {
    let text = b"#EXTM3U\n#EXTINF:-1,Some radio\nhttp://radio.example/stream\n";
    let reference = Probed::Reference {
        identifier: "http://radio.example/stream".to_owned(),
        title: Some("Some radio".to_owned()),
    };
    assert_eq!(probed(text, Manner::LIVE), reference);
}

#[test]
fn ready_tells_length_and_passthrough() {
    let engine = engine();
    for (name, codec, passthrough) in [("a.webm", "libopus", true), ("a.mp3", "libmp3lame", false)] {
        let bytes = encode(&two_tones(SECONDS, 48_000), name, &["-c:a", codec]);
        let playing = start(&engine, &bytes, Wish::default());
        let PipelineEvent::Ready {
            length: Some(length),
            is_seekable: true,
            passthrough: actual,
        } = playing.event()
        else {
            panic!("{name} is not ready");
        };
        assert_eq!(actual, passthrough, "{name}");
        assert!(length.as_millis().abs_diff(3_000) <= 50, "{name}: {length:?}");
    }
}
