//! REST: endpoints of a plugin's own, and a look at the requests of all.

use crate::{Failure, Header, Host};

/// A method and a path the plugin answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute, without the configured context path: `/v4/example/{name}`. A segment in braces stands for any one
    /// segment, `{*name}` at the end for the rest.
    pub path: String,
}

/// What a request begins with. The node's password is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestHead {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path as received, without the configured context path; percent-escapes are left.
    pub path: String,
    /// What follows `?`, as received.
    pub query: Option<String>,
    /// Fields in the order received, names in lower case.
    pub headers: Vec<Header>,
}

/// A request to one of the plugin's endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestRequest {
    /// Method, path, query and headers.
    pub head: RestHead,
    /// The segments in braces of the path, in order: name and value, percent-decoded.
    pub parameters: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestResponse {
    /// 200 to 599.
    pub status: u16,
    /// Header fields; the host adds those of every answer.
    pub headers: Vec<Header>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl RestResponse {
    /// Status 200 and JSON text.
    pub fn json(text: impl Into<String>) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
            body: text.into().into_bytes(),
        }
    }

    /// Status 204.
    pub fn no_content() -> Self {
        Self {
            status: 204,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// A request refused; the host answers Lavalink's error object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestError {
    /// 400 to 599.
    pub status: u16,
    /// Its `message`.
    pub message: String,
}

impl RestError {
    /// An error of this status.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

impl From<Failure> for RestError {
    fn from(failure: Failure) -> Self {
        Self::new(500, failure.to_string())
    }
}

impl std::fmt::Display for RestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.message)
    }
}

impl std::error::Error for RestError {}

/// Endpoints of a plugin. The host checks the password first, and bounds the body and the time.
pub trait Routes: Send + Sync + 'static {
    /// What the plugin answers. Asked once, when it is loaded. A path of the node's own stays the node's.
    fn endpoints(&self) -> Vec<Endpoint>;

    /// Answers a request to the endpoint of this index.
    ///
    /// # Errors
    /// What the client gets as an error object.
    fn handle(&self, host: &dyn Host, endpoint: u32, request: RestRequest)
    -> Result<RestResponse, RestError>;

    /// The same for a plugin behind a border, whose own breakdown is told apart from an answer. Not for authors.
    #[doc(hidden)]
    fn try_handle(
        &self,
        host: &dyn Host,
        endpoint: u32,
        request: RestRequest,
    ) -> Result<Result<RestResponse, RestError>, Failure> {
        Ok(self.handle(host, endpoint, request))
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on to the next interceptor and to its route.
    Proceed,
    /// This is its answer.
    Answer(RestResponse),
    /// This is its answer, as an error object.
    Refuse(RestError),
}

/// Sees every REST request that gave the right password.
pub trait Interceptor: Send + Sync + 'static {
    /// Before the request is handled.
    ///
    /// # Errors
    /// Reported; the request goes on.
    fn before(&self, host: &dyn Host, request: &RestHead) -> Result<Verdict, Failure>;

    /// After it was answered with this status, when [`Interceptor::before`] let it proceed. The client does not wait for
    /// it.
    ///
    /// # Errors
    /// Reported.
    fn after(&self, host: &dyn Host, request: &RestHead, status: u16) -> Result<(), Failure>;
}
