//! What an author writes in C, with nothing but the node's binary and a compiler, in a real node.

use std::path::{Path, PathBuf};

use fake_discord::{Config, analysis};
use lavalink_blackbox::client::url_encode;
use lavalink_blackbox::{
    NodeOptions, Stage,
    authoring::{guest_target, plugin_command, plugin_output},
};
use serde_json::json;

const GUILD: u64 = 61;

/// The notes of `A` and of `Eb`, Hz.
const A: [f64; 4] = [440.0, 554.4, 659.3, 880.0];
const E_FLAT: [f64; 4] = [311.1, 392.0, 466.2, 622.3];

/// Writes the template and returns its folder.
fn new_plugin(parent: &Path, name: &str) -> PathBuf {
    plugin_command(parent, &["new", name, "--language", "c"]);
    parent.join(name)
}

fn build_arguments(target: &Path) -> [&str; 3] {
    ["build", "--target-dir", target.to_str().expect("text")]
}

async fn is_heard(stage: &Stage, notes: [f64; 4]) {
    let before = stage.discord.report(GUILD).expect("a report").frames.media;
    stage
        .heard(GUILD, "a while of the chord", |report| {
            report.frames.media >= before + 75
        })
        .await;
    let sides = analysis::stereo(&stage.discord.pcm(GUILD), 48_000).expect("audio");
    for side in sides {
        let is_note = notes.iter().any(|note| (side.peak_hz - note).abs() < 6.0);
        assert!(is_note, "{side:?} is none of {notes:?}");
    }
}

/// The steps of docs/plugins/writing.md, from an empty folder to sound.
#[tokio::test]
async fn from_nothing_to_a_component_in_c() {
    let folder = tempfile::tempdir().expect("an empty folder");
    let plugin = new_plugin(folder.path(), "carols");
    let path = plugin_command(&plugin, &build_arguments(&guest_target()));
    let component = std::fs::read(path.trim_end()).expect("the plugin can be read");
    let mut options = NodeOptions::default();
    options.plugin_files.push(("carols.wasm", component));
    let mut stage = Stage::start_with(Config::default(), options).await;
    let info = stage.rest.get("/v4/info").await.json();
    let plugins = info["plugins"].as_array().expect("a list");
    assert!(
        plugins.contains(&json!({"name": "carols", "version": "0.1.0"})),
        "{info}"
    );

    let found = stage.rest.load("carols:A Eb Eb Eb Eb").await;
    assert_eq!(found["loadType"], "track", "{found}");
    let info = &found["data"]["info"];
    assert_eq!(
        (&info["title"], &info["length"]),
        (&json!("A Eb Eb Eb Eb"), &json!(10_000))
    );
    assert_eq!(
        (&info["sourceName"], &info["isSeekable"]),
        (&json!("carols"), &json!(true))
    );
    let encoded = found["data"]["encoded"].as_str().expect("text");
    let path = format!("/v4/decodetrack?encodedTrack={}", url_encode(encoded));
    assert_eq!(&stage.rest.get(&path).await.json()["info"], info);
    assert_eq!(stage.rest.load("carols:").await["loadType"], "empty");
    for senseless in ["carols:H", "carols:A  A", "carols:A ", "carols:ä"] {
        let failed = stage.rest.load(senseless).await;
        assert_eq!(failed["loadType"], "error", "{senseless}: {failed}");
        assert_eq!(failed["data"]["message"], "These are no chords.");
        assert_eq!(failed["data"]["severity"], "common");
    }

    stage.join(GUILD).await;
    stage.play(GUILD, "carols:A Eb Eb Eb Eb").await;
    is_heard(&stage, A).await;
    // The stream jumps to the second chord and beyond.
    stage.update(GUILD, &json!({"position": 4_000})).await;
    stage
        .heard(GUILD, "the jump", |report| report.frames.media >= 120)
        .await;
    stage.discord.clear_recording(GUILD).expect("a recording");
    is_heard(&stage, E_FLAT).await;
    assert_eq!(stage.end_of(GUILD).await, "finished");
    let report = stage.discord.report(GUILD).expect("a report");
    assert_eq!(report.violations(), Vec::<String>::new());
}

#[test]
fn what_needs_a_system_is_refused_with_its_name() {
    let folder = tempfile::tempdir().expect("an empty folder");
    let plugin = new_plugin(folder.path(), "talker");
    let extra =
        "#include <stdio.h>\n__attribute__((constructor)) static void talk(void) { puts(\"hello\"); }\n";
    std::fs::write(plugin.join("src/talk.c"), extra).expect("a file");
    let output = plugin_output(&plugin, &build_arguments(&guest_target()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("fd_write") && said.contains("operating system"),
        "{said}"
    );
}
