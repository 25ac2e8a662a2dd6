//! Lying, truncated and mutated files over every container: error or audio, within bounded memory and time.
//!
//! One test in a binary of its own: its allocator counts everything the process asks for.

mod support;

use std::time::{Duration, Instant};

use fdk_aac::enc::AudioObjectType;
use lavalink_audio::{Engine, MAX_PACKET, MediaHint, PipelineEvent, Popped, probe};
use lavalink_test_mutants::{Counting, allocated, forget_most, most_allocated, mutant};
use support::{Manner, Playing, TestInput, Wish, encode, encode_he_aac, engine, start, two_tones};

/// Most bytes one medium may make the engine allocate.
const MEMORY: usize = 64 * 1024 * 1024;

/// Longest time one medium may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Damaged copies of each file.
const MUTANTS: u64 = 40;

/// Frames taken from a medium; a lying length may promise hours.
const FRAMES: usize = 100;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Probes and plays a medium; says what was exceeded.
fn judge(engine: &Engine, bytes: &[u8], jumps: bool) -> Result<(), String> {
    let began = Instant::now();
    let before = allocated();
    forget_most();
    // The verdict does not matter, only that there is one.
    let _ = probe(TestInput::boxed(bytes, Manner::PLAIN), &MediaHint::default());
    let mut playing = start(
        engine,
        bytes,
        Wish {
            volume: 99,
            ..Wish::default()
        },
    );
    take(&mut playing, began)?;
    if jumps {
        playing.pipeline.seek(Duration::from_millis(700));
        take(&mut playing, began)?;
    }
    let most = most_allocated().saturating_sub(before);
    if most > MEMORY {
        return Err(format!("{} MiB", most >> 20));
    }
    if began.elapsed() > PATIENCE {
        return Err(format!("{:?}", began.elapsed()));
    }
    Ok(())
}

fn take(playing: &mut Playing, began: Instant) -> Result<(), String> {
    let mut packet = [0; MAX_PACKET];
    let mut frames = 0;
    while frames < FRAMES {
        match playing.frames.pop(&mut packet) {
            Popped::Frame { .. } => frames += 1,
            Popped::Ended => return Ok(()),
            Popped::Empty { .. } if began.elapsed() > PATIENCE => return Err("it hangs".to_owned()),
            Popped::Empty { .. } => std::thread::sleep(Duration::from_micros(200)),
        }
        if playing
            .events
            .try_iter()
            .any(|event| matches!(event, PipelineEvent::Failed { .. }))
        {
            return Ok(());
        }
    }
    Ok(())
}

fn corpus() -> Vec<(&'static str, Vec<u8>)> {
    let formats: [(&str, &str, &[&str]); 17] = [
        ("mp3", "a.mp3", &["-b:a", "128k"]),
        ("mp3 vbr", "a.mp3", &["-q:a", "4"]),
        ("flac", "a.flac", &["-c:a", "flac"]),
        ("wav", "a.wav", &["-c:a", "pcm_s16le"]),
        ("wav adpcm", "a.wav", &["-c:a", "adpcm_ms"]),
        ("ogg vorbis", "a.ogg", &["-c:a", "libvorbis"]),
        ("ogg opus", "a.ogg", &["-c:a", "libopus", "-ar", "48000"]),
        ("ogg flac", "a.ogg", &["-c:a", "flac"]),
        ("webm opus", "a.webm", &["-c:a", "libopus", "-ar", "48000"]),
        ("webm vorbis", "a.webm", &["-c:a", "libvorbis"]),
        ("matroska aac", "a.mka", &["-c:a", "aac"]),
        ("mp4 aac", "a.m4a", &["-c:a", "aac", "-movflags", "+faststart"]),
        ("mp4 alac", "a.m4a", &["-c:a", "alac", "-movflags", "+faststart"]),
        (
            "mp4 fragments",
            "a.m4a",
            &[
                "-c:a",
                "aac",
                "-movflags",
                "+dash+global_sidx",
                "-frag_duration",
                "300000",
            ],
        ),
        ("adts", "a.aac", &["-c:a", "aac"]),
        ("aiff", "a.aiff", &["-c:a", "pcm_s16be"]),
        ("caf", "a.caf", &["-c:a", "alac"]),
    ];
    let tags = ["-metadata", "title=A title", "-metadata", "artist=An artist"];
    let mut corpus: Vec<_> = formats
        .iter()
        .map(|&(what, name, arguments)| {
            let arguments = [arguments, &tags].concat();
            (what, encode(&two_tones(1.5, 44_100), name, &arguments))
        })
        .collect();
    corpus.push((
        "he-aac",
        encode_he_aac(1.5, 44_100, AudioObjectType::Mpeg4HeAac, 48_000),
    ));
    corpus
}

/// Files made to lie in one particular way.
fn liars() -> Vec<(&'static str, Vec<u8>)> {
    let mut wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0".to_vec();
    wav.extend([0xff, 0xff]);
    wav.extend(u32::MAX.to_le_bytes());
    wav.extend([0xff; 8]);
    wav.extend(b"data\xff\xff\xff\xff");
    wav.resize(20_000, 7);
    let list = [
        b"RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xffINFO".to_vec(),
        b"INAM\xff\xff\xff\x7fx".repeat(50_000),
    ]
    .concat();
    let id3 = [
        b"ID3\x04\0\0\x7f\x7f\x7f\x7f".to_vec(),
        b"TIT2\x7f\x7f\x7f\x7f\0\0x".repeat(10_000),
    ]
    .concat();
    let many_frames = [
        b"ID3\x04\0\0\x04\x7f\x7f\x7f".to_vec(),
        b"TIT2\0\0\0\x02\0\0\0x".repeat(800_000),
    ]
    .concat();
    let mut flac = b"fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0\xff\xff\xff\xff".to_vec();
    flac.extend([0; 16]);
    // A comment block of 16 MB with a thousand million comments, in a file of some bytes.
    flac.extend(b"\x84\xff\xff\xff\x04\0\0\0abcd\0\xca\x9a\x3b");
    flac.resize(400, 0);
    let boxed = |name: &[u8; 4], size: u32, body: &[u8]| [&size.to_be_bytes(), &name[..], body].concat();
    let ftyp = boxed(b"ftyp", 16, b"M4A \0\0\0\0");
    let nested: Vec<u8> = (0..50_000_u32)
        .flat_map(|depth| {
            boxed(
                if depth == 0 { b"moov" } else { b"trak" },
                8 * (50_000 - depth),
                b"",
            )
        })
        .collect();
    let table = boxed(
        b"moov",
        0x7fff_ffff,
        &boxed(
            b"trak",
            0x7fff_fff0,
            &boxed(
                b"mdia",
                0x7fff_ff00,
                &boxed(
                    b"minf",
                    0x7fff_fe00,
                    &boxed(
                        b"stbl",
                        0x7fff_fd00,
                        &boxed(
                            b"stsz",
                            0x7fff_fc00,
                            &[0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
                        ),
                    ),
                ),
            ),
        ),
    );
    let ebml = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm".to_vec();
    let matroska = [ebml, b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\x16\x54\xae\x6b\x08\xff\xff\xff\xff\xae\x08\xff\xff\xff\xf0\x63\xa2\x08\xff\xff\xff\0".to_vec()].concat();
    let mut aiff = b"FORM\xff\xff\xff\xffAIFFCOMM\0\0\0\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f\xff".to_vec();
    aiff.extend([0xff; 8]);
    aiff.extend(b"SSND\xff\xff\xff\xff");
    aiff.resize(20_000, 3);
    let mut caf = b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20".to_vec();
    caf.extend([0x7f; 32]);
    caf.extend(b"pakt\x7f\xff\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff");
    caf.resize(20_000, 3);
    vec![
        ("wav of absurd rate and channels", wav),
        ("wav with endless info", list),
        ("id3 frames larger than their tag", id3),
        ("a million id3 frames", many_frames),
        ("flac with 10^9 comments", flac),
        ("boxes nested 50000 deep", [ftyp.clone(), nested].concat()),
        ("a table of 2^31 sizes", [ftyp, table].concat()),
        ("matroska private data of 2^56 bytes", matroska),
        ("aiff of absurd sizes", aiff),
        ("caf with 2^63 packets", caf),
    ]
}

/// Ogg with a valid checksum after its comment count was raised to a thousand million.
fn ogg_with_many_comments(opus: &[u8]) -> Vec<u8> {
    let mut file = opus.to_vec();
    let tags = file.windows(8).position(|w| w == b"OpusTags").expect("Opus tags");
    let vendor = u32::from_le_bytes(file[tags + 8..tags + 12].try_into().expect("four bytes")) as usize;
    file[tags + 12 + vendor..tags + 16 + vendor].copy_from_slice(&1_000_000_000_u32.to_le_bytes());
    let page = file[..tags]
        .windows(4)
        .rposition(|w| w == b"OggS")
        .expect("a page");
    let segments = usize::from(file[page + 26]);
    let body: usize = file[page + 27..page + 27 + segments]
        .iter()
        .map(|&n| usize::from(n))
        .sum();
    let end = page + 27 + segments + body;
    file[page + 22..page + 26].fill(0);
    let sum = file[page..end].iter().fold(0_u32, |mut sum, &byte| {
        sum ^= u32::from(byte) << 24;
        for _ in 0..8 {
            sum = if sum >> 31 == 1 {
                sum << 1 ^ 0x04c1_1db7
            } else {
                sum << 1
            };
        }
        sum
    });
    file[page + 22..page + 26].copy_from_slice(&sum.to_le_bytes());
    file
}

#[test]
fn nothing_exceeds_its_bounds() {
    let engine = engine();
    let mut excesses = Vec::new();
    let mut check = |what: String, bytes: &[u8], jumps: bool| {
        if let Err(excess) = judge(&engine, bytes, jumps) {
            excesses.push(format!("{what}: {excess}"));
        }
    };
    let corpus = corpus();
    for (what, bytes) in liars() {
        check(what.to_owned(), &bytes, false);
    }
    let opus = corpus.iter().find(|(what, _)| *what == "ogg opus");
    check(
        "10^9 Opus comments".to_owned(),
        &ogg_with_many_comments(&opus.expect("made above").1),
        true,
    );
    for (what, bytes) in &corpus {
        check(format!("{what}, whole"), bytes, true);
        for part in 1..8 {
            check(
                format!("{what}, {part}/8"),
                &bytes[..bytes.len() * part / 8],
                part % 2 == 0,
            );
        }
    }
    for (index, (what, bytes)) in corpus.iter().enumerate() {
        let (_, other) = &corpus[(index + 1) % corpus.len()];
        for number in 0..MUTANTS {
            let damaged = mutant(bytes, other, number);
            check(format!("{what}, mutant {number}"), &damaged, number % 4 == 0);
        }
    }
    assert!(
        excesses.is_empty(),
        "{} files exceed their bounds:\n{}",
        excesses.len(),
        excesses.join("\n")
    );
    let sound = encode(&two_tones(1.0, 48_000), "a.ogg", &["-c:a", "libopus"]);
    let frames = start(&engine, &sound, Wish::default()).rest().len();
    assert!(
        (50..=53).contains(&frames),
        "the engine suffered: {frames} frames"
    );
}
