//! The http source against a media server that misbehaves: what is loaded, what is heard, what a bot is told.

use std::path::Path;

use fake_discord::{Config, analysis};
use fake_services::{FakeServices, Resource};
use lavalink_blackbox::{NodeOptions, Stage, media};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MP3: &[&str] = &["-c:a", "libmp3lame", "-b:a", "128k"];

fn tone(directory: &Path, file: &str, encoder: &[&str], seconds: f64) -> Vec<u8> {
    let path = media::tone(directory, file, encoder, 48_000, seconds, 440, 660);
    std::fs::read(path).expect("the file was made")
}

#[tokio::test]
async fn urls_are_loaded_as_java_does() {
    let stage = Stage::start(Config::default()).await;
    let services = FakeServices::start().await.expect("a media server");
    let mp3 = tone(stage.node.directory(), "tone.mp3", MP3, 3.0);
    // A station sends no header frame that tells the number of frames.
    let without_count = ["-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "0"];
    let live = tone(stage.node.directory(), "live.mp3", &without_count, 3.0);
    services.serve("/tone.mp3", Resource::bytes("audio/mpeg", mp3));
    services.serve("/moved", Resource::redirect(services.url("/tone.mp3")));
    services.serve("/loop", Resource::redirect(services.url("/loop")));
    services.serve("/text.txt", Resource::text());
    services.serve("/500", Resource::status(500));
    services.serve(
        "/radio",
        Resource::bytes("audio/mpeg", live)
            .without_length()
            .header("icy-name", "Radio Test"),
    );
    let list = format!("#EXTM3U\n#EXTINF:3,Listed\n{}\n", services.url("/tone.mp3"));
    services.serve("/list.m3u", Resource::bytes("audio/x-mpegurl", list.into_bytes()));

    let track = stage.rest.load(&services.url("/tone.mp3")).await;
    assert_eq!(track["loadType"], "track", "{track}");
    let info = &track["data"]["info"];
    assert_eq!(info["sourceName"], "http");
    assert_eq!(info["uri"], services.url("/tone.mp3"));
    assert_eq!(info["title"], "Test Tone");
    assert_eq!(
        (info["isSeekable"].as_bool(), info["isStream"].as_bool()),
        (Some(true), Some(false))
    );
    let length = info["length"].as_i64().expect("a number");
    assert!((2_900..=3_100).contains(&length), "{length} ms");

    for (path, uri) in [("/moved", "/tone.mp3"), ("/list.m3u", "/tone.mp3")] {
        let track = stage.rest.load(&services.url(path)).await;
        assert_eq!(track["data"]["info"]["uri"], services.url(uri), "{path}: {track}");
    }
    assert_eq!(
        stage.rest.load(&services.url("/nothing")).await["loadType"],
        "empty",
        "404 is nothing found"
    );
    assert_eq!(
        stage.rest.load(&services.url("/loop")).await["loadType"],
        "empty",
        "redirects end"
    );
    for (path, reason) in [
        ("/text.txt", "Unknown file format."),
        ("/500", "That URL is not playable."),
    ] {
        let error = stage.rest.load(&services.url(path)).await;
        assert_eq!(error["loadType"], "error", "{path}");
        assert!(
            error["data"]["causeStackTrace"]
                .as_str()
                .expect("text")
                .contains(reason),
            "{path}: {error}"
        );
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port nobody listens at any more");
    let error = stage.rest.load(&format!("http://{closed}/closed.mp3")).await;
    assert_eq!(error["loadType"], "error");
    assert!(
        error["data"]["causeStackTrace"]
            .as_str()
            .expect("text")
            .contains("Connecting to the URL failed.")
    );

    let radio = stage.rest.load(&services.url("/radio")).await;
    let info = &radio["data"]["info"];
    assert_eq!(info["isStream"], true, "{radio}");
    assert_eq!(info["length"].as_i64(), Some(i64::MAX));
    assert_eq!(info["isSeekable"], false);
}

#[tokio::test]
async fn a_connection_that_is_cut_is_not_heard() {
    let mut stage = Stage::start(Config::default()).await;
    let services = FakeServices::start().await.expect("a media server");
    let mp3 = tone(stage.node.directory(), "tone.mp3", MP3, 8.0);
    services.serve(
        "/flaky.mp3",
        Resource::bytes("audio/mpeg", mp3).cut_after(40_000, 4),
    );
    let webm = tone(
        stage.node.directory(),
        "tone.webm",
        &["-c:a", "libopus", "-b:a", "96k"],
        8.0,
    );
    services.serve("/tone.webm", Resource::bytes("audio/webm", webm));

    for (guild, path) in [(1, "/flaky.mp3"), (2, "/tone.webm")] {
        stage.join(guild).await;
        stage.play(guild, &services.url(path)).await;
        assert_eq!(stage.end_of(guild).await, "finished", "{path}");
        let report = stage
            .heard(guild, "the closing silence", |r| r.frames.silence >= 5)
            .await;
        stage.assert_clean_of(guild, path, &report).await;
        assert!(
            (398..=406).contains(&report.frames.media),
            "{path}: {} frames of 8 s",
            report.frames.media
        );
        let [left, right] = analysis::stereo(&stage.discord.pcm(guild), 48_000).expect("audio");
        assert!(
            (left.peak_hz - 440.0).abs() < 2.0 && (right.peak_hz - 660.0).abs() < 2.0,
            "{left:?} {right:?}"
        );
    }
    assert!(
        services.ranges("/flaky.mp3").iter().flatten().count() >= 2,
        "it went on by range"
    );
}

#[tokio::test]
async fn a_server_that_falls_silent_costs_only_its_own_player() {
    let mut stage = Stage::start(Config::default()).await;
    let services = FakeServices::start().await.expect("a media server");
    let mp3 = tone(stage.node.directory(), "tone.mp3", MP3, 30.0);
    services.serve("/good.mp3", Resource::bytes("audio/mpeg", mp3.clone()));
    services.serve(
        "/dead.mp3",
        Resource::bytes("audio/mpeg", mp3)
            .cut_after(60_000, usize::MAX)
            .fail_first(0, 500),
    );
    services.serve("/hang", Resource::hang());

    stage.join(1).await;
    stage.play(1, &services.url("/good.mp3")).await;
    stage.heard(1, "audio", |r| r.frames.media > 20).await;

    stage.join(2).await;
    stage.play(2, &services.url("/dead.mp3")).await;
    stage
        .heard(2, "audio from what arrives", |r| r.frames.media > 100)
        .await;

    let hanging = stage.rest.clone();
    let url = services.url("/hang");
    let load = tokio::spawn(async move { hanging.load(&url).await });
    let answer = stage
        .rest
        .patch(&stage.socket.player(1), &json!({"volume": 90}))
        .await;
    assert_eq!(answer.status, 200);
    assert!(
        !load.is_finished(),
        "another request does not wait for the hanging one"
    );
    let hung = load.await.expect("the load ends");
    assert_eq!(hung["loadType"], "error", "{hung}");

    let report = stage.discord.report(1).expect("a report");
    stage.assert_clean_of(1, "the other guild", &report).await;
}

/// Audio bytes between two blocks of the station below.
const INTERVAL: usize = 8_000;

/// What a station sends: audio with a title in front of the first block and another in front of the tenth.
fn interleaved(audio: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in audio.chunks(INTERVAL).enumerate() {
        bytes.extend_from_slice(part);
        if part.len() == INTERVAL {
            let text = match index {
                0 => "StreamTitle='Someone - It's one';StreamUrl='';",
                9 => "StreamTitle='Another - Two';",
                _ => "",
            };
            let units = text.len().div_ceil(16);
            bytes.push(u8::try_from(units).expect("a short title"));
            bytes.extend_from_slice(text.as_bytes());
            bytes.resize(bytes.len() + units * 16 - text.len(), 0);
        }
    }
    bytes
}

/// An old Shoutcast server: an `ICY` status line, titles for those who ask, and a connection that stays open.
async fn shoutcast(audio: Vec<u8>) -> std::io::Result<std::net::SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let audio = audio.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
                let mut answer = "ICY 200 OK\r\nicy-name:Old Radio\r\ncontent-type:audio/mpeg\r\n".to_owned();
                let is_asked = head.contains("icy-metadata: 1");
                if is_asked {
                    answer += &format!("icy-metaint:{INTERVAL}\r\n");
                }
                stream.write_all((answer + "\r\n").as_bytes()).await?;
                let bytes = if is_asked { interleaved(&audio) } else { audio };
                stream.write_all(&bytes).await?;
                // Until the node hangs up.
                stream.read_u8().await
            });
        }
    });
    Ok(address)
}

#[tokio::test]
async fn a_stations_titles_are_told_and_not_heard() {
    let options = NodeOptions {
        extra_yaml: "lavalink.server.streamTitleEvents: true\n".to_owned(),
        ..NodeOptions::default()
    };
    let mut stage = Stage::start_with(Config::default(), options).await;
    let encoder = [MP3, &["-write_xing", "0"]].concat();
    let audio = tone(stage.node.directory(), "radio.mp3", &encoder, 9.0);
    let station = shoutcast(audio).await.expect("a station");
    stage.join(1).await;
    stage.play(1, &format!("http://{station}/;stream")).await;

    let first = stage.socket.event("StreamTitleEvent", 1).await;
    assert_eq!(first["title"], "Someone - It's one", "{first}");
    assert_eq!(first["track"]["info"]["isStream"], true);
    assert_eq!(first["track"]["pluginInfo"]["streamTitle"], first["title"]);
    let player = stage.rest.get(&stage.socket.player(1)).await.json();
    assert_eq!(player["track"]["pluginInfo"]["streamTitle"], "Someone - It's one");
    let second = stage.socket.event("StreamTitleEvent", 1).await;
    assert_eq!(second["title"], "Another - Two", "{second}");

    // A block among the audio would be heard as a crack.
    stage.heard(1, "eight seconds", |r| r.frames.media >= 400).await;
    let [left, right] = analysis::stereo(&stage.discord.pcm(1), 48_000).expect("audio");
    for (channel, pitch) in [(&left, 440.0), (&right, 660.0)] {
        let is_clean = (channel.peak_hz - pitch).abs() < 2.0 && channel.peak_share > 0.99;
        assert!(is_clean, "{channel:?}");
    }
}
