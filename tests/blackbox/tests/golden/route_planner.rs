//! Answers about route planners.

use fake_services::{FakeServices, Resource};
use lavalink_blackbox::{Node, NodeOptions};
use serde_json::{Value, json};

use crate::compare::Used;
use crate::payload;
use crate::scene::options;

/// Payloads produced by the test of this file.
pub const PRODUCED: &[&str] = &[
    "rest-error-400-address.json",
    "rest-routeplanner-balancingip.json",
    "rest-routeplanner-nanoip.json",
    "rest-routeplanner-rotatingip.json",
    "rest-routeplanner-rotatingnanoip.json",
];

async fn node(ratelimit: &str) -> Node {
    let extra_yaml = format!("    ratelimit: {ratelimit}\nplugins:\n  http:\n    useRoutePlanner: true\n");
    Node::start(NodeOptions {
        extra_yaml,
        ..options()
    })
    .await
}

#[tokio::test]
async fn every_planner_is_described() {
    let mut used = Used::default();
    // A service that refuses whoever comes, so that addresses fail.
    let services = FakeServices::start().await.expect("a server");
    services.serve("/a.mp3", Resource::status(429));
    let failing = [
        "/details/failingAddresses/0/failingAddress",
        "/details/failingAddresses/0/failingTimestamp",
        "/details/failingAddresses/0/failingTime",
        "/details/rotateIndex",
        "/details/ipIndex",
        "/details/currentAddress",
    ];
    for (name, strategy) in [
        ("rest-routeplanner-rotatingip.json", "RotateOnBan"),
        ("rest-routeplanner-balancingip.json", "LoadBalance"),
    ] {
        let node = node(&format!(
            "{{ipBlocks: ['127.0.7.0/24'], strategy: {strategy}, retryLimit: 1}}"
        ))
        .await;
        let rest = node.rest();
        rest.load(&services.url("/a.mp3")).await;
        let mut status = rest.get("/v4/routeplanner/status").await;
        let several: Value = status.json();
        let list = several["details"]["failingAddresses"].as_array().expect("a list");
        assert!(!list.is_empty(), "{several}");
        // The payload has one.
        for entry in &list[1..] {
            let address = entry["failingAddress"].as_str().expect("text");
            let body = json!({"address": address.trim_start_matches('/')});
            assert_eq!(
                rest.post("/v4/routeplanner/free/address", &body).await.status,
                204
            );
            status = rest.get("/v4/routeplanner/status").await;
        }
        used.same(name, &status.text, &failing);
        if strategy == "RotateOnBan" {
            let accepted: Value = serde_json::from_str(&payload("req-routeplanner-free.json")).expect("JSON");
            let answer = rest.post("/v4/routeplanner/free/address", &accepted).await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
            let body = json!({"address": "999.1.1.1"});
            let answer = rest.post("/v4/routeplanner/free/address", &body).await;
            let name = "rest-error-400-address.json";
            used.same(name, &answer.text, &["/timestamp", "/message"]);
            assert!(answer.message().starts_with("Invalid address: 999.1.1.1: "));
        }
    }
    for (name, block, strategy) in [
        ("rest-routeplanner-nanoip.json", "2001:db8::/64", "NanoSwitch"),
        (
            "rest-routeplanner-rotatingnanoip.json",
            "2001:db8::/48",
            "RotatingNanoSwitch",
        ),
    ] {
        let node = node(&format!("{{ipBlocks: ['{block}'], strategy: {strategy}}}")).await;
        let status = node.rest().get("/v4/routeplanner/status").await;
        let free = ["/details/currentAddressIndex", "/details/ipBlock/size"];
        used.same(name, &status.text, &free);
    }
    used.are(PRODUCED);
}
