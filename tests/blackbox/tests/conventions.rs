//! What holds for every route: types of answers, methods, headers, the error page, the handshake's refusals, and what
//! reaches the client in which order.

use std::time::Duration;

use fake_discord::Config;
use lavalink_blackbox::{Node, NodeOptions, Rest, Socket, Stage, client::Answer, node::PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

async fn accepting(rest: &Rest, method: Method, path: &str, accept: &str) -> Answer {
    rest.send(rest.request(method, path).header("Accept", accept))
        .await
}

fn kind(answer: &Answer) -> Option<&str> {
    answer
        .headers
        .get("content-type")
        .map(|kind| kind.to_str().expect("text"))
}

#[tokio::test]
async fn answers_have_the_type_that_was_asked_for() {
    let node = Node::start(NodeOptions::default()).await;
    let rest = node.rest();
    for (accept, expected) in [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html, application/*;q=0.5", "application/json"),
        ("application/vnd.x+json", "application/vnd.x+json"),
    ] {
        let answer = accepting(&rest, Method::GET, "/v4/info", accept).await;
        assert_eq!((answer.status, kind(&answer)), (200, Some(expected)), "{accept}");
    }
    // The error cannot be written either, but for a browser.
    let answer = accepting(&rest, Method::GET, "/v4/info", "text/plain").await;
    assert_eq!((answer.status, answer.text.as_str()), (406, ""));
    assert_eq!(answer.headers["lavalink-api-version"], "4");
    let answer = accepting(&rest, Method::GET, "/v4/nope", "text/plain").await;
    assert_eq!((answer.status, answer.text.as_str()), (404, ""));
    let answer = accepting(&rest, Method::GET, "/v4/info", "text/html").await;
    assert_eq!(
        (answer.status, kind(&answer)),
        (406, Some("text/html;charset=UTF-8"))
    );
    assert!(
        answer
            .text
            .contains("Acceptable representations: [application/json, application/*+json].")
    );
    let answer = accepting(&rest, Method::GET, "/v4/nope?trace", "text/html,*/*;q=0.8").await;
    assert_eq!(
        (answer.status, kind(&answer)),
        (404, Some("text/html;charset=UTF-8"))
    );
    assert!(
        answer
            .text
            .starts_with("<html><body><h1>Whitelabel Error Page</h1>"),
        "{}",
        answer.text
    );
    assert!(
        answer.text.contains("(type=Not Found, status=404)"),
        "{}",
        answer.text
    );

    for (accept, expected) in [
        ("*/*", "text/plain;charset=ISO-8859-1"),
        ("application/json", "application/json"),
        ("text/html", "text/html;charset=ISO-8859-1"),
    ] {
        let answer = accepting(&rest, Method::GET, "/version", accept).await;
        assert_eq!(
            (answer.status, answer.text.as_str(), kind(&answer)),
            (200, "4.2.2", Some(expected))
        );
    }
}

#[tokio::test]
async fn methods_and_paths() {
    let node = Node::start(NodeOptions::default()).await;
    let (rest, stranger) = (node.rest(), node.rest_as(None));
    let answer = rest.send(rest.request(Method::HEAD, "/v4/info")).await;
    assert_eq!(
        (answer.status, answer.text.as_str(), kind(&answer)),
        (200, "", Some("application/json"))
    );
    let answer = rest.send(rest.request(Method::HEAD, "/v4/nope")).await;
    assert_eq!((answer.status, answer.text.as_str()), (404, ""));
    let answer = rest
        .send(rest.request(Method::OPTIONS, "/v4/sessions/x/players/1"))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["allow"], "GET,HEAD,PATCH,DELETE,OPTIONS");
    let answer = stranger.send(stranger.request(Method::OPTIONS, "/v4/info")).await;
    assert_eq!((answer.status, answer.text.as_str()), (401, ""), "no CORS");
    let answer = stranger
        .send(stranger.request(Method::PUT, "/v4/sessions/x/players/1"))
        .await;
    assert_eq!(
        (answer.status, answer.headers["allow"].to_str().ok()),
        (405, Some("GET,PATCH,DELETE"))
    );
    for path in ["/v4/info/", "/v4", "/V4/info", "//v4/info"] {
        assert_eq!(stranger.get(path).await.status, 404, "{path}");
    }
    for path in ["/", "/v3/websocket"] {
        assert_eq!(stranger.get(path).await.status, 401, "{path}");
        let answer = rest.get(path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{path}");
        assert_eq!(answer.headers["lavalink-api-version"], "4");
    }
    let answer = stranger.send(stranger.request(Method::POST, "/error")).await;
    assert_eq!(answer.status, 500);
    let text = answer.text.split_once(',').expect("members").1;
    assert_eq!(
        text,
        r#""status":999,"error":"None","message":"No message available"}"#
    );
    let answer = rest.get("/v4/sessions/%FF/players").await;
    assert_eq!((answer.status, answer.message().as_str()), (400, "Bad Request"));
    let answer = rest.get("/v4/n%C3%BC?a=b").await;
    assert_eq!(answer.json()["path"], "/v4/n%C3%BC", "not decoded");
    // Compression and cookies are nobody's business.
    let request = rest
        .request(Method::GET, "/v4/info")
        .header("Accept-Encoding", "gzip");
    let answer = rest.send(request).await;
    assert!(!answer.headers.contains_key("content-encoding") && !answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn bodies_in_other_charsets() {
    let node = Node::start(NodeOptions::default()).await;
    let (rest, socket) = (node.rest(), node.socket().await);
    let player = socket.player(1);
    let send = async |kind: &str, body: Vec<u8>| {
        let request = rest.request(Method::PATCH, &player);
        rest.send(request.header("Content-Type", kind).body(body)).await
    };
    let text = r#"{"voice":{"token":"","endpoint":"","sessionId":"","channelId":null},"volume":50}"#;
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let blank = "token, endpoint, sessionId and channelId must be provided in voice state";
    for (kind, body) in [
        ("application/json; charset=utf-8", text.as_bytes().to_vec()),
        ("application/json; charset=UTF-16", utf16),
        ("application/vnd.x+json;charset=latin1", text.as_bytes().to_vec()),
    ] {
        assert_eq!(send(kind, body).await.message(), blank, "{kind}");
    }
    for (kind, message) in [
        (
            "application/json; charset=klingon",
            "Could not parse Content-Type.",
        ),
        ("json", "Could not parse Content-Type."),
        (
            "Text/Plain; Charset=utf-8",
            "Content-Type 'text/plain;charset=utf-8' is not supported.",
        ),
    ] {
        let answer = send(kind, text.as_bytes().to_vec()).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (415, message),
            "{kind}"
        );
        assert_eq!(answer.headers["accept"], "application/json, application/*+json");
        assert_eq!(
            answer.headers["accept-patch"],
            "application/json, application/*+json"
        );
    }
    let request = rest.request(Method::PATCH, &player).body(text);
    assert_eq!(
        rest.send(request).await.message(),
        "Content-Type 'application/octet-stream' is not supported."
    );
}

#[tokio::test]
async fn refused_handshakes_say_whether_the_session_waits() {
    let node = Node::start(NodeOptions::default()).await;
    let (rest, socket) = (node.rest(), node.socket().await);
    let id = socket.session_id.clone();
    rest.patch(&format!("/v4/sessions/{id}"), &json!({"resuming": true}))
        .await;
    let user = "170939974227541168";
    let handshake = async |method: Method, changes: &[(&str, &str)]| {
        let complete = [
            ("User-Id", user),
            ("Session-Id", &id),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", ""),
        ];
        let mut request = rest.request(method, "/v4/websocket");
        for (name, value) in complete {
            let change = changes.iter().find(|(changed, _)| *changed == name);
            let value = change.map_or(value, |(_, value)| value);
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        for (name, value) in changes.iter().filter(|(name, _)| *name == "Origin") {
            request = request.header(*name, *value);
        }
        rest.send(request).await
    };
    let resumed = |answer: &Answer| {
        answer
            .headers
            .get("session-resumed")
            .map(|value| value.to_str().expect("text").to_owned())
    };
    rest.patch(&socket.player(1), &json!({})).await;
    assert_eq!(rest.get("/v4/stats").await.json()["players"], 1);
    // While it is connected it does not wait.
    let answer = handshake(Method::GET, &[("Upgrade", "")]).await;
    assert_eq!(
        (answer.status, answer.text.as_str(), resumed(&answer).as_deref()),
        (400, r#"Can "Upgrade" only to "WebSocket"."#, Some("false"))
    );
    socket.cut();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while resumed(&handshake(Method::GET, &[]).await).as_deref() != Some("true") {
        assert!(std::time::Instant::now() < deadline, "the session never waits");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let players = rest.get("/v4/stats").await.json()["players"].clone();
    assert_eq!(players, 0, "players of sessions that wait do not count");
    for (method, changes, status, text) in [
        (Method::GET, &[("Origin", "http://evil.example")][..], 403, ""),
        (Method::POST, &[], 405, ""),
        (
            Method::GET,
            &[("Connection", "close")],
            400,
            r#""Connection" must be "upgrade"."#,
        ),
        (Method::GET, &[("Sec-WebSocket-Version", "8")], 426, ""),
        (Method::GET, &[], 400, ""),
    ] {
        let answer = handshake(method, changes).await;
        assert_eq!(
            (answer.status, answer.text.as_str(), resumed(&answer).as_deref()),
            (status, text, Some("true")),
            "{changes:?}"
        );
        assert_eq!(answer.headers["lavalink-api-version"], "4");
        assert_eq!(kind(&answer), None);
    }
    let answer = handshake(Method::GET, &[("User-Id", "2")]).await;
    assert_eq!(resumed(&answer).as_deref(), Some("false"), "another user");
    for user in ["", "0"] {
        let answer = handshake(Method::GET, &[("User-Id", user)]).await;
        assert_eq!((answer.status, resumed(&answer)), (400, None), "{user:?}");
    }
    // None of this has cost the session anything.
    let again = Socket::open(&node.address(), PASSWORD, user, Some(&id)).await;
    assert_eq!(again.session_id, id);
    assert_eq!(rest.get("/v4/stats").await.json()["players"], 1);
    let mut nobody = Socket::open_unready(&node.address(), PASSWORD, "me").await;
    assert_eq!(nobody.close_code().await, Some(1011), "a user that is no number");
}

/// What each request makes appear, in order (playerUpdates of the timer aside).
#[tokio::test]
async fn requests_cause_events_in_order() {
    let node = Node::start(NodeOptions {
        plugins: vec!["lavalink_test_plugin_catalogue"],
        extra_yaml: "    playerUpdateInterval: 3600\n".to_owned(),
        ..NodeOptions::default()
    })
    .await;
    lavalink_blackbox::media::tone(
        node.directory(),
        "song.wav",
        &["-c:a", "pcm_s16le"],
        48_000,
        60.0,
        440,
        660,
    );
    let (rest, mut socket) = (node.rest(), node.socket().await);
    socket.wait(|m| m["op"] == "stats").await;
    let song = "https://www.youtube.com/watch?v=aBcDeFgHiJk";
    let play = json!({"track": {"identifier": song}});
    let player = socket.player(1);
    for (body, expected) in [
        (json!({}), &[][..]),
        (json!({"track": {"encoded": null}}), &[]),
        (
            json!({"position": 5, "endTime": 9, "track": {"userData": {}}}),
            &[],
        ),
        (json!({"filters": {}}), &["playerUpdate"]),
        (play.clone(), &["TrackStartEvent", "playerUpdate", "playerUpdate"]),
        (
            play.clone(),
            &[
                "TrackEndEvent replaced",
                "TrackStartEvent",
                "playerUpdate",
                "playerUpdate",
            ],
        ),
        (json!({"position": 1000}), &["playerUpdate"]),
        (json!({"filters": {"volume": 0.5}}), &["playerUpdate"]),
        (
            json!({"position": 1000, "filters": {}, "volume": 10}),
            &["playerUpdate", "playerUpdate"],
        ),
        (json!({"volume": 20, "paused": true}), &[]),
        (json!({"endTime": 50_000, "track": {"userData": {"a": 1}}}), &[]),
        // A jump over the end marker; and null does not take it away.
        (json!({"endTime": null}), &[]),
        (
            json!({"position": 55_000}),
            &["TrackEndEvent finished", "playerUpdate"],
        ),
        (play, &["TrackStartEvent", "playerUpdate", "playerUpdate"]),
        (json!({"encodedTrack": null}), &["TrackEndEvent stopped"]),
    ] {
        let seen = socket.seen.len();
        let answer = rest.patch(&player, &body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        // Whatever else comes would be in the next one's way.
        let marker = rest.patch(&socket.player(2), &json!({"filters": {}})).await;
        assert_eq!(marker.status, 200);
        if expected.len() == 3 || expected.len() == 4 {
            // The timer's first tick comes from the player's own task.
            socket
                .wait(|m| m["op"] == "playerUpdate" && m["guildId"] == "1")
                .await;
            socket
                .wait(|m| m["op"] == "playerUpdate" && m["guildId"] == "1")
                .await;
        }
        socket.drain(Duration::from_millis(150)).await;
        let found: Vec<String> = socket.seen[seen..]
            .iter()
            .filter(|m| m["guildId"] == "1")
            .map(describe)
            .collect();
        assert_eq!(found, expected, "{body}");
    }
    // With noReplace the rest is applied, and pause, position, end and user data are dropped.
    rest.patch(&player, &json!({"track": {"identifier": song}})).await;
    let body = json!({
        "track": {"encoded": null, "userData": {"b": 2}}, "paused": true, "volume": 33, "filters": {"volume": 0.25},
    });
    let kept = rest
        .patch(&format!("{player}?noReplace=TRUE"), &body)
        .await
        .json();
    assert_eq!((&kept["paused"], &kept["volume"]), (&json!(false), &json!(33)));
    assert_eq!(kept["track"]["userData"], json!({}));
    assert_eq!(kept["filters"], json!({"volume": 0.25}));
    // A track that cannot be had leaves the old one; pause and what stands before have changed all the same.
    rest.patch(&player, &json!({"paused": true})).await;
    let answer = rest
        .patch(&player, &json!({"encodedTrack": "QAAA", "volume": 44}))
        .await;
    assert_eq!(answer.status, 500);
    let kept = rest.get(&player).await.json();
    assert_eq!((&kept["paused"], &kept["volume"]), (&json!(false), &json!(44)));
    assert!(kept["track"].is_object());
    // Stopping un-pauses too.
    rest.patch(&player, &json!({"paused": true})).await;
    let stopped = rest
        .patch(&player, &json!({"track": {"encoded": null}}))
        .await
        .json();
    assert_eq!(
        (&stopped["paused"], &stopped["track"]),
        (&json!(false), &Value::Null)
    );
}

fn describe(message: &Value) -> String {
    match (message["type"].as_str(), message["reason"].as_str()) {
        (Some(kind), Some(reason)) => format!("{kind} {reason}"),
        (Some(kind), None) => kind.to_owned(),
        _ => message["op"].as_str().unwrap_or_default().to_owned(),
    }
}

#[tokio::test]
async fn what_was_missed_is_replayed_in_order() {
    let mut stage = Stage::start(Config::default()).await;
    let path = lavalink_blackbox::media::tone(
        stage.node.directory(),
        "short.wav",
        &["-c:a", "pcm_s16le"],
        48_000,
        4.0,
        440,
        660,
    );
    stage.join(1).await;
    stage.update(2, &json!({"volume": 7})).await;
    let id = stage.socket.session_id.clone();
    stage
        .rest
        .patch(&format!("/v4/sessions/{id}"), &json!({"resuming": true}))
        .await;
    stage.play(1, path.to_str().expect("text")).await;
    stage.socket.event("TrackStartEvent", 1).await;
    let other = stage.node.socket().await;
    std::mem::replace(&mut stage.socket, other).cut();
    // The players play on without their client, and nobody can reach them.
    stage
        .heard(1, "the end of the track", |r| r.frames.silence >= 5)
        .await;
    let lost = stage.rest.get(&format!("/v4/sessions/{id}/players/1")).await;
    assert_eq!((lost.status, lost.message().as_str()), (404, "Session not found"));
    let user = "170939974227541168";
    let mut again = Socket::open(&stage.node.address(), PASSWORD, user, Some(&id)).await;
    assert_eq!(again.headers["session-resumed"], "true");
    for _ in 0..2 {
        again.wait(|m| m["op"] == "playerUpdate").await;
    }
    let found: Vec<String> = again.seen.iter().map(describe).collect();
    let (events, updates) = found.split_at(found.len() - 2);
    assert_eq!(updates, ["playerUpdate", "playerUpdate"], "{found:?}");
    assert_eq!(events.first().map(String::as_str), Some("ready"), "{found:?}");
    assert_eq!(
        events.last().map(String::as_str),
        Some("TrackEndEvent finished"),
        "{found:?}"
    );
    let of: std::collections::BTreeSet<&str> = again.seen[found.len() - 2..]
        .iter()
        .filter_map(|m| m["guildId"].as_str())
        .collect();
    assert_eq!(of.len(), 2, "one for each player");
}

#[tokio::test]
async fn voice_requests_cause_events_in_order() {
    let mut stage = Stage::start_with(
        Config::default(),
        NodeOptions {
            extra_yaml: "    playerUpdateInterval: 3600\n".to_owned(),
            ..NodeOptions::default()
        },
    )
    .await;
    stage.join(1).await;
    let path = lavalink_blackbox::media::tone(
        stage.node.directory(),
        "long.wav",
        &["-c:a", "pcm_s16le"],
        48_000,
        60.0,
        440,
        660,
    );
    stage.play(1, path.to_str().expect("text")).await;
    stage.heard(1, "audio", |r| r.frames.media > 20).await;
    stage.socket.drain(Duration::from_millis(200)).await;

    // The same data on an open connection changes nothing.
    let seen = stage.socket.skip_seen();
    let voice = json!({"voice": stage.voice(1)});
    stage.update(1, &voice).await;
    stage.socket.drain(Duration::from_millis(300)).await;
    assert_eq!(stage.socket.seen.len(), seen);

    // Other data replaces the connection.
    let mut other = voice;
    other["voice"]["sessionId"] = json!("another");
    let player = stage.update(1, &other).await;
    assert_eq!(player["voice"]["sessionId"], "another");
    stage
        .socket
        .wait(|m| m["op"] == "playerUpdate" && m["state"]["connected"] == true)
        .await;
    let found: Vec<String> = stage.socket.seen[seen..].iter().map(describe).collect();
    assert_eq!(found, ["WebSocketClosedEvent ", "playerUpdate", "playerUpdate"]);
    let closed = &stage.socket.seen[seen];
    assert_eq!(
        (&closed["code"], &closed["byRemote"]),
        (&json!(1000), &json!(false))
    );
    let between = &stage.socket.seen[seen + 1]["state"];
    assert_eq!(
        (&between["connected"], &between["ping"]),
        (&json!(false), &json!(-1))
    );

    // The end of a player: first its track, then its connection.
    let seen = stage.socket.skip_seen();
    assert_eq!(stage.rest.delete(&stage.socket.player(1)).await.status, 204);
    stage
        .socket
        .wait(|m| m["op"] == "playerUpdate" && m["state"]["connected"] == false)
        .await;
    stage.socket.drain(Duration::from_millis(200)).await;
    let found: Vec<String> = stage.socket.seen[seen..].iter().map(describe).collect();
    assert_eq!(
        found,
        ["TrackEndEvent stopped", "WebSocketClosedEvent ", "playerUpdate"]
    );
}

#[tokio::test]
async fn player_updates_go_on_while_a_track_is_paused_and_end_with_it() {
    let node = Node::start(NodeOptions {
        extra_yaml: "    playerUpdateInterval: 1\n".to_owned(),
        ..NodeOptions::default()
    })
    .await;
    let path = lavalink_blackbox::media::tone(
        node.directory(),
        "long.wav",
        &["-c:a", "pcm_s16le"],
        48_000,
        60.0,
        440,
        660,
    );
    let (rest, mut socket) = (node.rest(), node.socket().await);
    let player = socket.player(1);
    rest.patch(&player, &json!({"track": {"identifier": path}})).await;
    rest.patch(&player, &json!({"paused": true})).await;
    let mut times = Vec::new();
    while times.len() < 6 {
        let update = socket.wait(|m| m["op"] == "playerUpdate").await;
        assert_eq!(
            (&update["state"]["connected"], &update["state"]["ping"]),
            (&json!(false), &json!(-1))
        );
        times.push(update["state"]["time"].as_i64().expect("a number"));
    }
    // Two at once when the track starts, then one a second, at a fixed rate: no sooner than the rate allows.
    let whole = times[5] - times[1];
    assert!(whole > 3_000, "{times:?}");
    rest.patch(&player, &json!({"track": {"encoded": null}})).await;
    socket.event("TrackEndEvent", 1).await;
    let seen = socket.seen.len();
    socket.drain(Duration::from_millis(2_500)).await;
    assert!(socket.seen[seen..].iter().all(|m| m["op"] != "playerUpdate"));
}
