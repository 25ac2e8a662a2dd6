//! REST endpoints and interceptors of plugins.

use std::time::{Duration, Instant};

use lavalink_blackbox::{Node, NodeOptions};
use serde_json::json;

use crate::{Form, diary_with, log_with, options};

#[tokio::test]
async fn routes_and_interceptors_of_plugins() {
    let node = Node::start(NodeOptions {
        extra_yaml: "metrics:\n  prometheus:\n    enabled: true\n    endpoint: /metrics\n".to_owned(),
        ..options(Form::Library)
    })
    .await;
    let rest = node.rest();
    let answer = rest.get("/v4/ext/echo/caf%C3%A9?x=1").await;
    assert_eq!(
        (answer.status, answer.headers["x-ext"].to_str().ok()),
        (200, Some("here")),
        "{answer:?}"
    );
    let echo = answer.json();
    assert_eq!(
        (&echo["word"], &echo["query"], &echo["path"], &echo["method"]),
        (
            &json!("café"),
            &json!("x=1"),
            &json!("/v4/ext/echo/caf%C3%A9"),
            &json!("GET")
        )
    );
    let headers = echo["headers"].as_array().expect("a list");
    assert!(!headers.contains(&json!("authorization")), "{headers:?}");
    let posted = rest.post("/v4/ext/echo/a", &json!({"b": 1})).await.json();
    assert_eq!(posted["body"], json!("{\"b\":1}"));

    let refused = rest.get("/v4/ext/refuse").await;
    assert_eq!(
        (refused.status, refused.message()),
        (418, "I am a teapot".to_owned())
    );
    assert_eq!(refused.json()["path"], "/v4/ext/refuse");
    let broken = rest.get("/v4/ext/panic").await;
    assert_eq!(broken.status, 500);
    assert!(broken.message().contains("panicked"), "{}", broken.text);
    assert_eq!(rest.get("/v4/ext/nonsense").await.status, 500);
    let method = rest.delete("/v4/ext/echo/a").await;
    assert_eq!(
        (method.status, method.headers["allow"].to_str().ok()),
        (405, Some("GET,POST"))
    );
    assert_eq!(
        rest.get("/v4/ext/none").await.message(),
        "No endpoint GET /v4/ext/none."
    );
    assert!(
        rest.get("/v4/info").await.json()["version"].is_object(),
        "the node's own path"
    );
    let log = node.log();
    assert!(log.contains("GET /v4/info is never asked"), "{log}");
    for (password, status) in [(None, 401), (Some("wrong"), 403)] {
        let answer = node.rest_as(password).get("/v4/ext/echo/a").await;
        assert_eq!((answer.status, answer.text.as_str()), (status, ""));
    }

    let with = |wish: &str| {
        rest.request(reqwest::Method::GET, "/v4/stats")
            .header("x-ext", wish)
    };
    let answer = rest.send(with("refuse")).await;
    assert_eq!((answer.status, answer.message()), (403, "not today".to_owned()));
    assert_eq!(
        rest.send(with("answer")).await.json(),
        json!({"intercepted": true})
    );
    for wish in ["fail", "panic", "hang"] {
        let begun = Instant::now();
        let answer = rest.send(with(wish)).await;
        assert_eq!(answer.status, 200, "{wish}: the request goes on");
        assert!(answer.json()["players"].is_number());
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{wish} took {:?}",
            begun.elapsed()
        );
    }
    let diary = diary_with(&node, "after GET /v4/ext/panic 500").await;
    assert!(diary.contains(&"after GET /v4/info 200".to_owned()), "{diary:#?}");
    let log = node.log();
    assert!(
        log.contains("its interceptor is passed over for a request"),
        "{log}"
    );
    let metrics = rest.get("/metrics").await;
    assert!(metrics.text.contains("route=\"plugin\""), "{}", metrics.text);
    assert!(
        metrics
            .text
            .contains("lavalink_plugin_events_dropped_total{plugin=\"extensions\"} 0"),
        "{}",
        metrics.text
    );
}

#[tokio::test]
async fn routes_and_interceptors_of_a_component() {
    let node = Node::start(options(Form::Component)).await;
    let rest = node.rest();
    let echo = rest.get("/v4/ext/echo/caf%C3%A9?x=1").await;
    assert_eq!(echo.headers["x-ext"].to_str().ok(), Some("here"), "{echo:?}");
    assert_eq!(echo.json()["word"], "café");
    let posted = rest.post("/v4/ext/echo/a", &json!({"b": 1})).await.json();
    assert_eq!(posted["body"], json!("{\"b\":1}"));
    let refused = rest.get("/v4/ext/refuse").await;
    assert_eq!(
        (refused.status, refused.message()),
        (418, "I am a teapot".to_owned())
    );
    let broken = rest.get("/v4/ext/panic").await;
    assert_eq!(broken.status, 500);
    assert!(broken.message().contains("crashed"), "{}", broken.text);
    // A panic's text would be lost with the instance; it is in the log.
    log_with(&node, "an endpoint that panics").await;
    assert_eq!(rest.get("/v4/ext/nonsense").await.status, 500);

    let with = |wish: &str| {
        rest.request(reqwest::Method::GET, "/v4/stats")
            .header("x-ext", wish)
    };
    let answer = rest.send(with("refuse")).await;
    assert_eq!((answer.status, answer.message()), (403, "not today".to_owned()));
    assert_eq!(
        rest.send(with("answer")).await.json(),
        json!({"intercepted": true})
    );
    for wish in ["fail", "panic"] {
        let answer = rest.send(with(wish)).await;
        assert_eq!(answer.status, 200, "{wish}: the request goes on");
    }
}
