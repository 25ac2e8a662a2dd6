//! Requests, sent as they stand (but for the address of the voice server), and what they do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::compare::Used;
use crate::payload;
use crate::scene::{self, GUILD, patch};

/// Payloads accepted by the test of this file.
pub const ACCEPTED: &[&str] = &[
    "req-decodetracks.json",
    "req-player-filters-clear.json",
    "req-player-filters-null-member.json",
    "req-player-lenient-numbers.json",
    "req-player-play-deprecated.json",
    "req-player-play-identifier.json",
    "req-player-play.json",
    "req-player-stop-deprecated.json",
    "req-player-stop.json",
    "req-player-userdata.json",
    "req-player-voice.json",
    "req-session.json",
    "req-routeplanner-free.json",
];

#[tokio::test]
async fn every_request_is_accepted() {
    let mut stage = scene::stage().await;
    let rest = stage.rest.clone();
    let mut used = Used::default();

    let session = format!("/v4/sessions/{}", stage.socket.session_id);
    let answer = rest.patch_text(&session, &payload("req-session.json")).await;
    assert_eq!(answer.json(), json!({"resuming": true, "timeout": 60}));
    used.note("req-session.json");
    let body: Value = serde_json::from_str(&payload("req-decodetracks.json")).expect("JSON");
    let answer = rest.post("/v4/decodetracks", &body).await;
    assert_eq!(answer.json().as_array().map(Vec::len), Some(2));
    used.note("req-decodetracks.json");

    // Read and understood; there is no planner to do it.
    let body: Value = serde_json::from_str(&payload("req-routeplanner-free.json")).expect("JSON");
    let answer = rest.post("/v4/routeplanner/free/address", &body).await;
    assert_eq!(answer.message(), "Can't access disabled route planner");
    used.note("req-routeplanner-free.json");

    let voice = payload("req-player-voice.json");
    let voice = voice.replace("rotterdam1234.discord.media:443", &stage.discord.endpoint());
    let channel = stage.discord.channel_of(GUILD).to_string();
    let answer = patch(
        &rest,
        &stage.socket,
        &voice.replace("281904327543816192", &channel),
    )
    .await;
    assert_eq!(
        (answer.status, &answer.json()["voice"]["token"]),
        (200, &json!("tok"))
    );
    used.note("req-player-voice.json");

    let mut send = async |name: &str| {
        let answer = patch(&rest, &stage.socket, &payload(name)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        used.note(name);
        answer.json()
    };
    let player = send("req-player-play.json").await;
    assert_eq!(player["track"]["userData"], json!({"requester": "1"}));
    assert!(player["track"]["info"]["position"].as_i64().expect("a number") >= 30_000);
    assert_eq!(
        (&player["volume"], &player["paused"]),
        (&json!(100), &json!(false))
    );
    let player = send("req-player-userdata.json").await;
    assert_eq!(player["track"]["userData"], json!({"a": 1}));
    let player = send("req-player-lenient-numbers.json").await;
    assert_eq!((&player["volume"], &player["paused"]), (&json!(50), &json!(true)));
    assert_eq!(player["filters"], json!({"volume": 0.5}));
    let player = send("req-player-filters-null-member.json").await;
    assert_eq!(
        player["filters"],
        json!({"timescale": {"speed": 1.25, "pitch": 1.0, "rate": 1.0}})
    );
    let player = send("req-player-filters-clear.json").await;
    assert_eq!(player["filters"], json!({}));
    let player = send("req-player-stop.json").await;
    assert_eq!(
        (&player["track"], &player["paused"]),
        (&Value::Null, &json!(false))
    );
    for play in [
        "req-player-play-deprecated.json",
        "req-player-play-identifier.json",
    ] {
        let player = send(play).await;
        assert_eq!(player["track"]["info"]["title"], "Example Song", "{play}");
    }
    assert_eq!(
        send("req-player-stop-deprecated.json").await["track"],
        Value::Null
    );

    stage.socket.drain(Duration::from_millis(200)).await;
    assert_eq!(
        stage.socket.events_of(GUILD),
        [
            "TrackStartEvent",
            "TrackEndEvent:stopped",
            "TrackStartEvent",
            "TrackEndEvent:replaced",
            "TrackStartEvent",
            "TrackEndEvent:stopped"
        ]
    );
    used.are(ACCEPTED);
}
