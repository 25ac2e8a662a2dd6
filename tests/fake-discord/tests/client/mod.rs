//! A small voice client of gateway version 8 for testing the fake server; it reacts to DAVE as the protocol demands.
// Each test program uses its own part of this.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use davey::{DaveSession, ProposalsOperationType};
use fake_discord::FakeDiscord;
use futures_util::{SinkExt, StreamExt};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use tokio::net::{TcpStream, UdpSocket};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

/// Longest wait for any expected message.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a client saw.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Json(u8, Value),
    Binary(u8, Vec<u8>),
    Closed(u16, String),
    Lost,
}

/// Opens a WebSocket that trusts only the fake server.
pub async fn open(discord: &FakeDiscord, version: u8) -> Socket {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(discord.ca_pem().as_bytes()).unwrap())
        .unwrap();
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let url = format!("wss://{}/?v={version}", discord.endpoint());
    let connector = Connector::Rustls(Arc::new(config));
    tokio_tungstenite::connect_async_tls_with_config(url, None, true, Some(connector))
        .await
        .unwrap()
        .0
}

/// A client in a call.
pub struct Client {
    pub guild: u64,
    pub user: u64,
    pub socket: Socket,
    pub sequence: i64,
    pub dave: DaveSession,
    /// DAVE version of op 4.
    pub version: u16,
    /// Everything received, oldest first.
    pub seen: Vec<Seen>,
    /// Whether frames are encrypted with the present key.
    pub encrypting: bool,
    /// Answer op 27 with a commit.
    pub commits: bool,
    /// Answer announced transitions with op 23.
    pub answers_transitions: bool,
    users: Vec<u64>,
    channel: u64,
    pub ssrc: u32,
    pub udp: UdpSocket,
    key: Option<LessSafeKey>,
    pub nonce: u32,
    pub rtp: u16,
    encoder: opus::Encoder,
    samples: u64,
}

impl Client {
    /// Connects, identifies and goes through op 4, discovery included.
    pub async fn join(discord: &FakeDiscord, guild: u64, user: u64) -> Self {
        let socket = open(discord, 8).await;
        let channel = discord.channel_of(guild);
        let mut client = Self {
            guild,
            user,
            socket,
            sequence: -1,
            dave: DaveSession::new(NonZeroU16::MIN, user, channel, None).unwrap(),
            version: 0,
            seen: Vec::new(),
            encrypting: false,
            commits: true,
            answers_transitions: true,
            users: vec![user],
            channel,
            ssrc: 0,
            udp: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            key: None,
            nonce: 100,
            rtp: 65_500,
            encoder: opus::Encoder::new(48_000, opus::Channels::Stereo, opus::Application::Audio).unwrap(),
            samples: 0,
        };
        let identify = json!({
            "server_id": guild.to_string(), "user_id": user.to_string(), "session_id": format!("s{user}"),
            "token": "secret", "max_dave_protocol_version": 1, "video": true,
        });
        client.send(0, identify).await;
        let ready = client.until_json(2).await;
        client.ssrc = ready["ssrc"].as_u64().unwrap() as u32;
        let server: SocketAddr = format!("{}:{}", ready["ip"].as_str().unwrap(), ready["port"])
            .parse()
            .unwrap();
        client.udp.connect(server).await.unwrap();
        client.discover().await;
        let select = json!({
            "protocol": "udp",
            "data": { "address": "127.0.0.1", "port": 1, "mode": "aead_aes256_gcm_rtpsize" },
        });
        client.send(1, select).await;
        let description = client.until_json(4).await;
        let secret: Vec<u8> = serde_json::from_value(description["secret_key"].clone()).unwrap();
        client.key = Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &secret).unwrap()));
        client.version = description["dave_protocol_version"].as_u64().unwrap() as u16;
        if client.version > 0 {
            client.send_key_package().await;
        }
        client
    }

    async fn discover(&mut self) {
        let mut request = [0; 74];
        request[1] = 1;
        request[3] = 70;
        request[4..8].copy_from_slice(&self.ssrc.to_be_bytes());
        let mut answer = [0; 100];
        for _ in 0..5 {
            self.udp.send(&request).await.unwrap();
            let wait = tokio::time::timeout(Duration::from_millis(300), self.udp.recv(&mut answer)).await;
            if let Ok(length) = wait {
                assert_eq!(length.unwrap(), 74);
                let port = u16::from_be_bytes([answer[72], answer[73]]);
                assert_eq!(port, self.udp.local_addr().unwrap().port());
                return;
            }
        }
        panic!("no answer to discovery");
    }

    pub async fn send(&mut self, op: u8, data: Value) {
        self.socket
            .send(Message::text(json!({ "op": op, "d": data }).to_string()))
            .await
            .unwrap();
    }

    pub async fn send_binary(&mut self, op: u8, payload: &[u8]) {
        self.socket
            .send(Message::binary([&[op], payload].concat()))
            .await
            .unwrap();
    }

    async fn send_key_package(&mut self) {
        let package = self.dave.create_key_package().unwrap();
        self.send_binary(26, &package).await;
    }

    /// Opens a new socket and resumes with the last sequence number.
    pub async fn resume(&mut self, discord: &FakeDiscord) {
        self.socket = open(discord, 8).await;
        let data = json!({
            "server_id": self.guild.to_string(), "session_id": format!("s{}", self.user), "token": "secret",
            "seq_ack": self.sequence,
        });
        self.send(7, data).await;
    }

    pub async fn heartbeat(&mut self) {
        let data = json!({ "t": 7, "seq_ack": self.sequence });
        self.send(3, data).await;
        assert_eq!(self.until_json(6).await, json!({ "t": 7 }));
    }

    /// Reads until an op of that number came; returns its data.
    pub async fn until_json(&mut self, op: u8) -> Value {
        let seen = self
            .until(|seen| matches!(seen, Seen::Json(code, _) if *code == op))
            .await;
        match seen {
            Seen::Json(_, data) => data,
            other => panic!("{other:?}"),
        }
    }

    /// Reads until a binary op of that number came.
    pub async fn until_binary(&mut self, op: u8) {
        self.until(|seen| matches!(seen, Seen::Binary(code, _) if *code == op))
            .await;
    }

    /// Reads and reacts until something matches.
    pub async fn until(&mut self, matches: impl Fn(&Seen) -> bool) -> Seen {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let seen = self.next().await;
                let found = matches(&seen);
                let ended = matches!(seen, Seen::Closed(..) | Seen::Lost);
                self.seen.push(seen.clone());
                if found {
                    return seen;
                }
                assert!(!ended, "socket ended: {seen:?}");
            }
        })
        .await;
        found.unwrap_or_else(|_| panic!("nothing matching within {PATIENCE:?}; seen {:?}", self.ops_seen()))
    }

    /// Opcodes received, binary ones included, oldest first.
    pub fn ops_seen(&self) -> Vec<u8> {
        self.seen
            .iter()
            .filter_map(|seen| match seen {
                Seen::Json(op, _) | Seen::Binary(op, _) => Some(*op),
                Seen::Closed(..) | Seen::Lost => None,
            })
            .collect()
    }

    /// Leaves the call with a normal close.
    pub async fn leave(mut self) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        self.socket.close(Some(frame)).await.unwrap();
        self.drain(Duration::from_secs(1)).await;
    }

    /// Reads and reacts for a while, for tests that expect nothing more.
    pub async fn drain(&mut self, time: Duration) {
        let _ = tokio::time::timeout(time, async {
            loop {
                let seen = self.next().await;
                let ended = matches!(seen, Seen::Closed(..) | Seen::Lost);
                self.seen.push(seen);
                if ended {
                    return;
                }
            }
        })
        .await;
    }

    async fn next(&mut self) -> Seen {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let value: Value = serde_json::from_str(text.as_str()).unwrap();
                    if let Some(sequence) = value["seq"].as_i64() {
                        self.sequence = sequence;
                    }
                    let op = value["op"].as_u64().unwrap() as u8;
                    let data = value["d"].clone();
                    self.react_to_json(op, &data).await;
                    return Seen::Json(op, data);
                }
                Some(Ok(Message::Binary(bytes))) => {
                    self.sequence = i64::from(u16::from_be_bytes([bytes[0], bytes[1]]));
                    let (op, payload) = (bytes[2], bytes[3..].to_vec());
                    self.react_to_binary(op, &payload).await;
                    return Seen::Binary(op, payload);
                }
                Some(Ok(Message::Close(frame))) => {
                    // The answer to the close frame is written by the next read.
                    while let Some(Ok(_)) = self.socket.next().await {}
                    return frame.map_or(Seen::Closed(1005, String::new()), |frame| {
                        Seen::Closed(frame.code.into(), frame.reason.to_string())
                    });
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Seen::Lost,
            }
        }
    }

    async fn react_to_json(&mut self, op: u8, data: &Value) {
        let id = data["transition_id"].as_u64().unwrap_or(0) as u16;
        match op {
            11 => self.users.extend(
                data["user_ids"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|id| id.as_str().unwrap().parse::<u64>().unwrap()),
            ),
            13 => {
                let gone: u64 = data["user_id"].as_str().unwrap().parse().unwrap();
                self.users.retain(|user| *user != gone);
            }
            21 => {
                let version = data["protocol_version"].as_u64().unwrap() as u16;
                self.dave.prepare_transition(id, version).unwrap();
                if id != 0 {
                    self.send(23, json!({ "transition_id": id })).await;
                } else {
                    self.encrypting = self.dave.can_encrypt();
                }
            }
            22 => {
                self.dave.execute_transition(id).unwrap();
                self.encrypting = self.dave.can_encrypt();
            }
            24 if data["epoch"] == 1 => {
                self.dave
                    .reinit(NonZeroU16::MIN, self.user, self.channel, None)
                    .unwrap();
                self.send_key_package().await;
            }
            _ => {}
        }
    }

    async fn react_to_binary(&mut self, op: u8, payload: &[u8]) {
        match op {
            25 => self.dave.set_external_sender(payload).unwrap(),
            27 => {
                assert_eq!(payload[0], 0);
                let made = self
                    .dave
                    .process_proposals(ProposalsOperationType::APPEND, &payload[1..], Some(&self.users))
                    .unwrap();
                if let Some(made) = made.filter(|_| self.commits) {
                    let body = [made.commit, made.welcome.unwrap_or_default()].concat();
                    self.send_binary(28, &body).await;
                }
            }
            29 | 30 => {
                let id = u16::from_be_bytes([payload[0], payload[1]]);
                let processed = if op == 29 {
                    self.dave
                        .process_commit(&payload[2..])
                        .map_err(|error| error.to_string())
                } else {
                    self.dave
                        .process_welcome(&payload[2..], Some(&self.users))
                        .map(|()| true)
                        .map_err(|error| error.to_string())
                };
                match processed {
                    Ok(true) => {
                        self.dave.prepare_transition(id, 1).unwrap();
                        if id == 0 {
                            self.encrypting = true;
                        } else if self.answers_transitions {
                            self.send(23, json!({ "transition_id": id })).await;
                        }
                    }
                    Ok(false) => {}
                    Err(_) => {
                        self.send(31, json!({ "transition_id": id })).await;
                        self.dave
                            .reinit(NonZeroU16::MIN, self.user, self.channel, None)
                            .unwrap();
                        self.send_key_package().await;
                    }
                }
            }
            _ => {}
        }
    }

    /// Sends one RTP packet with that payload as it is.
    pub async fn send_payload(&mut self, payload: &[u8]) {
        let mut packet = vec![0x80, 0x78];
        packet.extend_from_slice(&self.rtp.to_be_bytes());
        packet.extend_from_slice(&(self.samples as u32).to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        let mut body = payload.to_vec();
        let mut iv = [0; 12];
        iv[..4].copy_from_slice(&self.nonce.to_be_bytes());
        let key = self.key.as_ref().unwrap();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(iv), Aad::from(&packet), &mut body)
            .unwrap();
        packet.extend_from_slice(&body);
        packet.extend_from_slice(&self.nonce.to_be_bytes());
        self.udp.send(&packet).await.unwrap();
        self.rtp = self.rtp.wrapping_add(1);
        self.nonce += 1;
        self.samples += 960;
        // Keeps the burst below what a socket buffers.
        tokio::time::sleep(Duration::from_micros(500)).await;
    }

    /// Sends frames of a 440 Hz tone at half scale, encrypted if that is in force.
    pub async fn play(&mut self, frames: usize) {
        for _ in 0..frames {
            let pcm: Vec<i16> = (self.samples..self.samples + 960)
                .flat_map(|n| {
                    let phase = std::f64::consts::TAU * 440.0 * n as f64 / 48_000.0;
                    [(16_384.0 * phase.sin()) as i16; 2]
                })
                .collect();
            let opus = self.encoder.encode_vec(&pcm, 1_275).unwrap();
            let payload = if self.encrypting {
                self.dave.encrypt_opus(&opus).unwrap().into_owned()
            } else {
                opus
            };
            self.send_payload(&payload).await;
        }
    }

    pub async fn speak(&mut self) {
        let data = json!({ "speaking": 1, "delay": 0, "ssrc": self.ssrc });
        self.send(5, data).await;
    }
}
