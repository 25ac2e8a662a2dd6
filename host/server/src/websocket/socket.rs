//! Serves one socket: sends what the session's outbox holds and reads what nobody needs.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use lavalink_plugin_api::Event;
use lavalink_plugins::Topic;
use lavalink_protocol::message::OutgoingMessage;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::select;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Client;
use crate::node::Node;
use crate::session::{Claim, Interrupt, Outbox, Session};
use crate::stats;

/// Longest message taken from a client; none is needed, so this only bounds memory. Bytes.
const MAX_INCOMING: usize = 64 * 1024;
/// Bytes of the read buffer of each socket.
const READ_BUFFER: usize = 1024;
/// Longest time one message may take to be sent.
const SEND_DEADLINE: Duration = Duration::from_secs(30);
/// Longest time for the closing handshake.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
/// Time between stats messages.
const STATS_INTERVAL: Duration = Duration::from_secs(60);

/// Why a socket ended.
#[derive(Debug)]
enum End {
    /// The client closed it.
    ByClient(Option<CloseFrame>),
    /// The connection broke.
    Lost(String),
    /// This side closes it.
    ByNode(CloseCode, &'static str),
}

/// Serves a socket until it ends, then lets the session wait or end.
pub async fn serve<S>(node: Arc<Node>, stream: S, claim: Claim, client: &Client)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let _open = node.registry.count_socket();
    let (session, is_resumed) = match claim {
        Claim::New(session) => (session, false),
        Claim::Resumed(session) => (session, true),
    };
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(settings())).await;
    if !node.registry.attach(&session, is_resumed) {
        // Its players, if it has any, end with it.
        let _never_waits = node.registry.detach(&session);
        close(&mut socket, CloseCode::Away, "The node is shutting down").await;
        return;
    }
    if is_resumed {
        for player in session.players() {
            player.announce().await;
        }
    } else {
        client.announce();
        session.set_client_name(client.name.clone());
        let outbox = Arc::clone(&session.outbox);
        tokio::spawn(send_stats(Arc::clone(&node), outbox, Arc::downgrade(&session)));
    }
    session
        .outbox
        .events()
        .emit(Topic::Sessions, || Event::SessionOpen {
            session: session.to_plugin(),
            resumed: is_resumed,
        });
    let (mut sink, mut stream) = socket.split();
    let end = exchange(&mut sink, &mut stream, &session.outbox).await;
    let (code, reason) = match &end {
        End::ByClient(frame) => (
            frame.as_ref().map_or(1005, |frame| frame.code.into()),
            "closed by the client",
        ),
        End::ByNode(code, reason) => (u16::from(*code), *reason),
        End::Lost(reason) => {
            tracing::debug!("Connection from {} was lost: {reason}", client.peer);
            (1006, "lost")
        }
    };
    // The session waits, or ends, before the closing handshake: a client that reconnects at once finds it.
    match node.registry.detach(&session) {
        Some(seconds) => tracing::info!(
            "Connection closed from {} with status CloseStatus[code={code}, reason={reason}] -- Session can be resumed \
             within the next {seconds} seconds with id {}",
            client.peer,
            session.id
        ),
        None => tracing::info!(
            "Connection closed from {} with id {} -- CloseStatus[code={code}, reason={reason}]",
            client.peer,
            session.id
        ),
    }
    finish(end, sink, stream).await;
}

/// Closes the socket as its end asks for.
async fn finish<S>(
    end: End,
    sink: SplitSink<WebSocketStream<S>, Message>,
    stream: SplitStream<WebSocketStream<S>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    match (end, sink.reunite(stream)) {
        (End::ByNode(code, reason), Ok(mut socket)) => close(&mut socket, code, reason).await,
        // Without the answer to its close frame the client takes this for a broken connection, and comes back.
        (End::ByClient(_), Ok(mut socket)) => drain(&mut socket).await,
        _ => {}
    }
}

/// Closes the socket of a client whose `User-Id` is no number, as Java does after the upgrade.
pub async fn refuse_user<S>(stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(settings())).await;
    close(&mut socket, CloseCode::Error, "User-Id is not a number").await;
}

fn settings() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_INCOMING))
        .max_frame_size(Some(MAX_INCOMING))
}

/// Sends and reads at the same time until either side is done.
async fn exchange<S>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    stream: &mut SplitStream<WebSocketStream<S>>,
    outbox: &Outbox,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let sending = async {
        loop {
            let message = Message::text(outbox.next().await);
            match tokio::time::timeout(SEND_DEADLINE, sink.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return End::Lost(error.to_string()),
                Err(_) => {
                    tracing::warn!("A client does not read its messages: no progress for {SEND_DEADLINE:?}");
                    return End::ByNode(CloseCode::Policy, "The client does not read its messages");
                }
            }
        }
    };
    let reading = async {
        loop {
            match stream.next().await {
                None => return End::Lost("the connection ended without a close frame".to_owned()),
                Some(Ok(Message::Close(frame))) => return End::ByClient(frame),
                Some(Ok(Message::Binary(_))) => {
                    return End::ByNode(CloseCode::Unsupported, "Binary messages not supported");
                }
                Some(Ok(Message::Text(_))) => {
                    tracing::warn!("A client sent a text message; Lavalink v4 takes none, it is ignored");
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(Error::Capacity(error))) => {
                    tracing::warn!("A client sent a message that is too large: {error}");
                    return End::ByNode(CloseCode::Size, "Message too large");
                }
                Some(Err(error)) => return broken(&error),
            }
        }
    };
    select! {
        biased;
        interrupt = outbox.interrupted() => match interrupt {
            Interrupt::Close(code, reason) => End::ByNode(CloseCode::from(code), reason),
            Interrupt::Overflow => {
                tracing::warn!("A client reads its messages too slowly: its outbox is full, it is disconnected");
                End::ByNode(CloseCode::Policy, "The client reads too slowly")
            }
        },
        end = reading => end,
        end = sending => end,
    }
}

/// How a socket ends that cannot be read any more: violations are told to the client before it is cut off.
fn broken(error: &Error) -> End {
    match error {
        Error::Utf8(_) => End::ByNode(CloseCode::Invalid, "Invalid UTF-8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Lost(error.to_string()),
        Error::Protocol(_) => End::ByNode(CloseCode::Protocol, "Protocol error"),
        _ => End::Lost(error.to_string()),
    }
}

/// Sends a close frame and waits a little for the answer.
async fn close<S>(socket: &mut WebSocketStream<S>, code: CloseCode, reason: &'static str)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let closing = socket.close(Some(CloseFrame {
        code,
        reason: reason.into(),
    }));
    if let Ok(Ok(())) = tokio::time::timeout(CLOSE_DEADLINE, closing).await {
        drain(socket).await;
    }
}

/// Finishes the closing handshake; a client that takes no part in it is cut off.
async fn drain<S>(socket: &mut WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let _too_slow = tokio::time::timeout(CLOSE_DEADLINE, async {
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
}

/// Sends stats at once and then every minute for as long as the session lives.
async fn send_stats(node: Arc<Node>, outbox: Arc<Outbox>, session: Weak<Session>) {
    let mut interval = tokio::time::interval(STATS_INTERVAL);
    // At a fixed rate; what a node that stood still has missed is not made up for.
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        select! {
            // Thousands of sessions may end at once; their memory must not wait for the next minute.
            () = outbox.ended() => return,
            _ = interval.tick() => {}
        }
        let Some(session) = session.upgrade() else {
            return;
        };
        let stats = stats::collect(&node.registry, &node.cpu, Some(&session));
        outbox.send(&OutgoingMessage::Stats(stats));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    /// What the server sends after `bytes` came from the client.
    async fn answer_to(bytes: &[u8]) -> Vec<u8> {
        let (mut client, server) = duplex(1024);
        let serving = tokio::spawn(serve_bare(server));
        client.write_all(bytes).await.expect("open");
        let mut answer = vec![0; 2];
        client.read_exact(&mut answer).await.expect("an answer");
        let mut rest = vec![0; usize::from(answer[1])];
        client.read_exact(&mut rest).await.expect("the rest of it");
        drop(client);
        serving.await.expect("no panic");
        answer.extend(rest);
        answer
    }

    /// [`serve`] without a session.
    async fn serve_bare(stream: DuplexStream) {
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(settings())).await;
        let (mut sink, mut stream) = socket.split();
        let end = exchange(&mut sink, &mut stream, &Outbox::new(Arc::default())).await;
        finish(end, sink, stream).await;
    }

    /// A masked frame with an all-zero mask.
    fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("short");
        [&[0x80 | opcode, 0x80 | length, 0, 0, 0, 0], payload].concat()
    }

    #[tokio::test]
    async fn a_close_frame_is_answered() {
        assert_eq!(
            answer_to(&frame(8, &1000_u16.to_be_bytes())).await,
            [0x88, 2, 3, 232]
        );
        assert_eq!(answer_to(&frame(8, b"")).await, [0x88, 0]);
    }

    #[tokio::test]
    async fn violations_are_told_to_the_client() {
        for (bytes, code) in [
            (frame(2, b"x"), 1003_u16),
            (frame(1, b"\xff"), 1007),
            (vec![0x81, 1, b'x'], 1002),
        ] {
            let answer = answer_to(&bytes).await;
            assert_eq!(
                (answer[0], &answer[2..4]),
                (0x88, &code.to_be_bytes()[..]),
                "{code}"
            );
        }
    }
}
