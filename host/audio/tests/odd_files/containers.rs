//! The same audio, wrapped in the ways containers allow.

use std::process::Command;
use std::time::Duration;

use lavalink_audio::PipelineEvent;

use super::support::{Frame, Wish, decode, encode, engine, one_tone, start, tone};
use super::{Expected, Length, MONO, SECONDS, check_all, expected, frames, stereo};

/// What ffmpeg writes where it cannot go back: nothing it learns at the end.
fn piped(graph: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", graph])
        .args(arguments)
        .arg("pipe:1")
        .output()
        .expect("these tests need the ffmpeg program in PATH");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn containers_written_in_other_ways() {
    let opus: &[&str] = &["-c:a", "libopus"];
    let aac: &[&str] = &["-c:a", "aac", "-b:a", "128k"];
    let made = |rate: u32, name: &str, codec: &[&str], rest: &[&str]| {
        encode(&stereo(rate), name, &[codec, rest].concat())
    };
    let loose = |container| Expected {
        slack: 4,
        ..expected(container)
    };
    let zero = |container| Expected {
        length: Length::Zero,
        ..loose(container)
    };
    let chapters = tempfile::NamedTempFile::new().expect("a file");
    let text = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2500\ntitle=Two\n";
    std::fs::write(chapters.path(), text).expect("writable");
    let chapters = chapters.path().to_str().expect("text");
    let stream: &[&str] = &[
        "-movflags",
        "frag_keyframe+empty_moov+default_base_moof",
        "-frag_duration",
        "500000",
    ];
    let files = vec![
        (
            "WebM, live",
            made(48_000, "a.webm", opus, &["-live", "1"]),
            zero("matroska/webm"),
        ),
        (
            "WebM, piped",
            piped(&stereo(48_000), &[opus, &["-f", "webm"]].concat()),
            zero("matroska/webm"),
        ),
        (
            "Matroska, piped",
            piped(&stereo(44_100), &["-c:a", "flac", "-f", "matroska"]),
            zero("matroska/webm"),
        ),
        (
            "WebM, index in front",
            made(48_000, "a.webm", opus, &["-reserve_index_space", "20000"]),
            loose("matroska/webm"),
        ),
        (
            "WebM, small clusters",
            made(48_000, "a.webm", opus, &["-cluster_time_limit", "100"]),
            loose("matroska/webm"),
        ),
        (
            "WebM, Vorbis, piped",
            piped(&stereo(44_100), &["-c:a", "libvorbis", "-f", "webm"]),
            zero("matroska/webm"),
        ),
        (
            "MP4, index in front",
            made(44_100, "a.m4a", aac, &["-movflags", "+faststart"]),
            loose("mp4"),
        ),
        (
            "MP4, fragments without an index",
            made(44_100, "a.mp4", aac, stream),
            zero("mp4"),
        ),
        (
            "MP4, piped",
            piped(&stereo(44_100), &[aac, stream, &["-f", "mp4"]].concat()),
            zero("mp4"),
        ),
        (
            "M4B with chapters",
            made(
                44_100,
                "a.mp4",
                &[
                    "-i",
                    chapters,
                    "-map_metadata",
                    "1",
                    "-map_chapters",
                    "1",
                    "-map",
                    "0:a",
                ],
                &[aac, &["-f", "mp4"]].concat(),
            ),
            loose("mp4"),
        ),
        (
            "QuickTime with PCM",
            made(44_100, "a.mov", &["-c:a", "pcm_s16le"], &[]),
            expected("mp4"),
        ),
        (
            "QuickTime with AAC",
            made(44_100, "a.mov", aac, &[]),
            loose("mp4"),
        ),
        (
            "MP4 with pictures",
            made(
                44_100,
                "a.mp4",
                &[
                    "-f",
                    "lavfi",
                    "-i",
                    "color=s=64x64:r=10:d=2.5",
                    "-map",
                    "1:v",
                    "-map",
                    "0:a",
                    "-c:v",
                    "mpeg4",
                ],
                aac,
            ),
            loose("mp4"),
        ),
        (
            "Matroska with pictures",
            made(
                44_100,
                "a.mkv",
                &[
                    "-f",
                    "lavfi",
                    "-i",
                    "color=s=64x64:r=10:d=2.5",
                    "-map",
                    "1:v",
                    "-map",
                    "0:a",
                    "-c:v",
                    "mpeg4",
                ],
                aac,
            ),
            loose("matroska/webm"),
        ),
        (
            "WAV, piped",
            piped(&stereo(44_100), &["-c:a", "pcm_s16le", "-f", "wav"]),
            expected("wav"),
        ),
        (
            "WAV with chunks in front",
            made(
                44_100,
                "a.wav",
                &["-c:a", "pcm_s16le"],
                &[
                    "-write_bext",
                    "1",
                    "-metadata",
                    "title=x",
                    "-metadata",
                    "description=y",
                ],
            ),
            expected("wav"),
        ),
        (
            "WAV, extensible",
            made(44_100, "a.wav", &["-c:a", "pcm_s24le"], &[]),
            expected("wav"),
        ),
        (
            "AIFF-C, little-endian",
            made(44_100, "a.aiff", &["-c:a", "pcm_s16le"], &[]),
            expected("aiff"),
        ),
        (
            "AIFF-C, float",
            made(44_100, "a.aiff", &["-c:a", "pcm_f32be"], &[]),
            expected("aiff"),
        ),
        (
            "AIFF, 24 bit",
            made(96_000, "a.aiff", &["-c:a", "pcm_s24be"], &[]),
            expected("aiff"),
        ),
        (
            "AIFF-C, A-law",
            made(44_100, "a.aiff", &["-c:a", "pcm_alaw"], &[]),
            expected("aiff"),
        ),
        (
            "CAF, float",
            made(44_100, "a.caf", &["-c:a", "pcm_f32le"], &[]),
            expected("caf"),
        ),
        (
            "CAF, 24 bit",
            made(44_100, "a.caf", &["-c:a", "pcm_s24be"], &[]),
            expected("caf"),
        ),
        (
            "Ogg, small pages",
            made(48_000, "a.ogg", opus, &["-page_duration", "20000"]),
            expected("ogg"),
        ),
        (
            "Ogg, one page",
            made(
                44_100,
                "a.ogg",
                &["-c:a", "libvorbis"],
                &["-page_duration", "30000000"],
            ),
            expected("ogg"),
        ),
        (
            "Ogg, 60 ms packets",
            made(48_000, "a.ogg", opus, &["-frame_duration", "60"]),
            loose("ogg"),
        ),
        (
            "Ogg, 2.5 ms packets",
            made(48_000, "a.ogg", opus, &["-frame_duration", "2.5"]),
            expected("ogg"),
        ),
        (
            "Ogg, speech codec",
            encode(
                &one_tone(SECONDS, 48_000),
                "a.ogg",
                &["-c:a", "libopus", "-application", "voip", "-b:a", "12k"],
            ),
            Expected {
                tones: MONO,
                ..expected("ogg")
            },
        ),
        (
            "Ogg, low delay",
            made(
                48_000,
                "a.ogg",
                opus,
                &["-application", "lowdelay", "-frame_duration", "10"],
            ),
            expected("ogg"),
        ),
        (
            "Ogg with a skeleton",
            skeleton(&made(44_100, "a.ogg", &["-c:a", "libvorbis"], &[])),
            expected("ogg"),
        ),
    ];
    check_all(
        files
            .into_iter()
            .map(|(name, bytes, expected)| (name.to_owned(), bytes, expected))
            .collect(),
    );
}

/// An Ogg page of one packet with its check sum.
fn page(flags: u8, serial: u32, number: u32, packet: &[u8]) -> Vec<u8> {
    assert!(packet.len() < 255, "one segment");
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend([0; 8]);
    page.extend(serial.to_le_bytes());
    page.extend(number.to_le_bytes());
    page.extend([0; 4]);
    page.extend([1, packet.len() as u8]);
    page.extend(packet);
    let sum = page.iter().fold(0_u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| {
            if sum & 1 << 31 == 0 {
                sum << 1
            } else {
                sum << 1 ^ 0x04c1_1db7
            }
        })
    });
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

/// The same file with a Skeleton stream, as ffmpeg2theora and others write it.
fn skeleton(file: &[u8]) -> Vec<u8> {
    let mut head = b"fishead\0\x03\0\0\0".to_vec();
    head.resize(64, 0);
    // The first page holds the first header of the audio and nothing else.
    let first = 27 + 1 + usize::from(file[27]);
    [
        page(2, 0x5e1e, 0, &head),
        file[..first].to_vec(),
        page(4, 0x5e1e, 1, b""),
        file[first..].to_vec(),
    ]
    .concat()
}

#[test]
fn a_file_of_two_streams_seeks_in_both() {
    for codec in ["libopus", "libvorbis"] {
        let half = |hertz: u32| {
            let graph = format!("aevalsrc=0.25*sin({hertz}*2*PI*t)|0.25*sin({hertz}*2*PI*t):s=48000:d=1.5");
            encode(&graph, "a.ogg", &["-c:a", codec])
        };
        let file = [half(700), half(440)].concat();
        let check = |frames: &[Frame], count: usize, hertz: f32| {
            assert!(
                frames.len().abs_diff(count) <= 2,
                "{codec}: {} frames",
                frames.len()
            );
            let (found, _) = tone(&decode(frames)[0][4_800..]);
            assert!((found - hertz).abs() < 3.0, "{codec}: {found} Hz");
        };
        check(
            &frames(&file, Duration::from_millis(1_800)).expect("plays"),
            60,
            440.0,
        );
        // Back into the first while the second plays, and behind the end of all.
        let engine = engine();
        let wish = Wish {
            start: Duration::from_millis(1_900),
            volume: 101,
            ..Wish::default()
        };
        let mut playing = start(&engine, &file, wish);
        assert!(playing.next().is_some());
        playing.pipeline.seek(Duration::from_millis(400));
        while playing.event() != PipelineEvent::SeekDone {}
        let rest: Vec<Frame> = playing
            .rest()
            .into_iter()
            .filter(|frame| frame.position < Duration::from_millis(1_400))
            .collect();
        check(&rest, 50, 700.0);
        assert!(
            frames(&file, Duration::from_secs(9))
                .expect("no failure")
                .is_empty(),
            "{codec}"
        );
    }
}
