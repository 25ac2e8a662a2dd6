//! Error bodies, each produced from the mistake that leads to it.

use lavalink_protocol::codec::{DecodeError, EncodedTrack};
use lavalink_protocol::error::ErrorBody;
use lavalink_protocol::filters::Filters;
use lavalink_protocol::json;
use lavalink_protocol::update::PlayerUpdate;

use crate::{assert_complete, names, payload};

/// The conflict in a request body when `volume` and `karaoke` are disabled.
fn conflict(body: &str) -> String {
    let update = PlayerUpdate::parse(body.as_bytes()).unwrap();
    update
        .check(|name| matches!(name, "volume" | "karaoke"))
        .unwrap_err()
        .to_string()
}

#[test]
fn every_error_body_is_rebuilt_from_its_parts() {
    let mut checked = 0;
    for name in names(&["rest-error-"]) {
        let text = payload(&name);
        let parsed: ErrorBody = serde_json::from_str(&text).unwrap();
        let built = ErrorBody::new(
            parsed.status,
            parsed.message,
            parsed.path.unwrap_or_default(),
            parsed.trace,
            parsed.timestamp,
        );
        assert_eq!(json::to_string(&built), text, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 25);
}

#[test]
fn messages_come_from_the_mistakes() {
    let both = r#"{"track":{"encoded":null},"identifier":"x"}"#;
    let two = r#"{"track":{"encoded":null,"identifier":"x"}}"#;
    let filters = r#"{"filters":{"karaoke":null,"volume":1.0,"tremolo":{}}}"#;
    let voice = r#"{"voice":{"token":"t","endpoint":" ","sessionId":"s","channelId":"1"}}"#;
    let band = Filters::parse(r#"{"equalizer":[{"band":0},{"band":15}]}"#)
        .unwrap()
        .check_bands()
        .unwrap_err();
    let source = DecodeError::SourceNotAvailable {
        source_name: "deezer".into(),
    };
    let decode = |text: &str| EncodedTrack::decode(text).unwrap_err().java_message();
    let cases = [
        ("rest-error-400-both-track.json", conflict(both)),
        ("rest-error-400-both-identifier.json", conflict(two)),
        ("rest-error-400-filters.json", conflict(filters)),
        ("rest-error-400-voice.json", conflict(voice)),
        ("rest-error-400-endtime.json", conflict(r#"{"endTime":0}"#)),
        ("rest-error-500-band.json", band.java_message()),
        ("rest-error-500-source.json", source.java_message()),
        ("rest-error-500-base64.json", decode("QAAA QAA")),
        ("rest-error-500-eof.json", decode("QAAAdQMADVVua25v")),
    ];
    for (name, message) in &cases {
        let parsed: ErrorBody = serde_json::from_str(&payload(name)).unwrap();
        assert_eq!(message, &parsed.message, "{name}");
    }
    let server_texts = ["voice", "routeplanner"].map(|what| format!("rest-error-500-{what}.json"));
    let checked = cases
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| name.contains("-500-"));
    assert_complete(
        checked.chain(server_texts.iter().map(String::as_str)),
        &["rest-error-500-"],
    );
}
