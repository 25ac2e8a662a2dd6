//! WebSocket messages.

use std::time::Duration;

use fake_services::{FakeServices, Resource};
use lavalink_blackbox::{Node, Socket, Stage, node::PASSWORD};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::compare::Used;
use crate::scene::{self, GUILD, assert_consistent, in_session, options, patch};

/// Payloads produced by the tests of this file.
pub const PRODUCED: &[&str] = &[
    "ws-ready.json",
    "ws-ready-resumed.json",
    "ws-playerupdate.json",
    "ws-playerupdate-just-connected.json",
    "ws-playerupdate-never-connected.json",
    "ws-stats.json",
    "ws-event-trackstart.json",
    "ws-event-trackend-finished.json",
    "ws-event-trackend-loadfailed.json",
    "ws-event-trackend-stopped.json",
    "ws-event-trackend-replaced.json",
    "ws-event-trackexception.json",
    "ws-event-trackexception-nullmessage.json",
    "ws-event-websocketclosed-remote.json",
    "ws-event-websocketclosed-local.json",
    "ws-event-trackend-cleanup.json",
    "ws-event-trackstuck.json",
    "ws-stats-frames.json",
    "ws-stats-small-load.json",
];
/// Those that come at once.
const QUICK: usize = 15;

/// What depends on the moment in stats.
pub const STATS: &[&str] = &[
    "/players",
    "/playingPlayers",
    "/uptime",
    "/memory/free",
    "/memory/used",
    "/memory/allocated",
    "/memory/reservable",
    "/cpu/cores",
    "/cpu/systemLoad",
    "/cpu/lavalinkLoad",
];
/// What depends on the moment in an event about a track.
const TRACK: &[&str] = &["/track/encoded", "/track/info/position"];

/// Waits for an event and compares it.
async fn event(used: &mut Used, socket: &mut Socket, name: &str, kind: &str, free: &[&str]) -> Value {
    let event = socket.event(kind, GUILD).await;
    used.same(name, socket.text_of(&event), free);
    if event.get("track").is_some() {
        assert_consistent(&event["track"]);
    }
    event
}

async fn play(stage: &Stage, more: &str) {
    let body = format!(r#"{{"encodedTrack":"{}"{more}}}"#, scene::encoded());
    let answer = patch(&stage.rest, &stage.socket, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn join(stage: &mut Stage) -> Value {
    let voice = json!({"voice": scene::voice(stage)}).to_string();
    let answer = patch(&stage.rest, &stage.socket, &voice).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    stage
        .socket
        .wait(|m| m["op"] == "playerUpdate" && m["state"]["connected"] == true)
        .await
}

#[tokio::test]
async fn messages_of_a_session() {
    let mut stage = scene::stage().await;
    let mut used = Used::default();
    let golden = in_session("ws-ready.json", &stage.socket);
    used.same_as("ws-ready.json", &golden, &stage.socket.texts[0], &[]);
    let stats = stage.socket.wait(|m| m["op"] == "stats").await;
    used.same("ws-stats.json", stage.socket.text_of(&stats), STATS);

    let update = join(&mut stage).await;
    let text = stage.socket.text_of(&update);
    used.same("ws-playerupdate-just-connected.json", text, &["/state/time"]);
    let body = json!({"track": {"encoded": scene::encoded(), "userData": {"requester": "1"}}});
    patch(&stage.rest, &stage.socket, &body.to_string()).await;
    let name = "ws-event-trackstart.json";
    event(&mut used, &mut stage.socket, name, "TrackStartEvent", &[]).await;
    let update = stage
        .socket
        .wait(|m| m["op"] == "playerUpdate" && m["state"]["position"].as_i64() > Some(0))
        .await;
    let free = ["/state/time", "/state/position", "/state/ping"];
    used.same("ws-playerupdate.json", stage.socket.text_of(&update), &free);

    patch(&stage.rest, &stage.socket, r#"{"track":{"userData":{}}}"#).await;
    play(&stage, "").await;
    let name = "ws-event-trackend-replaced.json";
    event(&mut used, &mut stage.socket, name, "TrackEndEvent", TRACK).await;
    patch(&stage.rest, &stage.socket, r#"{"encodedTrack":null}"#).await;
    let name = "ws-event-trackend-stopped.json";
    event(&mut used, &mut stage.socket, name, "TrackEndEvent", TRACK).await;

    play(&stage, r#","position":182000"#).await;
    let name = "ws-event-trackend-finished.json";
    let end = event(&mut used, &mut stage.socket, name, "TrackEndEvent", TRACK).await;
    let position = end["track"]["info"]["position"].as_i64().expect("a number");
    assert!((182_900..=183_000).contains(&position), "{position}");

    std::fs::remove_file(stage.node.directory().join("song.wav")).expect("the song is there");
    play(&stage, "").await;
    let free = ["/exception/causeStackTrace"];
    let name = "ws-event-trackexception.json";
    event(&mut used, &mut stage.socket, name, "TrackExceptionEvent", &free).await;
    let name = "ws-event-trackend-loadfailed.json";
    event(&mut used, &mut stage.socket, name, "TrackEndEvent", &[]).await;
    std::fs::write(stage.node.directory().join("song.eof"), "").expect("a writable directory");
    play(&stage, "").await;
    let name = "ws-event-trackexception-nullmessage.json";
    event(&mut used, &mut stage.socket, name, "TrackExceptionEvent", &[]).await;
    voice_ends(&mut stage, &mut used).await;

    let session = format!("/v4/sessions/{}", stage.socket.session_id);
    stage.rest.patch_text(&session, r#"{"resuming":true}"#).await;
    let user = "170939974227541168";
    let id = stage.socket.session_id.clone();
    let other = stage.node.socket().await;
    std::mem::replace(&mut stage.socket, other).cut();
    let again = loop {
        let again = Socket::open(&stage.node.address(), PASSWORD, user, Some(&id)).await;
        if again.headers["session-resumed"] == "true" {
            break again;
        }
        // The node has not noticed the cut yet.
        sleep(Duration::from_millis(20)).await;
    };
    let golden = in_session("ws-ready-resumed.json", &again);
    used.same_as("ws-ready-resumed.json", &golden, &again.texts[0], &[]);
    used.are(&PRODUCED[..QUICK]);
}

/// Discord closes the connection; then, with a new one, the client deletes the player.
async fn voice_ends(stage: &mut Stage, used: &mut Used) {
    let reason = "Session is no longer valid.";
    stage.discord.close(GUILD, 4006, reason).expect("a connection");
    let name = "ws-event-websocketclosed-remote.json";
    event(used, &mut stage.socket, name, "WebSocketClosedEvent", &[]).await;
    join(stage).await;
    stage.rest.delete(&stage.socket.player(GUILD)).await;
    let name = "ws-event-websocketclosed-local.json";
    event(used, &mut stage.socket, name, "WebSocketClosedEvent", &[]).await;
    let update = stage.socket.wait(|_| true).await;
    let text = stage.socket.text_of(&update);
    used.same("ws-playerupdate-never-connected.json", text, &["/state/time"]);
}

/// What takes its time, all at once.
#[tokio::test]
async fn messages_that_take_minutes() {
    let mut used = [Used::default(), Used::default(), Used::default(), Used::default()];
    let [cleanup, stuck, frames, load] = &mut used;
    tokio::join!(
        abandoned(cleanup),
        stalled(stuck),
        full_minute(frames),
        nearly_idle(load)
    );
    for (used, name) in used.into_iter().zip(&PRODUCED[QUICK..]) {
        used.are(&[name]);
    }
}

/// Nobody polls a player without a voice connection.
async fn abandoned(used: &mut Used) {
    let node = Node::start(options()).await;
    scene::song(&node);
    let (rest, mut socket) = (node.rest(), node.socket().await);
    let body = format!(r#"{{"encodedTrack":"{}"}}"#, scene::encoded());
    patch(&rest, &socket, &body).await;
    let end = socket
        .wait_for(Duration::from_secs(180), |m| m["type"] == "TrackEndEvent")
        .await;
    used.same("ws-event-trackend-cleanup.json", socket.text_of(&end), &[]);
}

/// A server that stops sending in the middle.
async fn stalled(used: &mut Used) {
    let mut stage = scene::stage().await;
    let web = FakeServices::start().await.expect("a server");
    let path = stage.node.directory().join("song.wav");
    let bytes = std::fs::read(path).expect("the song is there");
    let stalls = Resource::bytes("audio/wav", bytes)
        .stall_after(1 << 20, 1000)
        .without_ranges();
    web.serve("/song.wav", stalls);
    std::fs::write(stage.node.directory().join("song.url"), web.url("/song.wav")).expect("a file");
    join(&mut stage).await;
    play(&stage, "").await;
    let stuck = stage
        .socket
        .wait_for(Duration::from_secs(120), |m| m["type"] == "TrackStuckEvent")
        .await;
    used.same("ws-event-trackstuck.json", stage.socket.text_of(&stuck), TRACK);
    assert_consistent(&stuck["track"]);
    let update = stage.socket.wait(|_| true).await;
    assert_eq!(update["op"], "playerUpdate");
}

/// Frame statistics exist once a player has played through a minute of the wall clock.
async fn full_minute(used: &mut Used) {
    let mut stage = scene::stage().await;
    join(&mut stage).await;
    play(&stage, "").await;
    let deadline = Instant::now() + Duration::from_secs(400);
    let stats = loop {
        let stats = stage
            .socket
            .wait_for(Duration::from_secs(90), |m| m["op"] == "stats")
            .await;
        if stats["frameStats"].is_object() {
            break stats;
        }
        assert!(Instant::now() < deadline, "no frame statistics");
        // A seek changes nothing about the counting, and the song does not end.
        patch(&stage.rest, &stage.socket, r#"{"position":0}"#).await;
    };
    let mut free = vec!["/frameStats/sent", "/frameStats/nulled", "/frameStats/deficit"];
    free.extend(STATS);
    used.same("ws-stats-frames.json", stage.socket.text_of(&stats), &free);
    let count = |name: &str| stats["frameStats"][name].as_i64().expect("a number");
    assert_eq!(
        count("sent") + count("nulled") + count("deficit"),
        3000,
        "{stats}"
    );
    assert!(count("sent") > 0, "{stats}");
    assert_eq!(
        (&stats["players"], &stats["playingPlayers"]),
        (&json!(1), &json!(1))
    );
}

/// The load of a node that does next to nothing is a number Java writes with an exponent.
async fn nearly_idle(used: &mut Used) {
    let node = Node::start(options()).await;
    let rest = node.rest();
    let mut requests = 8;
    for _ in 0..8 {
        rest.get("/v4/stats").await;
        for _ in 0..requests {
            rest.get("/version").await;
        }
        // Figures are kept for half a minute.
        sleep(Duration::from_secs(31)).await;
        let mut socket = node.socket().await;
        let stats = socket.wait(|m| m["op"] == "stats").await;
        let load = stats["cpu"]["lavalinkLoad"].as_f64().expect("a number");
        if load == 0.0 {
            requests *= 4;
            continue;
        }
        if load < 1e-3 {
            let text = socket.text_of(&stats);
            let (_, number) = text.split_once(r#""lavalinkLoad":"#).expect("the last member");
            let number = number.trim_end_matches('}');
            let (mantissa, exponent) = number.split_once('E').unwrap_or_else(|| panic!("{text}"));
            assert_eq!(mantissa.find('.'), Some(1), "{number}");
            assert!(
                exponent.parse::<i32>().is_ok_and(|exponent| exponent <= -4),
                "{number}"
            );
            used.same("ws-stats-small-load.json", text, STATS);
            return;
        }
        requests = (requests / 2).max(1);
    }
    panic!("the load was never small");
}
