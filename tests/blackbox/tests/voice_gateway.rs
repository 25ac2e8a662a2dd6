//! The voice gateway, row by row: what each close code leads to (`closed_…`), and every opcode that is not DAVE's
//! (`op_…`). One node serves all rows at the same time, and a witness in another guild plays through everything.

use std::time::Duration;

use fake_discord::{Config, Ending, Faults, Reply, Stage as At};
use lavalink_blackbox::{hall_tests, seat::Seat};
use serde_json::json;

fn config() -> Config {
    Config {
        // Every connection sees its numbers wrap.
        first_sequence: 65_533,
        // Far above what a loaded machine delays a packet by, far below what a reconnect would cost.
        gap_threshold: Duration::from_secs(1),
        // With all rows at once an answer may take long; one that comes when nobody waits for it any more is an error.
        commit_timeout: Duration::from_secs(20),
        transition_timeout: Duration::from_secs(20),
        ..Config::default()
    }
}

hall_tests! { config();
    closed_1000_is_reported closed_4004_is_reported closed_4006_is_reported closed_4011_is_reported
    closed_4014_is_reported closed_4017_is_reported closed_4021_is_reported closed_4022_is_reported
    closed_unknown_code_is_reported
    closed_1001_is_resumed closed_1006_is_resumed closed_4000_is_resumed closed_4009_is_resumed
    closed_4015_is_resumed closed_4900_is_resumed
    closed_4001_gets_a_fresh_identify closed_4002_gets_a_fresh_identify closed_4003_gets_a_fresh_identify
    closed_4005_gets_a_fresh_identify closed_4012_gets_a_fresh_identify closed_4016_gets_a_fresh_identify
    closed_4020_gets_a_fresh_identify
    closed_4006_after_4009_is_reported closed_4009_again_is_reported
    closed_4000_is_retried_three_times closed_1006_is_retried_and_then_reported
    closed_by_voice_update_is_1000 closed_by_delete_is_1000
    refused_identify_is_reported refused_select_protocol_is_identified_once
    op_0_identify op_1_select_protocol op_2_ready_late op_3_heartbeat op_3_heartbeat_demanded
    op_4_session_description_late op_4_session_description_again op_5_speaking op_6_heartbeat_ack_is_the_ping
    op_6_heartbeat_ack_missing_is_a_zombie op_7_resume_and_9_resumed_with_replay op_8_hello_late
    op_11_clients_connect_and_13_client_disconnect op_12_video op_14_to_20_and_unknown_are_ignored
    op_15_media_sink_wants
}

/// Closes that are for the client to hear of.
async fn is_reported(mut seat: Seat, code: u16) {
    seat.play().await;
    let reason = format!("reason of {code}");
    seat.hall
        .discord
        .close(seat.guild, code, &reason)
        .expect("a connection");
    assert_eq!(seat.closed().await, (i64::from(code), reason, true));
    let state = seat.update().await;
    assert_eq!(state["connected"], false);
    assert_ne!(state["ping"], -1, "kept");
    let player = seat.hall.rest.get(&seat.path()).await.json();
    assert!(player["track"].is_object(), "{player}");
    assert_eq!(player["voice"]["token"], format!("token-{}", seat.guild));
    assert_eq!(ops(&seat, 0), 1, "not identified again");
    assert_eq!(seat.report().gateway.resumes, 0);
    // The client sends new voice data, and the track goes on.
    let answer = seat.connect(&seat.voice()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    seat.heard("audio again", |r| r.connected && r.frames.media > 20)
        .await;
}

/// Closes after which the session is taken up again, unheard and unseen.
async fn is_resumed(mut seat: Seat, code: u16) {
    let ssrc = seat.play().await.ssrc;
    let discord = &seat.hall.discord;
    match code {
        1006 => discord.drop_tcp(seat.guild),
        code => discord.close(seat.guild, code, ""),
    }
    .expect("a connection");
    seat.heard("a resume", |r| r.gateway.resumes == 1 && r.connected)
        .await;
    let report = seat.plays_on().await;
    assert_eq!((report.ssrc, report.rtp.lost), (ssrc, 0));
    assert_eq!(report.violations(), Vec::<String>::new());
    assert_eq!(report.timing.gap_count, 0, "{:?}", report.timing.gaps);
    seat.assert_not_closed().await;
}

/// Closes that accuse us of a mistake: one fresh session, and at the second time the client hears of it.
async fn gets_a_fresh_identify(mut seat: Seat, code: u16) {
    let ssrc = seat.play().await.ssrc;
    let close = |seat: &Seat| {
        seat.hall
            .discord
            .close(seat.guild, code, "mistake")
            .expect("a connection")
    };
    close(&seat);
    let report = seat
        .heard("a fresh session", |r| r.ssrc != ssrc && r.frames.media > 20)
        .await;
    assert_eq!(report.gateway.resumes, 0);
    assert_eq!(report.violations(), Vec::<String>::new());
    seat.assert_not_closed().await;
    close(&seat);
    assert_eq!(seat.closed().await, (i64::from(code), "mistake".to_owned(), true));
}

/// Sessions of the guild that began with this opcode received.
fn ops(seat: &Seat, op: u8) -> usize {
    let reports = seat.hall.discord.reports();
    let own = reports.iter().filter(|report| report.guild_id == seat.guild);
    own.map(|report| {
        report
            .gateway
            .ops_received
            .iter()
            .filter(|code| **code == op)
            .count()
    })
    .sum()
}

fn count(ops: &[u8], op: u8) -> usize {
    ops.iter().filter(|code| **code == op).count()
}

mod rows {
    use super::*;

    macro_rules! codes {
        ($($name:ident $check:ident $code:literal)+) => {
            $(pub async fn $name(seat: Seat) { $check(seat, $code).await })+
        };
    }

    codes! {
        closed_1000_is_reported is_reported 1000
        closed_4004_is_reported is_reported 4004
        closed_4006_is_reported is_reported 4006
        closed_4011_is_reported is_reported 4011
        closed_4014_is_reported is_reported 4014
        closed_4017_is_reported is_reported 4017
        closed_4021_is_reported is_reported 4021
        closed_4022_is_reported is_reported 4022
        closed_unknown_code_is_reported is_reported 4999
        closed_1001_is_resumed is_resumed 1001
        closed_1006_is_resumed is_resumed 1006
        closed_4000_is_resumed is_resumed 4000
        closed_4009_is_resumed is_resumed 4009
        closed_4015_is_resumed is_resumed 4015
        closed_4900_is_resumed is_resumed 4900
        closed_4001_gets_a_fresh_identify gets_a_fresh_identify 4001
        closed_4002_gets_a_fresh_identify gets_a_fresh_identify 4002
        closed_4003_gets_a_fresh_identify gets_a_fresh_identify 4003
        closed_4005_gets_a_fresh_identify gets_a_fresh_identify 4005
        closed_4012_gets_a_fresh_identify gets_a_fresh_identify 4012
        closed_4016_gets_a_fresh_identify gets_a_fresh_identify 4016
        closed_4020_gets_a_fresh_identify gets_a_fresh_identify 4020
    }

    /// Plays, then loses the socket to `first`, and finds every resume answered with `ending`.
    async fn resumes_meet(seat: &mut Seat, first: u16, ending: Ending) {
        seat.play().await;
        let faults = Faults::refusing(At::Resume, ending, u32::MAX);
        seat.hall.discord.set_faults(seat.guild, faults);
        seat.hall
            .discord
            .close(seat.guild, first, "first")
            .expect("a connection");
    }

    pub async fn closed_4006_after_4009_is_reported(mut seat: Seat) {
        resumes_meet(&mut seat, 4009, Ending::Close(4006, "gone".into())).await;
        assert_eq!(seat.closed().await, (4006, "gone".to_owned(), true));
    }

    pub async fn closed_4009_again_is_reported(mut seat: Seat) {
        resumes_meet(&mut seat, 4009, Ending::Close(4009, "again".into())).await;
        assert_eq!(seat.closed().await, (4009, "again".to_owned(), true));
    }

    pub async fn closed_4000_is_retried_three_times(mut seat: Seat) {
        seat.play().await;
        let faults = Faults::refusing(At::Resume, Ending::Close(4000, "internal".into()), 3);
        seat.hall.discord.set_faults(seat.guild, faults);
        seat.hall
            .discord
            .close(seat.guild, 4000, "first")
            .expect("a connection");
        // The third one is the last: a fourth would find the server well again.
        assert_eq!(seat.closed().await, (4000, "internal".to_owned(), true));
        assert_eq!(seat.report().gateway.resumes, 0);
    }

    pub async fn closed_1006_is_retried_and_then_reported(mut seat: Seat) {
        resumes_meet(&mut seat, 4015, Ending::Drop).await;
        let (code, reason, by_remote) = seat.closed().await;
        assert_eq!((code, by_remote), (1006, false));
        assert!(!reason.is_empty());
        assert_eq!(seat.update().await["connected"], false);
    }

    pub async fn closed_by_voice_update_is_1000(mut seat: Seat) {
        let old = seat.play().await;
        let elsewhere = &seat.hall.elsewhere;
        // Another channel in another region: everything is different.
        let voice = json!({
            "token": "moved", "endpoint": elsewhere.endpoint(), "sessionId": "moved",
            "channelId": elsewhere.channel_of(seat.guild).to_string(),
        });
        let answer = seat.connect(&voice).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(seat.closed().await, (1000, String::new(), false));
        let state = seat.update().await;
        assert_eq!((&state["connected"], &state["ping"]), (&json!(false), &json!(-1)));
        let ready = |m: &serde_json::Value| m["op"] == "playerUpdate" && m["state"]["connected"] == true;
        seat.socket.wait(ready).await;
        let hall = seat.hall.clone();
        let new = seat
            .heard_by(&hall.elsewhere, "audio elsewhere", |r| r.dave.decrypted > 20)
            .await;
        assert_eq!(new.violations(), Vec::<String>::new());
        let left = seat.heard("the goodbye", |r| !r.connected).await;
        let close = left.gateway.close.expect("a close frame");
        assert_eq!((close.code, close.by_client), (1000, true));
        assert!(left.ssrc == old.ssrc && left.frames.silence_runs.last() == Some(&5));
    }

    pub async fn closed_by_delete_is_1000(mut seat: Seat) {
        seat.play().await;
        let answer = seat.hall.rest.delete(&seat.path()).await;
        assert_eq!(answer.status, 204);
        assert_eq!(seat.closed().await, (1000, String::new(), false));
        let state = seat.update().await;
        assert_eq!((&state["connected"], &state["ping"]), (&json!(false), &json!(-1)));
        let report = seat.heard("the goodbye", |r| !r.connected).await;
        let close = report.gateway.close.expect("a close frame");
        assert_eq!((close.code, close.by_client), (1000, true));
    }

    pub async fn refused_identify_is_reported(mut seat: Seat) {
        let ending = Ending::Close(4011, "no such server".into());
        let faults = Faults::refusing(At::Identify, ending, 1);
        seat.hall.discord.set_faults(seat.guild, faults);
        let answer = seat.connect(&seat.voice()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(seat.closed().await, (4011, "no such server".to_owned(), true));
        seat.play().await;
    }

    pub async fn refused_select_protocol_is_identified_once(mut seat: Seat) {
        let ending = Ending::Close(4016, "unknown mode".into());
        let faults = Faults::refusing(At::SelectProtocol, ending, 1);
        seat.hall.discord.set_faults(seat.guild, faults);
        seat.play().await;
        assert_eq!(ops(&seat, 0), 2);
        seat.assert_not_closed().await;
    }

    pub async fn op_0_identify(mut seat: Seat) {
        let report = seat.play().await;
        assert_eq!((report.gateway_version, report.max_dave_protocol_version), (8, 1));
        assert_eq!(report.user_id, 170_939_974_227_541_168);
        assert!(report.video, "needed for op 15");
        let identity = (report.session_id, report.token);
        let guild = seat.guild;
        assert_eq!(identity, (format!("session-{guild}"), format!("token-{guild}")));
        assert_eq!(report.gateway.ops_received[0], 0);
    }

    pub async fn op_1_select_protocol(mut seat: Seat) {
        let report = seat.play().await;
        assert_eq!(
            report.mode,
            Some(fake_discord::Mode::Aes256Gcm),
            "the better one of two"
        );
        assert_eq!(count(&report.gateway.ops_received, 1), 1);
        assert!(report.frames.discoveries >= 1);
    }

    /// A late answer costs time and nothing else.
    async fn late(mut seat: Seat, faults: Faults) {
        seat.hall.discord.set_faults(seat.guild, faults);
        let report = seat.play().await;
        assert_eq!(report.violations(), Vec::<String>::new());
        assert_eq!(ops(&seat, 0), 1);
        seat.assert_not_closed().await;
    }

    pub async fn op_2_ready_late(seat: Seat) {
        let ready = Reply::After(Duration::from_secs(2));
        late(
            seat,
            Faults {
                ready,
                ..Faults::default()
            },
        )
        .await;
    }

    pub async fn op_4_session_description_late(seat: Seat) {
        let description = Reply::After(Duration::from_secs(2));
        late(
            seat,
            Faults {
                description,
                ..Faults::default()
            },
        )
        .await;
    }

    pub async fn op_8_hello_late(seat: Seat) {
        let hello = Reply::After(Duration::from_secs(2));
        late(
            seat,
            Faults {
                hello,
                ..Faults::default()
            },
        )
        .await;
    }

    pub async fn op_3_heartbeat(mut seat: Seat) {
        let faults = Faults {
            heartbeat_interval: Some(Duration::from_millis(100)),
            ..Faults::default()
        };
        seat.hall.discord.set_faults(seat.guild, faults);
        seat.play().await;
        // Numbers of both kinds are acknowledged, over the wrap as well.
        for _ in 0..10 {
            seat.hall
                .discord
                .send_json(seat.guild, 18, &json!({}))
                .expect("a connection");
            seat.hall
                .discord
                .send_binary(seat.guild, 99, b"?")
                .expect("a connection");
        }
        let report = seat
            .heard("heartbeats", |r| {
                r.gateway.heartbeats > 15
                    && r.gateway
                        .last_seq_ack
                        .is_some_and(|ack| (10..1000).contains(&ack))
            })
            .await;
        assert_eq!(report.violations(), Vec::<String>::new());
    }

    pub async fn op_3_heartbeat_demanded(mut seat: Seat) {
        let before = seat.play().await.gateway.heartbeats;
        for _ in 0..3 {
            seat.hall
                .discord
                .demand_heartbeat(seat.guild)
                .expect("a connection");
        }
        seat.heard("heartbeats", |r| r.gateway.heartbeats >= before + 3)
            .await;
    }

    pub async fn op_4_session_description_again(mut seat: Seat) {
        seat.play().await;
        for change in 1..=3 {
            seat.hall.discord.rekey(seat.guild).expect("a connection");
            seat.heard("audio under the new key", |r| r.frames.key_changes == change)
                .await;
        }
        let report = seat.plays_on().await;
        assert_eq!(report.violations(), Vec::<String>::new());
        assert_eq!(
            (report.rtp.lost, report.timing.gap_count),
            (0, 0),
            "{:?}",
            report.timing.gaps
        );
        assert_eq!(report.dave.epochs.len(), 1, "the group stays");
    }

    pub async fn op_5_speaking(mut seat: Seat) {
        seat.play().await;
        let pause = |paused: bool| {
            let (rest, path) = (seat.hall.rest.clone(), seat.path());
            async move { rest.patch(&path, &json!({"paused": paused})).await.status }
        };
        assert_eq!(pause(true).await, 200);
        let last = |r: &fake_discord::ConnectionReport| r.speaking.last().map(|event| event.speaking);
        // On a machine that does much else the source may run dry in between, which is told in the same way.
        let told = seat
            .heard("quiet", |r| r.speaking.len() >= 3 && last(r) == Some(0))
            .await
            .speaking
            .len();
        assert_eq!(pause(false).await, 200);
        let report = seat
            .heard("speaking again", |r| {
                r.speaking.len() > told && last(r) == Some(1)
            })
            .await;
        let bits = report.speaking.iter().map(|event| event.speaking);
        assert!(
            bits.eq([0, 1].into_iter().cycle().take(report.speaking.len())),
            "{:?}",
            report.speaking
        );
        assert_eq!(
            report.speaking[0].after_packets, 0,
            "told before the first packet"
        );
        assert!(
            report.frames.silence_runs.contains(&5),
            "{:?}",
            report.frames.silence_runs
        );
    }

    pub async fn op_6_heartbeat_ack_is_the_ping(mut seat: Seat) {
        let faults = Faults {
            heartbeat_interval: Some(Duration::from_millis(500)),
            heartbeat_ack: Reply::After(Duration::from_millis(80)),
            ..Faults::default()
        };
        seat.hall.discord.set_faults(seat.guild, faults);
        let player = seat.hall.rest.patch(&seat.path(), &json!({})).await.json();
        assert_eq!(player["state"]["ping"], -1, "no connection");
        let answer = seat.connect(&seat.voice()).await.json();
        assert_eq!(answer["state"]["ping"], 0, "connected, nothing measured");
        seat.play_track().await;
        let ping = loop {
            let player = seat.hall.rest.get(&seat.path()).await.json();
            match player["state"]["ping"].as_i64().expect("a number") {
                0 => tokio::time::sleep(Duration::from_millis(20)).await,
                ping => break ping,
            }
        };
        assert!(ping >= 80, "{ping} ms");
        seat.hall
            .discord
            .close(seat.guild, 4014, "")
            .expect("a connection");
        seat.closed().await;
        let kept = seat.update().await["ping"].as_i64().expect("a number");
        assert!(kept >= 80, "{kept} ms");
    }

    pub async fn op_6_heartbeat_ack_missing_is_a_zombie(mut seat: Seat) {
        let faults = |heartbeat_ack| Faults {
            heartbeat_interval: Some(Duration::from_millis(200)),
            heartbeat_ack,
            ..Faults::default()
        };
        seat.hall.discord.set_faults(seat.guild, faults(Reply::Prompt));
        seat.play().await;
        seat.hall.discord.set_faults(seat.guild, faults(Reply::Never));
        seat.heard("a resume", |r| r.gateway.resumes >= 1).await;
        seat.hall.discord.set_faults(seat.guild, faults(Reply::Prompt));
        let report = seat.plays_on().await;
        let close = report.gateway.close.clone().expect("how the old socket ended");
        // 1000 would end the session.
        assert_eq!((close.by_client, close.code), (true, 4000), "{close:?}");
        assert_eq!(report.violations(), Vec::<String>::new());
        seat.assert_not_closed().await;
    }

    pub async fn op_7_resume_and_9_resumed_with_replay(mut seat: Seat) {
        let faults = Faults {
            heartbeat_interval: Some(Duration::from_secs(1)),
            resumed: Reply::After(Duration::from_secs(1)),
            ..Faults::default()
        };
        seat.hall.discord.set_faults(seat.guild, faults);
        let before = seat.play().await.frames.media;
        seat.hall.discord.drop_tcp(seat.guild).expect("a connection");
        seat.heard("the loss", |r| !r.connected).await;
        for _ in 0..5 {
            seat.hall
                .discord
                .send_json(seat.guild, 18, &json!({}))
                .expect("a session");
        }
        let report = seat.heard("a resume", |r| r.gateway.resumes == 1).await;
        assert_eq!(report.gateway.replayed, 5);
        assert!(report.frames.media > before, "audio flows meanwhile");
        let beats = report.gateway.heartbeats;
        let report = seat
            .heard("heartbeats that acknowledge the replay", |r| {
                r.gateway.heartbeats > beats + 3
            })
            .await;
        assert_eq!(report.violations(), Vec::<String>::new());
        assert_eq!(report.rtp.lost, 0);
    }

    pub async fn op_11_clients_connect_and_13_client_disconnect(mut seat: Seat) {
        seat.play().await;
        let discord = &seat.hall.discord;
        discord.add_listener(seat.guild).await.expect("the group follows");
        discord
            .remove_listener(seat.guild)
            .await
            .expect("the group follows");
        // Somebody nobody knew leaves, and a list nobody needs comes.
        discord
            .send_json(seat.guild, 13, &json!({"user_id": "424242"}))
            .expect("a connection");
        discord
            .send_json(seat.guild, 11, &json!({"user_ids": []}))
            .expect("a connection");
        let report = seat.plays_on().await;
        assert_eq!(
            report.violations(),
            Vec::<String>::new(),
            "{:?}",
            report.gateway.protocol_errors
        );
        assert!(report.dave.epochs.len() >= 3, "{:?}", report.dave);
    }

    pub async fn op_12_video(mut seat: Seat) {
        let before = count(&seat.play().await.gateway.ops_received, 15);
        let camera = json!({"user_id": "7", "audio_ssrc": 50, "video_ssrc": 51, "streams": [{"ssrc": 51}]});
        seat.hall
            .discord
            .send_json(seat.guild, 12, &camera)
            .expect("a connection");
        seat.heard("what is not wanted", |r| {
            count(&r.gateway.ops_received, 15) == before + 1
        })
        .await;
    }

    pub async fn op_14_to_20_and_unknown_are_ignored(mut seat: Seat) {
        seat.play().await;
        for op in [14, 15, 16, 17, 18, 19, 20, 32, 99, 255] {
            for data in [json!(null), json!({"any": 100}), json!([1, "two"]), json!("text")] {
                seat.hall
                    .discord
                    .send_json(seat.guild, op, &data)
                    .expect("a connection");
            }
            seat.hall
                .discord
                .send_binary(seat.guild, op, b"anything")
                .expect("a connection");
        }
        let report = seat.plays_on().await;
        assert_eq!((report.gateway.resumes, report.violations()), (0, Vec::new()));
        seat.assert_not_closed().await;
    }

    pub async fn op_15_media_sink_wants(mut seat: Seat) {
        let report = seat.play().await;
        assert_eq!(report.gateway.media_sink_any, Some(0), "no audio for us");
    }
}
