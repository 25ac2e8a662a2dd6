//! What a voice server may change while audio flows: key, UDP server, streams, and when it wants heartbeats.

use serde_json::json;

use super::{
    AES, CHACHA, Client, VoiceEvent, engine,
    server::{KEY, SSRC, Server},
};
use crate::udp::crypto::Mode;

const OTHER_KEY: [u8; 32] = [7; 32];

/// Op 4 with this key.
fn description(mode: &str, key: [u8; 32], number: u16) -> serde_json::Value {
    json!({"op": 4, "seq": number, "d": {"mode": mode, "secret_key": key, "dave_protocol_version": 0}})
}

#[tokio::test]
async fn a_second_description_changes_the_key_without_a_gap_or_a_nonce_used_twice() {
    let server = Server::start().await;
    let (client, mut peer) = Client::join(&server, AES).await;
    client.play(u32::MAX);
    let mut last = server.audio(Mode::Aes256Gcm).await;
    // There and back again: the first key must not start over with its nonces.
    for (round, key) in [OTHER_KEY, KEY].into_iter().enumerate() {
        peer.send(description(AES, key, 6 + round as u16)).await;
        let keys = [key, [KEY, OTHER_KEY][round]];
        let mut switched = false;
        for _ in 0..20 {
            let audio = server.audio_under(Mode::Aes256Gcm, &keys, SSRC).await;
            assert_eq!(audio.sequence, last.sequence.wrapping_add(1));
            assert_eq!(audio.timestamp, last.timestamp.wrapping_add(960));
            assert_eq!(audio.nonce, last.nonce.wrapping_add(1));
            assert!(!switched || audio.key == 0, "back to the old key");
            switched = audio.key == 0;
            last = audio;
        }
        assert!(switched, "the new key is in use");
    }
    assert!(client.connection.is_open());
}

#[tokio::test]
async fn the_mode_can_change_with_the_key() {
    let server = Server::start().await;
    let (client, mut peer) = Client::join(&server, CHACHA).await;
    client.play(u32::MAX);
    server.audio(Mode::XChaCha20Poly1305).await;
    peer.send(description(AES, OTHER_KEY, 6)).await;
    peer.send(json!({"op": 3, "d": null})).await;
    peer.expect(3).await;
    // What was sent before the change may still be on its way.
    let changed = async {
        loop {
            let (packet, _) = server.datagram(32).await;
            if crate::udp::crypto::tests::open(Mode::Aes256Gcm, &OTHER_KEY, &packet).is_some() {
                return;
            }
        }
    };
    super::soon("audio in the other mode", changed).await;
}

#[tokio::test]
async fn a_second_ready_moves_the_audio_to_another_udp_server() {
    let (server, other) = (Server::start().await, Server::start().await);
    let (mut client, mut peer) = Client::join(&server, AES).await;
    client.play(u32::MAX);
    assert_eq!(peer.expect(5).await["speaking"], 1);
    server.audio(Mode::Aes256Gcm).await;
    let port = other.udp.local_addr().unwrap().port();
    let ready = json!({"ssrc": 99, "ip": "127.0.0.1", "port": port, "modes": [AES], "heartbeat_interval": 1});
    peer.send(json!({"op": 2, "d": ready})).await;
    let from = other.answer_discovery(99).await;
    assert_eq!(peer.expect(1).await["data"]["port"], from.port());
    server.audio(Mode::Aes256Gcm).await;
    peer.send(description(AES, OTHER_KEY, 6)).await;
    assert_eq!(
        peer.expect(5).await,
        json!({"speaking": 1, "delay": 0, "ssrc": 99})
    );
    for _ in 0..5 {
        other.audio_under(Mode::Aes256Gcm, &[OTHER_KEY], 99).await;
    }
    assert_eq!(client.event().await, VoiceEvent::Ready, "told again");
    client.connection.close().await;
    assert_eq!(
        peer.expect(5).await,
        json!({"speaking": 0, "delay": 0, "ssrc": 99})
    );
    assert_eq!(peer.closed().await, 1000);
}

#[tokio::test]
async fn a_heartbeat_can_be_demanded_before_hello() {
    let server = Server::start().await;
    let engine = engine(&server);
    let (client, mut peer) = tokio::join!(Client::connect(&engine, server.endpoint()), server.accept());
    let _client = client.unwrap();
    peer.send(json!({"op": 3, "d": null})).await;
    assert_eq!(peer.expect(3).await["seq_ack"], -1);
}

#[tokio::test]
async fn cameras_of_others_are_not_wanted() {
    let server = Server::start().await;
    let (_client, mut peer) = Client::join(&server, AES).await;
    let streams =
        json!([{"type": "video", "rid": "100", "ssrc": 51}, {"type": "video", "rid": "50", "ssrc": 53}]);
    let video =
        json!({"user_id": "9", "audio_ssrc": 50, "video_ssrc": 51, "rtx_ssrc": 52, "streams": streams});
    peer.send(json!({"op": 12, "d": video})).await;
    assert_eq!(peer.expect(15).await, json!({"any": 0, "51": 0, "53": 0}));
    peer.send(json!({"op": 13, "d": {"user_id": "9"}})).await;
    assert_eq!(peer.expect(15).await, json!({"any": 0}));
}

#[tokio::test]
async fn a_session_timeout_is_resumed_once() {
    let server = Server::start().await;
    let (mut client, mut peer) = Client::join(&server, AES).await;
    peer.close(4009, "session timeout").await;
    let mut peer = server.accept().await;
    peer.expect(7).await;
    peer.close(4009, "session timeout").await;
    let closed = VoiceEvent::Closed {
        code: 4009,
        reason: "session timeout".into(),
        by_remote: true,
    };
    assert_eq!(client.event().await, closed);
    client.no_more_events().await;
}
