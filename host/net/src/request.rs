//! A request as callers describe it, and the checks before it may leave.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RANGE};
use reqwest::{Client, Method, Url};

use std::sync::Arc;

use crate::{HostList, NetError};

/// Longest URL sent, in bytes. Servers refuse far shorter ones; this bounds what a plugin can make us copy.
pub const MAX_URL_BYTES: usize = 16 * 1024;

/// Most bytes of names and values in a request or response header.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// One HTTP request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute `http` or `https` URL, at most [`MAX_URL_BYTES`].
    pub url: String,
    /// Sent in this order, at most [`MAX_HEADER_BYTES`] together.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Request body.
    pub body: Option<Vec<u8>>,
    /// First and last byte wanted, both inclusive, sent as a `Range` header; an open end is the last byte.
    pub range: Option<(u64, Option<u64>)>,
    /// Whether the client follows 3xx answers itself, at most [`crate::MAX_REDIRECTS`].
    pub follow_redirects: bool,
    /// Most bytes of the response body delivered; asking for more is an error. `None` is no bound.
    pub max_bytes: Option<u64>,
    /// Which address of this machine it leaves from.
    pub route: Route,
    /// Hosts it may go to, redirects and the parts of a playlist included; `None` is any.
    pub hosts: Option<Arc<HostList>>,
}

/// Which address of this machine a request leaves from, when a route planner is active.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The system's choice.
    #[default]
    Direct,
    /// The planner's choice; another one when the answer is 429.
    Planned,
    /// The same for a search: the planner may be set not to hold its 429 against the address.
    PlannedSearch,
}

impl Request {
    /// A plain GET that follows redirects, without a bound on the body.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: "GET".to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            range: None,
            follow_redirects: true,
            max_bytes: None,
            route: Route::Direct,
            hosts: None,
        }
    }

    /// Whether whoever made it unpacks the body himself.
    pub(crate) fn asks_for_encoding(&self) -> bool {
        let is_it = |(name, _): &(String, Vec<u8>)| name.eq_ignore_ascii_case("accept-encoding");
        self.headers.iter().any(is_it)
    }

    /// The request in the client's types. Credentials in the URL become an `Authorization` header.
    pub(crate) fn build(self, client: &Client) -> Result<reqwest::Request, NetError> {
        let url = parse_url(&self.url)?;
        let host = host_of(&url);
        let invalid = |reason: String| NetError::Request {
            host: host.clone(),
            reason,
        };
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| invalid(format!("{:?} is not a method", self.method)))?;
        let mut request = client
            .request(method, url)
            .build()
            .map_err(|error| invalid(error.without_url().to_string()))?;
        let total: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if total > MAX_HEADER_BYTES {
            return Err(invalid(format!(
                "the header has {total} bytes, {MAX_HEADER_BYTES} are allowed"
            )));
        }
        append_headers(request.headers_mut(), self.headers).map_err(&invalid)?;
        if let Some((first, last)) = self.range {
            let last = last.map(|last| last.to_string()).unwrap_or_default();
            let value = HeaderValue::from_str(&format!("bytes={first}-{last}"))
                .map_err(|_| invalid("the range is not valid".to_owned()))?;
            request.headers_mut().insert(RANGE, value);
        }
        *request.body_mut() = self.body.map(Into::into);
        Ok(request)
    }
}

/// Leaves out header values, body and query: they carry tokens.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = parse_url(&self.url).map_or_else(|_| "(no URL)".to_owned(), |url| host_of(&url));
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &host)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// Parses an absolute `http` or `https` URL with a host.
fn parse_url(text: &str) -> Result<Url, NetError> {
    let refuse = |reason: String| NetError::Url { reason };
    if text.len() > MAX_URL_BYTES {
        return Err(refuse(format!(
            "it has {} bytes, {MAX_URL_BYTES} are allowed",
            text.len()
        )));
    }
    let url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse(format!(
            "scheme {:?}, only http and https are spoken",
            url.scheme()
        )));
    }
    Ok(url)
}

/// Host and, when it is not the scheme's own, port: how errors name a server.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("(no host)");
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn append_headers(map: &mut HeaderMap, headers: Vec<(String, Vec<u8>)>) -> Result<(), String> {
    for (name, value) in headers {
        let key =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header name"))?;
        let value = HeaderValue::from_bytes(&value)
            .map_err(|_| format!("the value of {key} has bytes HTTP forbids"))?;
        map.try_append(key, value)
            .map_err(|_| "there are too many header fields".to_owned())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(request: Request) -> Result<reqwest::Request, NetError> {
        let tls = crate::tls::client_config().unwrap();
        request.build(&Client::builder().tls_backend_preconfigured(tls).build().unwrap())
    }

    #[test]
    fn a_range_becomes_a_header() {
        let mut request = Request::get("http://media.test/a.mp3");
        request.range = Some((100, None));
        assert_eq!(built(request.clone()).unwrap().headers()[RANGE], "bytes=100-");
        request.range = Some((100, Some(199)));
        assert_eq!(built(request).unwrap().headers()[RANGE], "bytes=100-199");
    }

    #[test]
    fn headers_keep_order_and_bytes() {
        let mut request = Request::get("http://media.test/");
        request.headers = vec![("X-B".into(), b"caf\xe9".to_vec()), ("X-A".into(), b"1".to_vec())];
        let built = built(request).unwrap();
        let fields: Vec<_> = built
            .headers()
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_bytes().to_vec()))
            .collect();
        assert_eq!(fields, vec![("x-b", b"caf\xe9".to_vec()), ("x-a", b"1".to_vec())]);
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for url in [
            "ftp://media.test/",
            "media.test/a.mp3",
            "http://",
            "",
            "file:///etc/passwd",
        ] {
            assert!(
                matches!(built(Request::get(url)), Err(NetError::Url { .. })),
                "{url}"
            );
        }
        let long = format!("http://media.test/{}", "a".repeat(MAX_URL_BYTES));
        assert!(matches!(built(Request::get(long)), Err(NetError::Url { .. })));
        let mut request = Request::get("http://media.test/");
        request.headers = vec![("bad name".into(), b"1".to_vec())];
        assert!(matches!(built(request.clone()), Err(NetError::Request { .. })));
        request.headers = vec![("x-a".into(), b"1\r\nx-b: 2".to_vec())];
        assert!(matches!(built(request.clone()), Err(NetError::Request { .. })));
        request.headers = vec![("x-a".into(), vec![b'a'; MAX_HEADER_BYTES])];
        assert!(matches!(built(request), Err(NetError::Request { .. })));
    }

    #[test]
    fn debug_text_has_no_secrets() {
        let mut request = Request::get("https://user:pw@media.test/a?token=abc");
        request.headers = vec![("authorization".into(), b"Bearer xyz".to_vec())];
        let text = format!("{request:?}");
        assert!(text.contains("media.test"), "{text}");
        for secret in ["pw", "abc", "xyz"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
