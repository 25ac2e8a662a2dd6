//! REST answers.

use lavalink_blackbox::{Node, media};
use serde_json::{Value, json};

use fake_services::{FakeServices, Resource};

use crate::compare::Used;
use crate::scene::{self, GUILD, MOMENT, assert_consistent, options, patch};
use crate::{messages, payload};

/// Payloads produced by the tests of this file.
pub const PRODUCED: &[&str] = &[
    "rest-version.txt",
    "rest-info-release.json",
    "rest-stats.json",
    "rest-loadtracks-track.json",
    "rest-loadtracks-track-http.json",
    "rest-loadtracks-track-stream.json",
    "rest-loadtracks-playlist.json",
    "rest-loadtracks-playlist-noselection.json",
    "rest-loadtracks-search.json",
    "rest-loadtracks-search-empty.json",
    "rest-loadtracks-empty.json",
    "rest-loadtracks-error.json",
    "rest-decodetrack.json",
    "rest-decodetracks.json",
    "rest-player-fresh.json",
    "rest-player-connected-idle.json",
    "rest-player-playing.json",
    "rest-player-all-filters.json",
    "rest-player-voice-lost.json",
    "rest-players.json",
    "rest-players-none.json",
    "rest-session.json",
];

/// Answers about the node and about tracks.
const STATELESS: usize = 14;

fn load(identifier: &str) -> String {
    format!(
        "/v4/loadtracks?identifier={}",
        lavalink_blackbox::client::url_encode(identifier)
    )
}

#[tokio::test]
async fn the_node_and_its_tracks() {
    let node = Node::start(options()).await;
    let rest = node.rest();
    let mut used = Used::default();

    assert_eq!(
        rest.get("/version").await.text,
        payload("rest-version.txt").trim_end()
    );
    used.note("rest-version.txt");
    let info = rest.get("/v4/info").await.text;
    let golden = payload("rest-info-release.json").replace(
        r#"["soundcloud","bandcamp","twitch","vimeo","niconico","youtube","http"]"#,
        r#"["youtube","http"]"#,
    );
    let golden = golden.replace(
        r#"[{"name":"youtube-plugin","version":"1.18.0"}]"#,
        r#"[{"name":"http","version":"0"},{"name":"youtube","version":"0"}]"#,
    );
    let free = [
        "/buildTime",
        "/git/branch",
        "/git/commit",
        "/git/commitTime",
        "/jvm",
        "/lavaplayer",
        "/plugins/0/name",
        "/plugins/0/version",
        "/plugins/1/name",
        "/plugins/1/version",
    ];
    used.same_as("rest-info-release.json", &golden, &info, &free);
    let stats = rest.get("/v4/stats").await.text;
    used.same("rest-stats.json", &stats, messages::STATS);

    for (name, identifier) in [
        (
            "rest-loadtracks-track.json",
            "https://www.youtube.com/watch?v=aBcDeFgHiJk",
        ),
        (
            "rest-loadtracks-playlist.json",
            "https://www.youtube.com/playlist?list=selected",
        ),
        ("rest-loadtracks-search.json", "ytsearch:songs"),
        ("rest-loadtracks-search-empty.json", "ytsearch:none"),
        (
            "rest-loadtracks-empty.json",
            "https://www.youtube.com/watch?v=none",
        ),
    ] {
        used.same(name, &rest.get(&load(identifier)).await.text, &[]);
    }
    // The catalogue has one source, so the track of another carries its name.
    let answer = rest
        .get(&load("https://www.youtube.com/playlist?list=plain"))
        .await;
    used.same(
        "rest-loadtracks-playlist-noselection.json",
        &answer.text,
        &["/data/tracks/0/encoded", "/data/tracks/0/info/sourceName"],
    );
    // The node names the real reason; see docs/compatibility.md.
    let answer = rest
        .get(&load("https://www.youtube.com/watch?v=unavailable"))
        .await;
    let free = [
        "/data/message",
        "/data/severity",
        "/data/cause",
        "/data/causeStackTrace",
    ];
    used.same("rest-loadtracks-error.json", &answer.text, &free);

    let golden = payload("rest-decodetrack.json");
    let given: Value = serde_json::from_str(&golden).expect("JSON");
    let given = lavalink_blackbox::client::url_encode(given["encoded"].as_str().expect("text"));
    for parameter in ["encodedTrack", "track"] {
        let answer = rest.get(&format!("/v4/decodetrack?{parameter}={given}")).await;
        assert_eq!(answer.text, golden, "{parameter}");
    }
    used.note("rest-decodetrack.json");
    let body: Value = serde_json::from_str(&payload("req-decodetracks.json")).expect("JSON");
    let answer = rest.post("/v4/decodetracks", &body).await;
    assert_eq!(answer.text, payload("rest-decodetracks.json"));
    used.note("rest-decodetracks.json");

    from_the_web(&node, &mut used).await;
    used.are(&PRODUCED[..STATELESS]);
}

/// Tracks of the http source: a file, and a stream.
async fn from_the_web(node: &Node, used: &mut Used) {
    let rest = node.rest();
    let web = FakeServices::start().await.expect("a server");
    let encoder = ["-c:a", "libmp3lame", "-b:a", "128k", "-map_metadata", "-1"];
    let file = media::tone(node.directory(), "a.mp3", &encoder, 44_100, 2.0, 440, 660);
    let bytes = std::fs::read(file).expect("the file is there");
    // Without the title ffmpeg was told to write.
    let bytes = bytes[bytes
        .windows(2)
        .position(|pair| pair == [0xff, 0xfb])
        .expect("a frame")..]
        .to_vec();
    web.serve("/a.mp3", Resource::bytes("audio/mpeg", bytes.clone()));
    let free = [
        "/data/encoded",
        "/data/info/identifier",
        "/data/info/uri",
        "/data/info/length",
    ];
    let answer = rest.get(&load(&web.url("/a.mp3"))).await;
    used.same("rest-loadtracks-track-http.json", &answer.text, &free);

    // A stream, and the track of the payload itself, whose playlist is not there to be loaded.
    let golden: Value = serde_json::from_str(&payload("rest-loadtracks-track-stream.json")).expect("JSON");
    let answer = rest
        .post("/v4/decodetracks", &json!([golden["data"]["encoded"]]))
        .await;
    assert_eq!(answer.json()[0], golden["data"]);
    let frames = bytes
        .iter()
        .copied()
        .cycle()
        .skip(2048)
        .take(1 << 20)
        .collect::<Vec<_>>();
    web.serve("/live", Resource::bytes("audio/mpeg", frames).without_length());
    let answer = rest.get(&load(&web.url("/live"))).await;
    let free = [
        "/data/encoded",
        "/data/info/identifier",
        "/data/info/uri",
        "/data/pluginInfo/probeInfo",
    ];
    used.same("rest-loadtracks-track-stream.json", &answer.text, &free);
}

#[tokio::test]
async fn players_and_their_session() {
    let mut stage = scene::stage().await;
    let rest = stage.rest.clone();
    let mut used = Used::default();
    let players = format!("/v4/sessions/{}/players", stage.socket.session_id);

    used.same("rest-players-none.json", &rest.get(&players).await.text, &[]);
    let body = payload("req-session.json");
    let session = format!("/v4/sessions/{}", stage.socket.session_id);
    let answer = rest.patch_text(&session, &body).await;
    used.same("rest-session.json", &answer.text, &[]);

    let answer = patch(&rest, &stage.socket, "{}").await;
    used.same("rest-player-fresh.json", &answer.text, &["/state/time"]);
    let voice = json!({"voice": scene::voice(&stage)}).to_string();
    let answer = patch(&rest, &stage.socket, &voice).await;
    used.same("rest-player-connected-idle.json", &answer.text, MOMENT);
    stage
        .socket
        .wait(|m| m["op"] == "playerUpdate" && m["state"]["connected"] == true)
        .await;

    let play = json!({
        "track": {"encoded": scene::encoded(), "userData": {"requester": "1"}}, "position": 61_000,
    });
    patch(&rest, &stage.socket, &play.to_string()).await;
    stage.heard(GUILD, "audio", |r| r.frames.media > 25).await;
    let answer = rest.get(&stage.socket.player(GUILD)).await;
    used.same("rest-player-playing.json", &answer.text, MOMENT);
    let playing = answer.json();
    assert_consistent(&playing["track"]);
    assert!(
        (61_000..183_000).contains(&playing["state"]["position"].as_i64().expect("a number")),
        "{playing}"
    );

    // Several players come in no particular order.
    patch(&rest, &stage.socket, r#"{"track":{"userData":{}}}"#).await;
    let idle = stage.socket.player(112_233_445_566_778_899);
    rest.patch_text(&idle, "{}").await;
    let mut both = rest.get(&players).await.json();
    let list = both.as_array_mut().expect("a list");
    list.sort_by_key(|player| player["track"].is_null());
    let free: Vec<String> = MOMENT
        .iter()
        .map(|pointer| format!("/0{pointer}"))
        .chain(["/1/state/time".to_owned()])
        .collect();
    let free: Vec<&str> = free.iter().map(String::as_str).collect();
    used.same("rest-players.json", &both.to_string(), &free);

    // No plugin of this generation offers filters, so what is meant for one vanishes as an unknown one does in Java.
    let golden: Value = serde_json::from_str(&payload("rest-player-all-filters.json")).expect("JSON");
    let filters = golden["filters"].clone();
    let body = json!({"volume": 75, "paused": true, "filters": filters});
    let answer = patch(&rest, &stage.socket, &body.to_string()).await;
    let golden = payload("rest-player-all-filters.json");
    let at = golden.find(r#","pluginFilters""#).expect("the last member");
    let golden = format!("{}}}}}", &golden[..at]);
    used.same_as("rest-player-all-filters.json", &golden, &answer.text, MOMENT);

    patch(
        &rest,
        &stage.socket,
        r#"{"volume":100,"paused":false,"filters":{}}"#,
    )
    .await;
    stage
        .discord
        .close(GUILD, 4006, "Session is no longer valid.")
        .expect("a connection");
    stage.socket.event("WebSocketClosedEvent", GUILD).await;
    let answer = rest.get(&stage.socket.player(GUILD)).await;
    used.same("rest-player-voice-lost.json", &answer.text, MOMENT);
    assert!(answer.json()["state"]["ping"].as_i64().expect("a number") >= 0);
    used.are(&PRODUCED[STATELESS..]);
}
