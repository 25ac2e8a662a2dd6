//! The OpenAPI document of the running node, and schemathesis trying everything it says.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use lavalink_blackbox::{Node, NodeOptions, node::PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

/// Longest time schemathesis may take; it is told to need less.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where `deployment/setup.sh --tests` puts it.
fn schemathesis() -> PathBuf {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let program = root.join("target/schemathesis/bin/schemathesis");
    assert!(
        program.is_file(),
        "{} is missing: run `deployment/setup.sh --tests` first",
        program.display()
    );
    program
}

#[tokio::test]
async fn the_document_is_about_the_routes_there_are() {
    let node = Node::start(NodeOptions::default()).await;
    let rest = node.rest();
    assert_eq!(node.rest_as(None).get("/v4/openapi.json").await.status, 401);
    let document = rest.get("/v4/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() >= 16, "{:?}", paths.keys());
    for (path, item) in paths {
        let item = item.as_object().expect("an item");
        let path = path.replace("{sessionId}", "none").replace("{guildId}", "1");
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            if path == "/v4/websocket" {
                continue;
            }
            let name = method.as_str().to_ascii_lowercase();
            let answer = rest.send(rest.request(method.clone(), &path)).await;
            assert_eq!(
                answer.status == 405,
                !item.contains_key(&name),
                "{method} {path}: {}",
                answer.text
            );
            let says = |answer: &Value| answer["responses"].get("500").is_some();
            if answer.status >= 500 {
                assert!(says(&item[&name]), "{method} {path}: {}", answer.text);
            }
        }
        // The options are those of the document.
        let answer = rest.send(rest.request(Method::OPTIONS, &path)).await;
        if path != "/v4/websocket" {
            assert_eq!(answer.status, 200, "{path}");
            let allow = answer.headers["allow"].to_str().expect("text").to_owned();
            let listed = allow
                .split(',')
                .filter(|m| !matches!(*m, "HEAD" | "OPTIONS"))
                .count();
            assert_eq!(listed, item.len(), "{path}: {allow}");
        }
    }
}

#[tokio::test]
async fn schemathesis_finds_nothing_undocumented() {
    let program = schemathesis();
    // Without a source that fetches: what is made up must not leave this machine.
    let mut node = Node::start(NodeOptions {
        plugins: vec!["lavalink_plugin_local", "lavalink_test_plugin_catalogue"],
        ..NodeOptions::default()
    })
    .await;
    let socket = node.socket().await;
    let document = at_hand(
        node.rest().get("/v4/openapi.json").await.json(),
        &socket.session_id,
    );
    let file = node.directory().join("openapi.json");
    std::fs::write(&file, document.to_string()).expect("a file");
    let child = tokio::process::Command::new(program)
        .current_dir(node.directory())
        .arg("run")
        .arg(&file)
        .args(["--url", &format!("http://{}", node.address())])
        .args(["--header", &format!("Authorization: {PASSWORD}")])
        .args(["--checks", CHECKS])
        .args([
            "--max-time",
            "45",
            "--max-examples",
            "40",
            "--seed",
            "20261123",
            // Its threads change the interpreter's recursion limit under each other, which Python 3.11 does not survive.
            "--workers",
            "1",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--suppress-health-check",
            "all",
        ])
        .args([
            "--request-timeout",
            "30",
            "--exclude-path",
            "/v4/websocket",
            "--no-color",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("schemathesis starts");
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("schemathesis ends")
        .expect("schemathesis runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("passed"), "{text}");
    assert!(node.is_running());
}

/// The document with a session that exists, so that more than 404 is tried, and with a voice server on this machine.
fn at_hand(mut document: Value, session: &str) -> Value {
    let paths = document["paths"].as_object_mut().expect("paths");
    for operation in paths
        .values_mut()
        .flat_map(|item| item.as_object_mut().expect("an item").values_mut())
    {
        for parameter in operation["parameters"].as_array_mut().expect("a list") {
            if parameter["name"] == "sessionId" {
                parameter["schema"]["enum"] = json!([session, "none"]);
            }
        }
    }
    let voice = &mut document["components"]["schemas"]["VoiceUpdate"]["properties"];
    assert!(voice["endpoint"].is_object());
    voice["endpoint"] = json!({"enum": ["127.0.0.1:1", ""]});
    document
}

/// Statuses, types and bodies are those of the document, so a 5xx is one the document has for that operation: those
/// Java gives too, with their texts.
const CHECKS: &str =
    "status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth";
