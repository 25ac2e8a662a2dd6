//! Audio filters of plugins.

use std::time::Duration;

use fake_discord::analysis;
use lavalink_blackbox::{Node, NodeOptions, Stage};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{Form, OPUS, diary_with, file, log_with, options, stage};

/// Level of what a guild hears now, dBFS.
async fn level(stage: &Stage, guild: u64) -> f64 {
    sleep(Duration::from_millis(400)).await;
    stage.discord.clear_recording(guild).expect("a recording");
    sleep(Duration::from_millis(1_000)).await;
    let [left, _] = analysis::stereo(&stage.discord.pcm(guild), 48_000).expect("audio");
    assert!((left.peak_hz - 440.0).abs() < 3.0, "{left:?}");
    left.rms_dbfs
}

#[tokio::test]
async fn filters_by_a_library() {
    filters(Form::Library).await;
}

#[tokio::test]
async fn filters_by_a_component() {
    filters(Form::Component).await;
}

async fn filters(form: Form) {
    let mut stage = stage(form).await;
    let log = stage.node.log();
    assert!(
        log.contains(
            "sources [extensions] and filters, routes, interceptor, events, info, probe, search, lyrics"
        ),
        "{log}"
    );
    let info = stage.rest.get("/v4/info").await.json();
    let names: Vec<&str> = info["filters"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        names[9..],
        [
            "lowPass",
            "gain",
            "landing",
            "nan",
            "panic",
            "hang",
            "odd",
            "unbuildable"
        ]
    );

    let tone = file(&stage.node, "long.webm", OPUS, 120.0);
    for guild in [1, 2] {
        stage.join(guild).await;
        stage.play(guild, &tone).await;
    }
    let plain = level(&stage, 1).await;
    let witness = stage.discord.report(2).expect("a report");

    // Unknown names vanish; one that is not on leaves the packets as they are.
    let player = stage
        .update(
            1,
            &json!({"filters": {"pluginFilters": {"nobody": 1, "gain": {"factor": 1.0}}}}),
        )
        .await;
    assert_eq!(
        player["filters"],
        json!({"pluginFilters": {"gain": {"factor": 1.0}}})
    );
    let player = stage
        .update(
            1,
            &json!({"filters": {"pluginFilters": {"gain": {"factor": 0.5}}}}),
        )
        .await;
    assert_eq!(
        player["filters"],
        json!({"pluginFilters": {"gain": {"factor": 0.5}}})
    );
    let halved = level(&stage, 1).await;
    assert!(
        (halved - plain + 6.02).abs() < 0.7,
        "{plain} dBFS, halved {halved}"
    );
    // What a component notes stays in the instance of the filter.
    let keeps_a_diary = form == Form::Library;
    if keeps_a_diary {
        diary_with(&stage.node, "gain for 48000 Hz, 2 channels").await;
    }

    stage.update(1, &json!({"position": 60_000})).await;
    if keeps_a_diary {
        diary_with(&stage.node, "gain seeked 60000").await;
    }
    assert!((level(&stage, 1).await - halved).abs() < 0.7);

    // What a filter does when it is told of a jump is heard, in whatever form it comes.
    let body = json!({"filters": {"pluginFilters": {"landing": {}}}});
    stage.update(1, &body).await;
    let before = level(&stage, 1).await;
    stage.update(1, &json!({"position": 60_000})).await;
    let after = level(&stage, 1).await;
    assert!(
        (before - plain + 12.04).abs() < 0.7 && (after - plain + 6.02).abs() < 0.7,
        "{plain} dBFS, before the jump {before}, after it {after}"
    );

    // Each of these is given up, and the audio goes on without it.
    for (index, bad) in ["nan", "panic", "odd", "hang", "unbuildable"]
        .into_iter()
        .enumerate()
    {
        stage
            .update(1, &json!({"filters": {"pluginFilters": {bad: {}}}}))
            .await;
        log_with(
            &stage.node,
            &format!("filter {bad} is taken out of a player's chain"),
        )
        .await;
        let heard = level(&stage, 1).await;
        assert!((heard - plain).abs() < 0.7, "{bad}: {plain} dBFS, now {heard}");
        if index == 0 && keeps_a_diary {
            diary_with(&stage.node, "gain flushed").await;
        }
    }
    let log = stage.node.log();
    assert_eq!(
        log.matches("filter nan is taken out").count(),
        1,
        "told once:\n{log}"
    );

    let report = stage.discord.report(2).expect("a report");
    assert!(report.frames.media > witness.frames.media + 100);
    // A worker held up by the filter that hangs would be silent for 300 ms; shorter gaps are the machine's.
    let is_short = report.timing.gaps.iter().all(|gap| gap.length_ms < 200.0);
    assert!(is_short, "the other guild: {:?}", report.timing.gaps);
    assert_eq!(report.violations(), Vec::<String>::new());

    let senseless = json!({"filters": {"pluginFilters": {"gain": {"factor": "loud"}}}});
    stage.update(1, &senseless).await;
    log_with(&stage.node, "filter gain stays off: no factor").await;
    stage.update(1, &json!({"filters": {}})).await;
    assert!((level(&stage, 1).await - plain).abs() < 0.7);
}

#[tokio::test]
async fn a_disabled_plugin_filter() {
    let node = Node::start(NodeOptions {
        extra_yaml: "    filters:\n      gain: false\n".to_owned(),
        ..options(Form::Library)
    })
    .await;
    let info = node.rest().get("/v4/info").await.json();
    assert!(
        !info["filters"]
            .as_array()
            .expect("a list")
            .contains(&json!("gain"))
    );
    let socket = node.socket().await;
    let body = json!({"filters": {"pluginFilters": {"gain": {"factor": 0.5}}}});
    let answer = node.rest().patch(&socket.player(1), &body).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.message(),
        "Following filters are disabled in the config: gain"
    );
}
