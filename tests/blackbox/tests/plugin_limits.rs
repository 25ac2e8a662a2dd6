//! What a plugin may take of time and places, whatever of it is called, in a real node.

use std::time::{Duration, Instant};

use lavalink_blackbox::{Node, NodeOptions, client::url_encode, media};
use serde_json::Value;

/// Calls a plugin may be in at a time.
const PLACES: u64 = 64;

#[tokio::test]
async fn every_kind_of_call_that_hangs_ends_at_its_deadline() {
    let mut options = NodeOptions::default();
    options.plugins.push("lavalink_test_plugin_extensions");
    let node = Node::start(options).await;
    let rest = node.rest();
    let found = rest
        .get("/v4/loadsearch?query=slow%20lyrics&types=track")
        .await
        .json();
    let encoded = url_encode(found["tracks"][0]["encoded"].as_str().expect("a track"));
    let slow = node.directory().join("slow.bin");
    std::fs::write(&slow, [&b"SLOW"[..], &[0; 20_000]].concat()).expect("a file");

    let lyrics = format!("/v4/lyrics?track={encoded}");
    let (route, search, lyrics, additions, probe) = tokio::join!(
        rest.get("/v4/ext/hang"),
        rest.get("/v4/loadsearch?query=hang"),
        rest.get(&lyrics),
        rest.get("/v4/loadsearch?query=slow%20additions&types=track"),
        rest.load(slow.to_str().expect("text")),
    );
    for (what, answer) in [("route", route), ("search", search), ("lyrics", lyrics)] {
        assert_eq!(answer.status, 500, "{what}");
        assert!(
            answer.message().contains("did not answer in time"),
            "{what}: {}",
            answer.text
        );
    }
    // Without these the answer is only poorer.
    let track = &additions.json()["tracks"][0];
    assert_eq!(track["info"]["title"], "slow additions");
    assert_eq!(track["pluginInfo"], serde_json::json!({"own": 1}));
    assert_eq!(probe["loadType"], "error", "{probe}");
    for reason in ["modifier of pluginInfo failed", "its container probe failed"] {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !node.log().contains(reason) {
            assert!(Instant::now() < deadline, "{reason} in {}", node.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// How the node shows a plugin.
async fn shown(node: &Node, name: &str) -> Value {
    let plugins = node.rest().get("/v4/plugins").await.json();
    let mut plugins = plugins.as_array().expect("a list").iter();
    let found = plugins.find(|plugin| plugin["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not there")).clone()
}

#[tokio::test]
async fn a_plugin_that_hangs_takes_its_own_places_and_no_others() {
    let node = Node::start(NodeOptions {
        plugins: vec!["lavalink_plugin_local", "lavalink_test_plugin_slow"],
        ..NodeOptions::default()
    })
    .await;
    let tone = media::tone(node.directory(), "tone.wav", &[], 48_000, 1.0, 440, 440);
    let tone = tone.to_str().expect("text").to_owned();
    let loads: Vec<_> = (0..PLACES + 6)
        .map(|number| {
            let rest = node.rest();
            tokio::spawn(async move { rest.load(&format!("slow:{number}")).await })
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(20);
    while shown(&node, "slow").await["callsInFlight"] != PLACES {
        assert!(Instant::now() < deadline, "{}", shown(&node, "slow").await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        node.rest().load(&tone).await["loadType"],
        "track",
        "another plugin's"
    );
    for load in loads {
        let answer = load.await.expect("a look-up");
        assert_eq!(
            answer["data"]["message"], "The plugin slow did not answer in time.",
            "{answer}"
        );
        assert_eq!(answer["data"]["severity"], "fault", "{answer}");
    }
    let slow = shown(&node, "slow").await;
    assert_eq!(slow["callsInFlight"], PLACES, "those that hang keep their places");
    assert!(slow["suspendedForMs"].is_u64(), "{slow}");
    let answer = node.rest().load("slow:once more").await;
    assert_eq!(
        answer["data"]["message"], "The plugin slow is suspended.",
        "{answer}"
    );
    assert_eq!(node.rest().load(&tone).await["loadType"], "track");
}
