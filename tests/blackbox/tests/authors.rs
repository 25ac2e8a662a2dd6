//! What an author writes, as a library and as a component, in a real node.

use fake_discord::{Config, analysis};
use lavalink_blackbox::{
    NodeOptions,
    authoring::component_of,
    stage::{Stage, assert_clean},
};

const GUILD: u64 = 51;

/// The example `tone` does the same in either form.
async fn tones_are_heard(options: NodeOptions) {
    let mut stage = Stage::start_with(Config::default(), options).await;
    let info = stage.rest.get("/v4/info").await.json();
    let plugins = info["plugins"].as_array().expect("a list");
    assert!(plugins.iter().any(|plugin| plugin["name"] == "tone"), "{info}");

    let found = stage.rest.load("tone:440").await;
    assert_eq!(found["loadType"], "track", "{found}");
    assert_eq!(found["data"]["info"]["title"], "440 Hz");
    assert_eq!(found["data"]["info"]["length"], 10_000);
    let encoded = found["data"]["encoded"].as_str().expect("text").to_owned();
    let decoded = stage
        .rest
        .get(&format!(
            "/v4/decodetrack?encodedTrack={}",
            lavalink_blackbox::client::url_encode(&encoded)
        ))
        .await
        .json();
    assert_eq!(decoded["info"], found["data"]["info"]);
    let list = stage.rest.load("tone:440 880").await;
    assert_eq!(list["loadType"], "playlist", "{list}");
    assert_eq!(list["data"]["tracks"][1]["info"]["identifier"], "880");
    assert_eq!(stage.rest.load("tone:").await["loadType"], "empty");
    let failed = stage.rest.load("tone:x").await;
    assert_eq!(failed["loadType"], "error");
    assert_eq!(failed["data"]["message"], "This is no tone.");
    assert_eq!(failed["data"]["severity"], "common");

    stage.join(GUILD).await;
    stage.play(GUILD, "tone:440").await;
    let report = stage
        .heard(GUILD, "three seconds of the tone", |report| {
            report.frames.media >= 150
        })
        .await;
    assert_clean("the tone", &report);
    let [left, right] = analysis::stereo(&stage.discord.pcm(GUILD), 48_000).expect("audio");
    for side in [left, right] {
        assert!((side.peak_hz - 440.0).abs() < 3.0, "{side:?}");
    }
    // Behind the middle of the file: the stream jumps.
    stage.update(GUILD, &serde_json::json!({"position": 8_000})).await;
    assert_eq!(stage.end_of(GUILD).await, "finished");
}

#[tokio::test]
async fn a_source_built_as_a_component() {
    let component = component_of("plugins/examples/tone");
    tones_are_heard(NodeOptions {
        plugin_files: vec![("tone.wasm", component)],
        ..NodeOptions::default()
    })
    .await;
}

#[tokio::test]
async fn the_same_source_built_as_a_library() {
    tones_are_heard(NodeOptions {
        plugins: vec![
            "lavalink_plugin_http",
            "lavalink_plugin_local",
            "lavalink_example_tone",
        ],
        ..NodeOptions::default()
    })
    .await;
}
