//! A plain REST and WebSocket client that shows the wire as it is.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderMap},
};

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// REST calls against one node.
#[derive(Clone)]
pub struct Rest {
    client: reqwest::Client,
    base: String,
    password: Option<String>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header fields.
    pub headers: reqwest::header::HeaderMap,
    /// Body as text.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("not JSON ({e}): {:?}", self.text))
    }

    /// The `message` of an error body.
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }
}

impl Rest {
    /// Calls to `address` with this password.
    pub fn new(address: String, password: Option<String>) -> Self {
        // The client is plain HTTP, but reqwest insists on a crypto provider before it builds.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .expect("a client can be built");
        Self {
            client,
            base: format!("http://{address}"),
            password,
        }
    }

    /// GET without any check.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_get(&self, path: &str) -> Result<(u16, String), reqwest::Error> {
        let answer = self.request(reqwest::Method::GET, path).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// A request with the password set.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.password {
            Some(password) => request.header("Authorization", password),
            None => request,
        }
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.expect("the node answers");
        Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: answer.text().await.expect("the body arrives whole"),
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(reqwest::Method::GET, path)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(reqwest::Method::DELETE, path)).await
    }

    /// PATCH with a JSON body given as text, so that it may also be wrong.
    pub async fn patch_text(&self, path: &str, body: &str) -> Answer {
        let request = self.request(reqwest::Method::PATCH, path);
        self.send(
            request
                .header("Content-Type", "application/json")
                .body(body.to_owned()),
        )
        .await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.patch_text(path, &body.to_string()).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.request(reqwest::Method::POST, path);
        self.send(
            request
                .header("Content-Type", "application/json")
                .body(body.to_string()),
        )
        .await
    }

    /// GET /v4/loadtracks of an identifier.
    pub async fn load(&self, identifier: &str) -> Value {
        let encoded: String = url_encode(identifier);
        let answer = self.get(&format!("/v4/loadtracks?identifier={encoded}")).await;
        assert_eq!(answer.status, 200, "loadtracks of {identifier}: {}", answer.text);
        answer.json()
    }
}

/// Percent-encodes everything but unreserved characters.
pub fn url_encode(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a String cannot fail");
        }
        out
    })
}

/// A session's WebSocket, with all messages seen so far.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Header fields of the handshake answer.
    pub headers: HeaderMap,
    /// From the ready message.
    pub session_id: String,
    /// Messages in the order they came.
    pub seen: Vec<Value>,
    /// The same messages as the text they came as.
    pub texts: Vec<String>,
    cursor: usize,
}

impl Socket {
    /// Connects, resuming when a session id is given, and waits for ready.
    pub async fn open(address: &str, password: &str, user: &str, resume: Option<&str>) -> Self {
        let mut socket = Self::connect(address, password, user, resume).await;
        let ready = socket.wait(|m| m["op"] == "ready").await;
        socket.session_id = ready["sessionId"].as_str().expect("a session id").to_owned();
        socket
    }

    /// Connects without waiting for ready, which may never come.
    pub async fn open_unready(address: &str, password: &str, user: &str) -> Self {
        Self::connect(address, password, user, None).await
    }

    async fn connect(address: &str, password: &str, user: &str, resume: Option<&str>) -> Self {
        let mut request = format!("ws://{address}/v4/websocket")
            .into_client_request()
            .expect("a valid URL");
        let headers = request.headers_mut();
        headers.insert("Authorization", password.parse().expect("a valid header"));
        headers.insert("User-Id", user.parse().expect("a valid header"));
        headers.insert("Client-Name", "blackbox/1.0".parse().expect("a valid header"));
        if let Some(session) = resume {
            headers.insert("Session-Id", session.parse().expect("a valid header"));
        }
        let (stream, answer) = tokio_tungstenite::connect_async(request)
            .await
            .expect("the node accepts the WebSocket");
        Self {
            stream,
            headers: answer.headers().clone(),
            session_id: String::new(),
            seen: Vec::new(),
            texts: Vec::new(),
            cursor: 0,
        }
    }

    /// Path of a player of this session.
    pub fn player(&self, guild: u64) -> String {
        format!("/v4/sessions/{}/players/{guild}", self.session_id)
    }

    /// Takes the next message; false at the end.
    async fn take(&mut self) -> bool {
        match self.next().await {
            Some(text) => {
                let value = serde_json::from_str(&text).expect("messages are JSON");
                self.seen.push(value);
                self.texts.push(text);
                true
            }
            None => false,
        }
    }

    /// The text a message came as.
    ///
    /// # Panics
    /// When it did not come.
    pub fn text_of(&self, message: &Value) -> &str {
        let index = self.seen.iter().position(|seen| seen == message);
        &self.texts[index.expect("the message came")]
    }

    // Cancel-safe: nothing is awaited once a message is taken.
    async fn next(&mut self) -> Option<String> {
        loop {
            match self.stream.next().await? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// First message after those already waited for that fits; earlier ones that do not fit are passed over.
    ///
    /// # Panics
    /// When none comes in time, with what came instead.
    pub async fn wait(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        self.wait_for(PATIENCE, fits).await
    }

    /// As [`Socket::wait`] with a time of its own.
    pub async fn wait_for(&mut self, patience: Duration, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            while self.cursor < self.seen.len() {
                self.cursor += 1;
                if fits(&self.seen[self.cursor - 1]) {
                    return self.seen[self.cursor - 1].clone();
                }
            }
            match tokio::time::timeout_at(deadline, self.take()).await {
                Ok(true) => {}
                Ok(false) => panic!("the WebSocket closed; seen: {:#?}", self.seen),
                Err(_) => panic!("nothing fitting within {patience:?}; seen: {:#?}", self.seen),
            }
        }
    }

    /// Messages seen so far are not waited for any more. Returns their number.
    pub fn skip_seen(&mut self) -> usize {
        self.cursor = self.seen.len();
        self.cursor
    }

    /// First event of this type for a guild.
    pub async fn event(&mut self, kind: &str, guild: u64) -> Value {
        let guild = guild.to_string();
        self.wait(|m| m["op"] == "event" && m["type"] == kind && m["guildId"] == guild.as_str())
            .await
    }

    /// Reads whatever comes within this time.
    pub async fn drain(&mut self, time: Duration) {
        let deadline = tokio::time::Instant::now() + time;
        while let Ok(true) = tokio::time::timeout_at(deadline, self.take()).await {}
    }

    /// Events of one guild in the order seen, as `Type` or `TrackEndEvent:reason`.
    pub fn events_of(&self, guild: u64) -> Vec<String> {
        let guild = guild.to_string();
        self.seen
            .iter()
            .filter(|m| m["op"] == "event" && m["guildId"] == guild.as_str())
            .map(|m| match m["reason"].as_str() {
                Some(reason) if m["type"] == "TrackEndEvent" => format!("TrackEndEvent:{reason}"),
                _ => m["type"].as_str().unwrap_or_default().to_owned(),
            })
            .collect()
    }

    /// Cuts the TCP connection without a close frame.
    pub fn cut(self) {
        drop(self.stream);
    }

    /// Sends a binary message.
    pub async fn send_binary(&mut self, bytes: &[u8]) {
        self.stream
            .send(Message::Binary(bytes.to_vec().into()))
            .await
            .expect("the socket is open");
    }

    /// Waits for the close frame and returns its code.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            match tokio::time::timeout(PATIENCE, self.stream.next())
                .await
                .expect("a close in time")?
            {
                Ok(Message::Close(frame)) => return frame.map(|f| f.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}
