//! Error bodies, each from the mistake that leads to it.

use lavalink_blackbox::{Node, NodeOptions, Rest, Socket, client::Answer};
use lavalink_protocol::codec::EncodedTrack;
use reqwest::Method;
use serde_json::json;

use crate::compare::Used;
use crate::payload;
use crate::scene::{GUILD, in_session, options, patch};

/// Payloads produced by the test of this file.
pub const PRODUCED: &[&str] = &[
    "rest-error-400-both-identifier.json",
    "rest-error-400-both-track.json",
    "rest-error-400-endtime.json",
    "rest-error-400-filters.json",
    "rest-error-400-identifier-failed.json",
    "rest-error-400-identifier-list.json",
    "rest-error-400-identifier-none.json",
    "rest-error-400-no-track.json",
    "rest-error-400-no-tracks.json",
    "rest-error-400-param.json",
    "rest-error-400-undecodable.json",
    "rest-error-400-voice.json",
    "rest-error-404-endpoint.json",
    "rest-error-404-player.json",
    "rest-error-404-session-trace.json",
    "rest-error-404-session.json",
    "rest-error-405.json",
    "rest-error-415.json",
    "rest-error-500-band.json",
    "rest-error-500-base64.json",
    "rest-error-500-eof.json",
    "rest-error-500-routeplanner.json",
    "rest-error-500-source.json",
    "rest-error-500-voice.json",
];

/// Compares an error body; its status is that of the answer, and its headers are those Java sends.
#[track_caller]
fn check(used: &mut Used, name: &str, golden: &str, answer: &Answer) {
    used.same_as(name, golden, &answer.text, &["/timestamp", "/trace"]);
    assert_eq!(answer.json()["status"], answer.status, "{name}");
    assert_eq!(answer.headers["content-type"], "application/json", "{name}");
    // Java's container forgets the header when nobody has caught the exception.
    let is_uncaught = answer.message().starts_with("Request processing failed")
        || answer.message() == "No message available";
    assert_eq!(
        answer.headers.contains_key("lavalink-api-version"),
        !is_uncaught,
        "{name}"
    );
}

#[tokio::test]
async fn every_mistake_has_its_answer() {
    let disabled = "    filters:\n      volume: false\n      karaoke: false\n";
    let node = Node::start(NodeOptions {
        extra_yaml: disabled.to_owned(),
        ..options()
    })
    .await;
    let (rest, socket) = (node.rest(), node.socket().await);
    let mut used = Used::default();
    refused_updates(&rest, &socket, &mut used).await;
    missing_things(&rest, &socket, &mut used).await;
    broken_tracks(&rest, &mut used).await;

    let answer = rest.send(rest.request(Method::POST, "/v4/info")).await;
    check(
        &mut used,
        "rest-error-405.json",
        &payload("rest-error-405.json"),
        &answer,
    );
    assert_eq!(answer.headers["allow"], "GET");
    let request = rest
        .request(Method::PATCH, &socket.player(GUILD))
        .header("Content-Type", "text/plain")
        .body("{}");
    let answer = rest.send(request).await;
    let name = "rest-error-415.json";
    check(&mut used, name, &in_session(name, &socket), &answer);
    let answer = rest
        .send(rest.request(Method::POST, "/v4/routeplanner/free/all"))
        .await;
    let name = "rest-error-500-routeplanner.json";
    check(&mut used, name, &payload(name), &answer);
    used.are(PRODUCED);
}

async fn refused_updates(rest: &Rest, socket: &Socket, used: &mut Used) {
    let voice = r#"{"voice":{"token":"t","endpoint":"127.0.0.1:1","sessionId":"s","channelId":"1"}}"#;
    let page = "https://www.youtube.com/";
    for (name, body) in [
        (
            "rest-error-400-both-track.json",
            r#"{"track":{"encoded":null},"identifier":"x"}"#,
        ),
        (
            "rest-error-400-both-identifier.json",
            r#"{"track":{"encoded":null,"identifier":"x"}}"#,
        ),
        ("rest-error-400-endtime.json", r#"{"endTime":0}"#),
        (
            "rest-error-400-filters.json",
            r#"{"filters":{"karaoke":null,"volume":1.0,"tremolo":{}}}"#,
        ),
        ("rest-error-400-voice.json", &voice.replace(r#""1"}"#, r#""  "}"#)),
        ("rest-error-400-undecodable.json", r#"{"volume":"#),
        (
            "rest-error-400-identifier-failed.json",
            &format!(r#"{{"track":{{"identifier":"{page}watch?v=unavailable"}}}}"#),
        ),
        (
            "rest-error-400-identifier-list.json",
            &format!(r#"{{"track":{{"identifier":"{page}playlist?list=selected"}}}}"#),
        ),
        (
            "rest-error-400-identifier-none.json",
            &format!(r#"{{"identifier":"{page}watch?v=none"}}"#),
        ),
        (
            "rest-error-500-band.json",
            r#"{"filters":{"equalizer":[{"band":15}]}}"#,
        ),
        ("rest-error-500-voice.json", voice),
    ] {
        let answer = patch(rest, socket, body).await;
        check(used, name, &in_session(name, socket), &answer);
    }
    // Whatever cannot be decoded gets the same answer.
    for body in [
        "",
        "[]",
        r#"{"volume":12.5}"#,
        r#"{"voice":{"token":"t","endpoint":"e","sessionId":"s"}}"#,
        r#"{"voice":{"token":"t","endpoint":"e","sessionId":"s","channelId":1}}"#,
        r#"{"paused":null}"#,
    ] {
        let answer = patch(rest, socket, body).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (400, "Bad Request"),
            "{body}"
        );
    }
    let answer = rest
        .patch_text(&format!("{}?noReplace=maybe", socket.player(GUILD)), "{}")
        .await;
    assert_eq!((answer.status, answer.message().as_str()), (400, "Bad Request"));
}

async fn missing_things(rest: &Rest, socket: &Socket, used: &mut Used) {
    rest.delete(&socket.player(GUILD)).await;
    for (name, path) in [
        ("rest-error-404-player.json", socket.player(GUILD)),
        ("rest-error-404-endpoint.json", "/v4/nope".to_owned()),
        ("rest-error-400-param.json", "/v4/loadtracks".to_owned()),
        ("rest-error-400-no-track.json", "/v4/decodetrack".to_owned()),
    ] {
        let answer = rest.get(&path).await;
        check(used, name, &in_session(name, socket), &answer);
    }
    let path = format!("/v4/sessions/k3v9x0a7q2m5t8zd/players/{GUILD}");
    let name = "rest-error-404-session.json";
    check(used, name, &payload(name), &rest.get(&path).await);
    for query in ["?trace=true", "?trace", "?a=b&trace=1"] {
        let answer = rest.get(&format!("{path}{query}")).await;
        assert!(answer.json()["trace"].is_string(), "{query}");
    }
    let answer = rest.get(&format!("{path}?trace=FALSE")).await;
    assert!(answer.json().get("trace").is_none());
    let name = "rest-error-404-session-trace.json";
    check(
        used,
        name,
        &payload(name),
        &rest.get(&format!("{path}?trace=true")).await,
    );
    let name = "rest-error-400-no-tracks.json";
    let answer = rest.post("/v4/decodetracks", &json!([])).await;
    check(used, name, &payload(name), &answer);
}

async fn broken_tracks(rest: &Rest, used: &mut Used) {
    let foreign = EncodedTrack {
        version: 3,
        title: "t".into(),
        author: "a".into(),
        length: 1,
        identifier: "https://example.org/a".into(),
        is_stream: false,
        uri: None,
        artwork_url: None,
        isrc: None,
        source_name: "http".into(),
        // A probe nobody knows.
        details: [&[0, 7][..], b"klingon"].concat(),
        position: 0,
    };
    let foreign = foreign.encode().expect("encodable");
    for (name, text) in [
        // A plus that was not escaped.
        ("rest-error-500-base64.json", "QAAA+QAA".to_owned()),
        ("rest-error-500-eof.json", "QAAAdQMADVVua25v".to_owned()),
        (
            "rest-error-500-source.json",
            lavalink_blackbox::client::url_encode(&foreign),
        ),
    ] {
        let answer = rest.get(&format!("/v4/decodetrack?encodedTrack={text}")).await;
        check(used, name, &payload(name), &answer);
    }
}
