//! How a source hands audio to the host: mostly as a description, so that the bytes never cross the border.

use std::any::Any;
use std::time::Duration;

use crate::Failure;

/// One HTTP header. Values are bytes because servers do not keep to ASCII.
pub type Header = (String, Vec<u8>);

/// A byte range, both ends inclusive; an open end means up to the last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset of the last byte.
    pub end: Option<u64>,
}

/// An HTTP request the host is asked to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute `http` or `https` URL.
    pub url: String,
    /// Sent in this order.
    pub headers: Vec<Header>,
    /// Request body.
    pub body: Option<Vec<u8>>,
    /// Sent as a `Range` header.
    pub range: Option<ByteRange>,
    /// Most bytes of the response body the host will deliver; the host has a bound of its own when this is `None`.
    pub max_bytes: Option<u64>,
    /// Whether the host follows 3xx answers itself.
    pub follow_redirects: bool,
    /// Which of the node's addresses it leaves from.
    pub route: Route,
}

/// Which of the node's addresses a request leaves from. Makes a difference only where the operator has configured a route
/// planner (`lavalink.server.ratelimit`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The address the planner chooses; an answer 429 makes it choose another one and try again.
    #[default]
    Planned,
    /// The same for a search; the operator may have 429 answers to searches not held against the address.
    PlannedSearch,
    /// The system's own choice: for addresses users make up.
    Direct,
}

impl HttpRequest {
    /// A plain GET that follows redirects, over the planned route.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: "GET".to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            range: None,
            max_bytes: None,
            follow_redirects: true,
            route: Route::default(),
        }
    }
}

/// An answer whose body has not been read yet.
pub trait HttpResponse: Send {
    /// Status code.
    fn status(&self) -> u16;
    /// Header fields in the order received; names in lower case.
    fn headers(&self) -> Vec<Header>;
    /// URL the answer came from, after redirects.
    fn url(&self) -> String;
    /// Address on this node the connection was made from, for sources whose URLs only work from there.
    fn local_address(&self) -> Option<String> {
        None
    }
    /// Reads at most `max` bytes; empty is the end.
    ///
    /// # Errors
    /// When the connection broke or the deadline of the call passed.
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure>;

    /// First value of a header, given in lower case, as text.
    fn header(&self, name: &str) -> Option<String> {
        self.headers()
            .into_iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| String::from_utf8_lossy(&value).into_owned())
    }

    /// The object itself, for the side that made it: the host takes its connection out again when it gets one of its
    /// answers back in [`Media::Response`].
    fn as_any_mut(&mut self) -> Option<&mut dyn Any> {
        None
    }
}

/// Bytes a plugin itself produces.
pub trait ByteStream: Send {
    /// Reads at most `max` bytes from the current position; empty is the end.
    ///
    /// # Errors
    /// When the bytes cannot be had.
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure>;
    /// Moves the position to `offset` bytes from the start.
    ///
    /// # Errors
    /// When the stream cannot jump there.
    fn seek(&mut self, offset: u64) -> Result<(), Failure>;
    /// Total bytes, if known. A stream of unknown length is never asked to seek.
    fn length(&self) -> Option<u64>;
}

/// What is known about a medium before its first byte is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint {
    /// `Content-Type` as received.
    pub mime: Option<String>,
    /// File name extension without the dot.
    pub extension: Option<String>,
    /// Probe name from an encoded track; the host then skips the guessing.
    pub container: Option<String>,
}

impl Hint {
    /// The text after the last dot of the last path segment.
    pub fn extension_of(path: &str) -> Option<String> {
        let name = path.rsplit(['/', '\\']).next()?;
        name.rsplit_once('.').map(|(_, extension)| extension.to_owned())
    }
}

/// A response the plugin opened and gives back to the host, which goes on reading it.
pub type Body = Box<dyn HttpResponse>;

/// Where the bytes of a track are.
pub enum Media {
    /// The host fetches it: ranged reads, retry, read-ahead, seek.
    Http {
        /// A GET; the host sets the range itself.
        request: HttpRequest,
        /// How long the URL stays valid.
        expires: Option<Duration>,
        /// Total bytes, if known.
        length: Option<u64>,
        /// What the bytes are.
        hint: Hint,
    },
    /// An HLS playlist the host fetches.
    Hls {
        /// GET of a master or media playlist.
        request: HttpRequest,
        /// Whether it has no end.
        live: bool,
    },
    /// An answer to [`crate::Host::fetch`], handed back unread.
    Response(Body, Hint),
    /// Bytes the plugin makes.
    Bytes(Box<dyn ByteStream>, Hint),
    /// Another identifier to be loaded and played instead (mirrors).
    Redirect(String),
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http { request, hint, .. } => write!(f, "Http({}, {hint:?})", request.url),
            Self::Hls { request, live } => write!(f, "Hls({}, live {live})", request.url),
            Self::Response(body, hint) => write!(f, "Response({}, {hint:?})", body.url()),
            Self::Bytes(stream, hint) => write!(f, "Bytes({:?} bytes, {hint:?})", stream.length()),
            Self::Redirect(identifier) => write!(f, "Redirect({identifier})"),
        }
    }
}
