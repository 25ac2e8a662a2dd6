//! A component that does everything wrong, while players play: each wrong deed costs its own request one clear error, and
//! nobody else anything.

use fake_discord::Config;
use lavalink_blackbox::{NodeOptions, authoring::component_of, media, stage::Stage};
use lavalink_test_guests::{PARROT, component, manifest};
use serde_json::Value;

/// Players that play meanwhile.
const PLAYERS: u64 = 20;
/// Guild whose player plays what the evil plugin makes.
const VICTIM: u64 = 99;

/// The exception of a look-up that has to fail.
fn exception(loaded: &Value) -> String {
    assert_eq!(loaded["loadType"], "error", "{loaded}");
    format!("{} {}", loaded["data"]["message"], loaded["data"]["cause"])
}

/// A component that is asked what it offers and never answers.
fn silent() -> Vec<u8> {
    let head = "(func (export \"lavalink:plugin/source@1.0.0#describe\") (result i32)";
    assert!(PARROT.contains(head), "the parrot describes itself");
    let module = PARROT.replace("SOURCE_NAME", "silent").replace(
        head,
        &format!("{head} (local $x i32) (loop $ever (br $ever)) (unreachable))\n(func (result i32)"),
    );
    component(&module, Some(&manifest("silent")))
}

#[tokio::test]
async fn players_hear_nothing_of_what_an_evil_component_does() {
    let options = NodeOptions {
        plugins: vec!["lavalink_plugin_local"],
        plugin_files: vec![
            ("evil.wasm", component_of("tests/plugins/evil")),
            ("silent.wasm", silent()),
        ],
        extra_yaml: "metrics:\n  prometheus:\n    enabled: true\n".to_owned(),
        ..NodeOptions::default()
    };
    // Without end-to-end encryption: twenty key exchanges in a debug build would measure those.
    let config = Config {
        dave_version: 0,
        ..Config::default()
    };
    let mut stage = Stage::start_with(config, options).await;
    let log = stage.node.log();
    assert!(
        log.contains("silent") && log.contains("did not answer in time"),
        "{log}"
    );

    let encoder = ["-c:a", "libopus", "-b:a", "96k"];
    let tone = media::tone(
        stage.node.directory(),
        "tone.webm",
        &encoder,
        48_000,
        120.0,
        440,
        660,
    );
    let tone = tone.to_str().expect("text").to_owned();
    for guild in 1..=PLAYERS {
        stage.join(guild).await;
        stage.play(guild, &tone).await;
    }
    for guild in 1..=PLAYERS {
        stage
            .heard(guild, "audio", |report| report.frames.media > 25)
            .await;
    }

    let rest = stage.node.rest();
    let hanging = tokio::spawn({
        let rest = stage.node.rest();
        async move { rest.load("evil:hang").await }
    });
    assert_eq!(rest.load("evil:floods").await["loadType"], "empty");
    assert_eq!(rest.load("evil:itself").await["loadType"], "empty");
    for (deed, reason) in [
        ("many", "cannot be read"),
        ("long", "out of memory"),
        ("bomb", "out of memory"),
        ("crash", "crashed"),
        ("trespasses", "somebody-else.example"),
    ] {
        let failed = exception(&rest.load(&format!("evil:{deed}")).await);
        assert!(failed.contains(reason), "{deed}: {failed}");
    }
    let overdue = exception(&hanging.await.expect("a look-up"));
    assert!(overdue.contains("in time"), "{overdue}");
    let suspended = exception(&rest.load("evil:crash").await);
    assert!(
        suspended.contains("suspended") || suspended.contains("crashed"),
        "{suspended}"
    );

    stage.join(VICTIM).await;
    for guild in 1..=PLAYERS {
        let before = stage.discord.report(guild).expect("a connection").frames.media;
        let report = stage
            .heard(guild, "more audio", |report| report.frames.media > before + 25)
            .await;
        assert_eq!(report.violations(), Vec::<String>::new(), "guild {guild}");
        assert_eq!(report.rtp.lost, 0, "guild {guild}");
        // A worker held up by the component would be silent for seconds; shorter gaps are the machine's.
        let is_short = report.timing.gaps.iter().all(|gap| gap.length_ms < 500.0);
        assert!(is_short, "guild {guild}: {:?}", report.timing.gaps);
    }
    let log = stage.node.log();
    assert!(!log.contains("\x1b[2J"), "control characters reach the log");
    assert!(log.contains("on purpose"), "the text of a panic is in the log");
    let flooded = log.lines().filter(|line| line.contains("plugin::evil")).count();
    assert!(
        (50..5000).contains(&flooded),
        "{flooded} lines of a flood of 50,000"
    );
}

#[tokio::test]
async fn streams_and_messages_of_an_evil_component_end_with_one_clear_error() {
    let mut options = NodeOptions::default();
    options
        .plugin_files
        .push(("evil.wasm", component_of("tests/plugins/evil")));
    let mut stage = Stage::start_with(Config::default(), options).await;
    stage.join(VICTIM).await;
    for deed in ["more", "panics", "noise", "ends"] {
        stage.play(VICTIM, &format!("evil:{deed}")).await;
        let event = stage.socket.event("TrackExceptionEvent", VICTIM).await;
        let message = event["exception"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{deed}: {event}");
    }
    // A client that reads keeps up with, or is cut off from, a flood; the node answers on.
    stage.rest.load("evil:shouts").await;
    assert_eq!(stage.rest.get("/version").await.status, 200);
}
