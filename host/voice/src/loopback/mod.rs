//! Whole connections against a voice server on the loopback interface, over real TLS and UDP.

mod changes;
mod encrypted;
mod server;

use std::{sync::Arc, time::Duration};

use futures_util::SinkExt;
use lavalink_protocol::ids::{ChannelId, GuildId, UserId};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    FrameSource, MAX_PACKET, VoiceConfig, VoiceConnection, VoiceEngine, VoiceError, VoiceEvent, VoiceInfo,
    dave::encryptor::SILENCE, gateway::tls::TlsSettings, udp::crypto::Mode,
};
use server::{Server, soon};

const AES: &str = "aead_aes256_gcm_rtpsize";
const CHACHA: &str = "aead_xchacha20_poly1305_rtpsize";

/// Numbered packets, as many as it is given.
#[derive(Default)]
struct Numbers {
    left: u32,
    given: u32,
}

impl FrameSource for Numbers {
    fn next_frame(&mut self, packet: &mut [u8; MAX_PACKET]) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        packet[..4].copy_from_slice(&self.given.to_be_bytes());
        packet[4..200].fill(0xAB);
        self.given += 1;
        Some(200)
    }
}

struct Client {
    connection: VoiceConnection,
    events: mpsc::Receiver<VoiceEvent>,
    source: Arc<Mutex<Numbers>>,
}

fn engine(server: &Server) -> VoiceEngine {
    let config = VoiceConfig {
        pacers: 1,
        mls_threads: 1,
    };
    VoiceEngine::with_tls(&config, TlsSettings::trusting(server.roots())).unwrap()
}

fn info(endpoint: String) -> VoiceInfo {
    VoiceInfo {
        guild_id: GuildId(1),
        user_id: UserId(2),
        channel_id: ChannelId(3),
        session_id: "session".into(),
        token: "secret".into(),
        endpoint,
    }
}

impl Client {
    async fn connect(engine: &VoiceEngine, endpoint: String) -> Result<Self, VoiceError> {
        let source = Arc::<Mutex<Numbers>>::default();
        let (sender, events) = mpsc::channel(8);
        let connection = engine.connect(info(endpoint), source.clone(), sender).await?;
        Ok(Self {
            connection,
            events,
            source,
        })
    }

    /// Connects while the server does its part.
    async fn join(server: &Server, mode: &str) -> (Self, server::Peer) {
        let engine = engine(server);
        let (client, mut peer) =
            tokio::join!(Self::connect(&engine, server.endpoint()), server.welcome(mode));
        let mut client = client.unwrap();
        assert_eq!(client.event().await, VoiceEvent::Ready);
        assert_eq!(
            peer.expect(5).await,
            json!({"speaking": 0, "delay": 0, "ssrc": server::SSRC})
        );
        assert_eq!(peer.expect(15).await, json!({"any": 0}));
        (client, peer)
    }

    fn play(&self, packets: u32) {
        self.source.lock().left = packets;
    }

    async fn event(&mut self) -> VoiceEvent {
        soon("an event", self.events.recv())
            .await
            .expect("the connection runs")
    }

    /// Waits until the task has ended without telling anything more.
    async fn no_more_events(&mut self) {
        assert_eq!(soon("the end", self.events.recv()).await, None);
    }
}

/// Plays `packets` and checks all that arrives, the silence at the end included.
async fn plays(mode: Mode, packets: u32) {
    let server = Server::start().await;
    let (client, mut peer) = Client::join(&server, mode.name()).await;
    client.play(packets);
    assert_eq!(peer.expect(5).await["speaking"], 1);
    let first = server.audio(mode).await;
    assert_eq!(first.payload[..5], [0, 0, 0, 0, 0xAB]);
    for number in 1..packets + 5 {
        let audio = server.audio(mode).await;
        assert_eq!(audio.sequence, first.sequence.wrapping_add(number as u16));
        assert_eq!(audio.timestamp, first.timestamp.wrapping_add(960 * number));
        assert_eq!(audio.nonce, first.nonce.wrapping_add(number));
        if number < packets {
            assert_eq!(audio.payload[..4], number.to_be_bytes());
            assert_eq!(audio.payload.len(), 200);
        } else {
            assert_eq!(audio.payload, SILENCE);
        }
    }
    assert_eq!(peer.expect(5).await["speaking"], 0);
    let counters = client.connection.counters();
    assert_eq!(
        (counters.frames_sent(), counters.silence_sent()),
        (packets.into(), 5)
    );
}

#[tokio::test]
async fn plays_with_aes() {
    plays(Mode::Aes256Gcm, 10).await;
}

#[tokio::test]
async fn plays_with_chacha() {
    plays(Mode::XChaCha20Poly1305, 3).await;
}

#[tokio::test]
async fn close_says_goodbye_in_order() {
    let server = Server::start().await;
    let (mut client, mut peer) = Client::join(&server, AES).await;
    client.play(u32::MAX);
    server.audio(Mode::Aes256Gcm).await;
    assert!(client.connection.is_open());
    client.connection.close().await;
    assert_eq!(peer.expect(5).await["speaking"], 1);
    assert_eq!(peer.expect(5).await["speaking"], 0);
    assert_eq!(peer.closed().await, 1000);
    let mut silence = 0;
    while silence < 5 {
        silence += u32::from(server.audio(Mode::Aes256Gcm).await.payload == SILENCE);
    }
    assert_eq!(
        soon("the end", client.events.recv()).await,
        None,
        "a local close is not an event"
    );
}

#[tokio::test]
async fn dropping_closes_and_frees_the_source() {
    let server = Server::start().await;
    let (client, mut peer) = Client::join(&server, AES).await;
    let Client {
        connection,
        mut events,
        source,
    } = client;
    drop(connection);
    assert_eq!(peer.closed().await, 1000);
    assert_eq!(soon("the end", events.recv()).await, None);
    let freed = async {
        while Arc::strong_count(&source) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the source to be let go", freed).await;
}

#[tokio::test]
async fn heartbeats_acknowledge_both_kinds_of_messages_and_measure_the_ping() {
    let server = Server::start().await;
    let engine = engine(&server);
    let (client, mut peer) = tokio::join!(Client::connect(&engine, server.endpoint()), server.accept());
    let client = client.unwrap();
    assert_eq!(client.connection.ping_ms(), 0);
    peer.hello(100).await;
    assert_eq!(peer.expect(3).await["seq_ack"], -1);
    peer.send(json!({"op": 18, "d": {}, "seq": 70})).await;
    peer.send(json!({"op": 3, "d": null})).await;
    assert_eq!(peer.expect(3).await["seq_ack"], 70);
    peer.socket
        .send(Message::binary(vec![0xFF, 0xFF, 99]))
        .await
        .unwrap();
    peer.socket.send(Message::text("not json")).await.unwrap();
    peer.send(json!({"op": 3, "d": null})).await;
    let mut beat = peer.expect(3).await;
    assert_eq!(beat["seq_ack"], 65_535);
    // Only an answer to the last beat measures, and a slow machine may have sent another one meanwhile.
    let measured = async {
        while client.connection.ping_ms() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            peer.send(json!({"op": 6, "d": {"t": beat["t"]}})).await;
            beat = peer.expect(3).await;
        }
    };
    soon("a ping", measured).await;
}

#[tokio::test]
async fn resumes_after_a_crash_without_a_break_in_the_audio() {
    let server = Server::start().await;
    let (mut client, mut peer) = Client::join(&server, AES).await;
    client.play(u32::MAX);
    peer.expect(5).await;
    let before = server.audio(Mode::Aes256Gcm).await;
    peer.send(json!({"op": 12, "d": {}, "seq": 9})).await;
    peer.close(4015, "crashed").await;
    let mut peer = server.accept().await;
    let resume = peer.expect(7).await;
    let expected = json!({"server_id": "1", "session_id": "session", "token": "secret", "seq_ack": 9});
    assert_eq!(resume, expected);
    peer.hello(60_000).await;
    peer.send(json!({"op": 9, "d": null})).await;
    assert_eq!(peer.expect(5).await["speaking"], 1, "the gateway is told again");
    assert!(client.connection.is_open());
    let mut last = before;
    for _ in 0..20 {
        let audio = server.audio(Mode::Aes256Gcm).await;
        assert_eq!(audio.sequence, last.sequence.wrapping_add(1));
        assert_eq!(audio.nonce, last.nonce.wrapping_add(1));
        last = audio;
    }
    peer.close(4006, "session invalid").await;
    let closed = VoiceEvent::Closed {
        code: 4006,
        reason: "session invalid".into(),
        by_remote: true,
    };
    assert_eq!(client.event().await, closed);
    assert!(!client.connection.is_open());
    client.no_more_events().await;
}

#[tokio::test]
async fn a_silent_gateway_is_left_and_the_session_resumed() {
    let server = Server::start().await;
    let engine = engine(&server);
    let serve = async {
        let mut peer = server.accept().await;
        peer.join(&server, 50, AES).await;
        peer
    };
    let (client, mut peer) = tokio::join!(Client::connect(&engine, server.endpoint()), serve);
    let client = client.unwrap();
    peer.expect(3).await;
    peer.expect(3).await;
    assert_eq!(peer.closed().await, 4000);
    let mut peer = server.accept().await;
    assert_eq!(peer.expect(7).await["seq_ack"], 5);
    assert!(client.connection.is_open());
}

#[tokio::test]
async fn a_mistake_of_ours_gets_one_fresh_session() {
    let server = Server::start().await;
    let (mut client, mut peer) = Client::join(&server, CHACHA).await;
    peer.close(4001, "unknown opcode").await;
    let mut peer = server.welcome(CHACHA).await;
    assert_eq!(client.event().await, VoiceEvent::Ready);
    peer.expect(15).await;
    peer.close(4002, "decode error").await;
    let closed = VoiceEvent::Closed {
        code: 4002,
        reason: "decode error".into(),
        by_remote: true,
    };
    assert_eq!(client.event().await, closed);
    client.no_more_events().await;
}

#[tokio::test]
async fn being_disconnected_is_told_at_once_and_ends_the_audio() {
    let server = Server::start().await;
    let (mut client, mut peer) = Client::join(&server, AES).await;
    client.play(u32::MAX);
    server.audio(Mode::Aes256Gcm).await;
    peer.close(4014, "").await;
    let closed = VoiceEvent::Closed {
        code: 4014,
        reason: String::new(),
        by_remote: true,
    };
    assert_eq!(client.event().await, closed);
    let released = async {
        while Arc::strong_count(&client.source) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the stream to end", released).await;
    client.connection.close().await;
}

#[tokio::test]
async fn a_server_that_is_not_trusted_gets_no_token() {
    let (server, stranger) = (Server::start().await, Server::start().await);
    let engine = engine(&stranger);
    let (client, peer) = tokio::join!(Client::connect(&engine, server.endpoint()), server.try_accept());
    let Err(VoiceError::Connect { why, .. }) = client else {
        panic!("connected")
    };
    assert!(why.contains("certificate"), "{why}");
    assert!(peer.is_none());
}

#[tokio::test]
async fn unreachable_and_unusable_endpoints() {
    let server = Server::start().await;
    let engine = engine(&server);
    let refused = Client::connect(&engine, "127.0.0.1:1".into()).await;
    assert!(matches!(refused, Err(VoiceError::Connect { .. })));
    let unusable = Client::connect(&engine, "evil/@host".into()).await;
    assert!(matches!(unusable, Err(VoiceError::Endpoint { .. })));
}

/// Name of the variable by which the test below hands its child the endpoint.
const ENDPOINT: &str = "LAVALINK_VOICE_TEST_ENDPOINT";

/// The platform's trust store is read in a process of its own, where `SSL_CERT_FILE` can be set safely.
#[tokio::test]
async fn the_platform_store_is_trusted() {
    let server = Server::start().await;
    let directory = tempfile::tempdir().unwrap();
    let bundle = directory.path().join("ca.pem");
    std::fs::write(&bundle, &server.authority_pem).unwrap();
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "loopback::connects_with_the_platform_store",
        ])
        .env("SSL_CERT_FILE", &bundle)
        .env_remove("SSL_CERT_DIR")
        .env(ENDPOINT, server.endpoint())
        .output();
    let serve = async { server.accept().await.closed().await };
    let (code, output) = tokio::join!(serve, soon("the child", child));
    assert_eq!(code, 1000);
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[tokio::test]
#[ignore = "run by the test above in a process of its own"]
async fn connects_with_the_platform_store() {
    let endpoint = std::env::var(ENDPOINT).expect("set by the parent process");
    let engine = VoiceEngine::new(VoiceConfig {
        pacers: 1,
        mls_threads: 1,
    })
    .unwrap();
    let client = Client::connect(&engine, endpoint).await.unwrap();
    client.connection.close().await;
}
