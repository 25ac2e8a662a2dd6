//! What a client sees on the wire, without any voice connection: routes, errors, loading, decoding, sessions.

use std::time::Duration;

use lavalink_blackbox::{Node, NodeOptions, Socket, media, node::PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

const V2_EXAMPLE: &str = "QAAAjQIAJVJpY2sgQXN0bGV5IC0gTmV2ZXIgR29ubmEgR2l2ZSBZb3UgVXAADlJpY2tBc3RsZXlWRVZPAAAAAAADPCAAC2RRdzR3OVdnWGNRAAEAK2h0dHBzOi8vd3d3LnlvdXR1YmUuY29tL3dhdGNoP3Y9ZFF3NHc5V2dYY1EAB3lvdXR1YmUAAAAAAAAAAA==";

fn tone(node: &Node, file: &str) -> String {
    let path = media::tone(
        node.directory(),
        file,
        &["-c:a", "libmp3lame", "-b:a", "128k"],
        44_100,
        3.0,
        440,
        660,
    );
    path.to_str().expect("temp paths are text").to_owned()
}

#[tokio::test]
async fn routes_check_path_then_method_then_password() {
    let node = Node::start(NodeOptions::default()).await;
    let without = node.rest_as(None);
    let wrong = node.rest_as(Some("wrong"));

    let answer = without.get("/v4/nothing").await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (404, "No endpoint GET /v4/nothing.")
    );
    let answer = without.send(without.request(Method::POST, "/v4/info")).await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (405, "Method 'POST' is not supported.")
    );
    assert!(answer.headers.contains_key("allow"));

    let answer = without.get("/v4/info").await;
    assert_eq!((answer.status, answer.text.as_str()), (401, ""));
    let answer = wrong.get("/v4/info").await;
    assert_eq!((answer.status, answer.text.as_str()), (403, ""));
    assert_eq!(answer.headers["lavalink-api-version"], "4");

    let answer = node.rest().get("/version").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "4.2.2"));
    assert_eq!(answer.headers["lavalink-api-version"], "4");
}

#[tokio::test]
async fn info_names_what_is_loaded() {
    let node = Node::start(NodeOptions::default()).await;
    let info = node.rest().get("/v4/info").await.json();
    assert_eq!(info["version"]["major"], 4);
    assert_eq!(info["version"]["semver"], "4.2.2");
    assert_eq!(
        info["sourceManagers"],
        json!(["local", "http"]),
        "http is asked last"
    );
    let filters: Vec<_> = info["filters"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        filters,
        [
            "volume",
            "equalizer",
            "karaoke",
            "timescale",
            "tremolo",
            "vibrato",
            "distortion",
            "rotation",
            "channelMix",
            "lowPass"
        ]
    );
    let mut plugins: Vec<_> = info["plugins"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|p| p["name"].as_str())
        .collect();
    plugins.sort_unstable();
    assert_eq!(plugins, ["http", "local"]);
}

#[tokio::test]
async fn stats_have_every_field() {
    let node = Node::start(NodeOptions::default()).await;
    let stats = node.rest().get("/v4/stats").await.json();
    assert!(stats["uptime"].as_i64().expect("a number") >= 0);
    assert!(stats["cpu"]["cores"].as_i64().expect("a number") >= 1);
    assert!(stats["memory"]["used"].as_i64().expect("a number") > 1_000_000);
    assert_eq!(stats["players"], 0);
    assert!(stats.as_object().expect("an object").contains_key("frameStats"));
}

#[tokio::test]
async fn loading_local_files() {
    let node = Node::start(NodeOptions::default()).await;
    let rest = node.rest();
    let path = tone(&node, "tone.mp3");

    let loaded = rest.load(&path).await;
    assert_eq!(loaded["loadType"], "track", "{loaded}");
    let track = &loaded["data"];
    assert_eq!(track["info"]["title"], "Test Tone");
    assert_eq!(track["info"]["author"], "Signal Generator");
    assert_eq!(track["info"]["identifier"], path.as_str());
    assert_eq!(track["info"]["uri"], path.as_str());
    assert_eq!(track["info"]["sourceName"], "local");
    assert_eq!(track["info"]["isSeekable"], true);
    assert_eq!(track["info"]["isStream"], false);
    assert_eq!(track["pluginInfo"], json!({"probeInfo": "mp3"}));
    assert_eq!(track["userData"], json!({}));
    let length = track["info"]["length"].as_i64().expect("a number");
    assert!((2_900..=3_100).contains(&length), "length {length} ms");

    let encoded = track["encoded"].as_str().expect("a string");
    let decoded = rest
        .post("/v4/decodetracks", &json!([encoded, encoded]))
        .await
        .json();
    assert_eq!(decoded[1]["info"], track["info"]);
    assert_eq!(decoded[0]["encoded"], encoded);

    let missing = rest.load("/no/such/file.mp3").await;
    assert_eq!(
        (&missing["loadType"], &missing["data"]),
        (&json!("empty"), &Value::Null)
    );
    let prefix = rest.load("nosearch:hello").await;
    assert_eq!(prefix["loadType"], "empty");

    let text = node.directory().join("notes.txt");
    std::fs::write(&text, "this is not audio\n".repeat(200)).expect("a file can be written");
    let text = rest.load(text.to_str().expect("text")).await;
    assert_eq!(text["loadType"], "error");
    assert!(text["data"]["message"].is_string());
    assert!(
        text["data"]["causeStackTrace"]
            .as_str()
            .expect("a string")
            .contains("Unknown file format."),
        "{text}"
    );
}

#[tokio::test]
async fn every_format_is_recognised() {
    let node = Node::start(NodeOptions::default()).await;
    for format in media::FORMATS {
        let path = media::tone(
            node.directory(),
            format.file,
            format.encoder,
            48_000,
            2.0,
            440,
            660,
        );
        let loaded = node.rest().load(path.to_str().expect("text")).await;
        assert_eq!(loaded["loadType"], "track", "{}: {loaded}", format.file);
        assert_eq!(
            loaded["data"]["pluginInfo"]["probeInfo"], format.probe,
            "{}",
            format.file
        );
        let length = loaded["data"]["info"]["length"].as_i64().expect("a number");
        assert!((1_900..=2_150).contains(&length), "{}: {length} ms", format.file);
    }
}

#[tokio::test]
async fn bad_requests_get_javas_texts() {
    let node = Node::start(NodeOptions::default()).await;
    let rest = node.rest();
    let socket = node.socket().await;
    let player = socket.player(42);

    let answer = rest.get("/v4/loadtracks").await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (400, "Required parameter 'identifier' is not present.")
    );
    let answer = rest.get("/v4/decodetrack").await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (400, "No track to decode provided")
    );
    let answer = rest.post("/v4/decodetracks", &json!([])).await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (400, "No tracks to decode provided")
    );
    let answer = rest.get("/v4/decodetrack?encodedTrack=QAAA-").await;
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.message(),
        "Request processing failed: java.lang.IllegalArgumentException: Illegal base64 character 2d"
    );
    let answer = rest
        .get(&format!("/v4/decodetrack?encodedTrack={}", &V2_EXAMPLE[..60]))
        .await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (500, "No message available")
    );
    let encoded = json!({"track": {"encoded": V2_EXAMPLE}});
    let answer = rest.patch(&player, &encoded).await;
    assert_eq!(answer.status, 500, "youtube is not loaded");
    assert!(
        answer
            .message()
            .ends_with("mismatching version or missing source manager"),
        "{}",
        answer.message()
    );

    for (body, message) in [
        (r#"{"volume": "#, "Bad Request"),
        (r#"{"volume": 12.5}"#, "Bad Request"),
        (r#"{"paused": null}"#, "Bad Request"),
        (
            r#"{"voice": {"token": "t", "endpoint": "e", "sessionId": "s"}}"#,
            "Bad Request",
        ),
        (
            r#"{"voice": {"token": "t", "endpoint": " ", "sessionId": "s", "channelId": "1"}}"#,
            "token, endpoint, sessionId and channelId must be provided in voice state",
        ),
        (
            r#"{"track": {}, "identifier": "x"}"#,
            "Cannot specify both track and encodedTrack/identifier",
        ),
        (
            r#"{"track": {"encoded": null, "identifier": "x"}}"#,
            "Cannot specify both encodedTrack and identifier",
        ),
        (r#"{"endTime": 0}"#, "End time must be greater than 0"),
        (
            r#"{"track": {"identifier": "/no/such/file"}}"#,
            "No matches found for identifier",
        ),
    ] {
        let answer = rest.patch_text(&player, body).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (400, message),
            "{body}"
        );
    }
    let answer = rest
        .patch_text(
            &player,
            r#"{"filters": {"equalizer": [{"band": 15, "gain": 0.1}]}}"#,
        )
        .await;
    assert_eq!(answer.status, 500);
    assert!(
        answer.message().ends_with("Index 15 out of bounds for length 15"),
        "{}",
        answer.message()
    );

    let answer = rest
        .patch(
            &format!("/v4/sessions/{}/players/abc", socket.session_id),
            &json!({}),
        )
        .await;
    assert_eq!((answer.status, answer.message().as_str()), (400, "Bad Request"));
    let answer = rest.patch("/v4/sessions/nosession/players/1", &json!({})).await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (404, "Session not found")
    );
    let answer = rest.get(&socket.player(43)).await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (404, "Player not found")
    );
    let request = rest
        .request(Method::PATCH, &player)
        .header("Content-Type", "text/plain")
        .body("{}");
    let answer = rest.send(request).await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (415, "Content-Type 'text/plain' is not supported.")
    );
}

#[tokio::test]
async fn a_player_without_voice_keeps_what_it_is_told() {
    let node = Node::start(NodeOptions::default()).await;
    let rest = node.rest();
    let mut socket = node.socket().await;
    let path = tone(&node, "tone.mp3");
    let player = socket.player(7);

    let fresh = rest.patch(&player, &json!({})).await;
    assert_eq!(fresh.status, 200);
    let fresh = fresh.json();
    assert_eq!(fresh["guildId"], "7");
    assert_eq!(fresh["track"], Value::Null);
    assert_eq!(fresh["volume"], 100);
    assert_eq!(fresh["state"]["ping"], -1);
    assert_eq!(
        fresh["voice"],
        json!({"token": "", "endpoint": "", "sessionId": "", "channelId": null})
    );
    assert_eq!(fresh["filters"], json!({}));

    let set = json!({
        "volume": "2000", "paused": "TRUE",
        "filters": {"equalizer": [{"band": 3, "gain": 0.25}], "tremolo": {"depth": 0.25}, "unknown": 1},
    });
    let set = rest.patch(&player, &set).await.json();
    assert_eq!(set["volume"], 1000, "clamped");
    assert_eq!(set["paused"], true);
    assert_eq!(
        set["filters"],
        json!({"equalizer": [{"band": 3, "gain": 0.25}], "tremolo": {"frequency": 2.0, "depth": 0.25}})
    );

    let play =
        json!({"track": {"identifier": path, "userData": {"who": "ünï", "n": 9_007_199_254_740_993_i64}}});
    let playing = rest.patch(&player, &play).await.json();
    assert_eq!(playing["paused"], false, "a track request un-pauses");
    assert_eq!(
        playing["track"]["userData"],
        json!({"who": "ünï", "n": 9_007_199_254_740_993_i64})
    );
    let start = socket.event("TrackStartEvent", 7).await;
    assert_eq!(start["track"]["info"]["identifier"], path.as_str());
    let kept = rest
        .patch(
            &format!("{player}?noReplace=true"),
            &json!({"track": {"encoded": null}, "volume": 5}),
        )
        .await;
    assert!(kept.json()["track"].is_object(), "noReplace keeps the track");
    assert_eq!(kept.json()["volume"], 5, "but applies the rest");

    let stopped = rest
        .patch(&player, &json!({"track": {"encoded": null}}))
        .await
        .json();
    assert_eq!(stopped["track"], Value::Null);
    let end = socket.event("TrackEndEvent", 7).await;
    assert_eq!(end["reason"], "stopped");

    assert_eq!(
        rest.get(&format!("/v4/sessions/{}/players", socket.session_id))
            .await
            .json()
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(rest.delete(&player).await.status, 204);
    assert_eq!(rest.get(&player).await.status, 404);
    assert_eq!(rest.delete(&player).await.status, 204, "deleting nothing is fine");
}

#[tokio::test]
async fn sessions_resume_with_what_was_missed() {
    let node = Node::start(NodeOptions::default()).await;
    let rest = node.rest();
    let mut socket = node.socket().await;
    assert_eq!(socket.headers["session-resumed"], "false");
    assert_eq!(socket.headers["lavalink-api-version"], "4");
    let stats = socket.wait(|m| m["op"] == "stats").await;
    assert_eq!(stats["frameStats"], Value::Null);
    let session = socket.session_id.clone();

    let path = format!("/v4/sessions/{session}");
    assert_eq!(
        rest.patch(&path, &json!({})).await.json(),
        json!({"resuming": false, "timeout": 60})
    );
    assert_eq!(
        rest.patch(&path, &json!({"resuming": true, "timeout": 30}))
            .await
            .json(),
        json!({"resuming": true, "timeout": 30})
    );
    rest.patch(&socket.player(9), &json!({"volume": 50})).await;
    socket.cut();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while rest.get(&format!("{path}/players")).await.status != 404 {
        assert!(
            std::time::Instant::now() < deadline,
            "a disconnected session is not found"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let stranger = Socket::open(&node.address(), PASSWORD, "99", Some(&session)).await;
    assert_eq!(
        stranger.headers["session-resumed"], "false",
        "another user cannot take the session over"
    );
    assert_ne!(stranger.session_id, session);

    let mut again = Socket::open(&node.address(), PASSWORD, "170939974227541168", Some(&session)).await;
    assert_eq!(again.headers["session-resumed"], "true");
    assert_eq!(again.session_id, session);
    assert_eq!(
        again.seen[0],
        json!({"op": "ready", "resumed": true, "sessionId": session})
    );
    let update = again.wait(|m| m["op"] == "playerUpdate").await;
    assert_eq!(update["guildId"], "9");
    assert_eq!(rest.get(&again.player(9)).await.json()["volume"], 50);
}

#[tokio::test]
async fn sockets_are_refused_and_closed_as_java_does() {
    let mut node = Node::start(NodeOptions::default()).await;
    let rest = node.rest_as(Some("wrong"));
    let request = rest.request(Method::GET, "/v4/websocket").header("User-Id", "1");
    assert_eq!(
        rest.send(request).await.status,
        401,
        "wrong password on the socket is 401, not 403"
    );
    let rest = node.rest();
    assert_eq!(rest.get("/v4/websocket").await.status, 400, "no User-Id");
    let request = rest.request(Method::GET, "/v4/websocket").header("User-Id", "1");
    assert_eq!(rest.send(request).await.status, 400, "no upgrade");

    let mut socket = node.socket().await;
    socket.send_binary(b"hello").await;
    assert_eq!(socket.close_code().await, Some(1003));

    let mut socket = node.socket().await;
    assert_eq!(node.terminate().await, Some(0), "{}", node.log());
    assert_eq!(socket.close_code().await, Some(1001));
}
