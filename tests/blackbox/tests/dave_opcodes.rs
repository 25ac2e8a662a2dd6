//! Every opcode of end-to-end encryption (21 to 31) by name: the node's reaction to what it should get, and to what it
//! should not.

use std::time::Duration;

use fake_discord::{CommitRace, Config, ConnectionReport, Hostile, InitialTransition, Quirks};
use lavalink_blackbox::{Stage, media};
use serde_json::json;

const GUILD: u64 = 1;

/// A stage whose track is loaded but which is in no call yet.
async fn ready(config: Config) -> Stage {
    let stage = Stage::start(config).await;
    let encoder = ["-c:a", "libopus", "-b:a", "96k"];
    let directory = stage.node.directory();
    let path = media::tone(directory, "tone.webm", &encoder, 48_000, 60.0, 440, 660);
    stage.play(GUILD, path.to_str().expect("text")).await;
    stage
}

/// A stage that is heard, encrypted if there is anybody to hear it.
async fn playing(config: Config) -> Stage {
    let encrypted = config.dave_version > 0 && config.listeners > 0 && !config.quirks.no_groups;
    let mut stage = ready(config).await;
    stage.join(GUILD).await;
    stage
        .heard(GUILD, "audio", |r| {
            r.frames.media > 25 && (!encrypted || r.dave.decrypted > 10)
        })
        .await;
    stage
}

/// Waits for some more encrypted audio.
async fn heard_on(stage: &Stage) -> ConnectionReport {
    let before = stage.discord.report(GUILD).expect("a report").dave.decrypted;
    stage
        .heard(GUILD, "more encrypted audio", |r| r.dave.decrypted > before + 30)
        .await
}

/// Nothing wrong on the wire, nothing lost. How punctual it was is for other tests: these run beside each other.
fn assert_clean(name: &str, report: &ConnectionReport) {
    assert_eq!(report.violations(), Vec::<String>::new(), "{name}: {report:#?}");
    assert_eq!(report.rtp.lost, 0, "{name}: packets were lost");
}

fn report(stage: &Stage) -> ConnectionReport {
    stage.discord.report(GUILD).expect("a report")
}

#[tokio::test]
async fn op_21_is_confirmed_and_the_key_in_force_goes_on() {
    let stage = playing(Config::default()).await;
    let before = report(&stage).dave;
    stage.discord.reannounce(GUILD).await.expect("the node confirms");
    stage.discord.reannounce(GUILD).await.expect("the node confirms");
    let report = heard_on(&stage).await;
    assert_eq!(
        report.dave.ready.len(),
        before.ready.len() + 2,
        "{:?}",
        report.dave
    );
    assert_eq!(report.dave.epochs, before.epochs);
    // Repeated nonces of the one key would be among the violations.
    assert_clean("the same epoch announced again", &report);
}

#[tokio::test]
async fn op_21_with_version_0_ends_encryption_at_op_22_only() {
    let stage = playing(Config {
        transition_pause: Duration::from_millis(300),
        ..Config::default()
    })
    .await;
    stage.discord.downgrade(GUILD).await.expect("the node follows");
    let report = stage.heard(GUILD, "plain audio", |r| r.dave.plain > 30).await;
    assert_clean("no plain frame in the pause before op 22", &report);
}

#[tokio::test]
async fn op_21_with_id_0_is_in_force_at_once_and_not_confirmed() {
    let stage = playing(Config::default()).await;
    let before = report(&stage).dave.ready;
    let data = json!({"transition_id": 0, "protocol_version": 0});
    stage.discord.send_json(GUILD, 21, &data).expect("sent");
    // The fake is not told what its own message means, so it counts what follows as forbidden.
    let report = stage
        .heard(GUILD, "plain audio", |r| r.dave.plain_while_encrypted > 30)
        .await;
    assert_eq!(report.dave.ready, before);
}

#[tokio::test]
async fn op_21_without_a_version_does_not_switch_encryption_off() {
    let stage = playing(Config::default()).await;
    for data in [
        json!({"transition_id": 0}),
        json!({"transition_id": 0, "protocol_version": null}),
        json!({"transition_id": "0", "protocol_version": 0}),
        json!({}),
        json!(null),
    ] {
        stage.discord.send_json(GUILD, 21, &data).expect("sent");
    }
    assert_clean("malformed", &heard_on(&stage).await);
}

#[tokio::test]
async fn op_22_is_when_the_key_changes() {
    let stage = playing(Config {
        initial_transition: InitialTransition::TwoStep,
        transition_pause: Duration::from_millis(300),
        ..Config::default()
    })
    .await;
    for _ in 0..2 {
        stage
            .discord
            .add_listener(GUILD)
            .await
            .expect("the group follows");
    }
    let report = heard_on(&stage).await;
    assert!(report.dave.epochs.len() >= 3, "{:?}", report.dave);
    // A frame under the next key within the pause would be among the violations.
    assert_clean("old key until op 22", &report);
}

#[tokio::test]
async fn op_22_for_an_unknown_id_is_ignored() {
    let stage = playing(Config::default()).await;
    for data in [
        json!({"transition_id": 999}),
        json!({"transition_id": 0}),
        json!({"transition_id": -1}),
        json!({"transition_id": 70_000}),
        json!([]),
    ] {
        stage.discord.send_json(GUILD, 22, &data).expect("sent");
    }
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.invalid, [0u16; 0]);
    assert_clean("unknown transitions", &report);
}

#[tokio::test]
async fn op_22_for_a_transition_that_was_not_prepared_is_answered_with_op_31() {
    let stage = playing(Config {
        listeners: 0,
        ..Config::default()
    })
    .await;
    let mut commit = 12u16.to_be_bytes().to_vec();
    commit.extend_from_slice(b"a commit for a group the node is not in");
    stage.discord.send_binary(GUILD, 29, &commit).expect("sent");
    stage
        .discord
        .send_json(GUILD, 22, &json!({"transition_id": 12}))
        .expect("sent");
    let report = stage
        .heard(GUILD, "op 31 and a new key package", |r| {
            r.dave.invalid == [12] && r.dave.key_packages == 2
        })
        .await;
    assert_clean("alone in the channel", &report);
}

#[tokio::test]
async fn op_23_answers_every_numbered_transition_once() {
    let stage = playing(Config {
        initial_transition: InitialTransition::TwoStep,
        ..Config::default()
    })
    .await;
    stage
        .discord
        .add_listener(GUILD)
        .await
        .expect("the group follows");
    stage
        .discord
        .remove_listener(GUILD)
        .await
        .expect("the group follows");
    stage.discord.reannounce(GUILD).await.expect("the node confirms");
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.ready, [1, 2, 3, 4]);
    assert_eq!(report.dave.transitions_missed, 0);
    assert_clean("four transitions", &report);
}

#[tokio::test]
async fn op_24_epoch_1_after_the_last_listener_left_and_a_new_group_with_the_next() {
    let stage = playing(Config::default()).await;
    stage
        .discord
        .remove_listener(GUILD)
        .await
        .expect("the group ends");
    let alone = stage
        .heard(GUILD, "plain audio, as nobody hears it", |r| {
            r.dave.plain_before_group > 25 && r.dave.key_packages == 2
        })
        .await;
    stage.discord.add_listener(GUILD).await.expect("a new group");
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.epochs, [1, 1]);
    assert!(report.dave.plain_before_group >= alone.dave.plain_before_group);
    assert_eq!(report.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn op_24_epoch_1_begins_encryption_in_a_plain_channel() {
    let stage = playing(Config::default()).await;
    stage.discord.downgrade(GUILD).await.expect("the node follows");
    stage.discord.upgrade(GUILD).await.expect("the node follows");
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.epochs, [1, 1]);
    assert_clean("down and up", &report);
}

#[tokio::test]
async fn op_24_for_a_later_epoch_or_an_unknown_version_changes_nothing() {
    let stage = playing(Config::default()).await;
    for data in [
        json!({"epoch": 7, "protocol_version": 1}),
        json!({"epoch": 1, "protocol_version": 9}),
        json!({"epoch": 1, "protocol_version": 0}),
        json!({"epoch": "1", "protocol_version": 1}),
        json!(null),
    ] {
        stage.discord.send_json(GUILD, 24, &data).expect("sent");
    }
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.key_packages, 1);
    assert_clean("no new group", &report);
}

#[tokio::test]
async fn op_25_and_op_11_may_come_before_op_4() {
    let stage = playing(Config {
        quirks: Quirks {
            roster_before_description: true,
            external_sender_before_description: true,
            ..Quirks::default()
        },
        commit_race: CommitRace::ClientsWin,
        ..Config::default()
    })
    .await;
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.commits_won, 1);
    assert_clean("early external sender", &report);
}

#[tokio::test]
async fn op_25_inside_a_group_is_ignored() {
    let stage = playing(Config::default()).await;
    for what in [Hostile::SameExternalSender, Hostile::OtherExternalSender] {
        stage.discord.send_hostile(GUILD, what).await.expect("sent");
    }
    for malformed in [&b""[..], b"\x00", &[0xEE; 100]] {
        stage.discord.send_binary(GUILD, 25, malformed).expect("sent");
    }
    stage
        .discord
        .add_listener(GUILD)
        .await
        .expect("the group follows");
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.invalid, [0u16; 0]);
    assert_clean("external senders", &report);
}

#[tokio::test]
async fn op_26_is_sent_anew_for_every_new_group() {
    let stage = playing(Config::default()).await;
    let packages = || report(&stage).dave.key_packages;
    assert_eq!(packages(), 1, "after op 4");
    stage
        .discord
        .send_bad_commit(GUILD)
        .await
        .expect("the node recovers");
    assert_eq!(packages(), 2, "after op 31");
    stage.discord.downgrade(GUILD).await.expect("the node follows");
    stage.discord.upgrade(GUILD).await.expect("the node follows");
    assert_eq!(packages(), 3, "after op 24");
    // The same key package twice is a protocol error, and so a violation.
    assert_clean("key packages", &heard_on(&stage).await);
}

#[tokio::test]
async fn op_27_that_is_not_to_be_trusted_is_refused_and_the_call_goes_on() {
    let stage = playing(Config::default()).await;
    for what in [
        Hostile::StrangerProposal,
        Hostile::ForgedProposal,
        Hostile::ForeignProposal,
        Hostile::UnknownRevocation,
    ] {
        stage.discord.send_hostile(GUILD, what).await.expect("sent");
    }
    for malformed in [
        &b""[..],
        b"\x00",
        b"\x01",
        b"\x07\x01\x02",
        b"\x00\x00",
        b"\x00\x04\xFF\xFF\x00\x01",
        &[0xEE; 100],
    ] {
        stage.discord.send_binary(GUILD, 27, malformed).expect("sent");
    }
    let reserved_length = [&[0][..], &[0xEE; 100]].concat();
    let report = heard_on(&stage).await;
    assert_eq!(
        (report.dave.commits_valid, report.dave.commits_invalid),
        (1, 0),
        "only the first group's proposals were committed"
    );
    assert_eq!(report.dave.invalid, [0u16; 0]);
    stage
        .discord
        .add_listener(GUILD)
        .await
        .expect("the group follows");
    assert_clean("refused proposals", &heard_on(&stage).await);
    // In builds with debug assertions the MLS library panics at this; the group is restored at the next commit.
    stage
        .discord
        .send_binary(GUILD, 27, &reserved_length)
        .expect("sent");
    stage
        .discord
        .add_listener(GUILD)
        .await
        .expect("the group follows");
    assert_clean("an assertion of the library", &heard_on(&stage).await);
}

#[tokio::test]
async fn op_28_wins_the_race() {
    let stage = playing(Config {
        commit_race: CommitRace::ClientsWin,
        initial_transition: InitialTransition::TwoStep,
        ..Config::default()
    })
    .await;
    stage
        .discord
        .add_listener(GUILD)
        .await
        .expect("the group follows");
    stage
        .discord
        .remove_listener(GUILD)
        .await
        .expect("the group follows");
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.commits_won, 3, "{:?}", report.dave);
    assert_clean("own commits", &report);
}

#[tokio::test]
async fn op_28_loses_the_race() {
    let stage = playing(Config::default()).await;
    stage
        .discord
        .add_listener(GUILD)
        .await
        .expect("the group follows");
    stage
        .discord
        .remove_listener(GUILD)
        .await
        .expect("the group follows");
    let report = heard_on(&stage).await;
    assert_eq!(
        (report.dave.commits_won, report.dave.commits_invalid),
        (0, 0),
        "{:?}",
        report.dave
    );
    assert!(report.dave.commits_valid >= 1, "{:?}", report.dave);
    assert_eq!(report.dave.epochs, [1, 2, 3]);
    assert_clean("others' commits", &report);
}

#[tokio::test]
async fn op_29_that_cannot_be_applied_is_answered_with_op_31_and_the_old_key_goes_on() {
    let stage = playing(Config::default()).await;
    stage
        .discord
        .send_bad_commit(GUILD)
        .await
        .expect("the node recovers");
    stage
        .discord
        .send_hostile(GUILD, Hostile::ForeignCommit)
        .await
        .expect("the node recovers");
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.invalid.len(), 2, "{:?}", report.dave);
    assert_clean("bad commits", &report);
}

#[tokio::test]
async fn op_29_too_short_to_carry_a_transition_is_ignored() {
    let stage = playing(Config::default()).await;
    for opcode in [29, 30] {
        for malformed in [&b""[..], b"\x00"] {
            stage.discord.send_binary(GUILD, opcode, malformed).expect("sent");
        }
    }
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.invalid, [0u16; 0]);
    assert_clean("short messages", &report);
}

#[tokio::test]
async fn op_29_faster_than_it_can_be_processed() {
    let stage = playing(Config {
        // Op 22 follows on the heels of op 29, and the next proposals on those of op 22.
        transition_timeout: Duration::ZERO,
        ..Config::default()
    })
    .await;
    for _ in 0..25 {
        stage.discord.add_listener(GUILD).await.expect("done at once");
        stage.discord.remove_listener(GUILD).await.expect("done at once");
    }
    let report = stage
        .heard(GUILD, "confirmation of all epochs", |r| {
            r.dave.ready.len() as u64 >= 50 && r.dave.transitions_ready + r.dave.transitions_late >= 50
        })
        .await;
    assert_eq!(report.dave.epochs.len(), 51);
    assert_eq!(report.dave.invalid, [0u16; 0]);
    let late = report.dave.late_key;
    let report = heard_on(&stage).await;
    assert!(
        report.dave.late_key <= late + 5,
        "the last key is in use: {:?}",
        report.dave
    );
    assert_clean("fifty epochs", &report);
}

#[tokio::test]
async fn op_29_with_one_to_fifty_members() {
    let stage = playing(Config::default()).await;
    stage
        .discord
        .set_listeners(GUILD, 49)
        .await
        .expect("fifty members");
    stage
        .discord
        .add_listener(GUILD)
        .await
        .expect("the group follows");
    stage
        .discord
        .set_listeners(GUILD, 20)
        .await
        .expect("thirty leave");
    stage.discord.set_listeners(GUILD, 1).await.expect("two members");
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.epochs, [1, 2, 3, 4, 5]);
    assert_clean("churn", &report);
}

#[tokio::test]
async fn op_29_during_an_outage_is_replayed_by_the_resume() {
    let stage = playing(Config::default()).await;
    stage.discord.drop_tcp(GUILD).expect("dropped");
    stage
        .discord
        .add_listener(GUILD)
        .await
        .expect("the group follows");
    let report = heard_on(&stage).await;
    assert_eq!(report.gateway.resumes, 1);
    assert!(report.gateway.replayed > 0, "{:?}", report.gateway);
    assert_eq!(report.dave.epochs, [1, 2]);
    assert_eq!(report.dave.transitions_missed, 0);
    assert_clean("an outage", &report);
}

#[tokio::test]
async fn op_30_into_a_group_that_exists() {
    let stage = playing(Config {
        listeners: 12,
        ..Config::default()
    })
    .await;
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.commits_valid, 0, "there was nothing to commit");
    assert_clean("welcomed", &report);
}

#[tokio::test]
async fn op_30_that_cannot_be_used_is_answered_with_op_31() {
    let stage = playing(Config {
        listeners: 2,
        quirks: Quirks {
            damaged_welcomes: 1,
            ..Quirks::default()
        },
        ..Config::default()
    })
    .await;
    stage
        .discord
        .send_hostile(GUILD, Hostile::ForeignWelcome)
        .await
        .expect("the node recovers");
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.invalid.len(), 2, "{:?}", report.dave);
    assert_eq!(report.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn op_31_for_the_third_time_in_a_row_is_a_fresh_identify() {
    let mut stage = playing(Config::default()).await;
    for _ in 0..3 {
        stage
            .discord
            .send_bad_commit(GUILD)
            .await
            .expect("the node recovers");
    }
    let report = heard_on(&stage).await;
    assert_eq!(report.dave.invalid, [0u16; 0], "a session of its own");
    assert_clean("the second session", &report);
    let reports = stage.discord.reports();
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0].dave.invalid.len(), 2);
    assert_eq!(reports[0].violations(), Vec::<String>::new());
    assert!(stage.node.is_running());
}

#[tokio::test]
async fn without_a_group_nothing_is_sent_for_a_while_and_the_track_does_not_advance() {
    let mut stage = ready(Config {
        quirks: Quirks {
            no_groups: true,
            roster_before_description: true,
            ..Quirks::default()
        },
        ..Config::default()
    })
    .await;
    stage.join(GUILD).await;
    stage
        .heard(GUILD, "audio after the wait", |r| r.frames.media > 50)
        .await;
    let position = stage.position(GUILD).await;
    let frames = report(&stage).frames.media as i64;
    assert!(
        position < frames * 20 + 1_000,
        "at {position} ms after {frames} frames: the track ran while nothing was sent"
    );
    let report = report(&stage);
    assert_eq!(report.dave.plain_before_group, report.frames.media);
}

#[tokio::test]
async fn alone_in_the_channel_audio_starts_without_a_group() {
    let stage = playing(Config {
        listeners: 0,
        ..Config::default()
    })
    .await;
    let report = report(&stage);
    assert_eq!(report.dave.plain_before_group, report.frames.media);
    assert_eq!(report.dave.key_packages, 1);
    // Who comes later hears it encrypted.
    stage.discord.add_listener(GUILD).await.expect("a first group");
    assert_eq!(heard_on(&stage).await.violations(), Vec::<String>::new());
}
