//! What a plugin may do is what its manifest asks for and the operator gives, and nothing else happens.

use std::process::Command;

use fake_discord::Config;
use fake_services::{FakeServices, Resource};
use lavalink_blackbox::node::{binary, built_plugin};
use lavalink_blackbox::stage::Stage;
use lavalink_blackbox::{Node, NodeOptions};
use lavalink_test_guests::{PARROT, component};
use ring::digest;
use serde_json::Value;

const GUILD: u64 = 43;

/// The parrot with further members of its manifest.
fn guest(name: &str, members: &str) -> Vec<u8> {
    let manifest = format!(r#"{{"name":"{name}","version":"1.0.0","generations":[1],{members}}}"#);
    component(&PARROT.replace("SOURCE_NAME", name), Some(&manifest))
}

async fn canary() -> FakeServices {
    let services = FakeServices::start().await.expect("a server");
    services.serve("/tone.wav", Resource::text());
    services
}

async fn plugin(node: &Node, name: &str) -> Value {
    let answer = node.rest().get("/v4/plugins").await.json();
    let plugins = answer.as_array().expect("a list");
    let found = plugins
        .iter()
        .find(|plugin| plugin["name"] == name || plugin["origin"]["declared"] == name);
    found.unwrap_or_else(|| panic!("{name} in {plugins:#?}")).clone()
}

#[tokio::test]
async fn a_host_that_is_not_granted_sees_no_connection() {
    let (services, other) = (canary().await, canary().await);
    let elsewhere = other.url("/tone.wav").replace("127.0.0.1", "localhost");
    services.serve("/away", Resource::redirect(elsewhere));
    let options = NodeOptions {
        plugin_files: vec![
            ("meek.wasm", guest("meek", r#""hosts":["elsewhere.test"]"#)),
            ("mute.wasm", guest("mute", r#""licence":"MIT""#)),
            ("held.wasm", guest("held", r#""hosts":["*"]"#)),
            ("near.wasm", guest("near", r#""hosts":["*"],"memory":4096"#)),
        ],
        extra_yaml: "  plugin-policy:\n    held: {hosts: [granted.test]}\n    near: {hosts: [127.0.0.1]}\n"
            .to_owned(),
        ..NodeOptions::default()
    };
    let mut stage = Stage::start_with(Config::default(), options).await;
    stage.join(GUILD).await;
    let url = services.url("/tone.wav");
    for name in ["meek", "mute", "held"] {
        // Asked for by the plugin, at the call.
        let answer = stage.rest.load(&format!("{name}:f{url}")).await;
        assert_eq!(answer["loadType"], "error", "{answer}");
        let told = answer["data"]["message"].as_str().expect("a message");
        assert!(told.contains("the plugin may not reach this host"), "{told}");
        // Named by the plugin, fetched by the node.
        for letter in ["h", "p"] {
            stage.play(GUILD, &format!("{name}:t{letter}{url}")).await;
            let event = stage.socket.event("TrackExceptionEvent", GUILD).await;
            assert!(
                event["exception"].to_string().contains("may not reach this host"),
                "{event}"
            );
        }
    }
    assert_eq!(services.connections(), 0);

    // Where the operator lets it go it goes, but no further.
    assert_eq!(
        stage.rest.load(&format!("near:f{url}")).await["loadType"],
        "empty"
    );
    let away = services.url("/away");
    assert_eq!(
        stage.rest.load(&format!("near:f{away}")).await["loadType"],
        "error"
    );
    stage.play(GUILD, &format!("near:th{away}")).await;
    let event = stage.socket.event("TrackExceptionEvent", GUILD).await;
    assert!(
        event["exception"].to_string().contains("may not reach this host"),
        "{event}"
    );
    assert!(services.hits("/away") >= 2);
    assert_eq!(other.connections(), 0);

    let near = plugin(&stage.node, "near").await;
    assert_eq!(near["grants"]["hosts"][0], "127.0.0.1");
    assert_eq!(near["grants"]["memoryMiB"], 64, "more takes the operator's word");
    let held = plugin(&stage.node, "held").await;
    assert_eq!(held["grants"]["hosts"], serde_json::json!(["granted.test"]));
}

#[tokio::test]
async fn settings_are_held_against_the_manifest_before_anything_runs() {
    let schema = r#""configSchema":{"type":"object","properties":{"token":{"type":"string","minLength":4}},"required":["token"]}"#;
    let files = vec![
        ("good.wasm", guest("good", schema)),
        ("lacking.wasm", guest("lacking", schema)),
        ("wrong.wasm", guest("wrong", schema)),
    ];
    let node = Node::start(NodeOptions {
        plugin_files: files,
        extra_yaml: "plugins:\n  good: {token: abcdef}\n  wrong: {token: XyZ}\n".to_owned(),
        ..NodeOptions::default()
    })
    .await;
    assert_eq!(plugin(&node, "good").await["state"], "loaded");
    for (file, reason) in [
        ("lacking.wasm", "plugins.lacking lacks token"),
        ("wrong.wasm", "plugins.wrong.token"),
    ] {
        let plugin = plugin(&node, file).await;
        assert_eq!(plugin["name"], file.trim_end_matches(".wasm"));
        let told = plugin["reason"].as_str().expect("a reason");
        assert!(plugin["state"] == "failed" && told.contains(reason), "{told}");
    }
    assert!(!node.log().contains("XyZ"), "{}", node.log());
}

#[tokio::test]
async fn the_export_macro_puts_the_schema_of_settings_into_the_manifest() {
    let start = |depth: &str| {
        Node::start(NodeOptions {
            plugins: vec!["lavalink_test_plugin_extensions"],
            extra_yaml: format!("plugins:\n  extensions: {{depth: {depth}}}\n"),
            ..NodeOptions::default()
        })
    };
    let node = start("3").await;
    assert_eq!(plugin(&node, "extensions").await["state"], "loaded");
    drop(node);
    let node = start("deep").await;
    let refused = plugin(&node, "extensions").await;
    let told = refused["reason"].as_str().expect("a reason");
    assert!(
        told.contains("plugins.extensions.depth") && !told.contains("deep,"),
        "{told}"
    );
}

#[tokio::test]
async fn the_bundled_plugins_know_their_settings() {
    let start = |plugins: &str| {
        Node::start(NodeOptions {
            extra_yaml: format!("plugins: {plugins}\n"),
            ..NodeOptions::default()
        })
    };
    let node = start("{http: {useRoutePlanner: true}, local: {roots: [.]}}").await;
    for name in ["http", "local"] {
        assert_eq!(plugin(&node, name).await["state"], "loaded");
    }
    drop(node);
    let node = start("{http: {useRoutePlaner: true}, local: {roots: ./music}}").await;
    let reasons = [
        ("http", "plugins.http has useRoutePlaner, which it does not know"),
        ("local", "plugins.local.roots"),
    ];
    for (name, reason) in reasons {
        let told = plugin(&node, name).await["reason"].to_string();
        assert!(told.contains(reason), "{told}");
    }
    // The same without a start.
    for (command, line) in [
        (&["check-config"][..], "warning: plugin"),
        (&["plugin", "verify"], "BAD"),
    ] {
        let output = Command::new(binary())
            .args(command)
            .current_dir(node.directory())
            .output()
            .expect("the binary can be run");
        let shown = String::from_utf8_lossy(&output.stdout);
        for (name, reason) in reasons {
            let told = shown
                .lines()
                .any(|told| told.contains(line) && told.contains(name) && told.contains(reason));
            assert!(told, "{name} in\n{shown}");
        }
    }
}

#[tokio::test]
async fn natives_that_did_not_come_with_the_node_take_the_operators_word() {
    let http = std::fs::read(built_plugin("lavalink_plugin_http")).expect("the plugin");
    let sum: String = digest::digest(&digest::SHA256, &http)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let options = |native_plugins, extra_yaml: String| NodeOptions {
        native_plugins,
        extra_yaml,
        ..NodeOptions::default()
    };
    let pin = |sum: &str| {
        format!("  plugins:\n    - {{path: ./plugins/lavalink_plugin_http.so, sha256: '{sum}'}}\n")
    };
    let node = Node::start(options("pinned", pin(&sum))).await;
    assert_eq!(plugin(&node, "http").await["state"], "loaded");
    let refused = plugin(&node, "lavalink_plugin_local.so").await;
    let told = refused["reason"].as_str().expect("a reason");
    assert!(
        told.contains("native") && told.contains("sha256: ") && told.contains("lavalink.native-plugins: all"),
        "{told}"
    );
    drop(node);

    let node = Node::start(options("bundled", pin(&sum))).await;
    assert_eq!(
        node.rest().get("/v4/info").await.json()["plugins"],
        Value::Array(Vec::new())
    );
    drop(node);

    // A wrong hash counts for the file in the directory as well, whatever else is allowed.
    let node = Node::start(options("all", pin(&"0".repeat(64)))).await;
    let refused = node.rest().get("/v4/plugins").await.json();
    assert!(refused.to_string().contains("should have 0000"), "{refused:#}");
    let info = node.rest().get("/v4/info").await.json();
    assert_eq!(info["plugins"].as_array().expect("a list").len(), 1, "{info}");
}
