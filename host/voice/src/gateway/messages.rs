//! The messages of the voice gateway as this side reads and writes them.

use std::{collections::BTreeMap, net::IpAddr};

use bytes::{Buf, Bytes};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    dave::session::{Input, MAX_VERSION, Output},
    info::VoiceInfo,
    udp::crypto::{KEY_BYTES, Mode},
};

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("not a gateway message: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a binary message of {0} bytes is too short")]
    Short(usize),
}

/// A message with its number.
pub(crate) struct Numbered {
    /// To be acknowledged, when the message has one.
    pub(crate) sequence: Option<i64>,
    /// The message; an error when it has a known opcode and unusable data.
    pub(crate) message: Result<Incoming, MessageError>,
}

/// What the gateway sends. Numbers are opcodes.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// 8.
    Hello { interval_ms: f64 },
    /// 2.
    Ready(Ready),
    /// 4.
    SessionDescription(SessionDescription),
    /// 3: the gateway wants a heartbeat now.
    HeartbeatRequest,
    /// 6.
    HeartbeatAck { nonce: u64 },
    /// 9.
    Resumed,
    /// 12: video streams a user sends, none when the camera is off.
    Video { user: u64, streams: Vec<u32> },
    /// 11, 13 and 21 to 30.
    Dave(Input),
    /// Nothing of interest to a sender.
    Other,
}

/// Op 2.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    pub(crate) ssrc: u32,
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
    pub(crate) modes: Vec<String>,
}

/// Op 4.
#[derive(Deserialize)]
pub(crate) struct SessionDescription {
    pub(crate) mode: String,
    pub(crate) secret_key: [u8; KEY_BYTES],
    #[serde(default)]
    pub(crate) dave_protocol_version: u16,
}

impl std::fmt::Debug for SessionDescription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionDescription")
            .field("mode", &self.mode)
            .field("dave_protocol_version", &self.dave_protocol_version)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    op: u64,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
    #[serde(default)]
    seq: Option<i64>,
}

#[derive(Deserialize)]
struct Hello {
    heartbeat_interval: f64,
}

/// Bare before version 8.
#[derive(Deserialize)]
#[serde(untagged)]
enum HeartbeatAck {
    Object { t: u64 },
    Bare(u64),
}

#[derive(Deserialize)]
struct Video {
    user_id: Snowflake,
    #[serde(default)]
    video_ssrc: u32,
    #[serde(default)]
    streams: Vec<VideoStream>,
}

#[derive(Deserialize)]
struct VideoStream {
    ssrc: u32,
}

#[derive(Deserialize)]
struct ClientsConnect {
    user_ids: Vec<Snowflake>,
}

#[derive(Deserialize)]
struct ClientDisconnect {
    user_id: Snowflake,
}

#[derive(Deserialize)]
struct Transition {
    transition_id: u16,
    // Not defaulted: 0 would switch end-to-end encryption off.
    protocol_version: u16,
}

#[derive(Deserialize)]
struct ExecuteTransition {
    transition_id: u16,
}

#[derive(Deserialize)]
struct PrepareEpoch {
    epoch: u64,
    protocol_version: u16,
}

/// A Discord id: a string, in some messages a number.
struct Snowflake(u64);

impl<'de> Deserialize<'de> for Snowflake {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either<'a> {
            Text(#[serde(borrow)] std::borrow::Cow<'a, str>),
            Number(u64),
        }
        match Either::deserialize(deserializer)? {
            Either::Text(text) => text.parse().map(Self).map_err(de::Error::custom),
            Either::Number(number) => Ok(Self(number)),
        }
    }
}

/// Reads a text message.
pub(crate) fn parse_text(text: &str) -> Result<Numbered, MessageError> {
    let envelope: Envelope<'_> = serde_json::from_str(text)?;
    let data = envelope.d.map_or("null", RawValue::get);
    Ok(Numbered {
        sequence: envelope.seq,
        message: parse_data(envelope.op, data).map_err(Into::into),
    })
}

fn parse_data(opcode: u64, data: &str) -> Result<Incoming, serde_json::Error> {
    Ok(match opcode {
        2 => Incoming::Ready(serde_json::from_str(data)?),
        3 => Incoming::HeartbeatRequest,
        4 => Incoming::SessionDescription(serde_json::from_str(data)?),
        6 => {
            let (HeartbeatAck::Object { t } | HeartbeatAck::Bare(t)) = serde_json::from_str(data)?;
            Incoming::HeartbeatAck { nonce: t }
        }
        8 => Incoming::Hello {
            interval_ms: serde_json::from_str::<Hello>(data)?.heartbeat_interval,
        },
        9 => Incoming::Resumed,
        11 => {
            let users = serde_json::from_str::<ClientsConnect>(data)?.user_ids;
            Incoming::Dave(Input::UsersJoined(users.into_iter().map(|user| user.0).collect()))
        }
        12 => {
            let video: Video = serde_json::from_str(data)?;
            let on = video.video_ssrc != 0;
            Incoming::Video {
                user: video.user_id.0,
                streams: video
                    .streams
                    .iter()
                    .filter(|_| on)
                    .map(|stream| stream.ssrc)
                    .collect(),
            }
        }
        13 => Incoming::Dave(Input::UserLeft(
            serde_json::from_str::<ClientDisconnect>(data)?.user_id.0,
        )),
        21 => {
            let Transition {
                transition_id: id,
                protocol_version: version,
            } = serde_json::from_str(data)?;
            Incoming::Dave(Input::PrepareTransition { id, version })
        }
        22 => {
            let ExecuteTransition { transition_id: id } = serde_json::from_str(data)?;
            Incoming::Dave(Input::ExecuteTransition { id })
        }
        24 => {
            let PrepareEpoch {
                epoch,
                protocol_version: version,
            } = serde_json::from_str(data)?;
            Incoming::Dave(Input::PrepareEpoch { epoch, version })
        }
        _ => Incoming::Other,
    })
}

/// Reads a binary message: number (2 bytes), opcode (1 byte), payload.
pub(crate) fn parse_binary(mut bytes: Bytes) -> Result<Numbered, MessageError> {
    let length = bytes.len();
    let sequence = i64::from(bytes.try_get_u16().map_err(|_| MessageError::Short(length))?);
    let opcode = bytes.try_get_u8().map_err(|_| MessageError::Short(length))?;
    let mut transition = || bytes.try_get_u16().map_err(|_| MessageError::Short(length));
    let message = match opcode {
        25 => Ok(Incoming::Dave(Input::ExternalSender(bytes))),
        27 => Ok(Incoming::Dave(Input::Proposals(bytes))),
        29 => transition().map(|id| Incoming::Dave(Input::Commit { id, message: bytes })),
        30 => transition().map(|id| Incoming::Dave(Input::Welcome { id, message: bytes })),
        _ => Ok(Incoming::Other),
    };
    Ok(Numbered {
        sequence: Some(sequence),
        message,
    })
}

#[derive(Serialize)]
struct Outgoing<T> {
    op: u8,
    d: T,
}

/// `op` with `data`, as a text message.
fn text(op: u8, d: impl Serialize) -> Message {
    let json = serde_json::to_string(&Outgoing { op, d });
    Message::text(json.expect("maps with string keys and numbers always serialise"))
}

#[derive(Serialize)]
struct Identify<'a> {
    server_id: String,
    user_id: String,
    session_id: &'a str,
    token: &'a str,
    video: bool,
    max_dave_protocol_version: u16,
}

/// Op 0.
pub(crate) fn identify(info: &VoiceInfo) -> Message {
    text(
        0,
        Identify {
            server_id: info.guild_id.to_string(),
            user_id: info.user_id.to_string(),
            session_id: &info.session_id,
            token: info.token.expose(),
            // Without it the gateway does not honour media sink wants.
            video: true,
            max_dave_protocol_version: MAX_VERSION,
        },
    )
}

#[derive(Serialize)]
struct Resume<'a> {
    server_id: String,
    session_id: &'a str,
    token: &'a str,
    seq_ack: i64,
}

/// Op 7.
pub(crate) fn resume(info: &VoiceInfo, sequence: i64) -> Message {
    text(
        7,
        Resume {
            server_id: info.guild_id.to_string(),
            session_id: &info.session_id,
            token: info.token.expose(),
            seq_ack: sequence,
        },
    )
}

#[derive(Serialize)]
struct SelectProtocol {
    protocol: &'static str,
    data: UdpAddress,
}

#[derive(Serialize)]
struct UdpAddress {
    address: IpAddr,
    port: u16,
    mode: &'static str,
}

/// Op 1.
pub(crate) fn select_protocol(address: std::net::SocketAddr, mode: Mode) -> Message {
    let data = UdpAddress {
        address: address.ip(),
        port: address.port(),
        mode: mode.name(),
    };
    text(
        1,
        SelectProtocol {
            protocol: "udp",
            data,
        },
    )
}

#[derive(Serialize)]
struct Beat {
    t: u64,
    seq_ack: i64,
}

/// Op 3.
pub(crate) fn heartbeat(nonce: u64, sequence: i64) -> Message {
    text(
        3,
        Beat {
            t: nonce,
            seq_ack: sequence,
        },
    )
}

#[derive(Serialize)]
struct Speaking {
    speaking: u8,
    delay: u8,
    ssrc: u32,
}

/// Op 5; bit 0 is the microphone.
pub(crate) fn speaking(speaking: bool, ssrc: u32) -> Message {
    text(
        5,
        Speaking {
            speaking: speaking.into(),
            delay: 0,
            ssrc,
        },
    )
}

/// Op 15: do not forward any audio to us, nor the video streams named.
pub(crate) fn no_media_wanted(video: impl Iterator<Item = u32>) -> Message {
    #[derive(Serialize)]
    struct MediaSinkWants {
        any: u8,
        #[serde(flatten)]
        streams: BTreeMap<String, u8>,
    }
    let streams = video.map(|ssrc| (ssrc.to_string(), 0)).collect();
    text(15, MediaSinkWants { any: 0, streams })
}

/// The message a DAVE output stands for; `None` for those that are not sent.
pub(crate) fn dave(output: &Output) -> Option<Message> {
    #[derive(Serialize)]
    struct TransitionId {
        transition_id: u16,
    }
    let binary = |opcode: u8, payload: &[u8]| Message::binary([&[opcode], payload].concat());
    match output {
        Output::TransitionReady(id) => Some(text(23, TransitionId { transition_id: *id })),
        Output::KeyPackage(payload) => Some(binary(26, payload)),
        Output::CommitWelcome(payload) => Some(binary(28, payload)),
        Output::InvalidCommitWelcome(id) => Some(text(31, TransitionId { transition_id: *id })),
        Output::Protect(_) | Output::Restart => None,
    }
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
