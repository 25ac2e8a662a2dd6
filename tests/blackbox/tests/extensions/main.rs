//! Everything a plugin can offer beside sources, by a real library, and by a component of the same source, in a real node.

mod additions;
mod events;
mod filters;
mod finders;
mod rest;
mod services;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use fake_discord::Config;
use lavalink_blackbox::{Node, NodeOptions, Stage, authoring::component_of, media};
use serde_json::Value;
use tokio::time::sleep;

const OPUS: &[&str] = &["-c:a", "libopus", "-b:a", "96k"];

/// What the plugin was built as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Library,
    Component,
}

fn options(form: Form) -> NodeOptions {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    let mut options = NodeOptions::default();
    match form {
        Form::Library => options.plugins.push("lavalink_test_plugin_extensions"),
        Form::Component => {
            let component = COMPONENT.get_or_init(|| component_of("tests/plugins/extensions"));
            options.plugin_files.push(("extensions.wasm", component.clone()));
        }
    }
    options
}

async fn stage(form: Form) -> Stage {
    Stage::start_with(Config::default(), options(form)).await
}

fn file(node: &Node, name: &str, encoder: &[&str], seconds: f64) -> String {
    let path = media::tone(node.directory(), name, encoder, 48_000, seconds, 440, 440);
    path.to_str().expect("text").to_owned()
}

/// What the plugin was told, once it has been told this.
async fn diary_with(node: &Node, what: &str) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let diary = node.rest().get("/v4/ext/diary").await.json();
        let lines: Vec<String> = serde_json::from_value(diary).expect("lines");
        if lines.iter().any(|line| line.contains(what)) {
            return lines;
        }
        assert!(
            Instant::now() < deadline,
            "the plugin never noted {what:?}: {lines:#?}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

async fn log_with(node: &Node, what: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let log = node.log();
        if log.contains(what) {
            return log;
        }
        assert!(Instant::now() < deadline, "the log never had {what:?}:\n{log}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn host(node: &Node, service: &str, body: &Value) -> (u16, Value) {
    let answer = node.rest().post(&format!("/v4/ext/host/{service}"), body).await;
    (answer.status, answer.json())
}
