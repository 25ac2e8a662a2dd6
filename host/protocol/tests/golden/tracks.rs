//! Track strings: the worked examples, those in the payloads, bad input, and random input.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lavalink_protocol::codec::{DecodeError, EncodeError, EncodedTrack};
use lavalink_protocol::track::TrackInfo;
use proptest::prelude::*;
use serde_json::Value;

use crate::{names, payload};

const VERSION_2: &str = "QAAAjQIAJVJpY2sgQXN0bGV5IC0gTmV2ZXIgR29ubmEgR2l2ZSBZb3UgVXAADlJpY2tBc3RsZXlWRVZPAAAAAAADPCAAC2RRdz\
                         R3OVdnWGNRAAEAK2h0dHBzOi8vd3d3LnlvdXR1YmUuY29tL3dhdGNoP3Y9ZFF3NHc5V2dYY1EAB3lvdXR1YmUAAAAAAAAAAA==";
const VERSION_3: &str = "QAAAzgMAMUJsZWVkIEl0IE91dCBbT2ZmaWNpYWwgTXVzaWMgVmlkZW9dIC0gTGlua2luIFBhcmsAC0xpbmtpbiBQYXJrAAAAAA\
                         AClCgAC09udXVZY3FoekNFAAEAK2h0dHBzOi8vd3d3LnlvdXR1YmUuY29tL3dhdGNoP3Y9T251dVljcWh6Q0UBADRodHRwczov\
                         L2kueXRpbWcuY29tL3ZpL09udXVZY3FoekNFL21heHJlc2RlZmF1bHQuanBnAAAHeW91dHViZQAAAAAAAAAA";
const HLS_STREAM: &str = "QAAAiQMAD0NhZsOpIO2gvO2+tcCAIQAOVW5rbm93biBhcnRpc3R//////////wAdaHR0cHM6Ly9leGFtcGxlLm9yZy9saXZl\
                          Lm0zdTgBAQAdaHR0cHM6Ly9leGFtcGxlLm9yZy9saXZlLm0zdTgAAAAEaHR0cAANbTN1fGhscy1vdXRlcgAAAAAAAAAA";
const LOCAL_FILE: &str = "QAAAZwMABHNvbmcAAm1lAAAAAAAA//8AEC9tdXNpYy9zb25nLndlYm0AAQAQL211c2ljL3Nvbmcud2VibQABAAxHQkFZRTA2\
                          MDE0OTgABWxvY2FsAA1tYXRyb3NrYS93ZWJtAAAAAAAAMDk=";
const VERSION_1: &str = "AAAAJAABVAABQQAAAAAAAAPoAAJpZAAAB3lvdXR1YmUAAAAAAAAAAA==";

fn decode(text: &str) -> EncodedTrack {
    EncodedTrack::decode(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn message_of(text: &str) -> String {
    EncodedTrack::decode(text).unwrap_err().java_message()
}

fn track() -> EncodedTrack {
    EncodedTrack {
        version: 3,
        title: "T".into(),
        source_name: "s".into(),
        ..EncodedTrack::default()
    }
}

#[test]
fn worked_example_version_2() {
    let track = decode(VERSION_2);
    let expected = EncodedTrack {
        version: 2,
        title: "Rick Astley - Never Gonna Give You Up".into(),
        author: "RickAstleyVEVO".into(),
        length: 212_000,
        identifier: "dQw4w9WgXcQ".into(),
        uri: Some("https://www.youtube.com/watch?v=dQw4w9WgXcQ".into()),
        source_name: "youtube".into(),
        ..EncodedTrack::default()
    };
    assert_eq!(track, expected);
    assert_eq!(
        decode(&track.encode().unwrap()),
        EncodedTrack {
            version: 3,
            ..expected
        }
    );
}

#[test]
fn worked_example_version_3() {
    let track = decode(VERSION_3);
    assert_eq!((track.version, track.length), (3, 169_000));
    assert_eq!(track.title, "Bleed It Out [Official Music Video] - Linkin Park");
    assert_eq!(
        track.artwork_url.as_deref(),
        Some("https://i.ytimg.com/vi/OnuuYcqhzCE/maxresdefault.jpg")
    );
    assert_eq!(track.isrc, None);
    assert_eq!(track.encode().unwrap(), VERSION_3);
}

#[test]
fn worked_example_stream_with_modified_utf8() {
    let track = decode(HLS_STREAM);
    assert_eq!(track.title, "Café 🎵\0!");
    assert!(track.is_stream);
    assert_eq!(track.length, EncodedTrack::UNKNOWN_LENGTH);
    assert_eq!(
        (track.source_name.as_str(), track.details.as_slice()),
        ("http", b"\0\x0dm3u|hls-outer".as_slice())
    );
    assert_eq!(track.encode().unwrap(), HLS_STREAM);
}

#[test]
fn worked_example_local_file() {
    let track = decode(LOCAL_FILE);
    assert_eq!(track.isrc.as_deref(), Some("GBAYE0601498"));
    assert_eq!(
        (track.details.as_slice(), track.position),
        (b"\0\x0dmatroska/webm".as_slice(), 12_345)
    );
    assert_eq!(track.encode().unwrap(), LOCAL_FILE);
}

#[test]
fn worked_example_version_1() {
    let track = decode(VERSION_1);
    let expected = EncodedTrack {
        version: 1,
        title: "T".into(),
        author: "A".into(),
        length: 1000,
        identifier: "id".into(),
        source_name: "youtube".into(),
        ..EncodedTrack::default()
    };
    assert_eq!(track, expected);
}

/// Calls `check` with every object in `value` that has a member `encoded`.
fn each_track(value: &Value, check: &mut impl FnMut(&str, TrackInfo)) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(encoded)) = members.get("encoded") {
                check(encoded, serde_json::from_value(members["info"].clone()).unwrap());
            }
            members.values().for_each(|member| each_track(member, check));
        }
        Value::Array(elements) => elements.iter().for_each(|element| each_track(element, check)),
        _ => {}
    }
}

#[test]
fn every_track_of_the_payloads_decodes_to_its_info_and_back() {
    let mut count = 0;
    let names = names(&["rest-", "ws-"]);
    for name in names.into_iter().filter(|name| name.ends_with(".json")) {
        let value = serde_json::from_str(&payload(&name)).unwrap();
        each_track(&value, &mut |encoded, info| {
            let track = decode(encoded);
            if track.version == 3 {
                assert_eq!(track.encode().unwrap(), encoded, "{name}");
            }
            assert_eq!(TrackInfo::from(track), info, "{name}");
            count += 1;
        });
    }
    assert_eq!(count, 24);
}

#[test]
fn missing_padding_and_bytes_after_the_body_are_accepted() {
    assert_eq!(decode(VERSION_1.trim_end_matches('=')), decode(VERSION_1));
    let mut longer = STANDARD.decode(VERSION_3).unwrap();
    longer.extend_from_slice(b"junk");
    assert_eq!(decode(&STANDARD.encode(longer)), decode(VERSION_3));
}

#[test]
fn later_versions_are_read_like_3_and_version_0_like_1() {
    let mut bytes = STANDARD.decode(VERSION_3).unwrap();
    bytes[4] = 200;
    assert_eq!(
        decode(&STANDARD.encode(&bytes)),
        EncodedTrack {
            version: 200,
            ..decode(VERSION_3)
        }
    );
    let mut bytes = STANDARD.decode(VERSION_1).unwrap();
    bytes.insert(4, 0);
    bytes[..4].copy_from_slice(&(1 << 30 | 0x25_u32).to_be_bytes());
    assert_eq!(
        decode(&STANDARD.encode(&bytes)),
        EncodedTrack {
            version: 0,
            ..decode(VERSION_1)
        }
    );
}

#[test]
fn bad_base64_has_the_texts_of_the_jdk() {
    let cases = [
        ("QAAA-", "Illegal base64 character 2d"),
        ("QAAA\n", "Illegal base64 character a"),
        ("QAA\u{e9}", "Illegal base64 character -17"),
        ("QA🎵A", "Illegal base64 character 3f"),
        ("A", "Input byte[] should at least have 2 bytes for base64 bytes"),
        ("=", "Input byte[] should at least have 2 bytes for base64 bytes"),
        ("QAAAA", "Last unit does not have enough valid bits"),
        ("QAAAA=", "Last unit does not have enough valid bits"),
        ("QAAAA==-", "Last unit does not have enough valid bits"),
        ("====", "Input byte array has wrong 4-byte ending unit"),
        ("QAAA=", "Input byte array has wrong 4-byte ending unit"),
        ("QA=", "Input byte array has wrong 4-byte ending unit"),
        ("QA=A", "Input byte array has wrong 4-byte ending unit"),
        ("QA==QAAA", "Input byte array has incorrect ending byte at 4"),
        ("QAA==", "Input byte array has incorrect ending byte at 4"),
        ("QAAAQAA=\n", "Input byte array has incorrect ending byte at 8"),
    ];
    for (text, message) in cases {
        let expected = format!("Request processing failed: java.lang.IllegalArgumentException: {message}");
        assert_eq!(message_of(text), expected, "{text}");
    }
}

#[test]
fn cut_off_data_has_no_message() {
    let whole = STANDARD.decode(LOCAL_FILE).unwrap();
    for length in 0..whole.len() {
        let text = STANDARD.encode(&whole[..length]);
        assert!(
            matches!(EncodedTrack::decode(&text), Err(DecodeError::EndOfData { .. })),
            "{length}"
        );
    }
    assert_eq!(message_of(""), "No message available");
    let mut too_large = STANDARD.decode(VERSION_3).unwrap();
    too_large[3] += 1;
    assert_eq!(message_of(&STANDARD.encode(too_large)), "No message available");
}

#[test]
fn empty_body_is_a_null_pointer() {
    let start = "Request processing failed: java.lang.NullPointerException: ";
    assert!(message_of("QAAAAA==").starts_with(start));
    assert!(message_of("AAAAAA==").starts_with(start));
}

#[test]
fn broken_text_has_the_message_of_the_jdk() {
    let with_title = |title: &[u8]| {
        let mut body = vec![3, 0, u8::try_from(title.len()).unwrap()];
        body.extend_from_slice(title);
        body.extend_from_slice(&[0; 64]);
        let mut bytes = (1 << 30 | u32::try_from(body.len()).unwrap())
            .to_be_bytes()
            .to_vec();
        bytes.extend_from_slice(&body);
        STANDARD.encode(bytes)
    };
    let cases: [(&[u8], &str); 8] = [
        (b"ab\x80", "malformed input around byte 2"),
        (b"\xC3A", "malformed input around byte 2"),
        (b"a\xC3", "malformed input: partial character at end"),
        (b"\xE2\x82", "malformed input: partial character at end"),
        (b"\xE2A\xAC", "malformed input around byte 2"),
        (b"\xE2\x82A", "malformed input around byte 2"),
        (b"a\xF0\x9F\x8E\xB5", "malformed input around byte 1"),
        (b"\xFF", "malformed input around byte 0"),
    ];
    for (title, message) in cases {
        assert_eq!(message_of(&with_title(title)), message, "{title:x?}");
    }
    let accepted: [(&[u8], &str); 5] = [
        (b"a\0b", "a\0b"),
        (b"\xC0\x80", "\0"),
        (b"\xC1\x81", "A"),
        (b"\xED\xA0\xBC!", "\u{fffd}!"),
        (b"\xED\xA0\xBC\xED\xBE\xB5", "🎵"),
    ];
    for (title, text) in accepted {
        assert_eq!(decode(&with_title(title)).title, text, "{title:x?}");
    }
}

#[test]
fn text_that_does_not_fit_is_refused() {
    let fits = EncodedTrack {
        title: "é".repeat(32_767) + "a",
        ..track()
    };
    assert_eq!(decode(&fits.encode().unwrap()), fits);
    let too_long = EncodedTrack {
        title: "é".repeat(32_768),
        ..track()
    };
    assert_eq!(
        too_long.encode(),
        Err(EncodeError::TextTooLong {
            field: "title",
            bytes: 65_536
        })
    );
    let grows = EncodedTrack {
        isrc: Some("🎵".repeat(16_000)),
        ..track()
    };
    assert_eq!(
        grows.encode(),
        Err(EncodeError::TextTooLong {
            field: "isrc",
            bytes: 96_000
        })
    );
}

/// Whether `java.util.Base64`, followed step by step, takes these bytes.
fn java_takes(bytes: &[u8]) -> bool {
    if bytes.len() == 1 {
        return false;
    }
    let (mut at, mut shift) = (0, 18);
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        if byte == b'=' {
            if shift == 18 {
                return false;
            }
            if shift == 6 {
                if bytes.get(at) != Some(&b'=') {
                    return false;
                }
                at += 1;
            }
            break;
        }
        if !(byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/') {
            return false;
        }
        shift = if shift == 0 { 18 } else { shift - 6 };
    }
    shift != 12 && at == bytes.len()
}

prop_compose! {
    fn any_track()(
        title in ".{0,40}", author in ".{0,20}", length: i64, identifier in "\\PC{0,40}", is_stream: bool,
        uri in proptest::option::of(".{0,40}"), artwork_url in proptest::option::of("[ -~]{0,40}"),
        isrc in proptest::option::of("[\0-\u{10FFFF}]{0,12}"), source_name in "[a-z.]{0,12}",
        details in proptest::collection::vec(any::<u8>(), 0..40), position: i64,
    ) -> EncodedTrack {
        EncodedTrack {
            version: 3, title, author, length, identifier, is_stream, uri, artwork_url, isrc, source_name, details, position,
        }
    }
}

proptest! {
    #[test]
    fn encoding_round_trips(track in any_track()) {
        let text = track.encode().unwrap();
        let decoded = EncodedTrack::decode(&text).unwrap();
        prop_assert_eq!(decoded.encode().unwrap(), text);
        prop_assert_eq!(decoded, track);
    }

    #[test]
    fn changed_bytes_never_panic(track in any_track(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = STANDARD.decode(track.encode().unwrap()).unwrap();
        *at.get_mut(&mut bytes) = byte;
        let length = cut.index(bytes.len() + 1);
        if let Err(error) = EncodedTrack::decode(&STANDARD.encode(&bytes[..length])) {
            prop_assert!(!error.java_message().is_empty());
        }
    }

    #[test]
    fn random_bodies_never_panic(body in proptest::collection::vec(any::<u8>(), 1..200), versioned: bool) {
        let mut bytes = (u32::from(versioned) << 30 | u32::try_from(body.len()).unwrap()).to_be_bytes().to_vec();
        bytes.extend_from_slice(&body);
        if let Ok(track) = EncodedTrack::decode(&STANDARD.encode(bytes)) {
            prop_assert!(track.encode().is_ok());
        }
    }

    #[test]
    fn base64_is_taken_exactly_when_java_takes_it(text in "[A-Ca+/=\\-é]{0,10}") {
        let latin1: Vec<u8> = text.chars().map(|character| character as u8).collect();
        let taken = !matches!(EncodedTrack::decode(&text), Err(DecodeError::Base64(_)));
        prop_assert_eq!(taken, java_takes(&latin1));
    }

    #[test]
    fn any_text_gives_a_result(text in any::<String>()) {
        if let Err(error) = EncodedTrack::decode(&text) {
            prop_assert!(!error.java_message().is_empty());
        }
    }
}
