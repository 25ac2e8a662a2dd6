//! Sample rates and widths from telephones to studios.

use super::support::{encode, one_tone};
use super::{Expected, Length, MONO, SECONDS, check_all, expected, stereo};

#[test]
fn unusual_rates_and_widths() {
    let mut files = Vec::new();
    for rate in [
        8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 88_200, 96_000, 192_000,
    ] {
        let bytes = encode(&stereo(rate), "a.wav", &["-c:a", "pcm_s16le"]);
        files.push((format!("WAV at {rate} Hz"), bytes, expected("wav")));
    }
    for rate in [88_200, 96_000, 192_000] {
        let bytes = encode(&stereo(rate), "a.flac", &["-c:a", "flac", "-sample_fmt", "s32"]);
        files.push((format!("FLAC at {rate} Hz"), bytes, expected("flac")));
    }
    let rates: [(u32, &str); 6] = [
        (11_025, "32k"),
        (12_000, "32k"),
        (16_000, "48k"),
        (24_000, "64k"),
        (32_000, "128k"),
        (48_000, "320k"),
    ];
    for (rate, bits) in rates {
        let bytes = encode(&stereo(rate), "a.mp3", &["-b:a", bits]);
        files.push((format!("mp3 at {rate} Hz"), bytes, expected("mp3")));
    }
    for rate in [8_000, 16_000, 22_050, 96_000] {
        let arguments = ["-c:a", "aac", "-b:a", "96k"];
        let bytes = encode(&stereo(rate), "a.m4a", &arguments);
        // The probe counts the priming samples, too.
        let length = if rate < 16_000 {
            Length::About
        } else {
            Length::Told
        };
        files.push((
            format!("AAC at {rate} Hz"),
            bytes,
            Expected {
                length,
                slack: 4,
                ..expected("mp4")
            },
        ));
    }
    let mono = Expected {
        tones: MONO,
        ..expected("wav")
    };
    let formats: [(&str, &str, &[&str]); 7] = [
        ("wav", "a.wav", &["-c:a", "pcm_u8"]),
        ("wav", "a.wav", &["-c:a", "pcm_f64le"]),
        ("mp3", "a.mp3", &["-b:a", "64k"]),
        ("flac", "a.flac", &["-c:a", "flac"]),
        ("ogg", "a.ogg", &["-c:a", "libvorbis"]),
        ("mp4", "a.m4a", &["-c:a", "aac"]),
        ("mp4", "a.m4a", &["-c:a", "alac"]),
    ];
    for (container, name, arguments) in formats {
        let bytes = encode(&one_tone(SECONDS, 44_100), name, arguments);
        files.push((
            format!("mono {arguments:?}"),
            bytes,
            Expected { container, ..mono },
        ));
    }
    check_all(files);
}
