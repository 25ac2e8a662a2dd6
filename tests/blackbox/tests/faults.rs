//! Files, servers and voice servers that misbehave: a clear answer, and the others play on.

use std::time::Duration;

use fake_discord::Config;
use lavalink_blackbox::{Stage, media, stage::assert_clean};
use serde_json::json;

const MP3: &[&str] = &["-c:a", "libmp3lame", "-b:a", "128k"];

#[tokio::test]
async fn bad_files_do_not_disturb_another_guild() {
    let mut stage = Stage::start(Config::default()).await;
    let good = media::tone(stage.node.directory(), "good.mp3", MP3, 48_000, 30.0, 440, 660);
    stage.join(1).await;
    stage.play(1, good.to_str().expect("text")).await;
    stage.heard(1, "audio", |r| r.frames.media > 20).await;

    let bytes = std::fs::read(&good).expect("the file is there");
    let truncated = stage.node.directory().join("truncated.mp3");
    std::fs::write(&truncated, &bytes[..bytes.len() / 10]).expect("a file can be written");
    stage.join(2).await;
    stage.play(2, truncated.to_str().expect("text")).await;
    assert_eq!(stage.end_of(2).await, "finished", "what is there is played");

    // A file that is changed to garbage between load and play: an exception, then loadFailed.
    let victim = stage.node.directory().join("victim.mp3");
    std::fs::write(&victim, &bytes[..50_000]).expect("a file can be written");
    let loaded = stage.rest.load(victim.to_str().expect("text")).await;
    let encoded = loaded["data"]["encoded"].as_str().expect("a track").to_owned();
    std::fs::write(&victim, vec![0_u8; 50_000]).expect("a file can be written");
    stage.update(2, &json!({"track": {"encoded": encoded}})).await;
    let exception = stage.socket.event("TrackExceptionEvent", 2).await;
    assert!(exception["exception"]["message"].is_string(), "{exception}");
    assert_eq!(stage.end_of(2).await, "loadFailed");

    // A file that is gone.
    std::fs::remove_file(&victim).expect("a file can be removed");
    stage.update(2, &json!({"track": {"encoded": encoded}})).await;
    stage.socket.event("TrackExceptionEvent", 2).await;
    assert_eq!(stage.end_of(2).await, "loadFailed");

    let loaded = stage.rest.load("/etc/hostname").await;
    assert_eq!(loaded["loadType"], "error");
    let report = stage.discord.report(1).expect("a report");
    assert_clean("the other guild", &report);
    assert!(stage.node.is_running());
}

#[tokio::test]
async fn voice_servers_that_refuse_cost_their_own_player_only() {
    let mut stage = Stage::start(Config {
        token: Some("token-1".to_owned()),
        ..Config::default()
    })
    .await;
    let good = media::tone(stage.node.directory(), "good.mp3", MP3, 48_000, 30.0, 440, 660);
    stage.join(1).await;
    stage.play(1, good.to_str().expect("text")).await;
    stage.heard(1, "audio", |r| r.frames.media > 20).await;

    // Nobody listens there.
    let mut voice = stage.voice(3);
    voice["endpoint"] = json!("127.0.0.1:1");
    let answer = stage
        .rest
        .patch(&stage.socket.player(3), &json!({"voice": voice}))
        .await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (500, "Failed to connect to voice server")
    );

    // The token is wrong: the gateway closes with 4004, and the client hears of it.
    let answer = stage
        .rest
        .patch(&stage.socket.player(4), &json!({"voice": stage.voice(4)}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let closed = stage.socket.event("WebSocketClosedEvent", 4).await;
    assert_eq!(
        (closed["code"].as_i64(), closed["byRemote"].as_bool()),
        (Some(4004), Some(true)),
        "{closed}"
    );

    // A connection to something that accepts and says nothing ends in time.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let mut voice = stage.voice(5);
    voice["endpoint"] = json!(silent.local_addr().expect("an address").to_string());
    let answer = stage
        .rest
        .patch(&stage.socket.player(5), &json!({"voice": voice}))
        .await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (500, "Failed to connect to voice server")
    );

    assert_clean("the other guild", &stage.discord.report(1).expect("a report"));
}

#[tokio::test]
async fn kicked_means_an_event_and_the_player_stays() {
    let mut stage = Stage::start(Config::default()).await;
    let path = media::tone(stage.node.directory(), "tone.mp3", MP3, 48_000, 60.0, 440, 660);
    stage.join(1).await;
    stage.play(1, path.to_str().expect("text")).await;
    stage.heard(1, "audio", |r| r.frames.media > 20).await;
    stage
        .discord
        .close(1, 4014, "Disconnected.")
        .expect("a connection");
    let closed = stage.socket.event("WebSocketClosedEvent", 1).await;
    assert_eq!(closed["code"], 4014);
    assert_eq!(closed["reason"], "Disconnected.");
    assert_eq!(closed["byRemote"], true);
    let update = stage
        .socket
        .wait(|m| m["op"] == "playerUpdate" && m["state"]["connected"] == false)
        .await;
    assert_eq!(update["guildId"], "1");
    assert!(stage.player(1).await["track"].is_object());
    stage.join(1).await;
    stage
        .heard(1, "audio on the new connection", |r| {
            r.connected && r.frames.media > 50
        })
        .await;
}

#[tokio::test]
async fn a_lost_voice_socket_is_resumed_without_an_event() {
    let mut stage = Stage::start(Config::default()).await;
    let path = media::tone(stage.node.directory(), "tone.mp3", MP3, 48_000, 60.0, 440, 660);
    stage.join(1).await;
    stage.play(1, path.to_str().expect("text")).await;
    stage.heard(1, "audio", |r| r.frames.media > 50).await;
    stage.discord.drop_tcp(1).expect("a connection");
    stage
        .heard(1, "a resume", |r| r.gateway.resumes == 1 && r.connected)
        .await;
    stage.discord.close(1, 4015, "crashed").expect("a connection");
    let report = stage
        .heard(1, "another resume", |r| r.gateway.resumes == 2 && r.connected)
        .await;
    let frames = report.frames.media;
    let report = stage
        .heard(1, "audio going on", |r| r.frames.media > frames + 50)
        .await;
    assert_clean("resumed", &report);
    stage.socket.drain(Duration::from_millis(200)).await;
    assert!(
        !stage
            .socket
            .events_of(1)
            .contains(&"WebSocketClosedEvent".to_owned())
    );
}
