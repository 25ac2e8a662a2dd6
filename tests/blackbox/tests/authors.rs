//! What an author writes, as a library and as a component, in a real node.

use std::time::Duration;

use fake_discord::{Config, analysis};
use lavalink_blackbox::{
    NodeOptions,
    authoring::{checkout, component_of, guest_target, plugin_command},
    media,
    stage::Stage,
};
use serde_json::json;

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
    assert_eq!(report.violations(), Vec::<String>::new());
    let [left, right] = analysis::stereo(&stage.discord.pcm(GUILD), 48_000).expect("audio");
    for side in [left, right] {
        assert!((side.peak_hz - 440.0).abs() < 3.0, "{side:?}");
    }
    // Behind the middle of the file: the stream jumps.
    stage.update(GUILD, &json!({"position": 8_000})).await;
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

/// The example `charts` counts plays in either form, and so does its next start.
async fn plays_are_counted(options: NodeOptions) {
    let mut stage = Stage::start_with(Config::default(), options).await;
    assert_eq!(stage.rest.get("/v4/charts").await.json(), json!([]));
    let tone = media::tone(stage.node.directory(), "tone.wav", &[], 48_000, 2.0, 440, 440);
    let tone = tone.to_str().expect("text").to_owned();
    for plays in 1..=2 {
        stage.play(GUILD, &tone).await;
        let told = stage.socket.event("ChartTopEvent", GUILD).await;
        assert_eq!(told["plays"], plays, "{told}");
    }
    let charts = stage.rest.get("/v4/charts").await.json();
    assert_eq!(charts.as_array().map(Vec::len), Some(1), "{charts}");
    assert_eq!(charts[0]["plays"], 2);
    assert_eq!(stage.rest.get("/v4/charts/0").await.json(), json!([]));
    let refused = stage.rest.get("/v4/charts/x").await;
    assert_eq!(
        (refused.status, refused.message()),
        (400, "\"x\" is no number".to_owned())
    );
    assert_eq!(stage.rest.delete("/v4/charts").await.status, 204);
    assert_eq!(stage.rest.get("/v4/charts").await.json(), json!([]));
}

#[tokio::test]
async fn a_listener_with_endpoints_built_as_a_component() {
    let mut options = NodeOptions::default();
    let component = component_of("plugins/examples/charts");
    options.plugin_files.push(("charts.wasm", component));
    plays_are_counted(options).await;
}

#[tokio::test]
async fn the_same_listener_built_as_a_library() {
    let mut options = NodeOptions::default();
    options.plugins.push("lavalink_example_charts");
    plays_are_counted(options).await;
}

/// Loudness of what a guild hears in a while, dBFS.
async fn loudness(stage: &Stage) -> f64 {
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    stage.discord.clear_recording(GUILD).expect("a recording");
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let [left, _] = analysis::stereo(&stage.discord.pcm(GUILD), 48_000).expect("audio");
    left.rms_dbfs
}

/// The example `echo`: an echo of a steady tone a whole number of its periods later makes it louder, by as much as all echoes
/// together are.
async fn an_echo_is_heard(options: NodeOptions) {
    let mut stage = Stage::start_with(Config::default(), options).await;
    let tone = media::tone(stage.node.directory(), "tone.wav", &[], 48_000, 60.0, 440, 440);
    stage.join(GUILD).await;
    stage.play(GUILD, tone.to_str().expect("text")).await;
    let plain = loudness(&stage).await;
    stage
        .update(
            GUILD,
            &json!({"filters": {"pluginFilters": {"echo": {"delay": 100, "decay": 0.5}}}}),
        )
        .await;
    let echoed = loudness(&stage).await;
    assert!(
        (echoed - plain - 6.02).abs() < 0.7,
        "{plain} dBFS, with echoes {echoed}"
    );
}

#[tokio::test]
async fn a_filter_built_as_a_component() {
    let mut options = NodeOptions::default();
    options
        .plugin_files
        .push(("echo.wasm", component_of("plugins/examples/echo")));
    an_echo_is_heard(options).await;
}

#[tokio::test]
async fn the_same_filter_built_as_a_library() {
    let mut options = NodeOptions::default();
    options.plugins.push("lavalink_example_echo");
    an_echo_is_heard(options).await;
}

/// The steps of docs/plugins/writing.md, from an empty folder to sound.
async fn from_nothing_to_sound(kind: &str, ending: &'static str, debug: &[&str]) {
    let folder = tempfile::tempdir().expect("an empty folder");
    let api = checkout().join("plugin-api");
    let arguments = [
        "new",
        "hymns",
        "--kind",
        kind,
        "--api-path",
        api.to_str().expect("text"),
    ];
    plugin_command(folder.path(), &arguments);
    let target = guest_target();
    let mut arguments = vec!["build", "--target-dir", target.to_str().expect("text")];
    arguments.extend(debug);
    let path = plugin_command(&folder.path().join("hymns"), &arguments);
    let file = std::fs::read(path.trim_end()).expect("the plugin can be read");
    let mut options = NodeOptions::default();
    options.plugin_files.push((ending, file));
    let mut stage = Stage::start_with(Config::default(), options).await;
    stage.join(GUILD).await;
    let player = stage.play(GUILD, "hymns:440").await;
    assert_eq!(player["track"]["info"]["sourceName"], "hymns", "{player}");
    let report = stage
        .heard(GUILD, "a second of the new plugin", |report| {
            report.frames.media >= 50
        })
        .await;
    assert_eq!(report.violations(), Vec::<String>::new());
}

/// `cargo test` in the folder that `plugin new` wrote.
fn the_new_plugin_passes_its_own_tests() {
    let folder = tempfile::tempdir().expect("an empty folder");
    let api = checkout().join("plugin-api");
    let arguments = ["new", "carols", "--api-path", api.to_str().expect("text")];
    plugin_command(folder.path(), &arguments);
    let output = std::process::Command::new("cargo")
        .arg("test")
        .current_dir(folder.path().join("carols"))
        .env("CARGO_TARGET_DIR", guest_target())
        .output()
        .expect("cargo can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("test result: ok. 2 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn from_nothing_to_a_component() {
    from_nothing_to_sound("wasm", "hymns.wasm", &[]).await;
}

#[tokio::test]
async fn from_nothing_to_a_library() {
    the_new_plugin_passes_its_own_tests();
    from_nothing_to_sound("native", "hymns.so", &["--debug"]).await;
}
