//! A server that sends more than anybody wants.

use futures_util::SinkExt;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::op;

/// What a flood is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    /// JSON messages of 32 KiB with an unknown opcode.
    Text,
    /// Binary messages of 512 KiB that claim to be proposals (op 27).
    Binary,
    /// Binary messages of three bytes.
    Tiny,
    /// One frame whose header announces everything at once.
    OneFrame,
    /// One message in frames of 64 KiB that never ends.
    OneMessage,
}

/// Writes up to `total` bytes and returns how many were taken before the socket ended.
pub(super) async fn flood<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    kind: Flood,
    total: u64,
) -> u64 {
    let mut sent = 0;
    if kind == Flood::OneFrame {
        // Final binary frame, 64-bit length (RFC 6455, section 5.2).
        let mut header = vec![0x82, 127];
        header.extend_from_slice(&total.to_be_bytes());
        let stream = socket.get_mut();
        if stream.write_all(&header).await.is_err() {
            return 0;
        }
        let piece = [0; 16 << 10];
        while sent < total && stream.write_all(&piece).await.is_ok() {
            sent += piece.len() as u64;
        }
        return sent;
    }
    while sent < total {
        let message = piece(kind, sent == 0);
        let length = message.len() as u64;
        if socket.send(message).await.is_err() {
            break;
        }
        sent += length;
    }
    sent
}

fn piece(kind: Flood, is_first: bool) -> Message {
    match kind {
        Flood::Text => Message::text(json!({ "op": 200, "d": "x".repeat(32 << 10) }).to_string()),
        Flood::Binary => {
            let mut bytes = vec![0x5A; 512 << 10];
            bytes[..4].copy_from_slice(&[0, 1, op::PROPOSALS, 0]);
            Message::binary(bytes)
        }
        Flood::Tiny => Message::binary(vec![0, 1, 200]),
        Flood::OneMessage | Flood::OneFrame => {
            let data = if is_first { Data::Binary } else { Data::Continue };
            Message::Frame(Frame::message(vec![0; 64 << 10], OpCode::Data(data), false))
        }
    }
}
