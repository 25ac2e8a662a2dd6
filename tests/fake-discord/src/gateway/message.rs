//! Messages of the client, read leniently enough for every gateway version from 4 to 8.

use serde_json::Value;

use super::op;

/// Op 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identify {
    pub(crate) guild_id: u64,
    pub(crate) user_id: u64,
    pub(crate) session_id: String,
    pub(crate) token: String,
    pub(crate) max_dave_protocol_version: u16,
    pub(crate) video: bool,
}

/// Op 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(crate) guild_id: u64,
    pub(crate) session_id: String,
    pub(crate) token: String,
    pub(crate) seq_ack: Option<i64>,
}

/// A JSON message of a client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClientMessage {
    Identify(Identify),
    SelectProtocol {
        protocol: String,
        mode: String,
    },
    Heartbeat {
        nonce: Value,
        seq_ack: Option<i64>,
    },
    Speaking {
        bits: u32,
        ssrc: Option<u32>,
    },
    Resume(Resume),
    TransitionReady(u16),
    InvalidCommitWelcome(u16),
    MediaSinkWants {
        any: Option<i64>,
    },
    /// Known, without effect on the server.
    Ignored,
}

/// Why a text frame is not a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// Not JSON, no opcode, or a payload without its fields.
    Decode(String),
    /// An opcode clients do not send.
    UnknownOpcode(u64),
}

/// Reads a text frame; also returns its opcode.
pub(crate) fn parse(text: &str) -> Result<(u8, ClientMessage), ParseError> {
    let value: Value = serde_json::from_str(text).map_err(|error| ParseError::Decode(error.to_string()))?;
    let number = value
        .get("op")
        .and_then(Value::as_u64)
        .ok_or_else(|| ParseError::Decode("no integer field op".to_owned()))?;
    let code = u8::try_from(number).map_err(|_| ParseError::UnknownOpcode(number))?;
    let data = value.get("d").unwrap_or(&Value::Null);
    let message = match code {
        op::IDENTIFY => ClientMessage::Identify(Identify {
            guild_id: snowflake(data, "server_id")?,
            user_id: snowflake(data, "user_id")?,
            session_id: text_field(data, "session_id")?,
            token: text_field(data, "token")?,
            max_dave_protocol_version: match data.get("max_dave_protocol_version") {
                None => 0,
                Some(_) => small(data, "max_dave_protocol_version")?,
            },
            video: data.get("video").and_then(Value::as_bool).unwrap_or(false),
        }),
        op::SELECT_PROTOCOL => {
            let inner = data.get("data").unwrap_or(data);
            ClientMessage::SelectProtocol {
                protocol: text_field(data, "protocol")?,
                mode: text_field(inner, "mode")?,
            }
        }
        op::HEARTBEAT => match data {
            Value::Object(fields) => ClientMessage::Heartbeat {
                nonce: fields.get("t").cloned().ok_or_else(|| missing("t"))?,
                seq_ack: fields.get("seq_ack").and_then(Value::as_i64),
            },
            nonce => ClientMessage::Heartbeat {
                nonce: nonce.clone(),
                seq_ack: None,
            },
        },
        op::SPEAKING => ClientMessage::Speaking {
            bits: match data.get("speaking") {
                Some(Value::Bool(speaking)) => u32::from(*speaking),
                Some(value) => value
                    .as_u64()
                    .and_then(|bits| u32::try_from(bits).ok())
                    .ok_or_else(|| missing("speaking"))?,
                None => return Err(missing("speaking")),
            },
            ssrc: data
                .get("ssrc")
                .and_then(Value::as_u64)
                .and_then(|ssrc| u32::try_from(ssrc).ok()),
        },
        op::RESUME => ClientMessage::Resume(Resume {
            guild_id: snowflake(data, "server_id")?,
            session_id: text_field(data, "session_id")?,
            token: text_field(data, "token")?,
            seq_ack: data.get("seq_ack").and_then(Value::as_i64),
        }),
        op::TRANSITION_READY => ClientMessage::TransitionReady(small(data, "transition_id")?),
        op::INVALID_COMMIT_WELCOME => ClientMessage::InvalidCommitWelcome(small(data, "transition_id")?),
        op::MEDIA_SINK_WANTS => ClientMessage::MediaSinkWants {
            any: data.get("any").and_then(Value::as_i64),
        },
        op::VIDEO | op::SESSION_UPDATE => ClientMessage::Ignored,
        _ => return Err(ParseError::UnknownOpcode(number)),
    };
    Ok((code, message))
}

fn missing(field: &str) -> ParseError {
    ParseError::Decode(format!("field {field} is missing or of the wrong type"))
}

fn text_field(data: &Value, field: &str) -> Result<String, ParseError> {
    data.get(field)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| missing(field))
}

fn small(data: &Value, field: &str) -> Result<u16, ParseError> {
    data.get(field)
        .and_then(Value::as_u64)
        .and_then(|value| u16::try_from(value).ok())
        .ok_or_else(|| missing(field))
}

/// A snowflake as string or number.
fn snowflake(data: &Value, field: &str) -> Result<u64, ParseError> {
    match data.get(field) {
        Some(Value::String(text)) => text.parse().map_err(|_| missing(field)),
        Some(Value::Number(number)) => number.as_u64().ok_or_else(|| missing(field)),
        _ => Err(missing(field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identify_of_version_8_and_4() {
        let (code, message) = parse(
            r#"{"op":0,"d":{"server_id":"1","user_id":"2","session_id":"s","token":"t","video":true,"max_dave_protocol_version":1}}"#,
        )
        .unwrap();
        let expected = Identify {
            guild_id: 1,
            user_id: 2,
            session_id: "s".to_owned(),
            token: "t".to_owned(),
            max_dave_protocol_version: 1,
            video: true,
        };
        assert_eq!((code, message), (0, ClientMessage::Identify(expected)));
        let (_, message) =
            parse(r#"{"op":0,"d":{"server_id":1,"user_id":2,"session_id":"s","token":"t"}}"#).unwrap();
        assert!(
            matches!(message, ClientMessage::Identify(identify) if identify.max_dave_protocol_version == 0)
        );
    }

    #[test]
    fn heartbeats_of_both_shapes() {
        let beat = |text: &str| parse(text).unwrap().1;
        assert_eq!(
            beat(r#"{"op":3,"d":{"t":5,"seq_ack":-1}}"#),
            ClientMessage::Heartbeat {
                nonce: 5.into(),
                seq_ack: Some(-1)
            }
        );
        assert_eq!(
            beat(r#"{"op":3,"d":99}"#),
            ClientMessage::Heartbeat {
                nonce: 99.into(),
                seq_ack: None
            }
        );
    }

    #[test]
    fn refusals_say_which_field() {
        assert_eq!(parse(r#"{"op":23,"d":{}}"#), Err(missing("transition_id")));
        assert_eq!(
            parse(r#"{"op":23,"d":{"transition_id":65536}}"#),
            Err(missing("transition_id"))
        );
        assert_eq!(parse(r#"{"op":99}"#), Err(ParseError::UnknownOpcode(99)));
        assert_eq!(parse(r#"{"op":2,"d":{}}"#), Err(ParseError::UnknownOpcode(2)));
        assert!(matches!(parse("not json"), Err(ParseError::Decode(_))));
        assert!(matches!(parse("{}"), Err(ParseError::Decode(_))));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,80}", code in 0u16..300, inner in "[a-z\":{}0-9,]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("{{\"op\":{code},\"d\":{{{inner}}}}}"));
        }
    }
}
