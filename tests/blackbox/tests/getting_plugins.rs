//! Plugins from a repository, a URL and a path; a repository that is slow, broken, or not there.

use std::time::{Duration, Instant};

use fake_services::{FakeServices, Resource};
use lavalink_blackbox::{Node, NodeOptions};
use lavalink_test_guests::parrot;
use ring::digest;
use serde_json::Value;

/// Where the repository has a plugin.
fn place(artifact: &str) -> String {
    format!("/releases/test/birds/{artifact}/1.0/{artifact}-1.0.wasm")
}

/// As `sha256sum` prints it.
fn sha256(bytes: &[u8]) -> String {
    let sum = digest::digest(&digest::SHA256, bytes);
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn component(name: &str) -> Resource {
    Resource::bytes("application/wasm", parrot(name))
}

/// A node with these items of `lavalink.plugins`, which comes from this repository.
fn options(services: &FakeServices, items: &[String]) -> NodeOptions {
    let mut yaml = format!(
        "  defaultPluginRepository: {}\n  plugins:\n",
        services.url("/releases")
    );
    for item in items {
        yaml.push_str(&format!("    - {{{item}}}\n"));
    }
    NodeOptions {
        extra_yaml: yaml,
        // The operator names the repository, so it may be on this machine all the same.
        allow_private: false,
        ..NodeOptions::default()
    }
}

fn dependency(artifact: &str) -> String {
    format!("dependency: 'test.birds:{artifact}:1.0'")
}

async fn plugins(node: &Node) -> Vec<Value> {
    let answer = node.rest().get("/v4/plugins").await.json();
    answer.as_array().expect("a list").clone()
}

/// The plugin that is declared so.
async fn declared(node: &Node, declared: &str) -> Value {
    let plugins = plugins(node).await;
    let found = plugins
        .iter()
        .find(|plugin| plugin["origin"]["declared"] == declared);
    found
        .unwrap_or_else(|| panic!("{declared} in {plugins:#?}"))
        .clone()
}

/// Waits until the plugin that is declared so stands like this.
async fn until(node: &Node, name: &str, state: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let plugin = declared(node, name).await;
        if plugin["state"] == state {
            return plugin;
        }
        assert!(Instant::now() < deadline, "never {state}: {plugin:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_was_fetched_once_needs_no_network_any_more() {
    let services = FakeServices::start().await.expect("a repository");
    services.serve(place("ara"), component("ara"));
    services.serve("/files/cockatoo", component("cockatoo"));
    let url = services.url("/files/cockatoo");
    let sum = sha256(&parrot("ara"));
    let mut options = options(
        &services,
        &[
            dependency("ara"),
            format!("url: '{url}'"),
            "path: './mine/lory.wasm'".to_owned(),
        ],
    );
    options.plugin_files = vec![("../mine-lory.wasm", parrot("lory"))];
    options.extra_yaml = options.extra_yaml.replace("./mine/lory", "./mine-lory");
    let mut node = Node::start(options).await;

    let ara = declared(&node, "test.birds:ara:1.0").await;
    assert_eq!(ara["state"], "loaded", "{ara:#}");
    assert_eq!((&ara["name"], &ara["kind"]), (&"ara".into(), &"wasm".into()));
    assert_eq!(ara["origin"]["from"], services.url(&place("ara")));
    assert_eq!(ara["sha256"], sum);
    assert_eq!(ara["sources"][0], "ara");
    assert_eq!(declared(&node, &url).await["name"], "cockatoo");
    assert_eq!(declared(&node, "./mine-lory.wasm").await["name"], "lory");
    assert_eq!(node.rest().load("ara:tx").await["loadType"], "track");
    let lock = std::fs::read_to_string(node.directory().join("plugins.lock")).expect("a lock file");
    assert!(
        lock.contains(&sum) && lock.contains("test.birds:ara:1.0"),
        "{lock}"
    );

    let asked = services.connections();
    drop(services);
    node.restart().await;
    assert_eq!(declared(&node, "test.birds:ara:1.0").await["state"], "loaded");
    assert_eq!(declared(&node, &url).await["state"], "loaded");
    assert!(asked > 0);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_plugin_the_node_starts_and_says_it() {
    let services = FakeServices::start().await.expect("a repository");
    services.serve(place("ara"), component("ara"));
    services.serve(place("forged"), component("forged"));
    services.serve(place("page"), Resource::text());
    let wrong = sha256(b"another file");
    let items = [
        format!("{}, sha256: {wrong}", dependency("forged")),
        dependency("page"),
        dependency("missing"),
        "dependency: 'dev.lavalink.youtube:youtube-plugin:1.7.2'".to_owned(),
        "path: './nowhere.wasm'".to_owned(),
        dependency("ara"),
    ];
    let options = NodeOptions {
        plugin_files: vec![("lavasearch-plugin-1.0.0.jar", b"PK\x03\x04".to_vec())],
        extra_yaml: format!(
            "{}metrics:\n  prometheus:\n    enabled: true\n",
            options(&services, &items).extra_yaml
        ),
        ..options(&services, &items)
    };
    let node = Node::start(options).await;
    let log = node.log();
    for (name, reason) in [
        (
            "test.birds:forged:1.0",
            format!("sha256` in lavalink.plugins says {wrong}"),
        ),
        (
            "test.birds:page:1.0",
            "neither WebAssembly nor a library".to_owned(),
        ),
        (
            "test.birds:missing:1.0",
            "no build of it for this node".to_owned(),
        ),
        (
            "dev.lavalink.youtube:youtube-plugin:1.7.2",
            "youtube-plugin for the Java node".to_owned(),
        ),
        ("./nowhere.wasm", "cannot be read".to_owned()),
        ("lavasearch-plugin-1.0.0.jar", "/v4/loadsearch".to_owned()),
    ] {
        let plugin = declared(&node, name).await;
        assert_eq!(plugin["state"], "failed", "{plugin:#}");
        let told = plugin["reason"].as_str().expect("a reason");
        assert!(told.contains(&reason), "{name}: {told}");
        let lines: Vec<_> = log.lines().filter(|line| line.contains(name)).collect();
        assert!(
            lines.iter().any(|line| line.contains(&reason)),
            "{name}: {lines:?}"
        );
    }
    assert_eq!(declared(&node, "test.birds:ara:1.0").await["state"], "loaded");
    let page = node.rest().get("/metrics").await;
    assert!(
        page.text.contains("lavalink_plugins{state=\"failed\"} 6"),
        "{:#}",
        node.rest().get("/v4/plugins").await.json()
    );
    assert!(
        page.text.contains("lavalink_plugins{state=\"loaded\"} 3"),
        "{}",
        page.text
    );
    let info = node.rest().get("/v4/info").await.json();
    let members: Vec<&String> = info["plugins"][0].as_object().expect("a plugin").keys().collect();
    assert_eq!(members, ["name", "version"], "as Java has it");
}

#[tokio::test]
async fn a_slow_repository_does_not_hold_the_node_up() {
    let services = FakeServices::start().await.expect("a repository");
    let bytes = parrot("sloth").len();
    // Twelve seconds in all, more than the start waits.
    services.serve(
        place("sloth"),
        component("sloth").drip(bytes / 6 + 1, Duration::from_secs(2)),
    );
    services.serve(place("stone"), Resource::hang());
    let node = Node::start(options(&services, &[dependency("stone"), dependency("sloth")])).await;
    assert_eq!(declared(&node, "test.birds:stone:1.0").await["state"], "awaiting");
    let awaited = declared(&node, "test.birds:sloth:1.0").await;
    assert_eq!(
        (&awaited["state"], &awaited["name"]),
        (&"awaiting".into(), &Value::Null)
    );
    assert_eq!(node.rest().load("sloth:tx").await["loadType"], "empty");
    let loaded = until(&node, "test.birds:sloth:1.0", "loaded").await;
    assert_eq!(loaded["name"], "sloth");
    assert_eq!(node.rest().load("sloth:tx").await["loadType"], "track");
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_asked_again() {
    let services = FakeServices::start().await.expect("a repository");
    services.serve(place("ara"), component("ara").fail_first(1, 503));
    let node = Node::start(options(&services, &[dependency("ara")])).await;
    let awaited = declared(&node, "test.birds:ara:1.0").await;
    let reason = awaited["reason"].as_str().expect("a reason");
    assert!(
        awaited["state"] == "awaiting" && reason.contains("status 503"),
        "{awaited:#}"
    );
    until(&node, "test.birds:ara:1.0", "loaded").await;
}

#[tokio::test]
async fn a_cache_that_was_tampered_with_and_a_lock_file_that_is_none_are_told_and_not_used() {
    let services = FakeServices::start().await.expect("a repository");
    services.serve(place("ara"), component("ara"));
    let mut node = Node::start(options(&services, &[dependency("ara")])).await;
    let cache = node.directory().join("plugin-data/~fetched");
    let file = std::fs::read_dir(&cache)
        .expect("a cache")
        .next()
        .expect("a file")
        .expect("a file")
        .path();
    // Another plugin under the name of the one that was fetched.
    std::fs::write(&file, parrot("cuckoo")).expect("a file");
    node.restart().await;
    assert!(
        node.log().contains("is damaged and will be fetched again"),
        "{}",
        node.log()
    );
    assert_eq!(declared(&node, "test.birds:ara:1.0").await["name"], "ara");
    assert_eq!(services.hits(&place("ara")), 2);

    // The repository gives another file than the first time: the cached one stays in use.
    services.serve(place("ara"), component("cuckoo"));
    node.restart().await;
    assert_eq!(declared(&node, "test.birds:ara:1.0").await["name"], "ara");
    std::fs::remove_file(&file).expect("a file");
    node.restart().await;
    let changed = declared(&node, "test.birds:ara:1.0").await;
    let told = changed["reason"].as_str().expect("a reason");
    assert!(
        changed["state"] == "failed" && told.contains("changed under its name"),
        "{told}"
    );

    let lock = node.directory().join("plugins.lock");
    std::fs::write(&lock, "<html>").expect("a lock file");
    node.restart().await;
    assert!(
        node.log().contains("plugins.lock is not used: it is malformed"),
        "{}",
        node.log()
    );
    assert_eq!(
        std::fs::read_to_string(&lock).expect("a lock file"),
        "<html>",
        "left alone"
    );
    assert_eq!(declared(&node, "test.birds:ara:1.0").await["name"], "cuckoo");
}
