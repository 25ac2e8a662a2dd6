//! What the host does for plugins.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fake_services::{FakeServices, Resource};
use lavalink_blackbox::Node;
use serde_json::{Value, json};

use crate::{Form, file, host, options, stage};

#[tokio::test]
async fn services_of_the_host_by_a_library() {
    services_of_the_host(Form::Library).await;
}

#[tokio::test]
async fn services_of_the_host_by_a_component() {
    services_of_the_host(Form::Component).await;
}

async fn services_of_the_host(form: Form) {
    let stage = stage(form).await;
    let (node, session) = (&stage.node, stage.socket.session_id.clone());
    let tone = file(node, "tone.flac", &["-c:a", "flac"], 5.0);

    let (_, loaded) = host(node, "load", &json!({"identifier": tone})).await;
    assert_eq!(loaded[0], "local");
    assert!(
        loaded[1].as_str().is_some_and(|text| text.contains("Test Tone")),
        "{loaded}"
    );
    let mirrored = stage.rest.load(&format!("ext:{tone}")).await;
    assert_eq!(mirrored["data"]["info"]["sourceName"], "extensions", "{mirrored}");
    assert_eq!(mirrored["data"]["info"]["title"], "Test Tone of local");
    let endless = stage.rest.load("ext:endless").await;
    assert_eq!(endless["loadType"], "error", "{endless}");
    assert!(
        endless["data"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("without end")),
        "{endless}"
    );

    assert_eq!(host(node, "get", &json!({"key": "a/b"})).await.1, Value::Null);
    assert_eq!(
        host(node, "set", &json!({"key": "a/b", "value": "kept"})).await.0,
        200
    );
    assert_eq!(host(node, "get", &json!({"key": "a/b"})).await.1, "kept");
    assert!(node.directory().join("plugin-data/extensions").is_dir());
    let big = "x".repeat(65_537);
    assert_eq!(
        host(node, "set", &json!({"key": "big", "value": big})).await.0,
        500
    );
    assert_eq!(host(node, "delete", &json!({"key": "a/b"})).await.0, 200);
    assert_eq!(host(node, "get", &json!({"key": "a/b"})).await.1, Value::Null);

    let (_, random) = host(node, "random", &json!({})).await;
    let (_, again) = host(node, "random", &json!({})).await;
    assert_eq!(
        (random[0].as_array().map(Vec::len), &random[1]),
        (Some(32), &json!(4096))
    );
    assert_ne!(random[0], again[0]);
    assert_eq!(host(node, "enabled", &json!({})).await.1, json!([true, false]));

    assert_eq!(host(node, "sessions", &json!({})).await.1, json!([session]));
    let place = |update: &str| json!({"session": session, "guild": 3, "update": update});
    assert_eq!(host(node, "player", &place("")).await.1, Value::Null);
    let (status, player) = host(node, "update", &place(r#"{"volume": 33}"#)).await;
    assert_eq!(status, 200);
    assert!(
        player.as_str().is_some_and(|text| text.contains("\"volume\":33")),
        "{player}"
    );
    assert_eq!(stage.rest.get(&stage.socket.player(3)).await.json()["volume"], 33);
    let (_, refused) = host(node, "update", &place(r#"{"endTime": 0}"#)).await;
    assert_eq!(refused["message"], "End time must be greater than 0");
    assert_eq!(host(node, "update", &place("nonsense")).await.0, 500);
    let unsent = json!({"session": "nobody", "message": "{}"});
    assert_eq!(
        host(node, "send", &unsent).await.1["message"],
        "Session not found"
    );
    let unsent = json!({"session": session, "message": "[1]"});
    assert_eq!(host(node, "send", &unsent).await.0, 500);
}

#[tokio::test]
async fn network_cache_and_clock_by_a_library() {
    network_cache_and_clock(Form::Library).await;
}

#[tokio::test]
async fn network_cache_and_clock_by_a_component() {
    network_cache_and_clock(Form::Component).await;
}

async fn network_cache_and_clock(form: Form) {
    let mut options = options(form);
    options.extra_yaml = "plugins:\n  extensions: {depth: 3}\n".to_owned();
    let node = Node::start(options).await;
    let services = FakeServices::start().await.expect("a server");
    let tone = file(&node, "tone.flac", &["-c:a", "flac"], 5.0);
    let tone = std::fs::read(tone).expect("the tone");
    services.serve("/tone.flac", Resource::bytes("audio/flac", tone.clone()));
    services.serve("/away", Resource::redirect("/tone.flac"));
    services.serve("/none", Resource::status(404));
    let at = |path: &str| json!({"url": services.url(path)});
    let fetched = host(&node, "fetch", &at("/away")).await;
    let url = services.url("/tone.flac");
    assert_eq!(fetched, (200, json!([200, "audio/flac", url, tone.len()])));
    assert_eq!(
        host(&node, "fetch", &at("/none")).await.1[0],
        404,
        "any status is an answer"
    );
    let elsewhere = json!({"url": url.replace("127.0.0.1", "127.0.0.2")});
    let (status, refused) = host(&node, "fetch", &elsewhere).await;
    assert_eq!(status, 500);
    let told = refused["message"].as_str().unwrap_or_default();
    assert!(told.contains("may not reach this host"), "{refused}");
    let (_, probed) = host(&node, "probe", &at("/tone.flac")).await;
    let probed = probed.as_str().unwrap_or_default();
    assert!(
        probed.contains("flac") && probed.contains("Test Tone"),
        "{probed}"
    );

    let pair = |value: &str| json!({"key": "k", "value": value});
    assert_eq!(host(&node, "cache", &pair("one")).await.1, Value::Null);
    assert_eq!(host(&node, "cache", &pair("two")).await.1, "one");
    assert_eq!(host(&node, "cache", &pair("three")).await.1, "two");

    let before = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time")
        .as_millis();
    let (_, clock) = host(&node, "clock", &json!({})).await;
    assert!(
        u128::from(clock[0].as_u64().expect("a number")) >= before,
        "{clock}"
    );
    let slept = Duration::from_nanos(clock[1].as_u64().expect("a number"));
    assert!(slept >= Duration::from_millis(20), "{slept:?}");
    let (_, config) = host(&node, "config", &json!({})).await;
    let config: Value = serde_json::from_str(config.as_str().expect("text")).expect("JSON");
    assert_eq!(config, json!({"depth": 3}));
}
