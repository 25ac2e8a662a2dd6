//! Track strings of every source of lavaplayer and LavaSrc, made by an independent encoder (`vectors.json`), and what
//! becomes of them when they are damaged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lavalink_protocol::codec::{EncodedTrack, Layout};
use serde::Deserialize;

/// A track string and what it holds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    encoded: String,
    version: u8,
    title: String,
    author: String,
    length: i64,
    identifier: String,
    is_stream: bool,
    uri: Option<String>,
    artwork_url: Option<String>,
    isrc: Option<String>,
    source_name: String,
    /// Hexadecimal.
    details: String,
    position: i64,
}

impl Vector {
    fn track(&self) -> EncodedTrack {
        let digits = self.details.as_bytes().chunks(2);
        let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
        EncodedTrack {
            version: self.version,
            title: self.title.clone(),
            author: self.author.clone(),
            length: self.length,
            identifier: self.identifier.clone(),
            is_stream: self.is_stream,
            uri: self.uri.clone(),
            artwork_url: self.artwork_url.clone(),
            isrc: self.isrc.clone(),
            source_name: self.source_name.clone(),
            details: bytes.collect(),
            position: self.position,
        }
    }
}

fn vectors() -> Vec<Vector> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_tracks_of_an_independent_encoder_are_read_and_written_alike() {
    let mut unknown = 0;
    for vector in vectors() {
        let track =
            EncodedTrack::decode(&vector.encoded).unwrap_or_else(|error| panic!("{vector:?}: {error}"));
        assert_eq!(track, vector.track());
        if vector.version == 3 {
            assert_eq!(track.encode().unwrap(), vector.encoded, "{vector:?}");
        }
        unknown += usize::from(Layout::of(&vector.source_name).is_none());
    }
    assert_eq!(unknown, 3);
}

#[test]
fn a_position_written_later_leaves_the_details_alone() {
    for vector in vectors() {
        let mut track = vector.track();
        track.position = 61_001;
        let again = EncodedTrack::decode(&track.encode().unwrap()).unwrap();
        assert_eq!((again.position, again.details), (61_001, track.details));
    }
}

/// xorshift64*: the same damage in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end.max(1)
    }

    /// Damages a message: flips, cuts, doubles, or fills with bytes that lengths and flags are made of.
    fn damage(&mut self, message: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(message.len());
            let end = at + self.below(message.len() - at);
            match self.below(5) {
                0 => message[at] ^= 1 << self.below(8),
                1 => message[at] = [0, 1, 0x7F, 0x80, 0xC0, 0xED, 0xF0, 0xFF][self.below(8)],
                2 => drop(message.drain(at..end)),
                3 => message.extend_from_within(at..end),
                _ => {
                    let part = message[at..end].to_vec();
                    drop(message.splice(at..at, part));
                }
            }
            if message.len() < 8 {
                message.resize(8, 0);
            }
        }
        // Most damaged messages announce their true size; otherwise few would be read beyond it.
        if self.below(8) > 0 {
            let size = u32::try_from(message.len() - 4).unwrap();
            let flags = u32::from(message[0]) << 24 & 0xC000_0000;
            message[..4].copy_from_slice(&(flags | size).to_be_bytes());
        }
    }
}

#[test]
fn damaged_tracks_are_refused_or_read_as_something_that_can_be_written() {
    let corpus: Vec<Vec<u8>> = vectors()
        .iter()
        .map(|vector| STANDARD.decode(&vector.encoded).unwrap())
        .collect();
    let mut chance = Chance(0x1A_7A_11);
    let mut read = 0;
    const RUNS: usize = 20_000;
    for run in 0..RUNS {
        let mut message = corpus[run % corpus.len()].clone();
        chance.damage(&mut message);
        let text = STANDARD.encode(&message);
        match EncodedTrack::decode(&text) {
            Ok(track) => {
                read += 1;
                let again = EncodedTrack::decode(&track.encode().unwrap()).unwrap();
                assert_eq!(again, EncodedTrack { version: 3, ..track }, "{text}");
            }
            Err(error) => assert!(!error.java_message().is_empty(), "{text}: {error}"),
        }
    }
    // Both ways out are taken often, or the damage is of the wrong kind.
    assert!((RUNS / 20..RUNS - RUNS / 20).contains(&read), "{read} of {RUNS}");
}
