//! What a voice server, or somebody who poses as one, can send: it costs its own player at most, and a witness in
//! another guild plays through everything.

use std::time::{Duration, Instant};

use fake_discord::{Config, Discovery, Faults, Flood, Opening, Reply};
use lavalink_blackbox::{hall_tests, process, seat::Seat};
use serde_json::json;

/// What a flood may cost in memory, bytes: all floods come at once, and a gigabyte each would show.
const MEMORY: u64 = 300 << 20;

const GIGABYTE: u64 = 1 << 30;

fn config() -> Config {
    Config {
        gap_threshold: Duration::from_secs(1),
        ..Config::default()
    }
}

hall_tests! { config();
    malformed_text malformed_binary malformed_frames
    endpoint_null endpoint_empty endpoint_blank endpoint_with_path endpoint_with_port_and_name
    endpoint_with_user_or_query endpoint_with_scheme endpoint_with_bad_port endpoint_ipv6 endpoint_unknown_name
    strangers_on_udp discovery_lost discovery_never_answered discovery_late discovery_foreign
    discovery_foreign_only
    a_gigabyte_of_text a_gigabyte_of_binary a_gigabyte_of_tiny_messages a_gigabyte_in_one_frame
    a_gigabyte_in_one_message a_gigabyte_instead_of_tls a_gigabyte_of_header
    silent_server server_silent_after_tls server_that_refuses_the_upgrade server_that_accepts_late
    hello_never ready_never description_never
}

/// The refusal Java gives, in time and without harm: the same player can connect elsewhere.
async fn is_refused(mut seat: Seat, endpoint: &str) {
    let started = Instant::now();
    let answer = seat.connect_to(&json!(endpoint)).await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (500, "Failed to connect to voice server"),
        "{endpoint}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(18),
        "{:?}",
        started.elapsed()
    );
    let player = seat.hall.rest.get(&seat.path()).await.json();
    assert_eq!(
        (&player["state"]["connected"], &player["state"]["ping"]),
        (&json!(false), &json!(-1))
    );
    seat.play().await;
}

async fn opening_is_refused(seat: Seat, opening: Opening) {
    let endpoint = seat.hall.discord.endpoint_that(opening).expect("a listener");
    is_refused(seat, &endpoint).await;
}

/// A join that gets nowhere after the upgrade, which is when the PATCH was answered: the client hears of it.
async fn is_given_up(mut seat: Seat, faults: Faults) {
    seat.hall.discord.set_faults(seat.guild, faults);
    let answer = seat.connect(&seat.voice()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (code, reason, by_remote) = seat.closed().await;
    assert_eq!((code, by_remote), (1006, false), "{reason}");
    seat.hall.discord.set_faults(seat.guild, Faults::default());
    seat.play().await;
}

/// The player survives a server that misbehaves on UDP while it joins.
async fn joins_despite(mut seat: Seat, discovery: Discovery) {
    let faults = Faults {
        discovery,
        ..Faults::default()
    };
    seat.hall.discord.set_faults(seat.guild, faults);
    let report = seat.play().await;
    assert_eq!(report.violations(), Vec::<String>::new());
    seat.assert_not_closed().await;
}

/// Nothing of what was sent ends the connection, and the audio has no hole.
async fn is_unharmed(seat: &mut Seat) {
    let report = seat.plays_on().await;
    assert_eq!((report.gateway.resumes, report.rtp.lost), (0, 0));
    assert_eq!(report.timing.gap_count, 0, "{:?}", report.timing.gaps);
    seat.assert_not_closed().await;
}

/// As long as a flood lasts memory stays, the node answers, and the player can be deleted.
async fn floods(mut seat: Seat, kind: Flood) {
    seat.play().await;
    let before = process::resident(seat.hall.node.pid());
    seat.hall
        .discord
        .flood(seat.guild, kind, GIGABYTE)
        .expect("a connection");
    let mut most = 0;
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        most = most.max(process::resident(seat.hall.node.pid()));
        let answer = seat.hall.rest.get("/version").await;
        assert_eq!(answer.status, 200);
    }
    let grown = most.saturating_sub(before);
    eprintln!("{kind:?}: {} MiB more at most", grown >> 20);
    assert!(grown < MEMORY, "{kind:?}: {} MiB more", grown >> 20);
    let answer = seat.hall.rest.delete(&seat.path()).await;
    assert_eq!(answer.status, 204);
    seat.heard("the end of the flood", |r| !r.connected).await;
    seat.play().await;
}

mod rows {
    use super::*;

    pub async fn malformed_text(mut seat: Seat) {
        seat.play().await;
        let deep = "[".repeat(100_000);
        let long = format!(r#"{{"op":{}}}"#, "9".repeat(5_000));
        let texts = [
            "",
            "null",
            "[]",
            "{",
            "{}",
            "true",
            "\u{0}",
            r#"{"op":"2"}"#,
            r#"{"op":-1,"d":{}}"#,
            r#"{"op":2.5}"#,
            r#"{"op":2,"d":{"ssrc":-1,"ip":"x","port":70000,"modes":3}}"#,
            r#"{"op":2}"#,
            r#"{"op":4}"#,
            r#"{"op":4,"d":{"mode":"none","secret_key":[1,2,3]}}"#,
            r#"{"op":6,"d":"nonce"}"#,
            r#"{"op":6}"#,
            r#"{"op":8,"d":{"heartbeat_interval":-5}}"#,
            r#"{"op":8,"d":{"heartbeat_interval":"soon"}}"#,
            r#"{"op":8,"d":{"heartbeat_interval":1e400}}"#,
            r#"{"op":11,"d":{"user_ids":["x",{}]}}"#,
            r#"{"op":12,"d":[]}"#,
            r#"{"op":13,"d":{"user_id":null}}"#,
            r#"{"op":21,"d":{"transition_id":-1}}"#,
            r#"{"op":22,"d":{"transition_id":70000}}"#,
            r#"{"op":24,"d":{"epoch":"one"}}"#,
            r#"{"op":3,"op":3,"d":null,"d":null}"#,
            &deep,
            &long,
        ];
        for text in texts {
            seat.hall
                .discord
                .send_text(seat.guild, text)
                .expect("a connection");
        }
        is_unharmed(&mut seat).await;
    }

    pub async fn malformed_binary(mut seat: Seat) {
        seat.play().await;
        for bytes in [&[][..], &[1], &[1, 2], &[0, 0, 0], &[0, 0, 255], &[0xFF; 300]] {
            seat.hall
                .discord
                .send_bytes(seat.guild, bytes)
                .expect("a connection");
        }
        // Opcodes that are JSON, and nobody's.
        for op in (0..=20).chain(32..=255) {
            seat.hall
                .discord
                .send_binary(seat.guild, op, &[0xA5; 40])
                .expect("a connection");
        }
        is_unharmed(&mut seat).await;
    }

    pub async fn malformed_frames(mut seat: Seat) {
        seat.play().await;
        seat.hall
            .discord
            .send_invalid_text(seat.guild)
            .expect("a connection");
        // Not text: the protocol is broken, so the socket is left and the session resumed.
        seat.heard("a resume", |r| r.gateway.resumes == 1).await;
        let report = seat.plays_on().await;
        assert_eq!((report.rtp.lost, report.timing.gap_count), (0, 0));
        seat.assert_not_closed().await;
    }

    pub async fn endpoint_null(mut seat: Seat) {
        let answer = seat.connect_to(&json!(null)).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        seat.play().await;
    }

    pub async fn endpoint_empty(mut seat: Seat) {
        let answer = seat.connect_to(&json!("")).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (
                400,
                "token, endpoint, sessionId and channelId must be provided in voice state"
            )
        );
        seat.play().await;
    }

    pub async fn endpoint_blank(mut seat: Seat) {
        let answer = seat.connect_to(&json!(" \t")).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        seat.play().await;
    }

    pub async fn endpoint_with_path(seat: Seat) {
        let endpoint = format!("{}/voice/1", seat.hall.discord.endpoint());
        let answer = seat.connect_to(&json!(endpoint)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        seat.play_track().await;
        seat.heard("audio", |r| r.frames.media > 20).await;
    }

    pub async fn endpoint_with_port_and_name(seat: Seat) {
        let endpoint = format!("localhost:{}", seat.hall.discord.addr().port());
        let answer = seat.connect_to(&json!(endpoint)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        seat.play_track().await;
        seat.heard("audio", |r| r.frames.media > 20).await;
    }

    pub async fn endpoint_with_user_or_query(seat: Seat) {
        let endpoint = seat.hall.discord.endpoint();
        for bad in [
            format!("user@{endpoint}"),
            format!("{endpoint}?v=4"),
            format!("{endpoint}#"),
            "a b".into(),
        ] {
            let answer = seat.connect_to(&json!(bad)).await;
            assert_eq!(answer.status, 500, "{bad}: {}", answer.text);
        }
        is_refused(seat, "\u{1F3B5}.example").await;
    }

    pub async fn endpoint_with_scheme(seat: Seat) {
        let endpoint = format!("wss://{}", seat.hall.discord.endpoint());
        is_refused(seat, &endpoint).await;
    }

    pub async fn endpoint_with_bad_port(seat: Seat) {
        for bad in ["127.0.0.1:99999", "127.0.0.1:", "127.0.0.1:1:2", ":443"] {
            let answer = seat.connect_to(&json!(bad)).await;
            assert_eq!(answer.status, 500, "{bad}: {}", answer.text);
        }
        is_refused(seat, "127.0.0.1:0").await;
    }

    pub async fn endpoint_ipv6(seat: Seat) {
        for bad in ["[::1", "::1", "[::1]]:5", "[zz]:5"] {
            let answer = seat.connect_to(&json!(bad)).await;
            assert_eq!(answer.status, 500, "{bad}: {}", answer.text);
        }
        // Nobody listens there, but the address is one.
        is_refused(seat, "[::1]:1").await;
    }

    pub async fn endpoint_unknown_name(seat: Seat) {
        is_refused(seat, "voice.invalid:443").await;
    }

    pub async fn strangers_on_udp(mut seat: Seat) {
        seat.play().await;
        for _ in 0..10 {
            seat.hall.discord.pelt(seat.guild, 100).expect("a connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        is_unharmed(&mut seat).await;
    }

    pub async fn discovery_lost(seat: Seat) {
        joins_despite(seat, Discovery::Lost(2)).await;
    }

    pub async fn discovery_never_answered(seat: Seat) {
        joins_despite(seat, Discovery::Lost(u32::MAX)).await;
    }

    pub async fn discovery_late(seat: Seat) {
        joins_despite(seat, Discovery::Late(Duration::from_millis(900))).await;
    }

    pub async fn discovery_foreign(seat: Seat) {
        joins_despite(seat, Discovery::Foreign).await;
    }

    pub async fn discovery_foreign_only(seat: Seat) {
        joins_despite(seat, Discovery::ForeignOnly).await;
    }

    pub async fn a_gigabyte_of_text(seat: Seat) {
        floods(seat, Flood::Text).await;
    }

    pub async fn a_gigabyte_of_binary(seat: Seat) {
        floods(seat, Flood::Binary).await;
    }

    pub async fn a_gigabyte_of_tiny_messages(seat: Seat) {
        floods(seat, Flood::Tiny).await;
    }

    pub async fn a_gigabyte_in_one_frame(seat: Seat) {
        floods(seat, Flood::OneFrame).await;
    }

    pub async fn a_gigabyte_in_one_message(seat: Seat) {
        floods(seat, Flood::OneMessage).await;
    }

    pub async fn a_gigabyte_instead_of_tls(seat: Seat) {
        opening_is_refused(seat, Opening::Garbage).await;
    }

    pub async fn a_gigabyte_of_header(seat: Seat) {
        opening_is_refused(seat, Opening::EndlessHead).await;
    }

    pub async fn silent_server(seat: Seat) {
        opening_is_refused(seat, Opening::Silent).await;
    }

    pub async fn server_silent_after_tls(seat: Seat) {
        opening_is_refused(seat, Opening::SilentAfterTls).await;
    }

    pub async fn server_that_refuses_the_upgrade(seat: Seat) {
        opening_is_refused(seat, Opening::Status(403)).await;
    }

    pub async fn server_that_accepts_late(seat: Seat) {
        let opening = Opening::Late(Duration::from_secs(3));
        let endpoint = seat.hall.discord.endpoint_that(opening).expect("a listener");
        let answer = seat.connect_to(&json!(endpoint)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        seat.play_track().await;
        seat.heard("audio", |r| r.frames.media > 20).await;
    }

    pub async fn hello_never(seat: Seat) {
        let hello = Reply::Never;
        is_given_up(
            seat,
            Faults {
                hello,
                ..Faults::default()
            },
        )
        .await;
    }

    pub async fn ready_never(seat: Seat) {
        let ready = Reply::Never;
        is_given_up(
            seat,
            Faults {
                ready,
                ..Faults::default()
            },
        )
        .await;
    }

    pub async fn description_never(seat: Seat) {
        let description = Reply::Never;
        is_given_up(
            seat,
            Faults {
                description,
                ..Faults::default()
            },
        )
        .await;
    }
}
