//! The diagnosis of a player: every gap has its cause, and where there was none, none is reported.

use std::time::Duration;

use fake_discord::Config;
use fake_services::{FakeServices, Resource};
use lavalink_blackbox::{Stage, client::PATIENCE, media};
use serde_json::{Value, json};

const MP3: &[&str] = &["-c:a", "libmp3lame", "-b:a", "128k"];

/// Causes a busy machine adds to any test.
const MACHINE: [&str; 2] = ["cpuOverrun", "hostStolen"];

async fn diagnosis(stage: &Stage, guild: u64) -> Value {
    let path = format!("{}/diagnosis", stage.socket.player(guild));
    let answer = stage.rest.get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Causes of the gaps, those of a busy machine left out.
fn causes(diagnosis: &Value) -> Vec<&str> {
    let gaps = diagnosis["gaps"].as_array().expect("a list");
    gaps.iter()
        .filter_map(|gap| gap["cause"].as_str())
        .filter(|cause| !MACHINE.contains(cause))
        .collect()
}

/// Asks until there is a gap of this cause.
async fn gap(stage: &Stage, guild: u64, cause: &str) -> Value {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let diagnosis = diagnosis(stage, guild).await;
        let gaps = diagnosis["gaps"].as_array().expect("a list");
        if let Some(gap) = gaps.iter().find(|gap| gap["cause"] == cause) {
            return gap.clone();
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no gap by {cause}: {diagnosis}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn clean_play_has_no_gap_and_strangers_are_not_found() {
    let mut stage = Stage::start(Config::default()).await;
    let path = media::tone(stage.node.directory(), "tone.mp3", MP3, 48_000, 20.0, 440, 660);
    for (path, message) in [
        (stage.socket.player(9), "Player not found"),
        ("/v4/sessions/nobody/players/9".to_owned(), "Session not found"),
    ] {
        let answer = stage.rest.get(&format!("{path}/diagnosis")).await;
        assert_eq!((answer.status, answer.message().as_str()), (404, message));
    }
    stage.update(1, &json!({ "volume": 100 })).await;
    let before = diagnosis(&stage, 1).await;
    assert_eq!(
        (&before["gaps"], &before["frames"]["sent"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(
        (&before["connected"], &before["playing"]),
        (&json!(false), &json!(false))
    );

    stage.join(1).await;
    stage.play(1, path.to_str().expect("text")).await;
    stage.heard(1, "audio", |r| r.frames.media > 150).await;
    stage.update(1, &json!({ "paused": true })).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.update(1, &json!({ "paused": false })).await;
    stage.heard(1, "audio going on", |r| r.frames.media > 250).await;
    let report = diagnosis(&stage, 1).await;
    assert_eq!(causes(&report), Vec::<&str>::new(), "{report}");
    assert_eq!(
        (&report["guildId"], &report["connected"]),
        (&json!("1"), &json!(true))
    );
    assert!(report["frames"]["sent"].as_u64() >= Some(250), "{report}");
    assert_eq!(report["voiceConnections"], 1);
    assert_eq!(report["sourceStalls"], json!([]), "{report}");
    assert!(report["lateness"]["p50"].is_f64(), "{report}");

    let scrape = stage.rest.get("/metrics").await;
    if scrape.status == 200 {
        assert!(
            scrape
                .text
                .contains(r#"lavalink_audio_gaps_total{cause="sourceStarved"} 0"#)
        );
    }
}

#[tokio::test]
async fn a_media_server_that_falls_silent_is_named() {
    let mut stage = Stage::start(Config::default()).await;
    let services = FakeServices::start().await.expect("a media server");
    let path = media::tone(stage.node.directory(), "tone.mp3", MP3, 48_000, 30.0, 440, 660);
    let bytes = std::fs::read(path).expect("the file was made");
    services.serve(
        "/tone.mp3",
        // A second and a quarter each time, then nothing until the node gives the connection up.
        Resource::bytes("audio/mpeg", bytes).stall_after(20_000, usize::MAX),
    );
    stage.join(1).await;
    stage.play(1, &services.url("/tone.mp3")).await;
    stage.heard(1, "audio", |r| r.frames.media > 100).await;
    let gap = gap(&stage, 1, "sourceStarved").await;
    assert!(gap["evidence"]["slotsWithoutBytes"].as_u64() > Some(0), "{gap}");
    assert!(
        gap["explanation"]
            .as_str()
            .is_some_and(|text| text.contains("server of the track"))
    );
    let report = diagnosis(&stage, 1).await;
    assert_ne!(report["sourceStalls"], json!([]), "{report}");
    assert!(
        report["frames"]["missed"]["sourceStarved"].as_u64() > Some(0),
        "{report}"
    );
}

#[tokio::test]
async fn a_stopped_process_is_the_hosts_doing_and_a_move_is_a_reconnect() {
    let mut stage = Stage::start(Config::default()).await;
    let path = media::tone(stage.node.directory(), "tone.mp3", MP3, 48_000, 60.0, 440, 660);
    stage.join(1).await;
    stage.play(1, path.to_str().expect("text")).await;
    stage.heard(1, "audio", |r| r.frames.media > 100).await;
    stage.node.freeze(Duration::from_millis(500)).await;
    let stolen = gap(&stage, 1, "hostStolen").await;
    assert!(stolen["start"].as_i64() > Some(1_600_000_000_000), "{stolen}");

    let mut voice = stage.voice(1);
    voice["sessionId"] = json!("another-session");
    stage.update(1, &json!({ "voice": voice })).await;
    let moved = gap(&stage, 1, "voiceReconnect").await;
    assert_eq!(moved["ongoing"].as_bool().map(|_| ()), Some(()), "{moved}");
    stage
        .heard(1, "audio on the new connection", |r| {
            r.connected && r.frames.media > 50
        })
        .await;
    assert_eq!(diagnosis(&stage, 1).await["voiceConnections"], 2);
}
