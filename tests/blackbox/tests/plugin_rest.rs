//! Plugins around REST: what interceptors see, how much of an answer is taken, what the OpenAPI document says of them, and
//! what listeners hear when the node stops. By a real library, and by a component of the same source, in a real node.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use lavalink_blackbox::client::Socket;
use lavalink_blackbox::node::PASSWORD;
use lavalink_blackbox::{Node, NodeOptions, authoring::component_of};
use lavalink_test_guests::{PARROT, component, manifest};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const USER: &str = "170939974227541168";

fn library() -> NodeOptions {
    let mut options = NodeOptions::default();
    options.plugins.push("lavalink_test_plugin_extensions");
    options
}

fn as_component() -> NodeOptions {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    let component = COMPONENT.get_or_init(|| component_of("tests/plugins/extensions"));
    NodeOptions {
        plugin_files: vec![("extensions.wasm", component.clone())],
        arguments: vec![
            "--lavalink.plugin-exchange.watch=false".to_owned(),
            "--lavalink.plugin-exchange.share=0".to_owned(),
        ],
        ..NodeOptions::default()
    }
}

/// What the log has once it has this.
async fn log_with(node: &Node, what: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let log = node.log();
        if log.contains(what) {
            return log;
        }
        assert!(Instant::now() < deadline, "the log never had {what:?}:\n{log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A handshake whose interceptor is asked for something.
fn handshake(node: &Node, password: Option<&str>, wish: &str) -> RequestBuilder {
    node.rest_as(password)
        .request(Method::GET, "/v4/websocket")
        .header("User-Id", USER)
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("x-ext", wish)
}

#[tokio::test]
async fn interceptors_of_a_library_see_the_handshake() {
    interceptors_see_the_handshake(library(), &["fail", "panic", "hang"]).await;
}

#[tokio::test]
async fn interceptors_of_a_component_see_the_handshake() {
    interceptors_see_the_handshake(as_component(), &["fail", "panic"]).await;
}

async fn interceptors_see_the_handshake(options: NodeOptions, passed_over: &[&str]) {
    let node = Node::start(options).await;
    let rest = node.rest();
    let socket = node.socket().await;
    let id = socket.session_id.clone();
    let resuming = json!({"resuming": true, "timeout": 60});
    rest.patch(&format!("/v4/sessions/{id}"), &resuming).await;
    socket.cut();
    log_with(&node, "Session can be resumed").await;

    // Who is refused has not laid hands on the session.
    let request = handshake(&node, Some(PASSWORD), "refuse").header("Session-Id", &id);
    let refused = rest.send(request).await;
    assert_eq!((refused.status, refused.message()), (403, "not today".to_owned()));
    assert_eq!(refused.json()["path"], "/v4/websocket");
    assert!(!refused.headers.contains_key("session-resumed"));
    let answered = rest.send(handshake(&node, Some(PASSWORD), "answer")).await;
    assert_eq!(
        (answered.status, answered.json()),
        (200, json!({"intercepted": true}))
    );
    for password in [None, Some("wrong")] {
        let answer = rest.send(handshake(&node, password, "answer")).await;
        assert_eq!((answer.status, answer.text.as_str()), (401, ""), "{password:?}");
    }
    let resumed = Socket::open(&node.address(), PASSWORD, USER, Some(&id)).await;
    assert_eq!(resumed.session_id, id);
    assert_eq!(resumed.headers["session-resumed"], "true");

    for wish in passed_over {
        let opened = handshake(&node, Some(PASSWORD), wish).send().await;
        assert_eq!(opened.expect("an answer").status(), 101, "{wish}");
    }
    log_with(&node, "its interceptor is passed over for a request").await;
    log_with(&node, "after GET /v4/websocket 101").await;
}

#[tokio::test]
async fn answers_of_a_library_are_taken_up_to_a_size() {
    let node = Node::start(library()).await;
    let rest = node.rest();
    let too_large = "The answer of the plugin extensions is too large.";
    for bytes in ["1073741824", "33554433"] {
        assert_refused(&node, &format!("/v4/ext/huge/{bytes}"), too_large).await;
    }
    let largest = rest.get("/v4/ext/huge/33554432").await;
    assert_eq!((largest.status, largest.text.len()), (200, 32 << 20));
    assert_refused(&node, "/v4/ext/verbose", too_large).await;
    // What an interceptor says instead of an answer does not open the way.
    for wish in ["huge", "verbose"] {
        let request = rest.request(Method::GET, "/v4/stats").header("x-ext", wish);
        let answer = rest.send(request).await;
        assert_eq!(answer.status, 500, "{wish}");
        assert!(answer.message().contains(too_large), "{wish}: {}", answer.text);
    }
    for line in [
        "a REST request failed: The answer of the plugin extensions is too large.",
        "1073741824 bytes of body, at most 33554432 are taken",
        "its interceptor's answer is not used: The answer of the plugin extensions is too large.",
    ] {
        log_with(&node, line).await;
    }
    assert_eq!(rest.get("/v4/ext/echo/still").await.status, 200);
}

#[tokio::test]
async fn answers_of_a_component_are_taken_up_to_a_size() {
    let node = Node::start(as_component()).await;
    let rest = node.rest();
    for (path, reason) in [
        (
            "/v4/ext/huge/1073741824",
            "The plugin extensions ran out of memory.",
        ),
        // The border itself takes no more from a component.
        ("/v4/ext/huge/41943040", "gave an answer that cannot be read"),
        (
            "/v4/ext/verbose",
            "The answer of the plugin extensions is too large.",
        ),
    ] {
        assert_refused(&node, path, reason).await;
    }
    let request = rest.request(Method::GET, "/v4/stats").header("x-ext", "verbose");
    let answer = rest.send(request).await;
    assert_eq!(answer.status, 500);
    assert!(answer.message().contains("too large"), "{}", answer.text);
    assert_eq!(rest.get("/v4/ext/echo/still").await.status, 200);
}

/// Fails unless a request gets a short error in Java's form, and the log a line.
async fn assert_refused(node: &Node, path: &str, reason: &str) {
    let answer = node.rest().get(path).await;
    assert_eq!(answer.status, 500, "{path}");
    let error = answer.json();
    assert_eq!((&error["path"], &error["status"]), (&json!(path), &json!(500)));
    assert!(answer.message().contains(reason), "{path}: {}", answer.text);
    assert!(answer.text.len() < 10_000, "{path}");
    log_with(node, reason).await;
}

/// Fails unless every operation has a name of its own and says what its path's variables are.
fn assert_sound(document: &Value) {
    let mut names = BTreeSet::new();
    let mut shapes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let shape: Vec<&str> = path
            .split('/')
            .map(|segment| if segment.starts_with('{') { "{}" } else { segment })
            .collect();
        assert!(shapes.insert(shape.join("/")), "{path} is there twice");
        for operation in item.as_object().expect("an item").values() {
            assert!(names.insert(operation["operationId"].to_string()), "{operation}");
            assert!(
                operation["responses"]
                    .as_object()
                    .is_some_and(|answers| !answers.is_empty())
            );
            let parameters = operation["parameters"].as_array().expect("a list");
            let of_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
            let declared: BTreeSet<&str> = of_path
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            let used: BTreeSet<&str> = path
                .split('/')
                .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(declared, used, "{path}");
        }
    }
}

#[tokio::test]
async fn the_document_has_the_paths_of_plugins_for_as_long_as_they_are_there() {
    let node = Node::start(as_component()).await;
    let rest = node.rest();
    let document = rest.get("/v4/openapi.json").await.json();
    assert_sound(&document);
    let paths = &document["paths"];
    let of_plugins = [
        "/v4/ext/echo/{word}",
        "/v4/ext/files/{rest}",
        "/v4/loadsearch",
        "/v4/lyrics",
        "/v4/sessions/{sessionId}/players/{guildId}/track/lyrics",
        "/v4/sessions/{sessionId}/players/{guildId}/lyrics/subscribe",
    ];
    for path in of_plugins {
        assert!(paths[path].is_object(), "{path} in {paths:#}");
    }
    assert!(
        paths["/v4/ext/echo/{word}"]["get"].is_object() && paths["/v4/ext/echo/{word}"]["post"].is_object()
    );
    // Extensions of the node's own.
    for path in [
        "/v4/openapi.json",
        "/v4/plugins",
        "/v4/plugins/{name}/reload",
        "/v4/sessions/{sessionId}/players/{guildId}/diagnosis",
    ] {
        assert!(paths[path].is_object(), "{path}");
    }
    assert_eq!(
        paths["/v4/info"]["get"]["operationId"], "getInfo",
        "the node's own"
    );

    for (path, allow) in [
        ("/v4/ext/echo/x", "GET,HEAD,POST,OPTIONS"),
        ("/v4/loadsearch", "GET,HEAD,OPTIONS"),
        ("/v4/sessions/x/players/1/lyrics/subscribe", "POST,DELETE,OPTIONS"),
    ] {
        let answer = rest.send(rest.request(Method::OPTIONS, path)).await;
        assert_eq!(
            (answer.status, answer.headers["allow"].to_str().ok()),
            (200, Some(allow)),
            "{path}"
        );
        let nobody = node.rest_as(None);
        assert_eq!(
            nobody.send(nobody.request(Method::OPTIONS, path)).await.status,
            401,
            "{path}"
        );
    }

    let silent = component(
        &PARROT.replace("SOURCE_NAME", "extensions"),
        Some(&manifest("extensions")),
    );
    std::fs::write(node.directory().join("plugins/extensions.wasm"), silent).expect("a plugin");
    let reloaded = rest.post("/v4/plugins/extensions/reload", &json!({})).await;
    assert_eq!(reloaded.json()["state"], "replaced", "{}", reloaded.text);
    let document = rest.get("/v4/openapi.json").await.json();
    assert_sound(&document);
    for path in of_plugins {
        assert!(document["paths"].get(path).is_none(), "{path}");
    }
    assert!(document["paths"]["/v4/plugins"].is_object());
}

#[tokio::test]
async fn listeners_of_a_library_hear_the_end_of_every_session_when_the_node_stops() {
    listeners_hear_the_end_of_every_session(library()).await;
}

#[tokio::test]
async fn listeners_of_a_component_hear_the_end_of_every_session_when_the_node_stops() {
    listeners_hear_the_end_of_every_session(as_component()).await;
}

async fn listeners_hear_the_end_of_every_session(options: NodeOptions) {
    let mut node = Node::start(options).await;
    let connected = node.socket().await;
    let waiting = Socket::open(&node.address(), PASSWORD, "7", None).await;
    let id = waiting.session_id.clone();
    let resuming = json!({"resuming": true, "timeout": 60});
    node.rest().patch(&format!("/v4/sessions/{id}"), &resuming).await;
    node.rest()
        .patch(&waiting.player(7), &json!({"volume": 50}))
        .await;
    waiting.cut();
    log_with(&node, "Session can be resumed").await;
    assert_eq!(node.terminate().await, Some(0));
    let log = node.log();
    for told in [&connected.session_id, &id] {
        assert_eq!(log.matches(&format!("destroyed {told}")).count(), 1, "{told}");
    }
    assert_eq!(log.matches("gone player 7").count(), 1);
    assert!(!log.contains("did not take its last events"), "{log}");
}

#[tokio::test]
async fn a_listener_that_hangs_does_not_keep_the_node_from_stopping() {
    let mut node = Node::start(library()).await;
    let _forgotten = Socket::open(&node.address(), PASSWORD, "666", None).await;
    assert_eq!(node.terminate().await, Some(0));
    let log = node.log();
    assert!(
        log.contains("Plugin extensions did not take its last events"),
        "{log}"
    );
    assert!(log.contains("Bye"), "{log}");
}
