//! Native plugins that do everything wrong short of corrupting memory, while players play: each wrong deed costs its own
//! request one clear error, and nobody else anything.

use lavalink_blackbox::{
    NodeOptions,
    audience::{Audience, Figures, WITH_METRICS, assert_no_worse, exception, voice_server},
    media,
    node::built_plugin,
    stage::Stage,
};
use serde_json::json;

/// Players that play meanwhile.
const PLAYERS: u64 = 50;
/// Frames of each player in the times without evil: 5 s.
const CALM: u64 = 250;
/// How much more of the audio may be late than in the worse of the calm times: those are short, and the machine has others.
const MARGIN: f64 = 0.05;
/// Guild whose player plays what the evil plugin makes.
const VICTIM: u64 = 99;

/// A plugin whose manifest gives a name that no plugin may have.
fn wrongly_named() -> Vec<u8> {
    let mut bytes = std::fs::read(built_plugin("lavalink_test_plugin_slow")).expect("a built plugin");
    let (good, bad) = (br#""name":"slow""#, br#""name":"s/../""#);
    let mut bad = bad.to_vec();
    bad.truncate(good.len() - 1);
    bad.push(b'"');
    let at = bytes
        .windows(good.len())
        .position(|window| window == good)
        .expect("a manifest");
    bytes[at..at + good.len()].copy_from_slice(&bad);
    bytes
}

#[tokio::test]
async fn players_hear_nothing_of_what_evil_plugins_do() {
    let options = NodeOptions {
        plugins: vec![
            "lavalink_plugin_local",
            "lavalink_test_plugin_evil",
            "lavalink_test_plugin_panicking",
            "lavalink_test_plugin_slow",
        ],
        plugin_files: vec![("wrongly-named.so", wrongly_named())],
        extra_yaml: WITH_METRICS.to_owned(),
        ..NodeOptions::default()
    };
    let mut stage = Stage::start_with(voice_server(), options).await;
    let encoder = ["-c:a", "libopus", "-b:a", "96k"];
    let tone = media::tone(
        stage.node.directory(),
        "tone.webm",
        &encoder,
        48_000,
        180.0,
        440,
        660,
    );
    let tone = tone.to_str().expect("text").to_owned();
    let audience = Audience::seat(&stage, 1..=PLAYERS, &tone).await;
    // Playing to the end of the set-up is not measured.
    audience.listen(&stage, 50).await;
    let rest = stage.node.rest();
    let begun = Figures::of(&rest).await;
    audience.listen(&stage, CALM).await;
    let calm = Figures::of(&rest).await;

    let hanging = tokio::spawn({
        let rest = stage.node.rest();
        async move { rest.load("slow:for ever").await }
    });
    assert_eq!(rest.load("evil:floods").await["loadType"], "empty");
    assert_eq!(rest.load("evil:itself").await["loadType"], "empty");
    let many = exception(&rest.load("evil:many").await);
    assert!(
        many.contains("too large") && many.contains("200000 tracks"),
        "{many}"
    );
    let long = exception(&rest.load("evil:long").await);
    assert!(
        long.contains("too large") && long.contains("bytes of text"),
        "{long}"
    );
    // The panicking plugin is asked for whatever belongs to nobody.
    for _ in 0..5 {
        let panicked = exception(&rest.load("nobody's").await);
        assert!(panicked.contains("panicked"), "{panicked}");
    }
    let suspended = exception(&rest.load("nobody's").await);
    assert!(suspended.contains("suspended"), "{suspended}");

    stage.join(VICTIM).await;
    for deed in ["more", "panics", "noise", "ends"] {
        stage.play(VICTIM, &format!("evil:{deed}")).await;
        let event = stage.socket.event("TrackExceptionEvent", VICTIM).await;
        let message = event["exception"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{deed}: {event}");
    }
    // Not even its length is told; the deadline is the node's own business, and stopping does not wait for it.
    stage.play(VICTIM, "evil:hangs").await;
    stage.update(VICTIM, &json!({"track": {"encoded": null}})).await;

    let reload = |name: &str| format!("/v4/plugins/{name}/reload");
    let native = rest.post(&reload("evil"), &json!({})).await;
    assert_eq!(native.status, 409, "{}", native.text);
    assert!(native.text.contains("restart"), "{}", native.text);
    assert_eq!(rest.post(&reload("nobody"), &json!({})).await.status, 404);
    let stranger = stage.node.rest_as(None);
    assert_eq!(stranger.post(&reload("evil"), &json!({})).await.status, 401);

    let overdue = exception(&hanging.await.expect("a look-up"));
    assert!(overdue.contains("in time"), "{overdue}");
    let evil = Figures::of(&rest).await;
    audience.listen(&stage, CALM).await;
    let calm_again = Figures::of(&rest).await;
    let [before, during, after] = [calm.since(&begun), evil.since(&calm), calm_again.since(&evil)];
    for figures in [&before, &during, &after] {
        assert_eq!(figures.missed_by_the_node().len(), 0, "{:?}", figures.missed());
    }
    assert_no_worse(&during, &[&before, &after], MARGIN);
    audience.assert_whole(&mut stage).await;

    let page = rest.get("/metrics").await.text;
    for line in [
        "lavalink_plugin_suspended{plugin=\"panicking\"} 1",
        "lavalink_plugin_calls_total{call=\"load\",outcome=\"overdue\",plugin=\"slow\"} 1",
        "lavalink_plugin_calls_total{call=\"load\",outcome=\"panicked\",plugin=\"panicking\"} 5",
        "lavalink_plugin_log_lines_dropped_total{plugin=\"evil\"} ",
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }

    let log = stage.node.log();
    assert!(log.contains("wrongly-named.so"), "{log}");
    assert_eq!(log.matches("Plugin panicking is suspended").count(), 1);
    assert!(!log.contains("\x1b[2J"), "control characters reach the log");
    let flooded = log.lines().filter(|line| line.contains("plugin::evil")).count();
    assert!(
        (50..5000).contains(&flooded),
        "{flooded} lines of a flood of 50,000"
    );
    assert!(log.contains("lines dropped"), "what was dropped is told");
}
