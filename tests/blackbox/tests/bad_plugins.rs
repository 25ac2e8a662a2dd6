//! Plugins that cannot be loaded or misbehave: each is named in the log and skipped, the node serves on.

use lavalink_blackbox::{Node, NodeOptions, media};

#[tokio::test]
async fn a_node_with_broken_plugins_still_serves() {
    let node = Node::start(NodeOptions {
        plugins: vec![
            "lavalink_plugin_http",
            "lavalink_plugin_local",
            "lavalink_test_plugin_wrong_generation",
        ],
        plugin_files: vec![
            ("not-a-plugin.so", b"this is text, not a library".to_vec()),
            ("empty.so", Vec::new()),
            ("youtube-plugin-1.0.jar", b"PK\x03\x04".to_vec()),
        ],
        ..NodeOptions::default()
    })
    .await;
    let info = node.rest().get("/v4/info").await.json();
    assert_eq!(info["sourceManagers"], serde_json::json!(["local", "http"]));
    let log = node.log();
    for name in [
        "not-a-plugin.so",
        "empty.so",
        "youtube-plugin-1.0.jar",
        "lavalink_test_plugin_wrong_generation.so",
    ] {
        assert!(
            log.lines().any(|line| line.contains(name)),
            "{name} is not named in the log:\n{log}"
        );
    }
    assert!(log.contains("generation"), "the generation is named:\n{log}");

    let path = media::tone(node.directory(), "tone.wav", &[], 48_000, 1.0, 440, 660);
    let loaded = node.rest().load(path.to_str().expect("text")).await;
    assert_eq!(loaded["loadType"], "track");
}

#[tokio::test]
async fn a_library_that_is_no_plugin_is_skipped() {
    let library =
        std::fs::read(lavalink_blackbox::node::build_directory().join("lavalink-rust")).expect("the binary");
    let node = Node::start(NodeOptions {
        plugin_files: vec![("some-elf.so", library)],
        ..NodeOptions::default()
    })
    .await;
    assert!(node.log().contains("some-elf.so"), "{}", node.log());
    assert_eq!(node.rest().get("/version").await.status, 200);
}
