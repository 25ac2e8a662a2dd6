//! The gateway's side of a session: authentication, numbering, heartbeats, resumes, closes.

mod client;

use std::time::Duration;

use client::{Client, PATIENCE, Seen, open};
use fake_discord::{Config, FakeDiscord, Quirks};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

async fn plain(config: Config) -> FakeDiscord {
    FakeDiscord::start(Config {
        dave_version: 0,
        ..config
    })
    .await
    .unwrap()
}

/// Sends one text on a fresh socket and returns the close code that follows.
async fn refused(discord: &FakeDiscord, version: u8, text: &str) -> u16 {
    let mut socket = open(discord, version).await;
    socket.send(Message::text(text)).await.unwrap();
    let code = tokio::time::timeout(PATIENCE, async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(frame)) = message {
                return u16::from(frame.code);
            }
        }
        0
    });
    code.await.unwrap()
}

fn identify(token: &str, dave: u16) -> String {
    json!({ "op": 0, "d": {
        "server_id": "1", "user_id": "2", "session_id": "s", "token": token, "max_dave_protocol_version": dave,
    }})
    .to_string()
}

#[tokio::test]
async fn refusals_have_their_codes() {
    let config = Config {
        token: Some("right".to_owned()),
        require_dave: true,
        ..Config::default()
    };
    let discord = FakeDiscord::start(config).await.unwrap();
    assert_eq!(refused(&discord, 8, &identify("wrong", 1)).await, 4004);
    assert_eq!(refused(&discord, 8, &identify("right", 0)).await, 4017);
    assert_eq!(refused(&discord, 8, r#"{"op":5,"d":{"speaking":1}}"#).await, 4003);
    assert_eq!(refused(&discord, 8, r#"{"op":77,"d":null}"#).await, 4001);
    assert_eq!(refused(&discord, 8, "hello").await, 4002);
    let resume = r#"{"op":7,"d":{"server_id":"1","session_id":"none","token":"right","seq_ack":-1}}"#;
    assert_eq!(refused(&discord, 8, resume).await, 4006);
    assert_eq!(refused(&discord, 3, &identify("right", 1)).await, 4020);
    assert!(discord.guilds().is_empty());
}

#[tokio::test]
async fn report_tells_what_was_identified_and_how_it_ended() {
    let discord = plain(Config::default()).await;
    let mut client = Client::join(&discord, 11, 22).await;
    client.speak().await;
    client.play(30).await;
    let report = discord
        .wait_for(11, "30 frames", PATIENCE, |report| report.frames.media == 30)
        .await
        .unwrap();
    assert_eq!(
        (report.guild_id, report.user_id, report.gateway_version),
        (11, 22, 8)
    );
    assert_eq!(
        (report.session_id.as_str(), report.token.as_str()),
        ("s22", "secret")
    );
    assert!(report.video && report.alive && report.connected);
    assert_eq!(
        (report.frames.decoded, report.dave.plain, report.rtp.lost),
        (30, 30, 0)
    );
    assert_eq!(
        report
            .speaking
            .iter()
            .map(|event| event.speaking)
            .collect::<Vec<_>>(),
        [1]
    );
    assert_eq!(report.violations(), Vec::<String>::new());
    assert_eq!(discord.pcm(11).len(), 30 * 1_920);
    assert_eq!(discord.opus_packets(11).len(), 30);

    client.socket.close(None).await.unwrap();
    client.drain(Duration::from_millis(100)).await;
    let report = discord
        .wait_for(11, "the close", PATIENCE, |report| !report.connected)
        .await
        .unwrap();
    assert_eq!(
        report.gateway.close.map(|close| (close.code, close.by_client)),
        Some((1005, true))
    );
}

#[tokio::test]
async fn close_codes_reach_the_client_and_end_or_keep_the_session() {
    let discord = plain(Config::default()).await;
    let mut client = Client::join(&discord, 1, 2).await;
    discord.close(1, 4015, "crashed").unwrap();
    let closed = client.until(|seen| matches!(seen, Seen::Closed(..))).await;
    assert_eq!(closed, Seen::Closed(4015, "crashed".to_owned()));
    client.resume(&discord).await;
    assert_eq!(client.until_json(9).await, Value::Null);
    discord.close(1, 4014, "disconnected").unwrap();
    client.until(|seen| matches!(seen, Seen::Closed(4014, _))).await;
    client.resume(&discord).await;
    client.until(|seen| matches!(seen, Seen::Closed(4006, _))).await;
    let report = discord.report(1).unwrap();
    assert!(!report.alive);
    assert_eq!(report.gateway.resumes, 1);
}

#[tokio::test]
async fn messages_during_an_outage_are_replayed_once_in_order() {
    let discord = plain(Config {
        first_sequence: 65_533,
        listeners: 0,
        ..Config::default()
    })
    .await;
    let mut client = Client::join(&discord, 1, 2).await;
    for number in 0..3 {
        discord.send_json(1, 20, &json!(number)).unwrap();
    }
    client.until(|seen| *seen == Seen::Json(20, json!(2))).await;
    // 65533 was op 18, 65534 op 4, then 65535, 0, 1.
    assert_eq!(client.sequence, 1);
    client.heartbeat().await;
    discord.drop_tcp(1).unwrap();
    client.until(|seen| matches!(seen, Seen::Lost)).await;
    discord
        .wait_for(1, "the loss", PATIENCE, |report| !report.connected)
        .await
        .unwrap();
    discord.send_json(1, 20, &json!(3)).unwrap();
    discord.send_binary(1, 99, b"binary").unwrap();
    client.resume(&discord).await;
    client.until_json(9).await;
    let replayed = client.until(|seen| matches!(seen, Seen::Json(20, _))).await;
    assert_eq!(replayed, Seen::Json(20, json!(3)));
    let replayed = client.until(|seen| matches!(seen, Seen::Binary(..))).await;
    assert_eq!(replayed, Seen::Binary(99, b"binary".to_vec()));
    assert_eq!(client.sequence, 3);
    client.heartbeat().await;
    let report = discord.report(1).unwrap();
    assert_eq!(
        (
            report.gateway.replayed,
            report.gateway.lost_sockets,
            report.gateway.resumes
        ),
        (2, 1, 1)
    );
    assert_eq!(
        (report.gateway.last_seq_ack, report.gateway.seq_ack_errors),
        (Some(3), 0)
    );
}

#[tokio::test]
async fn wrong_acknowledgements_are_found() {
    let discord = plain(Config::default()).await;
    let mut client = Client::join(&discord, 1, 2).await;
    client.send(3, json!({ "t": 1, "seq_ack": 900 })).await;
    client.until_json(6).await;
    let report = discord.report(1).unwrap();
    assert_eq!(report.gateway.seq_ack_errors, 1);
    assert!(report.gateway.protocol_errors[0].contains("900"), "{report:?}");
    assert!(!report.violations().is_empty());
}

#[tokio::test]
async fn withheld_acknowledgements_and_lost_discoveries() {
    let quirks = Quirks {
        lost_discoveries: 2,
        ..Quirks::default()
    };
    let discord = plain(Config {
        quirks,
        ..Config::default()
    })
    .await;
    let mut client = Client::join(&discord, 1, 2).await;
    assert_eq!(discord.report(1).unwrap().frames.discoveries, 3);
    discord.withhold_acks(1, true).unwrap();
    client
        .send(3, json!({ "t": 1, "seq_ack": client.sequence }))
        .await;
    client.drain(Duration::from_millis(200)).await;
    assert!(!client.seen.iter().any(|seen| matches!(seen, Seen::Json(6, _))));
    discord.withhold_acks(1, false).unwrap();
    client.heartbeat().await;
    assert_eq!(discord.report(1).unwrap().gateway.heartbeats, 2);
}

#[tokio::test]
async fn a_silent_client_times_out_and_its_session_can_be_resumed() {
    let discord = plain(Config {
        heartbeat_interval: Duration::from_millis(50),
        ..Config::default()
    })
    .await;
    let mut client = Client::join(&discord, 1, 2).await;
    client.until(|seen| matches!(seen, Seen::Closed(4009, _))).await;
    client.resume(&discord).await;
    client.until_json(9).await;
}

#[tokio::test]
async fn an_unresumed_session_ends() {
    let discord = plain(Config {
        resume_window: Duration::from_millis(50),
        ..Config::default()
    })
    .await;
    let client = Client::join(&discord, 1, 2).await;
    drop(client);
    let report = discord
        .wait_for(1, "the end", PATIENCE, |report| !report.alive)
        .await
        .unwrap();
    assert_eq!(report.gateway.lost_sockets, 1);
}

#[tokio::test]
async fn a_second_identify_of_the_same_user_replaces_the_first() {
    let discord = plain(Config::default()).await;
    let mut first = Client::join(&discord, 1, 2).await;
    let _second = Client::join(&discord, 1, 2).await;
    first.until(|seen| matches!(seen, Seen::Closed(4006, _))).await;
    assert_eq!(
        discord
            .reports()
            .iter()
            .map(|report| report.alive)
            .collect::<Vec<_>>(),
        [false, true]
    );
}

#[tokio::test]
async fn roster_tells_of_others_before_and_after() {
    let quirks = Quirks {
        roster_before_description: true,
        ..Quirks::default()
    };
    let discord = plain(Config {
        listeners: 2,
        quirks,
        ..Config::default()
    })
    .await;
    let mut first = Client::join(&discord, 1, 2).await;
    let roster = json!({ "user_ids": ["800000000000000000", "800000000000000001"] });
    assert!(first.seen.contains(&Seen::Json(11, roster)), "{:?}", first.seen);
    let second = Client::join(&discord, 1, 3).await;
    assert_eq!(first.until_json(11).await, json!({ "user_ids": ["3"] }));
    drop(second);
    discord.add_listener(1).await.unwrap();
    assert_eq!(
        first.until_json(11).await,
        json!({ "user_ids": ["800000000000000002"] })
    );
    discord.remove_listener(1).await.unwrap();
    assert_eq!(
        first.until_json(13).await,
        json!({ "user_id": "800000000000000002" })
    );
}

#[tokio::test]
async fn stream_faults_are_counted() {
    let discord = plain(Config::default()).await;
    let mut client = Client::join(&discord, 1, 2).await;
    client.speak().await;
    client.play(3).await;
    client.rtp = client.rtp.wrapping_add(2);
    client.nonce -= 1;
    client.play(1).await;
    for _ in 0..5 {
        client.send_payload(&[0xF8, 0xFF, 0xFE]).await;
    }
    client.udp.send(&[0; 8]).await.unwrap();
    client.udp.send(&[1; 40]).await.unwrap();
    let report = discord
        .wait_for(1, "everything sent", PATIENCE, |report| {
            report.frames.malformed == 1
        })
        .await
        .unwrap();
    assert_eq!(
        (
            report.rtp.lost,
            report.rtp.nonce_reuse,
            report.rtp.timestamp_errors
        ),
        (2, 1, 1)
    );
    assert_eq!(
        (
            report.frames.total,
            report.frames.silence,
            report.frames.keepalives
        ),
        (9, 5, 1)
    );
    assert_eq!(report.frames.silence_runs, [5]);
    // Two lost frames are there as silence.
    assert_eq!(discord.pcm(1).len(), 11 * 1_920);
}
