//! Search and lyrics.

use lavalink_blackbox::client::url_encode;
use lavalink_blackbox::{Node, NodeOptions};
use serde_json::json;

use crate::{Form, file, stage};

#[tokio::test]
async fn search_and_lyrics_by_a_library() {
    search_and_lyrics(Form::Library).await;
}

#[tokio::test]
async fn search_and_lyrics_by_a_component() {
    search_and_lyrics(Form::Component).await;
}

async fn search_and_lyrics(form: Form) {
    let mut stage = stage(form).await;
    let found = stage.rest.get("/v4/loadsearch?query=abc").await;
    assert_eq!(found.status, 200, "{}", found.text);
    let found = found.json();
    assert_eq!(found["tracks"][0]["info"]["title"], "abc");
    assert_eq!(found["tracks"][0]["info"]["sourceName"], "extensions");
    assert_eq!(
        found["tracks"][0]["pluginInfo"],
        json!({"own": 1, "from": "extensions", "batch": 1})
    );
    assert_eq!(
        found["albums"],
        json!([{
            "info": {"name": "album", "selectedTrack": -1},
            "pluginInfo": {"url": "x", "listOf": "extensions", "tracks": 0},
            "tracks": [],
        }])
    );
    assert_eq!(found["texts"], json!([{"text": "abc?", "plugin": {}}]));
    assert_eq!(found["plugin"], json!({"pages": 2}));
    let some = stage
        .rest
        .get("/v4/loadsearch?query=abc&types=artist,%20text")
        .await
        .json();
    assert_eq!((&some["tracks"], &some["albums"]), (&json!([]), &json!([])));
    assert_eq!(
        (&some["artists"][0]["info"]["name"], &some["texts"][0]["text"]),
        (&json!("artist"), &json!("abc?"))
    );
    assert_eq!(stage.rest.get("/v4/loadsearch?query=nothing").await.status, 204);
    assert_eq!(stage.rest.get("/v4/loadsearch").await.status, 400);
    let failed = stage.rest.get("/v4/loadsearch?query=fail").await;
    assert_eq!(
        (failed.status, failed.message()),
        (500, "the catalogue is closed".to_owned())
    );
    assert_eq!(stage.rest.get("/v4/loadsearch?query=panic").await.status, 500);

    let tone = file(&stage.node, "tone.wav", &[], 30.0);
    let encoded = stage.rest.load(&tone).await["data"]["encoded"]
        .as_str()
        .expect("text")
        .to_owned();
    let lyrics = stage
        .rest
        .get(&format!("/v4/lyrics?track={}", url_encode(&encoded)))
        .await
        .json();
    assert_eq!(
        lyrics,
        json!({
            "sourceName": "extensions",
            "provider": "the songbook",
            "text": null,
            "lines": [
                {"timestamp": 0, "duration": 400, "line": "la", "plugin": {}},
                {"timestamp": 500, "duration": 400, "line": "la la", "plugin": {}},
                {"timestamp": 1000, "duration": 400, "line": "la la la", "plugin": {}},
            ],
            "plugin": {"verses": 1},
        })
    );
    assert_eq!(stage.rest.get("/v4/lyrics?track=nonsense").await.status, 500);
    assert_eq!(stage.rest.get("/v4/lyrics").await.status, 400);

    let player = stage.socket.player(4);
    assert_eq!(
        stage.rest.get(&format!("{player}/track/lyrics")).await.message(),
        "Player not found"
    );
    stage.join(4).await;
    assert_eq!(
        stage.rest.get(&format!("{player}/track/lyrics")).await.message(),
        "No track playing"
    );
    let subscription = format!("{player}/lyrics/subscribe");
    assert_eq!(stage.rest.post(&subscription, &json!({})).await.status, 204);
    stage.play(4, &tone).await;
    assert_eq!(
        stage.rest.get(&format!("{player}/track/lyrics")).await.json(),
        lyrics
    );
    let event = stage.socket.event("LyricsFoundEvent", 4).await;
    assert_eq!(event["lyrics"], lyrics);
    for index in 0..3 {
        let event = stage.socket.event("LyricsLineEvent", 4).await;
        assert_eq!(
            (&event["lineIndex"], &event["skipped"]),
            (&json!(index), &json!(false)),
            "{event}"
        );
        assert_eq!(event["line"], lyrics["lines"][index]);
    }
    assert_eq!(stage.rest.delete(&subscription).await.status, 204);
    assert_eq!(stage.rest.get(&subscription).await.status, 405);
}

#[tokio::test]
async fn a_node_without_such_plugins() {
    let node = Node::start(NodeOptions::default()).await;
    for path in [
        "/v4/loadsearch?query=x",
        "/v4/lyrics?track=x",
        "/v4/sessions/x/players/1/track/lyrics",
    ] {
        let answer = node.rest().get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        let bare = path.split('?').next().unwrap_or(path);
        assert_eq!(answer.message(), format!("No endpoint GET {bare}."));
    }
}
