//! WebAssembly plugins in a real node: a source that plays, and one that does whatever it can to harm the node.

use std::time::Duration;

use fake_discord::Config;
use fake_services::{FakeServices, Resource};
use lavalink_blackbox::{
    NodeOptions, media,
    stage::{Stage, assert_clean},
};
use lavalink_test_guests::{PARROT, component, parrot};
use serde_json::Value;

const GUILD: u64 = 41;

fn options(files: Vec<(&'static str, Vec<u8>)>) -> NodeOptions {
    NodeOptions {
        plugin_files: files,
        ..NodeOptions::default()
    }
}

async fn failure(stage: &Stage, identifier: &str) -> Value {
    let loaded = stage.rest.load(identifier).await;
    assert_eq!(loaded["loadType"], "error", "{identifier}: {loaded}");
    loaded["data"].clone()
}

#[tokio::test]
async fn a_component_in_the_plugin_directory_plays() {
    let options = options(vec![("parrot.wasm", parrot("parrot"))]);
    let mut stage = Stage::start_with(Config::default(), options).await;
    let info = stage.rest.get("/v4/info").await.json();
    assert_eq!(info["plugins"][2]["name"], "parrot", "{info}");
    stage.join(GUILD).await;
    // Bytes the guest makes: ten seconds of 440 Hz.
    stage.play(GUILD, "parrot:tw").await;
    let report = stage
        .heard(GUILD, "three seconds of the guest's sound", |report| {
            report.frames.media >= 150
        })
        .await;
    assert_clean("a guest's stream", &report);

    // An address the host fetches for it.
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = media::tone(folder.path(), "tone.wav", &[], 48_000, 2.0, 440, 660);
    let services = FakeServices::start().await.expect("a media server");
    services.serve(
        "/tone.wav",
        Resource::bytes("audio/wav", std::fs::read(path).expect("the tone")),
    );
    let url = services.url("/tone.wav");
    stage.play(GUILD, &format!("parrot:th{url}")).await;
    stage.end_of(GUILD).await;
    assert_eq!(stage.end_of(GUILD).await, "finished");
}

#[tokio::test]
async fn guests_that_do_harm_are_named_and_cost_nobody_else_anything() {
    let wrong_generation = component(
        &PARROT.replace("SOURCE_NAME", "old"),
        Some(r#"{"name":"old","version":"1","generations":[99]}"#),
    );
    let no_manifest = component(&PARROT.replace("SOURCE_NAME", "nameless"), None);
    let files = vec![
        ("parrot.wasm", parrot("parrot")),
        ("old.wasm", wrong_generation),
        ("nameless.wasm", no_manifest),
        ("native.cwasm", b"x".to_vec()),
    ];
    let mut stage = Stage::start_with(Config::default(), options(files)).await;
    let log = stage.node.log();
    for (file, reason) in [
        ("old.wasm", "generation 99"),
        ("nameless.wasm", "no plugin manifest"),
        ("native.cwasm", "compiled to machine code"),
    ] {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(file)).collect();
        assert!(lines.len() == 1 && lines[0].contains(reason), "{file}: {lines:?}");
    }

    let guilds: Vec<u64> = (100..108).collect();
    for guild in &guilds {
        stage.join(*guild).await;
        stage.play(*guild, "parrot:tw").await;
    }
    for guild in &guilds {
        stage
            .heard(*guild, "the beginning", |report| report.frames.media >= 20)
            .await;
    }
    for (identifier, message) in [
        ("parrot:u", "The plugin parrot crashed."),
        ("parrot:m", "The plugin parrot ran out of memory."),
        (
            "parrot:b",
            "The plugin parrot gave an answer that cannot be read.",
        ),
        (
            "parrot:i",
            "The plugin parrot gave an answer that cannot be read.",
        ),
    ] {
        let failure = failure(&stage, identifier).await;
        assert_eq!(failure["message"], message, "{identifier}");
        assert_eq!(failure["severity"], "fault", "{identifier}");
    }
    assert_eq!(stage.rest.load("parrot:g").await["loadType"], "empty");
    for guild in &guilds {
        let report = stage
            .heard(*guild, "the rest", |report| report.frames.media >= 200)
            .await;
        assert_clean(&format!("guild {guild}"), &report);
    }
    tokio::time::timeout(Duration::from_secs(20), stage.rest.get("/version"))
        .await
        .expect("the node answers");
}
