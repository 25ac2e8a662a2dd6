//! How bodies of requests are read: what Java's decoder takes, what it refuses, and what comes first when several things are wrong.

use lavalink_blackbox::{Node, NodeOptions};
use serde_json::{Value, json};

/// Bodies of a player's PATCH that cannot be decoded.
const REFUSED: &[&str] = &[
    r#"{"identifier":null}"#,
    r#"{"track":null}"#,
    r#"{"position":null}"#,
    r#"{"volume":null}"#,
    r#"{"filters":null}"#,
    r#"{"voice":null}"#,
    r#"{"track":{"identifier":null}}"#,
    r#"{"track":{"userData":null}}"#,
    r#"{"track":{"userData":[]}}"#,
    r#"{"filters":{"volume":null}}"#,
    r#"{"filters":{"equalizer":null}}"#,
    r#"{"filters":{"pluginFilters":null}}"#,
    r#"{"filters":{"equalizer":[{"gain":1}]}}"#,
    r#"{"filters":{"volume":NaN}}"#,
    r#"{"filters":{"volume":"Infinity"}}"#,
    r#"{"filters":{"volume":1e400}}"#,
    r#"{"volume":2147483648}"#,
    r#"{"volume":-2147483649}"#,
    r#"{"position":9223372036854775808}"#,
    r#"{"position":1.5}"#,
    r#"{"volume":true}"#,
    r#"{"volume":+1}"#,
    r#"{"paused":1}"#,
    r#"{"paused":"yes"}"#,
    r#"{"voice":{}}"#,
    r#"{"voice":{"token":"t","endpoint":"e","sessionId":"s","channelId":123}}"#,
    r#"{"voice":{"token":null,"endpoint":"e","sessionId":"s","channelId":"1"}}"#,
    r#"{"identifier":5}"#,
    r#"{"track":{"encoded":5}}"#,
    "{/*c*/}",
    r#"{"volume":1,}"#,
    "{'volume':1}",
    "{volume:1}",
    "{} x",
    "{}{}",
    "[]",
    "null",
    "",
    "  ",
    "\u{feff}{}",
];

/// Bodies that are taken, and a member of the player they make.
const TAKEN: &[(&str, &str, &str)] = &[
    (r#"{"volume":"12"}"#, "volume", "12"),
    (r#"{"volume":"-12"}"#, "volume", "0"),
    (r#"{"volume":1e2}"#, "volume", "100"),
    (r#"{"volume":"1e2"}"#, "volume", "100"),
    (r#"{"volume":5,"volume":6}"#, "volume", "6"),
    (r#"{"unknown":{"deep":[1,{}]},"volume":7}"#, "volume", "7"),
    (r#"{"paused":"FaLsE"}"#, "paused", "false"),
    (r#"{"paused":True}"#, "paused", "true"),
    (r#"{"encodedTrack":null}"#, "paused", "false"),
    (
        r#"{"filters":{"volume":"1.5","x":1}}"#,
        "filters",
        r#"{"volume":1.5}"#,
    ),
    (r#"{"filters":{"volume":1}}"#, "filters", r#"{"volume":1.0}"#),
    (
        r#"{"filters":{"timescale":null,"karaoke":null,"lowPass":null}}"#,
        "filters",
        "{}",
    ),
    (" \t\r\n{ } \n", "track", "null"),
];

#[tokio::test]
async fn bodies_are_read_as_in_java() {
    let node = Node::start(NodeOptions::default()).await;
    let (rest, socket) = (node.rest(), node.socket().await);
    let player = socket.player(1);
    for body in REFUSED {
        let answer = rest.patch_text(&player, body).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (400, "Bad Request"),
            "{body}"
        );
    }
    assert_eq!(
        rest.get(&player).await.status,
        404,
        "no player came of any of them"
    );
    for (body, member, expected) in TAKEN {
        let answer = rest.patch_text(&player, body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(answer.json()[member], expected, "{body}");
    }
    let session = format!("/v4/sessions/{}", socket.session_id);
    for body in [r#"{"resuming":null}"#, r#"{"timeout":1.5}"#, "[]", ""] {
        let answer = rest.patch_text(&session, body).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (400, "Bad Request"),
            "{body}"
        );
    }
    let taken = rest.patch_text(
        &session,
        r#"{"resuming":"TRUE","timeout":"-5","resumingKey":"x"}"#,
    );
    assert_eq!(taken.await.text, r#"{"resuming":true,"timeout":-5}"#);
}

#[tokio::test]
async fn the_first_thing_wrong_is_the_one_reported() {
    let node = Node::start(NodeOptions::default()).await;
    let (rest, socket) = (node.rest(), node.socket().await);
    let blank = "token, endpoint, sessionId and channelId must be provided in voice state";
    let blank_voice = json!({"token": "", "endpoint": "", "sessionId": "", "channelId": "1"});
    for (body, message) in [
        (
            json!({"track": {}, "encodedTrack": null}),
            "Cannot specify both track and encodedTrack/identifier",
        ),
        (
            json!({"encodedTrack": "x", "identifier": "y", "endTime": -1}),
            "Cannot specify both encodedTrack and identifier",
        ),
        (json!({"voice": blank_voice, "endTime": 0}), blank),
        (
            json!({"endTime": -1, "identifier": "/no/such"}),
            "End time must be greater than 0",
        ),
    ] {
        let answer = rest.patch(&socket.player(1), &body).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (400, message),
            "{body}"
        );
    }
    let nowhere = "/v4/sessions/none/players";
    assert_eq!(rest.get(&format!("{nowhere}/abc")).await.message(), "Bad Request");
    assert_eq!(
        rest.get(&format!("{nowhere}/1")).await.message(),
        "Session not found"
    );
    let undecodable = rest
        .patch_text(&format!("{nowhere}/1"), r#"{"volume":1.5}"#)
        .await;
    assert_eq!(undecodable.message(), "Bad Request");
    for (value, status) in [
        ("on", 200),
        ("NO", 200),
        ("", 200),
        ("1", 200),
        ("x", 400),
        ("2", 400),
    ] {
        let path = format!("{}?noReplace={value}", socket.player(1));
        assert_eq!(rest.patch(&path, &json!({})).await.status, status, "{value:?}");
    }
    // What came before the thing that is wrong has happened.
    let late = json!({"volume": 33, "filters": {"equalizer": [{"band": 99}]}});
    assert_eq!(rest.patch(&socket.player(1), &late).await.status, 500);
    assert_eq!(rest.get(&socket.player(1)).await.json()["volume"], 33);
    for body in [json!({"identifier": "/no/such"}), json!({"encodedTrack": null})] {
        rest.patch(&socket.player(1), &json!({"paused": true})).await;
        rest.patch(&socket.player(1), &body).await;
        assert_eq!(
            rest.get(&socket.player(1)).await.json()["paused"],
            false,
            "{body}"
        );
    }
}
