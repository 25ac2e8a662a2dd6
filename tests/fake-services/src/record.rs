//! What clients asked.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// `GET`, …
    pub method: String,
    /// Path without query, as sent.
    pub path: String,
    /// Query without the question mark.
    pub query: Option<String>,
    /// Whether the request line held an absolute URL, as it does for a proxy.
    pub absolute: bool,
    /// Header fields in order, names in lower case, values as far as they are text.
    pub headers: Vec<(String, String)>,
    /// Where the connection came from.
    pub peer: Option<SocketAddr>,
}

impl Recorded {
    pub(crate) fn of(request: &Request) -> Self {
        let headers = request.headers().iter();
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        Self {
            peer: peer.map(|ConnectInfo(peer)| *peer),
            method: request.method().as_str().to_owned(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            absolute: request.uri().scheme().is_some(),
            headers: headers
                .map(|(name, value)| {
                    (
                        name.as_str().to_owned(),
                        String::from_utf8_lossy(value.as_bytes()).into_owned(),
                    )
                })
                .collect(),
        }
    }

    /// First value of the header `name`, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads up to the empty line that ends a request without a body.
pub(crate) async fn skip_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    while !seen.windows(4).any(|window| window == b"\r\n\r\n") && seen.len() < 64 * 1024 {
        match stream.read(&mut buffer).await {
            Ok(length) if length > 0 => seen.extend_from_slice(&buffer[..length]),
            _ => return,
        }
    }
}
