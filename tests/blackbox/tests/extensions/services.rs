//! What the host does for plugins.

use serde_json::{Value, json};

use crate::{Form, file, host, stage};

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
