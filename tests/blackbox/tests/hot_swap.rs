//! Versions that come and go while the node runs: nobody who listens notices.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fake_discord::Config;
use lavalink_blackbox::{
    NodeOptions,
    audience::{Audience, Figures, WITH_METRICS, voice_server},
    client::PATIENCE,
    media,
    node::{Node, binary},
    process,
    stage::Stage,
};
use lavalink_test_guests::{PARROT, component, half_broken, jukebox, manifest, parrot};
use serde_json::{Value, json};

/// Players that play from the plugin all the time.
const PLAYERS: u64 = 50;
/// Versions taken into use meanwhile.
const SWAPS: u32 = 100;
/// A player more begins with every so-manieth of them.
const NEWCOMER_EVERY: u32 = 10;

/// Puts a file where the node looks, as an operator should: beside it, and renamed over.
fn place(node: &Node, name: &str, bytes: &[u8]) {
    let plugins = node.directory().join("plugins");
    let beside = plugins.join("beside.part");
    std::fs::write(&beside, bytes).expect("a file can be written");
    std::fs::rename(&beside, plugins.join(name)).expect("a file can be renamed");
}

/// The row of a plugin.
async fn row(node: &Node, is_it: impl Fn(&Value) -> bool) -> Option<Value> {
    let rows = node.rest().get("/v4/plugins").await.json();
    rows.as_array()
        .expect("a list")
        .iter()
        .find(|row| is_it(row))
        .cloned()
}

async fn named(node: &Node, name: &str) -> Value {
    let row = row(node, |row| row["name"] == name).await;
    row.unwrap_or_else(|| panic!("{name} is not listed"))
}

/// Waits until the row of a plugin fits.
async fn until(node: &Node, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let row = row(node, |row| row["name"] == name).await.unwrap_or_default();
        if fits(&row) {
            return row;
        }
        assert!(tokio::time::Instant::now() < deadline, "{row}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn reload(node: &Node, name: &str) -> (u16, Value) {
    let answer = node
        .rest()
        .post(&format!("/v4/plugins/{name}/reload"), &json!({}))
        .await;
    (answer.status, answer.json())
}

/// `lavalink-rust plugin reload`.
async fn reload_by_command(node: &Node, name: &str) {
    let output = tokio::process::Command::new(binary())
        .args(["plugin", "reload", name])
        .current_dir(node.directory())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the program can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

fn sha256(bytes: &[u8]) -> String {
    let sum = ring::digest::digest(&ring::digest::SHA256, bytes);
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes 90 s of Opus.
fn music(directory: &Path) -> Vec<u8> {
    let encoder = ["-c:a", "libopus", "-b:a", "24k", "-ac", "1"];
    let path = media::tone(directory, "tone.ogg", &encoder, 48_000, 90.0, 440, 660);
    std::fs::read(path).expect("the tone can be read")
}

#[tokio::test]
async fn a_hundred_versions_come_while_fifty_players_play_from_them() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let music = music(folder.path());
    let files = ["1.0.0", "2.0.0"].map(|version| (version, jukebox("jukebox", version, &music)));
    // Two answers are enough for the next version, so that there is a trial each time and it ends soon.
    let options = NodeOptions {
        plugin_files: vec![("jukebox.wasm", files[0].1.clone())],
        extra_yaml: format!("  plugin-exchange: {{share: 50, calls: 2}}\n{WITH_METRICS}"),
        ..NodeOptions::default()
    };
    let mut stage = Stage::start_with(voice_server(), options).await;
    let rest = stage.node.rest();
    let audience = Audience::seat(&stage, 1..=PLAYERS, "jukebox:tw").await;
    let before = Figures::of(&rest).await;
    assert_eq!(before.get("lavalink_plugin_versions{plugin=\"jukebox\"}"), 1.0);

    let mut newcomers = Vec::new();
    let mut most_versions = 0.0_f64;
    for swap in 1..=SWAPS {
        let (version, bytes) = &files[swap as usize % 2];
        let sum = sha256(bytes);
        place(&stage.node, "jukebox.wasm", bytes);
        match swap {
            30 | 70 => {
                let is_there =
                    |row: &Value| row["trial"]["version"] == *version || row["sha256"] == sum.as_str();
                until(&stage.node, "jukebox", is_there).await;
            }
            _ if swap % 20 == 5 => reload_by_command(&stage.node, "jukebox").await,
            _ => {
                let (status, answer) = reload(&stage.node, "jukebox").await;
                assert_eq!(
                    (status, &answer["version"]),
                    (200, &json!(version)),
                    "swap {swap}: {answer}"
                );
            }
        }
        for load in 0.. {
            let loaded = rest.load("jukebox:tw").await;
            assert_eq!(loaded["loadType"], "track", "swap {swap}: {loaded}");
            let row = named(&stage.node, "jukebox").await;
            if row["sha256"] == sum.as_str() {
                assert_eq!((&row["version"], &row["trial"]), (&json!(version), &json!(null)));
                break;
            }
            assert!(load < 10, "swap {swap} has not taken effect: {row}");
        }
        if swap % NEWCOMER_EVERY == 0 {
            let guild = PLAYERS + u64::from(swap);
            newcomers.push(Audience::seat(&stage, [guild], "jukebox:tw").await);
            let versions = Figures::of(&rest)
                .await
                .get("lavalink_plugin_versions{plugin=\"jukebox\"}");
            most_versions = most_versions.max(versions);
        }
    }
    audience.listen(&stage, 50).await;

    let after = Figures::of(&rest).await;
    let found = after.since(&before);
    assert_eq!(found.missed_by_the_node().len(), 0, "{:?}", found.missed());
    // A frame that was not ready since this machine gave no time to make it; counted the same way.
    let by_the_machine: f64 = found.missed().values().sum();
    let nulled = found.get("lavalink_audio_frames_total{result=\"nulled\"}");
    assert!(
        nulled <= by_the_machine,
        "{nulled} of {by_the_machine}: {:?}",
        found.missed()
    );
    for (result, count) in [("promoted", SWAPS), ("rolled-back", 0), ("refused", 0)] {
        let name = format!("lavalink_plugin_exchanges_total{{plugin=\"jukebox\",result=\"{result}\"}}");
        assert_eq!(after.get(&name), f64::from(count), "{result}");
    }
    audience.assert_whole(&mut stage).await;
    for newcomer in &newcomers {
        newcomer.assert_whole(&mut stage).await;
    }
    // The first players' version, one for each newcomer, the one in use and its forerunner, of which a call may be ending.
    let expected = f64::from(SWAPS / NEWCOMER_EVERY) + 3.0;
    assert!(
        (2.0..=expected).contains(&most_versions),
        "{most_versions} versions"
    );
    let instances = after.get("lavalink_plugin_instances{plugin=\"jukebox\"}");
    assert!(instances >= 60.0, "each stream has one: {instances}");
    let bytes = after.get("lavalink_plugin_memory_bytes{plugin=\"jukebox\"}");
    assert!(
        bytes >= instances * music.len() as f64,
        "{bytes} bytes of {instances} instances"
    );

    // Each of the two files was compiled once.
    let compiled = stage.node.directory().join("plugin-data/~compiled");
    assert_eq!(
        std::fs::read_dir(compiled).expect("the folder is there").count(),
        2
    );
    // What plugins run on is below audio and network in priority, and nothing of those was started from there.
    let threads = process::niceness(stage.node.pid());
    let usual = threads
        .iter()
        .find(|(name, _)| name == "lavalink-rust")
        .expect("the main thread")
        .1;
    for (name, nice) in &threads {
        let is_media = ["pacer", "audio", "lavalink"]
            .iter()
            .any(|kind| name.starts_with(kind));
        assert!(!is_media || *nice == usual, "{threads:?}");
        assert!(name != "plugin" || *nice >= usual.max(5), "{threads:?}");
    }

    audience.leave(&stage).await;
    for newcomer in &newcomers {
        newcomer.leave(&stage).await;
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let figures = Figures::of(&rest).await;
        let [versions, instances] = ["versions", "instances"]
            .map(|what| figures.get(&format!("lavalink_plugin_{what}{{plugin=\"jukebox\"}}")));
        // Up to four are kept for the next call.
        if versions == 1.0 && instances <= 4.0 {
            break;
        }
        let is_late = tokio::time::Instant::now() >= deadline;
        assert!(!is_late, "{versions} versions and {instances} instances are left");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_version_that_fails_half_its_look_ups_is_rolled_back_within_twenty() {
    let options = NodeOptions {
        plugin_files: vec![("parrot.wasm", parrot("parrot"))],
        extra_yaml: WITH_METRICS.to_owned(),
        ..NodeOptions::default()
    };
    let stage = Stage::start_with(Config::default(), options).await;
    place(&stage.node, "parrot.wasm", &half_broken("parrot", "2.0.0"));
    let (status, answer) = reload(&stage.node, "parrot").await;
    assert_eq!((status, &answer["state"]), (200, &json!("trial")), "{answer}");
    assert_eq!(named(&stage.node, "parrot").await["trial"]["version"], "2.0.0");
    let mut loads = 0;
    let row = loop {
        // Whoever asks notices nothing.
        let loaded = stage.rest.load("parrot:tw").await;
        assert_eq!(loaded["loadType"], "track", "{loaded}");
        loads += 1;
        let row = named(&stage.node, "parrot").await;
        if row["trial"].is_null() {
            break row;
        }
        assert!(loads < 20, "{row}");
    };
    assert_eq!(row["version"], "1.0.0", "{row}");
    let rolled_back = "lavalink_plugin_exchanges_total{plugin=\"parrot\",result=\"rolled-back\"}";
    let figures = Figures::of(&stage.rest).await;
    assert_eq!(figures.get(rolled_back), 1.0);
    assert_eq!(figures.get("lavalink_plugin_versions{plugin=\"parrot\"}"), 1.0);
}

#[tokio::test]
async fn a_plugin_that_could_not_be_loaded_comes_in_by_a_reload_or_a_new_file() {
    let old = component(
        &PARROT.replace("SOURCE_NAME", "late"),
        Some(&manifest("late").replace("[1]", "[99]")),
    );
    let options = NodeOptions {
        plugin_files: vec![("a.wasm", old), ("b.wasm", b"no component".to_vec())],
        extra_yaml: WITH_METRICS.to_owned(),
        ..NodeOptions::default()
    };
    let stage = Stage::start_with(Config::default(), options).await;
    let failed = row(&stage.node, |row| row["origin"]["declared"] == "b.wasm").await;
    assert_eq!(failed.expect("it is listed")["name"], json!(null));
    // Whose name could not be read goes by that of its file.
    for (name, reason) in [
        ("late", "generation 99"),
        ("b", "WebAssembly"),
        ("b.wasm", "WebAssembly"),
    ] {
        let (status, answer) = reload(&stage.node, name).await;
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(
            status == 422 && message.contains(reason),
            "{name}: {status} {answer}"
        );
    }
    assert_eq!(reload(&stage.node, "nobody").await.0, 404);

    place(&stage.node, "a.wasm", &parrot("late"));
    let (status, answer) = reload(&stage.node, "late").await;
    let expected = json!({ "name": "late", "previousVersion": null, "version": "1.0.0", "state": "loaded" });
    assert_eq!((status, answer), (200, expected));
    assert_eq!(stage.rest.load("late:tw").await["loadType"], "track");

    place(&stage.node, "b.wasm", &parrot("later"));
    until(&stage.node, "later", |row| row["state"] == "loaded").await;
    assert_eq!(stage.rest.load("later:tw").await["loadType"], "track");
    let figures = Figures::of(&stage.rest).await;
    assert_eq!(figures.get("lavalink_plugins{state=\"failed\"}"), 0.0);
    for name in ["late", "later"] {
        let loaded = format!("lavalink_plugin_exchanges_total{{plugin=\"{name}\",result=\"loaded\"}}");
        assert_eq!(figures.get(&loaded), 1.0, "{name}");
    }
    // From now on they are exchanged like any other.
    assert_eq!(reload(&stage.node, "late").await.1["state"], "unchanged");
}
