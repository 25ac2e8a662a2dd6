//! Components that do everything wrong, while players play: each wrong deed costs its own request one clear error, and
//! nobody else anything. What the players get is compared with what they got before and after.

use lavalink_blackbox::{
    NodeOptions,
    audience::{Audience, Figures, WITH_METRICS, assert_no_worse, exception, voice_server},
    authoring::component_of,
    media,
    stage::Stage,
};
use lavalink_test_guests::{PARROT, component, manifest, parrot};
use serde_json::json;

/// Players that play meanwhile.
const PLAYERS: u64 = 50;
/// Frames of each player in the times without evil: 5 s.
const CALM: u64 = 250;
/// Guild whose player plays what the evil plugin makes.
const VICTIM: u64 = 99;
/// Look-ups that compute until their deadline, all at once.
const HANGING: usize = 8;
/// How much more of the audio may be late than in the worse of the calm times: those are short, and the machine has others.
const MARGIN: f64 = 0.05;

/// A parrot that does something else when it is asked what it offers.
fn describing(deed: &str) -> Vec<u8> {
    let head = "(func (export \"lavalink:plugin/source@1.0.0#describe\") (result i32)";
    assert!(PARROT.contains(head), "the parrot describes itself");
    let module = PARROT.replace("SOURCE_NAME", "parrot").replace(
        head,
        &format!("{head} (local $x i32) {deed} (unreachable))\n(func (result i32)"),
    );
    component(&module, Some(&manifest("parrot")))
}

/// Files that cannot be loaded, and the one clear reason of each.
fn unloadable() -> Vec<(Vec<u8>, &'static str)> {
    let module = PARROT.replace("SOURCE_NAME", "parrot");
    let mut cut = parrot("parrot");
    cut.truncate(cut.len() / 2);
    vec![
        (describing("(loop $ever (br $ever))"), "did not answer in time"),
        (
            describing("(loop $more (drop (memory.grow (i32.const 16))) (br $more))"),
            "out of memory",
        ),
        (describing(""), "crashed"),
        (cut, "damaged"),
        (component(&module, None), "no plugin manifest"),
        (
            component(&module, Some(&manifest("parrot").replace("[1]", "[99]"))),
            "generation 99",
        ),
        (parrot("other"), "instead of parrot"),
        (b"MZ".to_vec(), "no WebAssembly"),
    ]
}

#[tokio::test]
async fn players_hear_nothing_of_what_evil_components_do() {
    let options = NodeOptions {
        plugins: vec!["lavalink_plugin_local"],
        plugin_files: vec![
            ("evil.wasm", component_of("tests/plugins/evil")),
            ("parrot.wasm", parrot("parrot")),
        ],
        // Each file is loaded once, by the test.
        extra_yaml: format!("  plugin-exchange: {{watch: false}}\n{WITH_METRICS}"),
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

    let hanging: Vec<_> = (0..HANGING)
        .map(|_| {
            let rest = stage.node.rest();
            tokio::spawn(async move { rest.load("evil:hang").await })
        })
        .collect();
    // Beside them: everything that cannot be loaded, one after the other.
    let file = stage.node.directory().join("plugins/parrot.wasm");
    let loading = tokio::spawn({
        let rest = stage.node.rest();
        async move {
            for (bytes, reason) in unloadable() {
                std::fs::write(&file, bytes).expect("a file can be written");
                let answer = rest.post("/v4/plugins/parrot/reload", &json!({})).await;
                assert_eq!(answer.status, 422, "{reason}: {}", answer.text);
                assert!(answer.message().contains(reason), "{reason}: {}", answer.text);
            }
        }
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
    stage.join(VICTIM).await;
    for deed in ["more", "panics", "noise", "ends"] {
        stage.play(VICTIM, &format!("evil:{deed}")).await;
        let event = stage.socket.event("TrackExceptionEvent", VICTIM).await;
        let message = event["exception"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{deed}: {event}");
    }
    for look_up in hanging {
        let overdue = exception(&look_up.await.expect("a look-up"));
        assert!(
            overdue.contains("in time") || overdue.contains("suspended"),
            "{overdue}"
        );
    }
    loading.await.expect("what cannot be loaded is refused");
    let evil = Figures::of(&rest).await;
    audience.listen(&stage, CALM).await;
    let calm_again = Figures::of(&rest).await;

    let [before, during, after] = [calm.since(&begun), evil.since(&calm), calm_again.since(&evil)];
    for figures in [&before, &during, &after] {
        assert_eq!(figures.missed_by_the_node().len(), 0, "{:?}", figures.missed());
    }
    assert_no_worse(&during, &[&before, &after], MARGIN);
    audience.assert_whole(&mut stage).await;
    let loaded = rest.load("parrot:tw").await;
    assert_eq!(
        loaded["loadType"], "track",
        "what was loaded before is still there: {loaded}"
    );
    let suspended = exception(&rest.load("evil:crash").await);
    assert!(
        suspended.contains("suspended") || suspended.contains("crashed"),
        "{suspended}"
    );

    let log = stage.node.log();
    assert!(!log.contains("\x1b[2J"), "control characters reach the log");
    assert!(log.contains("on purpose"), "the text of a panic is in the log");
    let flooded = log.lines().filter(|line| line.contains("plugin::evil")).count();
    assert!(
        (50..5000).contains(&flooded),
        "{flooded} lines of a flood of 50,000"
    );
    // A client that reads keeps up with, or is cut off from, a flood of messages; the node answers on.
    rest.load("evil:shouts").await;
    assert_eq!(rest.get("/version").await.status, 200);
}
