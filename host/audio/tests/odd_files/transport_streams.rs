//! MPEG transport streams: packets of every size, cut ones, and audio that is not played.

use super::support::encode;
use super::{Expected, Length, check_all, expected, refused, stereo};

#[test]
fn transport_streams_of_all_kinds() {
    let aac: &[&str] = &["-c:a", "aac", "-b:a", "128k", "-f", "mpegts"];
    let made = |rest: &[&str]| encode(&stereo(44_100), "a.ts", &[aac, rest].concat());
    let plain = made(&[]);
    let loose = Expected {
        length: Length::None,
        seeks: false,
        slack: 4,
        ..expected("mpegts-adts")
    };
    let layer3 = ["-c:a", "libmp3lame", "-b:a", "128k", "-f", "mpegts"];
    // The tables come again every 100 ms.
    let cut = plain[188 * 3 + 57..].to_vec();
    // As cameras and discs have them; ffmpeg calls AAC private data when it writes such files itself.
    let stamped = plain
        .chunks_exact(188)
        .flat_map(|packet| [&[0x47, 0, 1, 2], packet].concat())
        .collect();
    let cut_loose = Expected { slack: 12, ..loose };
    check_all(vec![
        ("bare".to_owned(), plain, loose),
        ("time-stamped".to_owned(), stamped, loose),
        ("cut in front".to_owned(), cut, cut_loose),
        ("mp3".to_owned(), encode(&stereo(44_100), "a.ts", &layer3), loose),
    ]);
    for (arguments, named) in [
        (
            &["-c:a", "aac", "-f", "mpegts", "-mpegts_flags", "latm"] as &[&str],
            "LATM",
        ),
        (&["-c:a", "ac3", "-f", "mpegts"], "AC-3"),
        (&["-c:a", "libopus", "-f", "mpegts"], "no ADTS or MPEG audio"),
    ] {
        let error = refused(&encode(&stereo(48_000), "a.ts", arguments));
        assert_eq!(
            error.to_string(),
            "No supported audio tracks present in the file."
        );
        assert!(
            error.cause().is_some_and(|cause| cause.contains(named)),
            "{:?}",
            error.cause()
        );
    }
}
