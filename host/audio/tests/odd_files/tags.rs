//! Tags and pictures before, behind and among the audio.

use super::support::encode;
use super::{Expected, Length, check_all, expected, stereo};

/// An ID3v2.3 tag with a title and a picture of `picture` bytes.
fn id3(picture: usize) -> Vec<u8> {
    let frame = |name: &[u8], body: &[u8]| [name, &(body.len() as u32).to_be_bytes(), &[0, 0], body].concat();
    let mut image = b"\0image/jpeg\0\x03\0".to_vec();
    // Bytes that look like headers of frames.
    image.extend(
        [0xff, 0xfb, 0x90, 0x64, 0xff, 0xf1, 0x50, 0x80]
            .iter()
            .cycle()
            .take(picture),
    );
    let frames = [frame(b"TIT2", b"\0A title"), frame(b"APIC", &image)].concat();
    let size = frames.len() as u32;
    let syncsafe = [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8);
    [b"ID3\x03\0\0", syncsafe.as_slice(), &frames].concat()
}

/// An APEv2 tag with a picture, then an ID3v1 tag.
fn trailing_tags() -> Vec<u8> {
    let value = [0xff, 0xfb, 0x90, 0x64].repeat(20_000);
    let mut item = (value.len() as u32).to_le_bytes().to_vec();
    item.extend(b"\x02\0\0\0Cover Art (Front)\0");
    item.extend(value);
    let edge = |flags: u32| {
        let size = (item.len() as u32 + 32).to_le_bytes();
        [
            b"APETAGEX".as_slice(),
            &2_000_u32.to_le_bytes(),
            &size,
            &1_u32.to_le_bytes(),
            &flags.to_le_bytes(),
            &[0; 8],
        ]
        .concat()
    };
    let mut id3v1 = b"TAGAnother title".to_vec();
    id3v1.resize(128, 0);
    [edge(0xa000_0000), item.clone(), edge(0x8000_0000), id3v1].concat()
}

#[test]
fn tags_and_pictures_in_the_way() {
    let mp3 = encode(&stereo(44_100), "a.mp3", &["-b:a", "128k", "-id3v2_version", "0"]);
    let bare = encode(
        &stereo(44_100),
        "a.mp3",
        &["-b:a", "128k", "-id3v2_version", "0", "-write_xing", "0"],
    );
    let variable = ["-q:a", "4", "-id3v2_version", "0", "-write_xing", "0"];
    let variable = encode(&stereo(44_100), "a.mp3", &variable);
    let flac = encode(&stereo(44_100), "a.flac", &["-c:a", "flac"]);
    let adts = encode(&stereo(44_100), "a.aac", &["-c:a", "aac", "-b:a", "128k"]);
    let picture = 5 * 1024 * 1024;
    // Without a header nobody tells of the encoder's delay.
    let loose = Expected {
        slack: 4,
        ..expected("mp3")
    };
    let mut files = vec![
        (
            "mp3 with a large picture".to_owned(),
            [id3(picture), mp3.clone()].concat(),
            expected("mp3"),
        ),
        (
            "mp3 with two tags".to_owned(),
            [id3(100), id3(9_000), mp3.clone()].concat(),
            expected("mp3"),
        ),
        (
            "mp3 with tags at its end".to_owned(),
            [mp3.clone(), trailing_tags()].concat(),
            expected("mp3"),
        ),
        (
            "mp3 with tags all over".to_owned(),
            [id3(picture), mp3, trailing_tags()].concat(),
            expected("mp3"),
        ),
        ("mp3 without a header".to_owned(), bare.clone(), loose),
        (
            "mp3 of variable bitrate without a header".to_owned(),
            variable,
            loose,
        ),
        (
            "mp3 behind bytes of something else".to_owned(),
            [vec![0x5a; 700], bare].concat(),
            loose,
        ),
        (
            "AAC behind a small tag".to_owned(),
            [id3(100), adts.clone()].concat(),
            Expected {
                slack: 4,
                ..expected("adts")
            },
        ),
        (
            "AAC behind a large tag".to_owned(),
            [id3(60_000), adts].concat(),
            Expected {
                slack: 4,
                ..expected("adts")
            },
        ),
        (
            "FLAC behind a small tag".to_owned(),
            [id3(100), flac.clone()].concat(),
            expected("flac"),
        ),
        (
            "FLAC behind a large tag".to_owned(),
            [id3(60_000), flac.clone()].concat(),
            expected("flac"),
        ),
    ];
    // The first metadata block is always the one about the stream: 4 + 34 bytes behind the marker.
    let mut block = 3_u32.to_be_bytes().to_vec();
    block.extend(b"\0\0\0\x0aimage/jpeg\0\0\0\0");
    block.extend([0; 16]);
    block.extend((picture as u32).to_be_bytes());
    block.extend([0xff, 0xf8, 0xc9, 0x18].iter().cycle().take(picture));
    let mut header = (block.len() as u32).to_be_bytes();
    header[0] = 6;
    let pictured = [&flac[..42], &header, &block, &flac[42..]].concat();
    files.push(("FLAC with a large picture".to_owned(), pictured, expected("flac")));
    let mut endless = flac;
    endless[8 + 13] &= 0xf0;
    endless[8 + 14..8 + 18].fill(0);
    let unknown = Expected {
        length: Length::Zero,
        ..expected("flac")
    };
    files.push(("FLAC that does not know its length".to_owned(), endless, unknown));
    check_all(files);
}
