//! The table of `docs/formats.md`: made anew from what really plays, and compared with the committed one.
//!
//! `UPDATE_DOCS=1 cargo test --workspace --test formats_table` writes it.

mod support;

use std::path::PathBuf;
use std::time::Duration;

use fdk_aac::enc::AudioObjectType;
use lavalink_audio::{MediaHint, PipelineEvent, Probed, ProbedAudio, probe};
use support::{
    Manner, TestInput, Wish, decode, encode, encode_he_aac, engine, remux, start, tone, two_tones,
};

const BEGIN: &str = "<!-- table: made by host/audio/tests/formats_table.rs -->\n";
const END: &str = "<!-- end of table -->\n";

/// Container and codec as users call them, then how such a file is made.
type Row = (&'static str, &'static str, Recipe);

#[derive(Clone, Copy)]
enum Recipe {
    /// File name and encoder arguments for ffmpeg.
    Encoded(&'static str, &'static [&'static str]),
    /// Extended AAC, put into the container of this file name.
    Extended(AudioObjectType, u32, &'static str),
}

use Recipe::{Encoded, Extended};

const HE: AudioObjectType = AudioObjectType::Mpeg4HeAac;
const HE_2: AudioObjectType = AudioObjectType::Mpeg4HeAacV2;
const FRAGMENTED: &str = "+dash+global_sidx";

const ROWS: &[Row] = &[
    (
        "mp3",
        "MPEG layer III, constant bitrate",
        Encoded("a.mp3", &["-b:a", "128k"]),
    ),
    (
        "mp3",
        "MPEG layer III, variable bitrate",
        Encoded("a.mp3", &["-q:a", "2"]),
    ),
    (
        "mp3",
        "MPEG-2 layer III (22.05 kHz)",
        Encoded("a.mp3", &["-ar", "22050", "-b:a", "64k"]),
    ),
    (
        "mp3",
        "MPEG-2.5 layer III (8 kHz)",
        Encoded("a.mp3", &["-ar", "8000", "-b:a", "32k"]),
    ),
    (
        "ADTS",
        "AAC-LC",
        Encoded("a.aac", &["-c:a", "aac", "-b:a", "128k"]),
    ),
    ("ADTS", "HE-AAC", Extended(HE, 64_000, "a.aac")),
    ("ADTS", "HE-AAC v2", Extended(HE_2, 32_000, "a.aac")),
    ("FLAC", "FLAC, 16 bit", Encoded("a.flac", &["-c:a", "flac"])),
    (
        "FLAC",
        "FLAC, 24 bit",
        Encoded("a.flac", &["-c:a", "flac", "-sample_fmt", "s32"]),
    ),
    ("WAV", "PCM, 8 bit", Encoded("a.wav", &["-c:a", "pcm_u8"])),
    ("WAV", "PCM, 16 bit", Encoded("a.wav", &["-c:a", "pcm_s16le"])),
    ("WAV", "PCM, 24 bit", Encoded("a.wav", &["-c:a", "pcm_s24le"])),
    ("WAV", "PCM, 32 bit", Encoded("a.wav", &["-c:a", "pcm_s32le"])),
    ("WAV", "PCM, float", Encoded("a.wav", &["-c:a", "pcm_f32le"])),
    ("WAV", "PCM, double", Encoded("a.wav", &["-c:a", "pcm_f64le"])),
    ("WAV", "A-law", Encoded("a.wav", &["-c:a", "pcm_alaw"])),
    ("WAV", "ADPCM (IMA)", Encoded("a.wav", &["-c:a", "adpcm_ima_wav"])),
    (
        "WAV",
        "ADPCM (Microsoft)",
        Encoded("a.wav", &["-c:a", "adpcm_ms"]),
    ),
    (
        "WAV (RF64)",
        "PCM, 16 bit",
        Encoded("a.wav", &["-rf64", "always"]),
    ),
    ("Ogg", "Opus", Encoded("a.ogg", &["-c:a", "libopus"])),
    ("Ogg", "Vorbis", Encoded("a.ogg", &["-c:a", "libvorbis"])),
    ("Ogg", "FLAC", Encoded("a.ogg", &["-c:a", "flac"])),
    ("WebM, Matroska", "Opus", Encoded("a.webm", &["-c:a", "libopus"])),
    (
        "WebM, Matroska",
        "Vorbis",
        Encoded("a.webm", &["-c:a", "libvorbis"]),
    ),
    (
        "Matroska",
        "AAC-LC",
        Encoded("a.mka", &["-c:a", "aac", "-b:a", "128k"]),
    ),
    ("Matroska", "HE-AAC", Extended(HE, 64_000, "a.mka")),
    ("Matroska", "FLAC", Encoded("a.mka", &["-c:a", "flac"])),
    (
        "Matroska",
        "MPEG layer III",
        Encoded("a.mka", &["-c:a", "libmp3lame", "-b:a", "128k"]),
    ),
    (
        "Matroska",
        "MPEG layer II",
        Encoded("a.mka", &["-c:a", "mp2", "-b:a", "192k"]),
    ),
    ("Matroska", "PCM", Encoded("a.mka", &["-c:a", "pcm_s16le"])),
    ("Matroska", "ALAC", Encoded("a.mka", &["-c:a", "alac"])),
    ("Matroska", "AC-3", Encoded("a.mka", &["-c:a", "ac3"])),
    (
        "MP4, M4A",
        "AAC-LC",
        Encoded("a.m4a", &["-c:a", "aac", "-b:a", "128k"]),
    ),
    ("MP4, M4A", "HE-AAC", Extended(HE, 64_000, "a.m4a")),
    ("MP4, M4A", "HE-AAC v2", Extended(HE_2, 32_000, "a.m4a")),
    ("MP4, M4A", "ALAC", Encoded("a.m4a", &["-c:a", "alac"])),
    ("MP4, M4A", "Opus", Encoded("a.mp4", &["-c:a", "libopus"])),
    (
        "MP4, M4A",
        "FLAC",
        Encoded("a.mp4", &["-c:a", "flac", "-strict", "-2"]),
    ),
    (
        "MP4, M4A",
        "MPEG layer III",
        Encoded("a.mp4", &["-c:a", "libmp3lame", "-b:a", "128k"]),
    ),
    ("MP4, M4A", "AC-3", Encoded("a.mp4", &["-c:a", "ac3"])),
    (
        "MP4, fragmented",
        "AAC-LC",
        Encoded(
            "a.m4a",
            &[
                "-c:a",
                "aac",
                "-b:a",
                "128k",
                "-movflags",
                FRAGMENTED,
                "-frag_duration",
                "500000",
            ],
        ),
    ),
    (
        "MP4, fragmented",
        "Opus",
        Encoded(
            "a.mp4",
            &[
                "-c:a",
                "libopus",
                "-movflags",
                FRAGMENTED,
                "-frag_duration",
                "500000",
            ],
        ),
    ),
    (
        "AIFF",
        "PCM",
        Encoded("a.aiff", &["-c:a", "pcm_s16be", "-write_id3v2", "1"]),
    ),
    ("CAF", "PCM", Encoded("a.caf", &["-c:a", "pcm_s16le"])),
    ("CAF", "ALAC", Encoded("a.caf", &["-c:a", "alac"])),
];

const TAGS: [&str; 8] = [
    "-metadata",
    "title=A title",
    "-metadata",
    "artist=An artist",
    "-metadata",
    "isrc=QZES71982312",
    // The name of the ID3 frame.
    "-metadata",
    "TSRC=QZES71982312",
];

fn make(recipe: Recipe) -> Vec<u8> {
    match recipe {
        Encoded(name, arguments) => {
            let rate = if arguments.contains(&"libopus") {
                48_000
            } else {
                44_100
            };
            encode(&two_tones(4.0, rate), name, &[arguments, &TAGS].concat())
        }
        Extended(kind, bits_per_second, name) => {
            let adts = encode_he_aac(4.0, 44_100, kind, bits_per_second);
            if name == "a.aac" {
                adts
            } else {
                remux(&adts, "in.aac", name, &TAGS)
            }
        }
    }
}

/// Whether the rest of the track from `from` on has the right length and the right tones on the right sides.
fn plays(bytes: &[u8], from: Duration) -> bool {
    let engine = engine();
    let wish = Wish {
        start: from,
        volume: 101,
        ..Wish::default()
    };
    let mut playing = start(&engine, bytes, wish);
    let frames = playing.rest();
    let expected = (4_000 - from.as_millis()) as usize / 20;
    // Delay and padding that nothing tells about, and packets before the first with audio.
    let slack = Duration::from_millis(5);
    if frames.len().abs_diff(expected) > 10 || frames[0].position.abs_diff(from) > slack {
        return false;
    }
    let [left, right] = decode(&frames);
    let is = |side: &[f32], hertz: f32| {
        let (found, level) = tone(&side[24_000..]);
        (found - hertz).abs() < 3.0 && (0.2..0.32).contains(&level)
    };
    is(&left, 440.0) && is(&right, 1_000.0)
}

fn is_passed_through(bytes: &[u8]) -> bool {
    let engine = engine();
    matches!(
        start(&engine, bytes, Wish::default()).event(),
        PipelineEvent::Ready {
            passthrough: true,
            ..
        }
    )
}

fn tags(audio: &ProbedAudio) -> String {
    let found = [
        ("title", audio.title.as_deref() == Some("A title")),
        ("artist", audio.author.as_deref() == Some("An artist")),
        ("ISRC", audio.isrc.as_deref() == Some("QZES71982312")),
        (
            "length",
            audio
                .length
                .is_some_and(|length| length.as_millis().abs_diff(4_000) < 200),
        ),
    ];
    let names: Vec<&str> = found
        .iter()
        .filter_map(|&(name, is)| is.then_some(name))
        .collect();
    names.join(", ")
}

fn line(&(container, codec, recipe): &Row) -> String {
    let bytes = make(recipe);
    let yes = |is: bool| if is { "yes" } else { "no" };
    let found = probe(TestInput::boxed(&bytes, Manner::PLAIN), &MediaHint::default());
    let Ok(Probed::Audio(audio)) = found else {
        return format!("| {container} | {codec} | | no | | | |\n");
    };
    let plays_all = plays(&bytes, Duration::ZERO);
    let seeks = audio.is_seekable && plays(&bytes, Duration::from_millis(1_500));
    let name = &audio.container;
    let (plays_all, seeks) = (yes(plays_all), yes(seeks));
    let tags = tags(&audio);
    let passes = if is_passed_through(&bytes) { "yes" } else { "" };
    format!("| {container} | {codec} | `{name}` | {plays_all} | {seeks} | {tags} | {passes} |\n")
}

#[test]
fn the_committed_table_is_what_plays() {
    let half = ROWS.len() / 2;
    let made = std::thread::scope(|threads| {
        let first = threads.spawn(|| ROWS[..half].iter().map(line).collect::<String>());
        let second: String = ROWS[half..].iter().map(line).collect();
        first.join().expect("the other half is made") + &second
    });
    let head = "| container | codec | name in track strings | plays | seeks | found by the probe | as it is |\n\
                |---|---|---|---|---|---|---|\n";
    let table = format!("{BEGIN}{head}{made}{END}");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats.md");
    let text = std::fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = text
        .split_once(BEGIN)
        .expect("the page marks where the table begins");
    let (committed, after) = rest.split_once(END).expect("the page marks where the table ends");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{table}{after}")).expect("the page can be written");
        return;
    }
    assert_eq!(
        format!("{BEGIN}{committed}{END}"),
        table,
        "docs/formats.md is out of date: run this test with UPDATE_DOCS=1 and commit the page"
    );
}
