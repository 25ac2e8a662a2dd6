//! Events, and markers in tracks.

use lavalink_blackbox::client::Socket;
use lavalink_blackbox::node::PASSWORD;
use serde_json::{Value, json};

use crate::{Form, OPUS, diary_with, file, host, log_with, stage};

#[tokio::test]
async fn events_and_markers_by_a_library() {
    let mut stage = stage(Form::Library).await;
    let tone = file(&stage.node, "long.webm", OPUS, 60.0);
    let session = stage.socket.session_id.clone();
    let diary = diary_with(&stage.node, "open ").await;
    assert!(
        diary.contains(&format!("open {session} blackbox/1.0 false")),
        "{diary:#?}"
    );

    stage.join(7).await;
    stage.play(7, &tone).await;
    let diary = diary_with(&stage.node, "start 7").await;
    let at = |what: &str| diary.iter().position(|line| line.starts_with(what));
    assert!(
        at("new player 7 170939974227541168") < at("start 7 local Test Tone"),
        "{diary:#?}"
    );
    assert!(
        at(&format!(
            "message {session} {{\"op\":\"event\",\"type\":\"TrackStartEvent\""
        ))
        .is_some(),
        "{diary:#?}"
    );

    let marker = |name: &str, position: u64| json!({"session": session, "guild": 7, "position": position, "marker": name});
    for (name, position) in [("late", 0), ("far", 50_000), ("jumped", 20_000), ("soon", 2_500)] {
        assert_eq!(
            host(&stage.node, "marker", &marker(name, position)).await,
            (200, Value::Null)
        );
    }
    diary_with(&stage.node, "marker 7 late Late").await;
    let diary = diary_with(&stage.node, "marker 7 soon Reached").await;
    assert!(
        !diary.iter().any(|line| line.starts_with("marker 7 jumped")),
        "{diary:#?}"
    );
    stage.update(7, &json!({"position": 30_000})).await;
    diary_with(&stage.node, "marker 7 jumped Bypassed").await;
    stage.update(7, &json!({"track": {"encoded": null}})).await;
    diary_with(&stage.node, "marker 7 far Dropped").await;
    diary_with(&stage.node, "end 7 Test Tone Stopped").await;
    let (status, refused) = host(&stage.node, "marker", &marker("none", 1)).await;
    assert_eq!((status, refused["status"].as_u64()), (500, Some(500)));

    assert_eq!(stage.rest.delete(&stage.socket.player(7)).await.status, 204);
    diary_with(&stage.node, "gone player 7").await;

    // What waits for a client is told when it is made, and once more when it is replayed.
    stage
        .rest
        .patch(
            &format!("/v4/sessions/{session}"),
            &json!({"resuming": true, "timeout": 60}),
        )
        .await;
    let address = stage.node.address();
    stage.socket.cut();
    diary_with(&stage.node, &format!("paused {session}")).await;
    let sent = json!({"session": session, "message": "{\"op\":\"mine\", \"n\": 1}"});
    assert_eq!(host(&stage.node, "send", &sent).await.0, 200);
    let mut socket = Socket::open(&address, PASSWORD, "170939974227541168", Some(&session)).await;
    let mine = socket.wait(|message| message["op"] == "mine").await;
    assert_eq!(mine, json!({"op": "mine", "n": 1}));
    let diary = diary_with(&stage.node, &format!("open {session} blackbox/1.0 true")).await;
    let told = format!("message {session} {{\"op\":\"mine\",\"n\":1}}");
    assert_eq!(
        diary.iter().filter(|line| **line == told).count(),
        2,
        "{diary:#?}"
    );
    stage
        .rest
        .patch(&format!("/v4/sessions/{session}"), &json!({"resuming": false}))
        .await;
    socket.cut();
    diary_with(&stage.node, &format!("destroyed {session}")).await;
}

/// Instances of a component come and go, and a diary with them; what this one is told stands in the log too.
#[tokio::test]
async fn events_and_markers_by_a_component() {
    let mut stage = stage(Form::Component).await;
    let tone = file(&stage.node, "long.webm", OPUS, 60.0);
    let session = stage.socket.session_id.clone();
    log_with(&stage.node, &format!("open {session} blackbox/1.0 false")).await;
    stage.join(7).await;
    stage.play(7, &tone).await;
    log_with(&stage.node, "start 7 local Test Tone").await;

    for (name, position) in [("late", 0), ("far", 50_000), ("jumped", 20_000), ("soon", 2_500)] {
        let marker = json!({"session": session, "guild": 7, "position": position, "marker": name});
        assert_eq!(host(&stage.node, "marker", &marker).await, (200, Value::Null));
    }
    log_with(&stage.node, "marker 7 late Late").await;
    let log = log_with(&stage.node, "marker 7 soon Reached").await;
    assert!(!log.contains("marker 7 jumped"), "{log}");
    stage.update(7, &json!({"position": 30_000})).await;
    log_with(&stage.node, "marker 7 jumped Bypassed").await;
    stage.update(7, &json!({"track": {"encoded": null}})).await;
    log_with(&stage.node, "marker 7 far Dropped").await;
    let log = log_with(&stage.node, "end 7 Test Tone Stopped").await;
    for name in ["late", "soon", "jumped", "far"] {
        assert_eq!(log.matches(&format!("marker 7 {name} ")).count(), 1, "{log}");
    }
    assert_eq!(stage.rest.delete(&stage.socket.player(7)).await.status, 204);
    log_with(&stage.node, "gone player 7").await;
}
