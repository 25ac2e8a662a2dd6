//! End-to-end encryption (DAVE) and both transport modes, as a listener in the channel sees them.

use fake_discord::{CommitRace, Config, InitialTransition, Mode, analysis};
use lavalink_blackbox::{Stage, media, stage::assert_clean};

async fn playing(config: Config) -> Stage {
    let mut stage = Stage::start(config).await;
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
    stage.join(1).await;
    stage.play(1, path.to_str().expect("text")).await;
    stage.heard(1, "audio", |r| r.frames.media > 50).await;
    stage
}

fn assert_tone(stage: &Stage) {
    let [left, right] = analysis::stereo(&stage.discord.pcm(1), 48_000).expect("audio");
    assert!((left.peak_hz - 440.0).abs() < 2.0, "{left:?}");
    assert!((right.peak_hz - 660.0).abs() < 2.0, "{right:?}");
}

#[tokio::test]
async fn members_come_and_go_while_it_plays() {
    let stage = playing(Config::default()).await;
    for _ in 0..3 {
        stage.discord.add_listener(1).await.expect("the group follows");
    }
    for _ in 0..3 {
        stage.discord.remove_listener(1).await.expect("the group follows");
    }
    let report = stage
        .heard(1, "audio under the last key", |r| r.dave.epochs.len() >= 7)
        .await;
    let decrypted = report.dave.decrypted;
    let report = stage
        .heard(1, "more audio", |r| r.dave.decrypted > decrypted + 50)
        .await;
    assert_clean("six epoch changes", &report);
    assert_eq!(report.dave.plain_before_group, 0, "{:?}", report.dave);
    assert_tone(&stage);
}

#[tokio::test]
async fn a_group_that_our_commit_makes() {
    let config = Config {
        commit_race: CommitRace::ClientsWin,
        initial_transition: InitialTransition::TwoStep,
        ..Config::default()
    };
    let stage = playing(config).await;
    stage.discord.add_listener(1).await.expect("the group follows");
    let report = stage
        .heard(1, "audio of the second epoch", |r| {
            r.dave.epochs.len() >= 2 && r.dave.decrypted > 100
        })
        .await;
    assert!(report.dave.commits_won >= 1, "{:?}", report.dave);
    assert_clean("our commit", &report);
    assert_tone(&stage);
}

#[tokio::test]
async fn a_bad_commit_is_answered_and_survived() {
    let stage = playing(Config::default()).await;
    stage.discord.send_bad_commit(1).await.expect("the node recovers");
    let decrypted = stage.discord.report(1).expect("a report").dave.decrypted;
    let report = stage
        .heard(1, "audio after the recovery", |r| {
            r.dave.decrypted > decrypted + 50
        })
        .await;
    assert!(report.dave.recoveries >= 1, "{:?}", report.dave);
    assert_clean("recovered", &report);
}

#[tokio::test]
async fn encryption_is_switched_off_and_on_by_the_server() {
    let stage = playing(Config::default()).await;
    stage.discord.downgrade(1).await.expect("the node follows");
    let report = stage.heard(1, "plain audio", |r| r.dave.plain > 30).await;
    assert_eq!(report.violations(), Vec::<String>::new());
    stage.discord.upgrade(1).await.expect("the node follows");
    let decrypted = stage.discord.report(1).expect("a report").dave.decrypted;
    let report = stage
        .heard(1, "encrypted audio", |r| r.dave.decrypted > decrypted + 50)
        .await;
    assert_clean("down and up", &report);
}

#[tokio::test]
async fn a_channel_without_encryption_in_either_mode() {
    for mode in [Mode::Aes256Gcm, Mode::XChaCha20Poly1305] {
        let stage = playing(Config {
            dave_version: 0,
            modes: vec![mode],
            ..Config::default()
        })
        .await;
        let report = stage.heard(1, "audio", |r| r.frames.media > 100).await;
        assert_eq!(report.mode, Some(mode));
        assert_clean(mode.wire_name(), &report);
        assert_tone(&stage);
    }
}

#[tokio::test]
async fn encryption_over_the_second_mode() {
    let stage = playing(Config {
        modes: vec![Mode::XChaCha20Poly1305],
        ..Config::default()
    })
    .await;
    let report = stage.heard(1, "audio", |r| r.dave.decrypted > 100).await;
    assert_eq!(report.mode, Some(Mode::XChaCha20Poly1305));
    assert_clean("xchacha20 with DAVE", &report);
    assert_tone(&stage);
}
