//! The Prometheus page of a node that plays.

use std::collections::HashMap;

use fake_discord::Config;
use lavalink_blackbox::{
    client::Rest,
    media,
    node::{Node, NodeOptions},
    stage::Stage,
};

const GUILD: u64 = 41;

/// Samples of a page in text format 0.0.4: name with labels, value.
fn samples(page: &str) -> HashMap<String, f64> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

async fn scrape(rest: &Rest, path: &str) -> HashMap<String, f64> {
    let answer = rest.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    samples(&answer.text)
}

fn with_metrics(lines: &str) -> NodeOptions {
    NodeOptions {
        extra_yaml: format!("metrics:\n  prometheus:\n    enabled: true\n{lines}"),
        ..NodeOptions::default()
    }
}

#[tokio::test]
async fn a_playing_node_shows_what_it_does() {
    let options = with_metrics("    endpoint: /prom\n");
    let mut stage = Stage::start_with(Config::default(), options).await;
    let open = stage.node.rest_as(None);
    let before = scrape(&open, "/prom").await;
    assert_eq!(before["lavalink_players_total"], 0.0);
    assert_eq!(before["lavalink_sessions{state=\"connected\"}"], 1.0);
    let directory = tempfile::tempdir().expect("a temp dir");
    let file = media::tone(
        directory.path(),
        "a.wav",
        &["-c:a", "pcm_s16le"],
        48_000,
        10.0,
        440,
        660,
    );
    stage.join(GUILD).await;
    stage.play(GUILD, file.to_str().expect("text")).await;
    stage
        .heard(GUILD, "a second of audio", |report| report.frames.media >= 50)
        .await;
    stage.rest.get("/v4/sessions/none/players/5").await;
    stage.rest.get("/made/up/path").await;

    let answer = open.get("/prom").await;
    assert_eq!(
        answer.headers["content-type"],
        "text/plain;version=0.0.4;charset=utf-8"
    );
    for header in [
        "# HELP lavalink_players_total Total number of players connected.\n# TYPE lavalink_players_total gauge\n",
        "# TYPE lavalink_gc_pauses_seconds histogram\n",
        "# TYPE logback_appender_total counter\n",
        "# TYPE lavalink_audio_send_lateness_seconds histogram\n",
    ] {
        assert!(answer.text.contains(header), "{header} in {}", answer.text);
    }
    let page = samples(&answer.text);
    for (name, least) in [
        ("lavalink_players_total", 1.0),
        ("lavalink_playing_players_total", 1.0),
        ("lavalink_uptime_milliseconds", 100.0),
        ("lavalink_memory_free_bytes", 0.0),
        ("lavalink_memory_used_bytes", 1e6),
        ("lavalink_memory_allocated_bytes", 1e6),
        ("lavalink_memory_reservable_bytes", 1e6),
        ("lavalink_cpu_cores", 1.0),
        ("lavalink_cpu_system_load_percentage", 0.0),
        ("lavalink_cpu_lavalink_load_percentage", 0.0),
        ("lavalink_gc_pauses_seconds_bucket{le=\"0.025\"}", 0.0),
        ("lavalink_gc_pauses_seconds_bucket{le=\"+Inf\"}", 0.0),
        ("logback_appender_total{level=\"info\"}", 5.0),
        ("process_resident_memory_bytes", 1e6),
        ("process_open_fds", 5.0),
        ("process_max_fds", 64.0),
        ("process_cpu_seconds_total", 0.0),
        ("process_start_time_seconds", 1e9),
        ("process_virtual_memory_bytes", 1e6),
        ("lavalink_voice_connections{state=\"connected\"}", 1.0),
        ("lavalink_audio_frames_total{result=\"sent\"}", 50.0),
        ("lavalink_audio_send_lateness_seconds_count", 50.0),
        (
            "lavalink_plugin_calls_total{call=\"open\",outcome=\"ok\",plugin=\"local\"}",
            1.0,
        ),
        (
            "lavalink_source_load_duration_seconds_count{outcome=\"track\",source=\"local\"}",
            1.0,
        ),
        (
            "lavalink_rest_request_duration_seconds_count{method=\"PATCH\",route=\"/v4/sessions/{sessionId}/players/{guildId}\",status=\"200\"}",
            2.0,
        ),
        (
            "lavalink_rest_request_duration_seconds_count{method=\"GET\",route=\"/v4/sessions/{sessionId}/players/{guildId}\",status=\"404\"}",
            1.0,
        ),
        (
            "lavalink_rest_request_duration_seconds_count{method=\"GET\",route=\"unmatched\",status=\"404\"}",
            1.0,
        ),
    ] {
        let value = page
            .get(name)
            .unwrap_or_else(|| panic!("{name} in {}", answer.text));
        assert!(*value >= least, "{name} is {value}");
    }
    assert!(!answer.text.contains("made/up"), "raw paths must not make series");

    let part = scrape(
        &open,
        "/prom?name[]=lavalink_players_total&name%5B%5D=process_open_fds",
    )
    .await;
    assert_eq!(part.len(), 2, "{part:?}");
    let only = open
        .get("/prom?name[]=lavalink_audio_send_lateness_seconds_sum")
        .await
        .text;
    assert_eq!(only.lines().count(), 3, "{only}");
}

#[tokio::test]
async fn the_page_is_off_by_default_and_guarded_where_its_path_is_not_configured() {
    let without_plugins = NodeOptions {
        plugins: Vec::new(),
        ..with_metrics("")
    };
    let (off, guarded, bare) = tokio::join!(
        Node::start(NodeOptions::default()),
        Node::start(with_metrics("")),
        Node::start(without_plugins)
    );
    assert_eq!(off.rest().get("/metrics").await.status, 404);
    assert_eq!(
        bare.rest().get("/metrics").await.status,
        200,
        "without any plugin too"
    );
    assert_eq!(guarded.rest_as(None).get("/metrics").await.status, 401);
    assert_eq!(guarded.rest_as(Some("wrong")).get("/metrics").await.status, 403);
    assert_eq!(guarded.rest().get("/metrics").await.status, 200);
    assert_eq!(
        guarded
            .rest()
            .post("/metrics", &serde_json::json!({}))
            .await
            .status,
        405
    );
}
