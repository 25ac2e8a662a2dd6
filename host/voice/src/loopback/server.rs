//! A voice server on the loopback interface that does what the test tells it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::udp::crypto::{Mode, tests::open};

/// Long enough for a loaded machine; reaching it fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const KEY: [u8; 32] = [42; 32];
pub(super) const SSRC: u32 = 0x0A0B_0C0D;

/// Waits, but not for ever.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// A listening voice server with a certificate authority of its own.
pub(super) struct Server {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    pub(super) udp: UdpSocket,
    authority: CertificateDer<'static>,
    pub(super) authority_pem: String,
}

impl Server {
    pub(super) async fn start() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
        let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivatePkcs8KeyDer::from(leaf_key.serialize_der()).into(),
            )
            .unwrap();
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            udp: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            authority: authority.der().clone(),
            authority_pem: authority.pem(),
        }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("localhost:{}", self.listener.local_addr().unwrap().port())
    }

    /// Roots with this server's authority and nothing else.
    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        roots
    }

    /// The next client; `None` when its TLS handshake fails.
    pub(super) async fn try_accept(&self) -> Option<Peer> {
        let (stream, _) = soon("a client", self.listener.accept()).await.unwrap();
        let stream = soon("TLS", self.acceptor.accept(stream)).await.ok()?;
        let socket = soon("the upgrade", tokio_tungstenite::accept_async(stream))
            .await
            .ok()?;
        Some(Peer { socket })
    }

    pub(super) async fn accept(&self) -> Peer {
        self.try_accept().await.expect("a client that trusts us")
    }

    /// Takes a client from identify to session description (without end-to-end encryption).
    pub(super) async fn welcome(&self, mode: &str) -> Peer {
        let mut peer = self.accept().await;
        peer.join(self, 60_000, mode).await;
        peer
    }

    /// The next datagram of at least `least` bytes.
    pub(super) async fn datagram(&self, least: usize) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 2048];
        loop {
            let (length, from) = soon("a datagram", self.udp.recv_from(&mut buffer)).await.unwrap();
            if length >= least {
                buffer.truncate(length);
                return (buffer, from);
            }
        }
    }

    /// Answers the IP discovery of `ssrc`; audio of others is passed over. Returns where it came from.
    pub(super) async fn answer_discovery(&self, ssrc: u32) -> SocketAddr {
        loop {
            let (mut datagram, from) = self.datagram(74).await;
            if datagram.len() != 74 || datagram[..4] != [0, 1, 0, 70] || datagram[4..8] != ssrc.to_be_bytes()
            {
                continue;
            }
            datagram[1] = 2;
            datagram[8..17].copy_from_slice(b"127.0.0.1");
            datagram[72..].copy_from_slice(&from.port().to_be_bytes());
            self.udp.send_to(&datagram, from).await.unwrap();
            return from;
        }
    }

    /// The next audio packet: header fields and what the transport encryption held.
    pub(super) async fn audio(&self, mode: Mode) -> Audio {
        self.audio_under(mode, &[KEY], SSRC).await
    }

    /// The same with the first of these keys that opens it.
    pub(super) async fn audio_under(&self, mode: Mode, keys: &[[u8; 32]], ssrc: u32) -> Audio {
        let (packet, _) = self.datagram(32).await;
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        assert_eq!(packet[..2], [0x80, 0x78]);
        assert_eq!(word(8), ssrc);
        let opened = keys
            .iter()
            .enumerate()
            .find_map(|(at, key)| Some((at, open(mode, key, &packet)?)));
        let (key, payload) = opened.expect("it authenticates");
        Audio {
            sequence: u16::from_be_bytes([packet[2], packet[3]]),
            timestamp: word(4),
            nonce: word(packet.len() - 4),
            key,
            payload,
        }
    }
}

/// A packet taken apart.
#[derive(Debug)]
pub(super) struct Audio {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) nonce: u32,
    /// Which of the keys opened it.
    pub(super) key: usize,
    pub(super) payload: Vec<u8>,
}

/// The server's end of one WebSocket.
pub(super) struct Peer {
    pub(super) socket: WebSocketStream<TlsStream<TcpStream>>,
}

impl Peer {
    pub(super) async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    pub(super) async fn message(&mut self) -> Message {
        soon("a message", self.socket.next())
            .await
            .expect("the socket is open")
            .expect("a message")
    }

    /// The data of the next message with opcode `op`; others are passed over.
    pub(super) async fn expect(&mut self, op: u64) -> Value {
        loop {
            if let Message::Text(text) = self.message().await {
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["op"] == op {
                    return message["d"].clone();
                }
            }
        }
    }

    /// Waits for the client's close frame and returns its code.
    pub(super) async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.message().await {
                return frame.expect("a code").code.into();
            }
        }
    }

    pub(super) async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        self.socket.send(Message::Close(Some(frame))).await.unwrap();
    }

    pub(super) async fn hello(&mut self, interval_ms: u32) {
        self.send(json!({"op": 8, "d": {"heartbeat_interval": interval_ms, "v": 8}}))
            .await;
    }

    pub(super) async fn join(&mut self, server: &Server, interval_ms: u32, mode: &str) {
        self.hello(interval_ms).await;
        let identify = self.expect(0).await;
        assert_eq!(identify["token"], "secret");
        let port = server.udp.local_addr().unwrap().port();
        self.send(
            json!({"op": 2, "d": {"ssrc": SSRC, "ip": "127.0.0.1", "port": port,
            "modes": ["xsalsa20_poly1305", mode], "heartbeat_interval": 1}}),
        )
        .await;
        let from = server.answer_discovery(SSRC).await;
        let select = self.expect(1).await;
        let expected = json!({"address": "127.0.0.1", "port": from.port(), "mode": mode});
        assert_eq!(select, json!({"protocol": "udp", "data": expected}));
        self.send(json!({"op": 4, "seq": 5, "d": {"mode": mode, "secret_key": KEY,
            "dave_protocol_version": 0}}))
            .await;
    }
}
