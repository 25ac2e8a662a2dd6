//! Track strings at the real node: of sources that are there, that are not, and that hang.

use std::time::{Duration, Instant};

use lavalink_blackbox::{Node, NodeOptions, client::url_encode};
use serde_json::{Value, json};

/// Track strings of every source of lavaplayer and LavaSrc, and what they hold.
const VECTORS: &str = include_str!("../../../host/protocol/tests/golden/vectors.json");

const REFUSED: &str = "Request processing failed: java.lang.IllegalStateException: Failed to decode track due to a mismatching version or missing source manager";

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).expect("JSON")
}

/// The first vector of a source.
fn encoded(source: &str) -> String {
    let vectors = vectors();
    let found = vectors.iter().find(|vector| vector["sourceName"] == source);
    found.expect("a vector")["encoded"]
        .as_str()
        .expect("text")
        .to_owned()
}

/// The track object Java would answer.
fn expected(vector: &Value) -> Value {
    let is_stream = vector["isStream"].as_bool().expect("a flag");
    json!({
        "encoded": vector["encoded"],
        "info": {
            "identifier": vector["identifier"], "isSeekable": !is_stream, "author": vector["author"],
            "length": vector["length"], "isStream": is_stream, "position": vector["position"],
            "title": vector["title"], "uri": vector["uri"], "sourceName": vector["sourceName"],
            "artworkUrl": vector["artworkUrl"], "isrc": vector["isrc"],
        },
        "pluginInfo": vector["pluginInfo"], "userData": {},
    })
}

#[tokio::test]
async fn tracks_of_known_sources_are_decoded_without_their_plugins() {
    // Once with http and local loaded and the others absent, once with none at all.
    for plugins in [vec!["lavalink_plugin_http", "lavalink_plugin_local"], vec![]] {
        let node = Node::start(NodeOptions {
            plugins,
            ..NodeOptions::default()
        })
        .await;
        let rest = node.rest();
        let (known, unknown): (Vec<_>, Vec<_>) = vectors()
            .into_iter()
            .partition(|vector| !vector["pluginInfo"].is_null());
        let texts: Vec<&Value> = known.iter().map(|vector| &vector["encoded"]).collect();
        let answer = rest.post("/v4/decodetracks", &json!(texts)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let tracks = answer.json();
        for (index, vector) in known.iter().enumerate() {
            assert_eq!(tracks[index], expected(vector));
        }
        assert_eq!(tracks.as_array().map(Vec::len), Some(known.len()));

        let one = url_encode(known[0]["encoded"].as_str().expect("text"));
        let answer = rest.get(&format!("/v4/decodetrack?encodedTrack={one}")).await;
        assert_eq!((answer.status, answer.json()), (200, expected(&known[0])));

        assert!(!unknown.is_empty());
        for vector in unknown {
            let one = url_encode(vector["encoded"].as_str().expect("text"));
            let answer = rest.get(&format!("/v4/decodetrack?encodedTrack={one}")).await;
            assert_eq!(
                (answer.status, answer.message().as_str()),
                (500, REFUSED),
                "{vector}"
            );
        }
    }
}

#[tokio::test]
async fn a_track_whose_source_is_absent_cannot_be_played() {
    let node = Node::start(NodeOptions::default()).await;
    let socket = node.socket().await;
    let body = json!({"track": {"encoded": encoded("youtube")}});
    let answer = node.rest().patch(&socket.player(1), &body).await;
    assert_eq!((answer.status, answer.message().as_str()), (500, REFUSED));
}

#[tokio::test]
async fn the_first_broken_track_is_the_one_reported() {
    let node = Node::start(NodeOptions::default()).await;
    let rest = node.rest();
    let (fine, broken, unknown) = (encoded("http"), "QAAA-".to_owned(), encoded("reddit"));
    let base64 = "Request processing failed: java.lang.IllegalArgumentException: Illegal base64 character 2d";
    // A track of the http source with a probe that does not exist; only the plugin knows that.
    let probe = "QAAAJwMAAVQAAAAAAAAAAAAAAAAAAAAAAARodHRwAAN4eXoAAAAAAAAAAA==".to_owned();
    for (texts, message) in [
        ([&fine, &broken, &unknown], base64),
        ([&fine, &unknown, &broken], REFUSED),
        ([&probe, &fine, &broken], REFUSED),
        ([&broken, &probe, &fine], base64),
    ] {
        let answer = rest.post("/v4/decodetracks", &json!(texts)).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (500, message),
            "{texts:?}"
        );
    }
}

#[tokio::test]
async fn a_source_that_hangs_over_a_track_costs_only_that_request() {
    let node = Node::start(NodeOptions {
        plugins: vec!["lavalink_plugin_http", "lavalink_test_plugin_slow"],
        ..NodeOptions::default()
    })
    .await;
    let rest = node.rest();
    // Title T, source `slow`, details `hang`.
    let hanging = "QAAAJgMAAVQAAAAAAAAAAAAAAAAAAAAAAARzbG93aGFuZwAAAAAAAAAA";
    let requests = (0..8).map(|_| {
        let rest = rest.clone();
        async move { rest.post("/v4/decodetracks", &json!([hanging])).await }
    });
    let fine = async {
        let started = Instant::now();
        for _ in 0..20 {
            let answer = rest
                .post("/v4/decodetracks", &json!([encoded("http"), encoded("deezer")]))
                .await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        started.elapsed()
    };
    let (hung, took) = futures_util::join!(futures_util::future::join_all(requests), fine);
    for answer in hung {
        assert_eq!((answer.status, answer.message().as_str()), (500, REFUSED));
    }
    // The deadline of a decode is 5 s: the others did not wait for it.
    assert!(took < Duration::from_secs(5), "{took:?}");
}
