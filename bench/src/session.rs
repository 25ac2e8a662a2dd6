//! One session of a node: its WebSocket, and its players.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::node::{Node, PASSWORD};

/// Longest wait for the ready message.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// The bot's user id.
const USER_ID: &str = "170939974227541168";

/// Counts of the events a session received.
#[derive(Debug, Default)]
pub struct Events {
    starts: AtomicU64,
    problems: AtomicU64,
}

impl Events {
    /// `TrackStartEvent`s.
    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }

    /// `TrackExceptionEvent`s, `TrackStuckEvent`s and `WebSocketClosedEvent`s.
    pub fn problems(&self) -> u64 {
        self.problems.load(Ordering::Relaxed)
    }

    fn count(&self, message: &Value) {
        match message["type"].as_str() {
            Some("TrackStartEvent") => self.starts.fetch_add(1, Ordering::Relaxed),
            Some("TrackExceptionEvent" | "TrackStuckEvent" | "WebSocketClosedEvent") => {
                self.problems.fetch_add(1, Ordering::Relaxed)
            }
            _ => 0,
        };
    }
}

/// An open session. Dropping it hangs up.
#[derive(Debug)]
pub struct Session {
    id: String,
    events: Arc<Events>,
    reader: JoinHandle<()>,
}

impl Session {
    /// Opens a session and goes on reading what the node sends.
    ///
    /// # Errors
    /// When the node refuses, or is not ready within 10 s.
    pub async fn open(node: &Node) -> Result<Self> {
        let mut request = format!("ws://{}/v4/websocket", node.address()).into_client_request()?;
        for (name, value) in [
            ("Authorization", PASSWORD),
            ("User-Id", USER_ID),
            ("Client-Name", "load-bench/1.0"),
        ] {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        let (mut socket, _) = tokio_tungstenite::connect_async(request)
            .await
            .context("the session was refused")?;
        let ready = async {
            while let Some(message) = socket.next().await {
                if let Message::Text(text) = message? {
                    let message: Value = serde_json::from_str(text.as_str())?;
                    if message["op"] == "ready" {
                        return Ok(message["sessionId"].as_str().unwrap_or_default().to_owned());
                    }
                }
            }
            bail!("the node closed the session before it was ready")
        };
        let id = tokio::time::timeout(READY_TIMEOUT, ready)
            .await
            .context("no ready message came")??;
        let events = Arc::new(Events::default());
        let counted = events.clone();
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Text(text) => {
                        if let Ok(message) = serde_json::from_str(text.as_str()) {
                            counted.count(&message);
                        }
                    }
                    Message::Ping(_) if socket.flush().await.is_err() => return,
                    _ => {}
                }
            }
        });
        Ok(Self { id, events, reader })
    }

    /// The session's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the node has reported.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Connects a player to a voice server.
    ///
    /// # Errors
    /// When the node does not accept it.
    pub async fn connect(&self, node: &Node, guild: u64, channel: u64, endpoint: &str) -> Result<()> {
        let voice = json!({
            "token": "token", "endpoint": endpoint, "sessionId": format!("voice-{guild}"),
            "channelId": channel.to_string(),
        });
        self.patch(node, guild, &json!({ "voice": voice })).await
    }

    /// Starts a track at a position.
    ///
    /// # Errors
    /// When the node does not accept it.
    pub async fn play(&self, node: &Node, guild: u64, encoded: &str, position: Duration) -> Result<()> {
        let position = u64::try_from(position.as_millis()).unwrap_or(u64::MAX);
        let body = json!({ "track": { "encoded": encoded }, "position": position });
        self.patch(node, guild, &body).await
    }

    async fn patch(&self, node: &Node, guild: u64, body: &Value) -> Result<()> {
        let path = format!("/v4/sessions/{}/players/{guild}", self.id);
        node.call("PATCH", &path, Some(body)).await.map(|_| ())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
