//! An answer whose body is read piece by piece.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::Version;

use crate::encoding::Unpacker;
use crate::icy;
use crate::request::{MAX_HEADER_BYTES, host_of};
use crate::{NetError, Stage};

/// The head of an answer and its body, still on the wire. Dropping it closes the connection.
pub struct Response {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    url: String,
    host: String,
    local_address: Option<IpAddr>,
    body: reqwest::Response,
    /// Bytes received but not yet asked for.
    pending: Bytes,
    /// Unpacks the body where it is compressed.
    unpacker: Option<Unpacker>,
    delivered: u64,
    max_bytes: Option<u64>,
    read_timeout: Duration,
}

impl Response {
    /// Takes over from the client once the head is in. `unpack`: the body is wanted as it is, however it is sent.
    pub(crate) async fn new(
        body: reqwest::Response,
        max_bytes: Option<u64>,
        read_timeout: Duration,
        unpack: bool,
    ) -> Result<Self, NetError> {
        let headers: Vec<_> = body
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        let host = host_of(body.url());
        let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > MAX_HEADER_BYTES {
            return Err(NetError::TooLarge {
                host,
                what: "header",
                limit: MAX_HEADER_BYTES as u64,
            });
        }
        let mut response = Self {
            status: body.status().as_u16(),
            headers,
            url: body.url().to_string(),
            host,
            local_address: body
                .extensions()
                .get::<HttpInfo>()
                .map(|info| info.local_addr().ip()),
            body,
            pending: Bytes::new(),
            unpacker: None,
            delivered: 0,
            max_bytes,
            read_timeout,
        };
        if response.body.version() == Version::HTTP_09 {
            response.read_icy_head().await?;
        }
        if unpack {
            response.unpack();
        }
        Ok(response)
    }

    /// Status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Header fields, names in lower case; in the order received, repeated names next to each other.
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// First value of the header `name` (lower case) when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(value).ok().map(str::trim)
    }

    /// URL the answer came from, after redirects.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port the answer came from, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Bytes of the whole body as the server announced them.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// Address of this machine the connection went out from.
    pub fn local_address(&self) -> Option<IpAddr> {
        self.local_address
    }

    /// The next bytes of the body, at most `max`; empty is the end of the body (or `max` 0).
    ///
    /// # Errors
    /// [`NetError::Timeout`] when nothing came within the read timeout, [`NetError::Interrupted`] when the connection
    /// ended before the announced length, [`NetError::TooLarge`] when the body goes on beyond the request's
    /// `max_bytes`.
    pub async fn chunk(&mut self, max: usize) -> Result<Bytes, NetError> {
        if max == 0 {
            return Ok(Bytes::new());
        }
        if self.pending.is_empty() {
            self.pending = self.next_piece().await?;
        }
        let mut length = self.pending.len().min(max);
        if let Some(limit) = self.max_bytes
            && length > 0
        {
            let left = usize::try_from(limit.saturating_sub(self.delivered)).unwrap_or(usize::MAX);
            if left == 0 {
                return Err(NetError::TooLarge {
                    host: self.host.clone(),
                    what: "body",
                    limit,
                });
            }
            length = length.min(left);
        }
        self.delivered += length as u64;
        Ok(self.pending.split_to(length))
    }

    /// Whether the body stands at its first byte.
    pub(crate) fn is_unread(&self) -> bool {
        self.delivered == 0
    }

    /// From now on the body is unpacked. Length and ranges of the packed one mean nothing to the reader then.
    fn unpack(&mut self) {
        const OF_THE_PACKED: [&str; 3] = ["content-length", "content-encoding", "accept-ranges"];
        // A part of a packed body cannot be unpacked.
        if self.status == 206 {
            return;
        }
        self.unpacker = self.header("content-encoding").and_then(Unpacker::of);
        if self.unpacker.is_some() {
            self.headers
                .retain(|(name, _)| !OF_THE_PACKED.contains(&name.as_str()));
        }
    }

    /// The next bytes of the body, unpacked where it is packed; empty is the end.
    async fn next_piece(&mut self) -> Result<Bytes, NetError> {
        loop {
            let Some(unpacker) = &mut self.unpacker else {
                return self.receive().await;
            };
            let unpacked = unpacker.unpack().map_err(|error| damaged(&self.host, &error))?;
            if !unpacked.is_empty() {
                return Ok(unpacked);
            }
            let received = self.receive().await?;
            let Some(unpacker) = &mut self.unpacker else {
                return Ok(received);
            };
            if received.is_empty() {
                return unpacker.finish().map_err(|error| damaged(&self.host, &error));
            }
            unpacker.feed(received);
        }
    }

    /// Waits for bytes from the connection; empty is the end.
    async fn receive(&mut self) -> Result<Bytes, NetError> {
        loop {
            let Ok(received) = tokio::time::timeout(self.read_timeout, self.body.chunk()).await else {
                return Err(NetError::Timeout {
                    host: self.host.clone(),
                    stage: Stage::Body,
                    after: self.read_timeout,
                });
            };
            match received {
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(bytes.unwrap_or_default()),
                Err(error) => {
                    return Err(NetError::from_client(
                        &self.host,
                        Stage::Body,
                        self.read_timeout,
                        &error,
                    ));
                }
            }
        }
    }

    /// Finds status and header where an `ICY` answer has them: at the front of what the client takes for the body.
    async fn read_icy_head(&mut self) -> Result<(), NetError> {
        let mut head = BytesMut::new();
        loop {
            match icy::parse(&head) {
                icy::Parsed::Complete(found) => {
                    self.status = found.status;
                    self.headers = found.headers;
                    self.pending = head.split_off(found.len).freeze();
                    return Ok(());
                }
                icy::Parsed::Malformed => break,
                icy::Parsed::Partial => {}
            }
            let more = self.receive().await?;
            if more.is_empty() {
                break;
            }
            head.extend_from_slice(&more);
        }
        Err(NetError::Protocol {
            host: self.host.clone(),
            reason: "it does not speak HTTP".to_owned(),
        })
    }
}

fn damaged(host: &str, error: &std::io::Error) -> NetError {
    NetError::Protocol {
        host: host.to_owned(),
        reason: format!("its compressed body is damaged: {error}"),
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("host", &self.host)
            .field("delivered", &self.delivered)
            .finish_non_exhaustive()
    }
}
