//! Matroska with several frames in one block, which ffmpeg reads but does not write.

use std::time::Duration;

use super::support::encode;
use super::{Expected, check_all, expected, stereo};

/// Bytes of an mp3 frame of 128 kbit/s at 48 kHz, which is 24 ms long.
const FRAME: usize = 384;
const FRAMES_IN_BLOCK: usize = 5;
const BLOCKS_IN_CLUSTER: usize = 4;

/// An element (RFC 8794): its id, eight bytes of length, and its content.
fn element(id: u32, content: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let first = id.iter().position(|&byte| byte != 0).expect("an id");
    let length = (content.len() as u64 | 1 << 56).to_be_bytes();
    [&id[first..], &length, content].concat()
}

/// How the frames of a block are told apart (RFC 9559, section 10.3): the flags and the sizes.
const LACINGS: [(&str, u8, &[u8]); 3] = [
    ("Xiph", 0x02, &[0xff, 0x81, 0xff, 0x81, 0xff, 0x81, 0xff, 0x81]),
    ("fixed", 0x04, &[]),
    ("EBML", 0x06, &[0x41, 0x80, 0xbf, 0xbf, 0xbf]),
];

/// `delay_ns`: how long the encoder's delay is said to be.
fn matroska(frames: &[&[u8]], flags: u8, sizes: &[u8], delay_ns: u32) -> Vec<u8> {
    let audio = [element(0xb5, &48_000_f64.to_be_bytes()), element(0x9f, &[2])];
    let track = [
        element(0xd7, &[1]),
        element(0x73c5, &[1]),
        element(0x83, &[2]),
        element(0x86, b"A_MPEG/L3"),
        element(0x23_e383, &24_000_000_u32.to_be_bytes()),
        element(0x56aa, &delay_ns.to_be_bytes()),
        element(0xe1, &audio.concat()),
    ];
    let info = [
        element(0x2a_d7b1, &1_000_000_u32.to_be_bytes()),
        element(0x4489, &2_500_f64.to_be_bytes()),
        element(0x4d80, b"a muxer"),
        element(0x5741, b"a program"),
    ];
    let mut segment = element(0x1549_a966, &info.concat());
    segment.extend(element(0x1654_ae6b, &element(0xae, &track.concat())));
    let blocks: Vec<&[&[u8]]> = frames.chunks_exact(FRAMES_IN_BLOCK).collect();
    for (number, blocks) in blocks.chunks(BLOCKS_IN_CLUSTER).enumerate() {
        let millis = (number * BLOCKS_IN_CLUSTER * FRAMES_IN_BLOCK * 24) as u32;
        let mut cluster = element(0xe7, &millis.to_be_bytes());
        for (number, block) in blocks.iter().enumerate() {
            let [high, low] = ((number * FRAMES_IN_BLOCK * 24) as u16).to_be_bytes();
            let head = [0x81, high, low, 0x80 | flags, FRAMES_IN_BLOCK as u8 - 1];
            cluster.extend(element(0xa3, &[&head, sizes, &block.concat()].concat()));
        }
        segment.extend(element(0x1f43_b675, &cluster));
    }
    let head = element(0x1a45_dfa3, &element(0x4282, b"matroska"));
    [head, element(0x1853_8067, &segment)].concat()
}

#[test]
fn several_frames_in_a_block() {
    let arguments = ["-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0"];
    let mp3 = encode(&stereo(48_000), "a.mp3", &arguments);
    let frames: Vec<&[u8]> = mp3.chunks_exact(FRAME).collect();
    let files = LACINGS.map(|(name, flags, sizes)| {
        let expected = Expected {
            slack: 6,
            ..expected("matroska/webm")
        };
        (name.to_owned(), matroska(&frames, flags, sizes, 0), expected)
    });
    check_all(files.into());
    let (_, flags, sizes) = LACINGS[0];
    let [all, less] = [0, 24_000_000].map(|delay_ns| {
        let file = matroska(&frames, flags, sizes, delay_ns);
        super::frames(&file, Duration::ZERO).expect("plays").len()
    });
    assert_eq!(less, all - 1, "24 ms are cut");
}
