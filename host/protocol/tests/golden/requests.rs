//! Request bodies.

use lavalink_protocol::filters::{Filters, Timescale};
use lavalink_protocol::json::{JsonObject, ParseErrorKind};
use lavalink_protocol::route_planner::FreeAddress;
use lavalink_protocol::update::{
    Omissible::{self, Omitted, Present},
    PlayerUpdate, SessionUpdate, TrackRequest, TrackUpdate, VoiceUpdate, parse_string_array,
};

use proptest::prelude::*;

use crate::{assert_complete, names, payload};

const SONG: &str = "QAAArAMADEV4YW1wbGUgU29uZwAORXhhbXBsZSBBcnRpc3QAAAAAAALK2AALYUJjRGVGZ0hpSmsAAQAraHR0cHM6Ly93d3cueW91\
                    dHViZS5jb20vd2F0Y2g/dj1hQmNEZUZnSGlKawEANGh0dHBzOi8vaS55dGltZy5jb20vdmkvYUJjRGVGZ0hpSmsvbWF4cmVzZGVm\
                    YXVsdC5qcGcAAAd5b3V0dWJlAAAAAAAAAAA=";

fn parse(body: &str) -> PlayerUpdate {
    PlayerUpdate::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn with_track(track: TrackUpdate) -> PlayerUpdate {
    PlayerUpdate {
        track: Present(track),
        ..PlayerUpdate::default()
    }
}

fn with_filters(filters: Filters) -> PlayerUpdate {
    PlayerUpdate {
        filters: Present(filters),
        ..PlayerUpdate::default()
    }
}

#[test]
fn player_updates_parse_to_their_values() {
    let identifier = "https://www.youtube.com/watch?v=aBcDeFgHiJk";
    let user_data = |text| Present(JsonObject::parse(text).unwrap());
    let encoded = || Present(Some(SONG.to_owned()));
    let voice = VoiceUpdate {
        token: "tok".into(),
        endpoint: "rotterdam1234.discord.media:443".into(),
        session_id: "0123456789abcdef0123456789abcdef".into(),
        channel_id: Some("281904327543816192".into()),
    };
    let timescale = Some(Timescale {
        speed: 1.25,
        ..Timescale::default()
    });
    let mut null_member = Filters {
        timescale,
        ..Filters::default()
    };
    null_member
        .nulls
        .set(lavalink_protocol::filters::FilterName::Karaoke, true);
    let play = TrackUpdate {
        encoded: encoded(),
        user_data: user_data(r#"{"requester":"1"}"#),
        ..Default::default()
    };
    let cases = [
        (
            "req-player-voice.json",
            PlayerUpdate {
                voice: Present(voice),
                ..Default::default()
            },
        ),
        (
            "req-player-play.json",
            PlayerUpdate {
                position: Present(30_000),
                end_time: Present(Some(60_000)),
                volume: Present(100),
                paused: Present(false),
                ..with_track(play)
            },
        ),
        (
            "req-player-play-identifier.json",
            with_track(TrackUpdate {
                identifier: Present(identifier.into()),
                ..Default::default()
            }),
        ),
        (
            "req-player-play-deprecated.json",
            PlayerUpdate {
                encoded_track: encoded(),
                ..Default::default()
            },
        ),
        (
            "req-player-stop.json",
            with_track(TrackUpdate {
                encoded: Present(None),
                ..Default::default()
            }),
        ),
        (
            "req-player-stop-deprecated.json",
            PlayerUpdate {
                encoded_track: Present(None),
                ..Default::default()
            },
        ),
        (
            "req-player-userdata.json",
            with_track(TrackUpdate {
                user_data: user_data(r#"{"a":1}"#),
                ..Default::default()
            }),
        ),
        ("req-player-filters-clear.json", with_filters(Filters::default())),
        ("req-player-filters-null-member.json", with_filters(null_member)),
        (
            "req-player-lenient-numbers.json",
            PlayerUpdate {
                volume: Present(50),
                position: Present(1000),
                paused: Present(true),
                ..with_filters(Filters {
                    volume: Some(0.5),
                    ..Filters::default()
                })
            },
        ),
    ];
    for (name, expected) in &cases {
        assert_eq!(&parse(&payload(name)), expected, "{name}");
    }
    assert_complete(cases.iter().map(|(name, _)| *name), &["req-player"]);
}

#[test]
fn other_requests_parse_to_their_values() {
    assert_eq!(
        SessionUpdate::parse(payload("req-session.json").as_bytes()).unwrap(),
        SessionUpdate {
            resuming: Present(true),
            timeout: Present(60)
        }
    );
    assert_eq!(
        FreeAddress::parse(payload("req-routeplanner-free.json").as_bytes())
            .unwrap()
            .address,
        "1.0.0.1"
    );
    let body = payload("req-decodetracks.json");
    let tracks = parse_string_array(body.as_bytes()).unwrap();
    assert_eq!((tracks.len(), &*tracks[0]), (2, SONG));
}

#[test]
fn track_requests_merge_the_deprecated_members() {
    let request = |body: &str| match parse(body).track_request() {
        Some(TrackRequest::Encoded(text)) => format!("encoded {text}"),
        Some(TrackRequest::Identifier(text)) => format!("identifier {text}"),
        Some(TrackRequest::Stop) => "stop".to_owned(),
        None => "none".to_owned(),
    };
    assert_eq!(request(r#"{"encodedTrack":"a"}"#), "encoded a");
    assert_eq!(request(r#"{"identifier":"b"}"#), "identifier b");
    assert_eq!(request(r#"{"track":{"encoded":null}}"#), "stop");
    assert_eq!(
        request(r#"{"track":{"identifier":"c","userData":{}}}"#),
        "identifier c"
    );
    assert_eq!(request(r#"{"track":{"userData":{}}}"#), "none");
    assert_eq!(request(r#"{"track":{}}"#), "none");
    assert_eq!(request("{}"), "none");
}

#[test]
fn checks_run_in_the_order_of_the_server() {
    let check = |body: &str| {
        parse(body)
            .check(|name| name == "echo")
            .map_err(|conflict| conflict.to_string())
    };
    assert_eq!(
        check(r#"{"track":{},"voice":{"token":"a","endpoint":"b","sessionId":"c","channelId":"d"}}"#),
        Ok(())
    );
    assert_eq!(check(r#"{"endTime":null,"filters":{"volume":1}}"#), Ok(()));
    let everything_wrong = r#"{"endTime":-1,"voice":{"token":"","endpoint":"","sessionId":"","channelId":null},
        "filters":{"pluginFilters":{"echo":null}},"encodedTrack":null,"identifier":"x"#;
    assert!(
        check(&format!("{everything_wrong}\",\"track\":{{}}}}"))
            .unwrap_err()
            .contains("both track and")
    );
    assert!(
        check(&format!("{everything_wrong}\"}}"))
            .unwrap_err()
            .contains("both encodedTrack and")
    );
    let without_identifier = everything_wrong.replace(",\"identifier\":\"x", "}");
    assert_eq!(
        check(&without_identifier).unwrap_err(),
        "Following filters are disabled in the config: echo"
    );
    let allowed = without_identifier.replace("echo", "other");
    assert!(check(&allowed).unwrap_err().starts_with("token, endpoint"));
}

#[test]
fn lenient_forms_are_taken() {
    assert_eq!(parse(" { } \n"), PlayerUpdate::default());
    assert_eq!(parse(r#"{"volume":1e3}"#).volume, Present(1000));
    assert_eq!(parse(r#"{"volume":"-5"}"#).volume, Present(-5));
    assert_eq!(parse(r#"{"position":"1e2"}"#).position, Present(100));
    assert_eq!(parse(r#"{"paused":TRUE}"#).paused, Present(true));
    assert_eq!(parse(r#"{"volume":1,"volume":2}"#).volume, Present(2));
    assert_eq!(parse(r#"{"endTime":null}"#).end_time, Present(None));
    assert_eq!(parse("{}").end_time, Omitted);
    let unknown =
        r#"{"x":{"volume":[1,{"a":null}],"b":"}"},"volume":3,"track":{"y":[]},"filters":{"z":1.5}}"#;
    assert_eq!(parse(unknown).volume, Present(3));
    let lone_surrogate = parse(r#"{"track":{"userData":{"t":"cut \ud83c"}}}"#);
    assert_eq!(
        lone_surrogate.user_data().unwrap().as_str(),
        "{\"t\":\"cut \u{fffd}\"}"
    );
}

#[test]
fn undecodable_bodies_are_errors() {
    let bodies = [
        "",
        " ",
        "null",
        "[]",
        "{",
        "{}{}",
        "{} x",
        r#"{"volume":1,}"#,
        r#"{'volume':1}"#,
        r#"{volume:1}"#,
        r#"{"volume":1} // no"#,
        r#"{"volume":12.5}"#,
        r#"{"volume":2147483648}"#,
        r#"{"volume":null}"#,
        r#"{"volume":true}"#,
        r#"{"position":9223372036854775808}"#,
        r#"{"position":null}"#,
        r#"{"paused":1}"#,
        r#"{"paused":null}"#,
        r#"{"filters":null}"#,
        r#"{"filters":{"volume":null}}"#,
        r#"{"filters":{"volume":"NaN"}}"#,
        r#"{"filters":{"volume":1e39}}"#,
        r#"{"filters":{"equalizer":null}}"#,
        r#"{"filters":{"equalizer":[{"gain":1}]}}"#,
        r#"{"filters":{"equalizer":[{"band":1.5}]}}"#,
        r#"{"filters":{"karaoke":{"level":null}}}"#,
        r#"{"filters":{"pluginFilters":null}}"#,
        r#"{"filters":{"pluginFilters":[]}}"#,
        r#"{"identifier":null}"#,
        r#"{"identifier":5}"#,
        r#"{"encodedTrack":abc}"#,
        r#"{"track":null}"#,
        r#"{"track":{"identifier":null}}"#,
        r#"{"track":{"userData":null}}"#,
        r#"{"track":{"userData":[]}}"#,
        r#"{"track":{"userData":{"a":TRUE}}}"#,
        r#"{"voice":null}"#,
        r#"{"voice":{"token":"a","endpoint":"b","sessionId":"c"}}"#,
        r#"{"voice":{"token":null,"endpoint":"b","sessionId":"c","channelId":"d"}}"#,
        r#"{"voice":{"token":"a","endpoint":"b","sessionId":"c","channelId":123}}"#,
    ];
    for body in bodies {
        assert!(PlayerUpdate::parse(body.as_bytes()).is_err(), "{body}");
    }
    for body in [
        r#"{"timeout":null}"#,
        r#"{"resuming":null}"#,
        r#"{"timeout":1.5}"#,
        "{\"resuming\":\"\"}",
    ] {
        assert!(SessionUpdate::parse(body.as_bytes()).is_err(), "{body}");
    }
    for body in [
        "{}",
        "null",
        "[1]",
        "[null]",
        "[\"a\",]",
        "[\"a\"]]",
        "[\"a\" \"b\"]",
        "",
    ] {
        assert!(parse_string_array(body.as_bytes()).is_err(), "{body}");
    }
    assert!(FreeAddress::parse(b"{}").is_err());
    assert!(FreeAddress::parse(br#"{"address":null}"#).is_err());
}

#[test]
fn errors_name_the_place_but_never_the_token() {
    let body = br#"{"voice":{"token":"hush","endpoint":"b","sessionId":"c"}}"#;
    let error = PlayerUpdate::parse(body).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::Missing("channelId"));
    assert_eq!(
        error.to_string(),
        "request body, byte 56: member 'channelId' is required; add it"
    );
    let error = PlayerUpdate::parse(br#"{"voice":{"token":hush}}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "request body, byte 18: expected a string in double quotes"
    );
}

#[test]
fn voice_needs_text_in_all_four_members() {
    let voice = |token: &str, endpoint: &str, session_id: &str, channel_id: Option<&str>| {
        let (token, endpoint, session_id) = (token.into(), endpoint.into(), session_id.into());
        VoiceUpdate {
            token,
            endpoint,
            session_id,
            channel_id: channel_id.map(str::to_owned),
        }
        .is_complete()
    };
    assert!(voice("a", "b", "c", Some("d")));
    assert!(!voice("", "b", "c", Some("d")));
    assert!(!voice("a", " ", "c", Some("d")));
    assert!(!voice("a", "b", "\t", Some("d")));
    assert!(!voice("a", "b", "c", Some("")));
    assert!(!voice("a", "b", "c", None));
}

#[test]
fn empty_array_of_strings_is_no_error_here() {
    assert!(parse_string_array(b"[]").unwrap().is_empty());
    assert_eq!(
        parse_string_array(br#" [ "a" , "\u0062" ] "#).unwrap(),
        ["a", "b"]
    );
}

#[test]
fn omissible_tells_null_from_absent() {
    let omitted: Omissible<i32> = Omitted;
    assert_eq!((omitted.into_option(), omitted.is_present()), (None, false));
    assert_eq!(
        (Present(1).into_option(), Present(1).is_present()),
        (Some(1), true)
    );
}

proptest! {
    #[test]
    fn changed_bodies_never_panic(which: prop::sample::Index, at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let name = which.get(&Vec::from_iter(names(&["req-"]))).clone();
        let mut body = payload(&name).into_bytes();
        *at.get_mut(&mut body) = byte;
        let body = &body[..=cut.index(body.len())];
        let errors = [
            PlayerUpdate::parse(body).err(),
            SessionUpdate::parse(body).err(),
            FreeAddress::parse(body).err(),
            parse_string_array(body).err(),
        ];
        prop_assert!(errors.iter().flatten().all(|error| error.offset <= body.len()));
    }

    #[test]
    fn any_string_array_is_read_as_serde_json_reads_it(strings in prop::collection::vec(any::<String>(), 0..8)) {
        let body = serde_json::to_vec(&strings).unwrap();
        prop_assert_eq!(parse_string_array(&body).unwrap(), strings);
    }
}
