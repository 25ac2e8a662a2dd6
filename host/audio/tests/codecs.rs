//! Codecs and containers beyond the common ones: extended AAC, surround, and what ends where.

mod support;

use fdk_aac::enc::AudioObjectType;
use lavalink_audio::{MediaHint, Probed, probe};
use support::{Manner, TestInput, Wish, assert_tone, decode, encode, encode_he_aac, play, remux};

#[test]
fn extended_aac_plays_at_full_rate_on_both_sides() {
    for (kind, bits_per_second) in [
        (AudioObjectType::Mpeg4HeAac, 64_000),
        (AudioObjectType::Mpeg4HeAacV2, 32_000),
    ] {
        for rate in [44_100, 48_000] {
            let adts = encode_he_aac(3.0, rate, kind, bits_per_second);
            let files = [
                ("adts", adts.clone()),
                ("mp4", remux(&adts, "a.aac", "a.m4a", &[])),
                ("matroska/webm", remux(&adts, "a.aac", "a.mka", &[])),
            ];
            for (container, bytes) in files {
                let what = format!("{kind:?} {rate} Hz in {container}");
                let found = probe(TestInput::boxed(&bytes, Manner::PLAIN), &MediaHint::default());
                let Ok(Probed::Audio(audio)) = found else {
                    panic!("{what}: {found:?}")
                };
                assert_eq!(audio.container, container, "{what}");
                let frames = play(&bytes, Wish::default());
                assert!(
                    (148..=162).contains(&frames.len()),
                    "{what}: {} frames",
                    frames.len()
                );
                let [left, right] = decode(&frames);
                assert_tone(&left[24_000..], 440.0, 0.25, &format!("{what}, left"));
                // Parametric stereo moves the tones only roughly; the side of each is kept.
                let loudest = if bits_per_second > 32_000 { 0.25 } else { 0.27 };
                assert_tone(&right[24_000..], 1_000.0, loudest, &format!("{what}, right"));
            }
        }
    }
}

#[test]
fn band_replication_brings_the_treble() {
    // Noise up to 16 kHz; the core alone ends at 6 kHz.
    let noise = encode(
        "anoisesrc=r=48000:a=0.5:d=3:c=white,lowpass=14000",
        "a.wav",
        &["-ac", "2"],
    );
    let treble = |frames: &[support::Frame]| {
        let [left, _] = decode(frames);
        support::band_energy(&left[48_000..48_000 + 32_768], 8_000.0, 12_000.0)
            / support::band_energy(&left[48_000..48_000 + 32_768], 1_000.0, 5_000.0)
    };
    let whole = treble(&play(&noise, Wish::default()));
    let pcm: Vec<i16> = hound::WavReader::new(std::io::Cursor::new(&noise))
        .expect("a WAV file")
        .into_samples::<i16>()
        .map(|sample| sample.expect("whole samples"))
        .collect();
    let adts = support::encode_pcm_aac(&pcm, 48_000, AudioObjectType::Mpeg4HeAac, 64_000);
    let extended = treble(&play(&adts, Wish::default()));
    assert!(extended > whole / 8.0, "treble {extended} of {whole}");
}

#[test]
fn surround_aac_keeps_its_sides() {
    for (layout, count) in [("3.0", 3), ("4.0", 4), ("5.0", 5), ("5.1", 6), ("7.1", 8)] {
        let rest = "|0".repeat(count - 2);
        let graph = format!("aevalsrc=0.5*sin(440*2*PI*t)|0.5*sin(1000*2*PI*t){rest}:s=48000:d=3:c={layout}");
        for (name, codec) in [("a.m4a", "aac"), ("a.mka", "flac"), ("a.wav", "pcm_s24le")] {
            let what = format!("{layout} {codec} in {name}");
            let [left, right] = decode(&play(&encode(&graph, name, &["-c:a", codec]), Wish::default()));
            let (left, right) = (support::tone(&left[24_000..]), support::tone(&right[24_000..]));
            assert!((left.0 - 440.0).abs() < 3.0, "{what}: {left:?} on the left");
            assert!((right.0 - 1_000.0).abs() < 3.0, "{what}: {right:?} on the right");
            assert!((left.1 / right.1 - 1.0).abs() < 0.1, "{what}: {left:?} {right:?}");
            assert!(left.1 > 0.1, "{what}: {left:?}");
        }
    }
}

/// How many samples of a tone of one second are heard, by the energy at its ends.
fn heard(bytes: &[u8]) -> (usize, usize) {
    let [left, _] = decode(&play(
        bytes,
        Wish {
            volume: 101,
            ..Wish::default()
        },
    ));
    let loud = |sample: &f32| sample.abs() > 0.1;
    let first = left.iter().position(loud).expect("a tone");
    let last = left.iter().rposition(loud).expect("a tone");
    (first, last)
}

#[test]
fn encoder_delay_and_padding_are_cut() {
    // A cosine starts and ends loud: 1000 Hz, one second.
    let graph = "aevalsrc=0.5*cos(1000*2*PI*t):s=44100:d=1";
    let formats: [(&str, &[&str]); 10] = [
        ("a.wav", &["-c:a", "pcm_s16le"]),
        ("a.flac", &["-c:a", "flac"]),
        ("a.mp3", &["-b:a", "192k"]),
        ("a.mp3", &["-q:a", "2"]),
        ("a.ogg", &["-c:a", "libvorbis", "-q:a", "6"]),
        ("a.ogg", &["-c:a", "libopus", "-b:a", "160k"]),
        ("a.m4a", &["-c:a", "aac", "-b:a", "192k"]),
        ("a.m4a", &["-c:a", "alac"]),
        ("a.mp4", &["-c:a", "libopus", "-b:a", "160k"]),
        ("a.webm", &["-c:a", "libopus", "-b:a", "160k"]),
    ];
    for (name, arguments) in formats {
        let (first, last) = heard(&encode(graph, name, arguments));
        // Opus fades a stream in over its first 2.5 ms.
        assert!(first <= 130, "{name} {arguments:?} starts {first} samples late");
        assert!(
            last.abs_diff(47_999) <= 60,
            "{name} {arguments:?} ends at sample {last}"
        );
    }
}
