//! What a bot does to a player while it plays.

use std::time::Duration;

use fake_discord::{Config, analysis};
use lavalink_blackbox::{Stage, media, stage::assert_clean};
use lavalink_protocol::codec::EncodedTrack;
use serde_json::json;
use tokio::time::sleep;

const MP3: &[&str] = &["-c:a", "libmp3lame", "-b:a", "128k"];
const OPUS: &[&str] = &["-c:a", "libopus", "-b:a", "96k"];

fn file(stage: &Stage, name: &str, encoder: &[&str], seconds: f64, hz: u32) -> String {
    let path = media::tone(stage.node.directory(), name, encoder, 48_000, seconds, hz, hz);
    path.to_str().expect("text").to_owned()
}

/// Waits until a condition on the position holds.
async fn position_reaches(stage: &Stage, guild: u64, range: std::ops::Range<i64>) -> i64 {
    for _ in 0..200 {
        let position = stage.position(guild).await;
        if range.contains(&position) {
            return position;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("position never in {range:?}, now {}", stage.position(guild).await);
}

#[tokio::test]
async fn pause_resume_seek_and_volume() {
    let mut stage = Stage::start(Config::default()).await;
    for (guild, name, encoder) in [(1, "long.mp3", MP3), (2, "long.webm", OPUS)] {
        let path = file(&stage, name, encoder, 60.0, 440);
        stage.join(guild).await;
        stage.play(guild, &path).await;
        position_reaches(&stage, guild, 500..5_000).await;

        assert_eq!(
            stage.update(guild, &json!({"paused": true})).await["paused"],
            true
        );
        stage
            .heard(guild, "silence after pausing", |r| r.frames.silence >= 5)
            .await;
        let at = stage.position(guild).await;
        sleep(Duration::from_millis(600)).await;
        assert_eq!(
            stage.position(guild).await,
            at,
            "{name}: a paused player stands still"
        );
        stage.update(guild, &json!({"paused": false})).await;
        position_reaches(&stage, guild, at + 400..at + 10_000).await;

        let mut before = stage.socket.seen.len();
        stage.update(guild, &json!({"position": 40_000})).await;
        position_reaches(&stage, guild, 39_900..45_000).await;
        stage.socket.drain(Duration::from_millis(50)).await;
        before = before.min(stage.socket.seen.len());
        assert!(
            stage.socket.seen[before..]
                .iter()
                .any(|m| m["op"] == "playerUpdate"),
            "{name}: a seek is announced"
        );

        stage.update(guild, &json!({"volume": 50})).await;
        sleep(Duration::from_millis(400)).await;
        stage.discord.clear_recording(guild).expect("a recording");
        sleep(Duration::from_millis(1_500)).await;
        let [left, _] = analysis::stereo(&stage.discord.pcm(guild), 48_000).expect("audio");
        let quieter = 20.0 * 0.4169_f64.log10();
        assert!(
            (left.rms_dbfs - (-15.05 + quieter)).abs() < 1.0,
            "{name}: volume 50 gives {left:?}"
        );
        assert!((left.peak_hz - 440.0).abs() < 2.0, "{name}: {left:?}");

        let report = stage.discord.report(guild).expect("a report");
        assert_eq!(report.violations(), Vec::<String>::new(), "{name}");
        stage.update(guild, &json!({"track": {"encoded": null}})).await;
        assert_eq!(stage.end_of(guild).await, "stopped");
    }
}

#[tokio::test]
async fn replacing_start_position_and_end_time() {
    let mut stage = Stage::start(Config::default()).await;
    let first = file(&stage, "first.mp3", MP3, 30.0, 440);
    let second = file(&stage, "second.flac", &["-c:a", "flac"], 30.0, 880);
    stage.join(5).await;
    stage.play(5, &first).await;
    stage.socket.event("TrackStartEvent", 5).await;
    position_reaches(&stage, 5, 400..5_000).await;

    let body = json!({"track": {"identifier": second}, "position": 10_000, "endTime": 12_000});
    stage.update(5, &body).await;
    assert_eq!(stage.end_of(5).await, "replaced");
    let start = stage.socket.event("TrackStartEvent", 5).await;
    assert_eq!(start["track"]["info"]["uri"], second.as_str());
    position_reaches(&stage, 5, 10_000..12_100).await;
    stage.discord.clear_recording(5).expect("a recording");
    let end = stage.socket.event("TrackEndEvent", 5).await;
    assert_eq!(end["reason"], "finished");
    let position = end["track"]["info"]["position"].as_i64().expect("a number");
    assert!((11_900..12_300).contains(&position), "ended at {position} ms");
    let [left, _] = analysis::stereo(&stage.discord.pcm(5), 48_000).expect("audio");
    assert!((left.peak_hz - 880.0).abs() < 3.0, "{left:?}");
}

#[tokio::test]
async fn the_old_track_is_heard_until_the_new_one_has_audio() {
    let mut stage = Stage::start(Config::default()).await;
    let path = file(&stage, "first.mp3", MP3, 60.0, 440);
    stage.join(9).await;
    stage.play(9, &path).await;
    position_reaches(&stage, 9, 400..5_000).await;

    // A track whose server accepts and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a socket");
    let url = format!("http://{}/a.mp3", silent.local_addr().expect("an address"));
    let track = EncodedTrack {
        version: 3,
        title: "t".into(),
        author: "a".into(),
        length: 60_000,
        identifier: url,
        is_stream: false,
        uri: None,
        artwork_url: None,
        isrc: None,
        source_name: "http".into(),
        details: [&[0, 3][..], b"mp3"].concat(),
        position: 0,
    };
    let body = json!({"encodedTrack": track.encode().expect("encodable")});
    stage.update(9, &body).await;
    assert_eq!(stage.end_of(9).await, "replaced");
    let before = stage.discord.report(9).expect("a report").frames.media;
    stage
        .heard(9, "the old track going on", |r| r.frames.media > before + 50)
        .await;
    assert_eq!(stage.position(9).await, 0, "the position is the new track's");

    stage.update(9, &json!({"encodedTrack": null})).await;
    assert_eq!(stage.end_of(9).await, "stopped");
    stage
        .heard(9, "silence after the stop", |r| r.frames.silence >= 5)
        .await;
}

#[tokio::test]
async fn filters_change_what_is_heard_at_once() {
    let mut stage = Stage::start(Config::default()).await;
    let path = file(&stage, "tone.webm", OPUS, 60.0, 440);
    stage.join(6).await;
    stage.play(6, &path).await;
    position_reaches(&stage, 6, 500..5_000).await;

    stage
        .update(6, &json!({"filters": {"timescale": {"pitch": 2.0}}}))
        .await;
    sleep(Duration::from_millis(500)).await;
    stage.discord.clear_recording(6).expect("a recording");
    sleep(Duration::from_millis(1_500)).await;
    let [left, right] = analysis::stereo(&stage.discord.pcm(6), 48_000).expect("audio");
    assert!((left.peak_hz - 880.0).abs() < 10.0, "an octave up: {left:?}");
    assert!((right.peak_hz - 880.0).abs() < 10.0, "an octave up: {right:?}");

    stage
        .update(
            6,
            &json!({"filters": {"channelMix": {"leftToLeft": 0.0, "rightToRight": 1.0}}}),
        )
        .await;
    sleep(Duration::from_millis(500)).await;
    stage.discord.clear_recording(6).expect("a recording");
    sleep(Duration::from_millis(1_000)).await;
    let [left, right] = analysis::stereo(&stage.discord.pcm(6), 48_000).expect("audio");
    assert!(
        left.rms_dbfs < right.rms_dbfs - 30.0,
        "left is muted: {left:?} {right:?}"
    );

    stage.update(6, &json!({"filters": {}})).await;
    sleep(Duration::from_millis(500)).await;
    stage.discord.clear_recording(6).expect("a recording");
    sleep(Duration::from_millis(1_000)).await;
    let [left, _] = analysis::stereo(&stage.discord.pcm(6), 48_000).expect("audio");
    assert!(
        (left.peak_hz - 440.0).abs() < 2.0,
        "back to the original: {left:?}"
    );
    assert_eq!(
        stage.discord.report(6).expect("a report").violations(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_session_that_ends_takes_its_players_and_voice_along() {
    let mut stage = Stage::start(Config::default()).await;
    let path = file(&stage, "tone.mp3", MP3, 30.0, 440);
    stage.join(8).await;
    stage.play(8, &path).await;
    let report = stage.heard(8, "audio", |r| r.frames.media > 50).await;
    assert_clean("before the cut", &report);
    let other = stage.node.socket().await;
    let old = std::mem::replace(&mut stage.socket, other);
    old.cut();
    let report = stage
        .heard(8, "the voice connection to be closed", |r| !r.connected)
        .await;
    let close = report.gateway.close.expect("a close frame");
    assert_eq!((close.code, close.by_client), (1000, true));
    let stats = stage.rest.get("/v4/stats").await.json();
    assert_eq!(
        (stats["players"].as_i64(), stats["playingPlayers"].as_i64()),
        (Some(0), Some(0))
    );
}
