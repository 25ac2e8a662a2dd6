//! Finds request targets with a raw `#`. The HTTP library takes it for the begin of a fragment and cuts it off, so that
//! it can only be seen in the bytes themselves.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::Request;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longest line looked at, bytes.
const MAX_LINE: usize = 16 * 1024;

#[derive(Debug)]
enum State {
    /// The next bytes are a request line; these have come already.
    Reading(Vec<u8>),
    /// The line is over; kept when it has a `#`.
    Read(Option<Vec<u8>>),
}

/// The request line of one connection that came last.
#[derive(Debug)]
pub struct RequestLine(Mutex<State>);

impl RequestLine {
    fn observe(&self, bytes: &[u8]) {
        let mut state = self.0.lock();
        let State::Reading(line) = &mut *state else { return };
        // Empty lines may stand before a request.
        let skipped = if line.is_empty() {
            bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()
        } else {
            0
        };
        let bytes = &bytes[skipped..];
        let end = bytes.iter().position(|b| *b == b'\n');
        let room = MAX_LINE.saturating_sub(line.len());
        let taken = end.unwrap_or(bytes.len()).min(room);
        line.extend_from_slice(&bytes[..taken]);
        if end.is_some() || taken == room {
            let line = std::mem::take(line);
            *state = State::Read(line.contains(&b'#').then_some(line));
        }
    }

    /// The request has been answered: the next line follows, unless the connection is `upgraded` to something else.
    pub fn answered(&self, upgraded: bool) {
        *self.0.lock() = if upgraded {
            State::Read(None)
        } else {
            State::Reading(Vec::new())
        };
    }

    /// Whether the target of `request` stood before a `#`. Never true by mistake: the line must be that of the request.
    pub fn is_cut_off<B>(&self, request: &Request<B>) -> bool {
        let State::Read(Some(line)) = &*self.0.lock() else {
            return false;
        };
        let target = request
            .uri()
            .path_and_query()
            .map_or("", |target| target.as_str());
        line.starts_with(format!("{} {target}#", request.method()).as_bytes())
    }
}

/// A connection whose request lines are noted.
#[derive(Debug)]
pub struct Observed<S> {
    stream: S,
    line: Arc<RequestLine>,
}

impl<S> Observed<S> {
    /// Wraps a connection on which a request is expected.
    pub fn new(stream: S) -> (Self, Arc<RequestLine>) {
        let line = Arc::new(RequestLine(Mutex::new(State::Reading(Vec::new()))));
        (
            Self {
                stream,
                line: Arc::clone(&line),
            },
            line,
        )
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.line.observe(&buf.filled()[before..]);
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> RequestLine {
        RequestLine(Mutex::new(State::Reading(Vec::new())))
    }

    fn request(method: &str, target: &str) -> Request<()> {
        let request = Request::builder().method(method).uri(target);
        request.body(()).expect("a request")
    }

    #[test]
    fn a_fragment_is_seen_however_it_arrives() {
        let line = line();
        for piece in [
            &b"\r\nGE"[..],
            b"T /a?b",
            b"=c#d HTTP/1.1\r",
            b"\nHost: x#y\r\n\r\n",
        ] {
            line.observe(piece);
        }
        assert!(line.is_cut_off(&request("GET", "/a?b=c")));
        assert!(!line.is_cut_off(&request("GET", "/a?b")));
        assert!(!line.is_cut_off(&request("PUT", "/a?b=c")));
        line.answered(false);
        line.observe(b"GET /a?b=c HTTP/1.1\r\nHost: #\r\n\r\n");
        assert!(!line.is_cut_off(&request("GET", "/a?b=c")));
    }

    #[test]
    fn what_is_no_request_line_is_not_kept() {
        let line = line();
        line.observe(&[b'#'; 2 * MAX_LINE]);
        assert!(!line.is_cut_off(&request("GET", "/")));
        line.answered(true);
        line.observe(b"GET /#");
        assert!(matches!(&*line.0.lock(), State::Read(None)));
    }
}
