//! How voice ends: with silence, "not speaking" and close code 1000, and with nothing left behind.

use std::time::{Duration, Instant};

use fake_discord::{Config, ConnectionReport, Content};
use futures_util::future::join_all;
use lavalink_blackbox::{Stage, client::PATIENCE, media, process};
use serde_json::json;

/// Players of the tests that end with a goodbye.
const PLAYERS: u64 = 3;

async fn playing() -> Stage {
    let mut stage = Stage::start(Config::default()).await;
    let encoder = ["-c:a", "libopus", "-b:a", "96k"];
    let path = media::tone(
        stage.node.directory(),
        "tone.webm",
        &encoder,
        48_000,
        60.0,
        440,
        660,
    );
    for guild in 1..=PLAYERS {
        stage.join(guild).await;
        stage.play(guild, path.to_str().expect("text")).await;
    }
    for guild in 1..=PLAYERS {
        stage.heard(guild, "audio", |r| r.frames.media > 20).await;
    }
    stage
}

/// The goodbye of one connection, as the voice server saw it.
fn assert_goodbye(report: &ConnectionReport) {
    assert_eq!(report.violations(), Vec::<String>::new());
    let bits: Vec<u32> = report.speaking.iter().map(|event| event.speaking).collect();
    assert!(bits.starts_with(&[0, 1]) && bits.ends_with(&[1, 0]), "{bits:?}");
    let last = report.speaking.last().expect("three");
    // The gateway may overtake a few packets.
    assert!(
        last.after_packets + 5 >= report.frames.total,
        "said after the last packet"
    );
    let close = report.gateway.close.clone().expect("a close frame");
    assert_eq!((close.code, close.by_client), (1000, true));
}

async fn assert_goodbyes(stage: &Stage) {
    for guild in 1..=PLAYERS {
        // The last packets may be read after the close frame.
        let gone = |r: &ConnectionReport| !r.connected && r.frames.silence_runs.last() == Some(&5);
        let report = stage
            .heard(guild, "the goodbye with five silence frames", gone)
            .await;
        assert_goodbye(&report);
    }
}

#[tokio::test]
async fn deleted_players_say_goodbye() {
    let stage = playing().await;
    for guild in 1..=PLAYERS {
        let answer = stage.rest.delete(&stage.socket.player(guild)).await;
        assert_eq!(answer.status, 204);
    }
    assert_goodbyes(&stage).await;
}

#[tokio::test]
async fn players_of_a_session_that_ends_say_goodbye() {
    let Stage {
        discord,
        node,
        rest,
        socket,
    } = playing().await;
    socket.cut();
    let socket = node.socket().await;
    let stage = Stage {
        discord,
        node,
        rest,
        socket,
    };
    assert_goodbyes(&stage).await;
}

#[tokio::test]
async fn a_node_that_is_terminated_says_goodbye() {
    let mut stage = playing().await;
    assert_eq!(stage.node.terminate().await, Some(0));
    assert_goodbyes(&stage).await;
}

#[tokio::test]
async fn a_thousand_joins_and_leaves_leave_nothing_behind() {
    const BATCH: u64 = 50;
    let stage = Stage::start(Config {
        listeners: 0,
        content: Content::TransportOnly,
        ..Config::default()
    })
    .await;
    let pid = stage.node.pid();
    let join_and_leave = async |guild: u64| {
        let (path, voice) = (stage.socket.player(guild), stage.voice(guild));
        let answer = stage.rest.patch(&path, &json!({"voice": voice})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        // Half of them leave in the middle of joining.
        if guild.is_multiple_of(2) {
            stage
                .heard(guild, "a key package", |r| r.dave.key_packages == 1)
                .await;
        }
        let answer = stage.rest.delete(&path).await;
        assert_eq!(answer.status, 204);
    };
    // Threads and pooled connections that stay are made by the first ones.
    join_all((0..BATCH).map(|index| join_and_leave(1 + index))).await;
    let settled = async |what: &str, files: usize, threads: u64| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = (process::open_files(pid), process::threads(pid));
            if now.0 <= files && now.1 <= threads {
                return now;
            }
            assert!(
                Instant::now() < deadline,
                "{what}: {now:?} instead of {:?}",
                (files, threads)
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    // The test's own connections to the node are in there; all of them may be kept alive.
    let own = BATCH as usize + 10;
    let idle_files = settled("after the first", process::open_files(pid), u64::MAX)
        .await
        .0;
    let (memory, threads) = (process::resident(pid), process::threads(pid));
    for batch in 1..=20 {
        join_all((0..BATCH).map(|index| join_and_leave(1 + batch * BATCH + index))).await;
    }
    let after = settled("after 1,000", idle_files.max(own + 40), threads + 2).await;
    let grown = process::resident(pid).saturating_sub(memory);
    eprintln!(
        "files {idle_files} -> {}, threads {threads} -> {}, {} KiB more",
        after.0,
        after.1,
        grown >> 10
    );
    assert!(grown < 100 << 20, "{} MiB more", grown >> 20);
    for guild in stage.discord.guilds() {
        stage
            .heard(guild, "the end of the session", |r| !r.connected)
            .await;
    }
    assert_eq!(stage.rest.get("/v4/stats").await.json()["players"], 0);
}
