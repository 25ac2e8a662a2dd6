//! From a resource and a request to bytes on the wire.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use crate::resource::{Content, Fault, Place, Resource};

/// Bytes per piece when nothing else is asked for.
const PIECE_BYTES: usize = 16 * 1024;

/// An answer with a line of text.
pub(crate) fn plain(status: u16, text: &str) -> Response {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// What of a request decides about the answer.
pub(crate) struct Asked {
    range: Option<(usize, Option<usize>)>,
    head_only: bool,
}

impl Asked {
    pub(crate) fn of(request: &Request) -> Self {
        let range = request
            .headers()
            .get(header::RANGE)
            .and_then(|value| value.to_str().ok());
        Self {
            range: range.and_then(range_of),
            head_only: request.method() == Method::HEAD,
        }
    }
}

/// Answers request number `turn` (from 0) for `resource`.
pub(crate) async fn respond(
    resource: &Resource,
    turn: usize,
    asked: &Asked,
    open_bodies: Arc<AtomicUsize>,
) -> Response {
    if let Some((times, status)) = resource.fail_first
        && turn < times
    {
        return plain(status, "as planned");
    }
    let mut response = match &resource.content {
        Content::Hang => std::future::pending().await,
        Content::Status(status) => plain(*status, "as planned"),
        Content::Redirect(location) => {
            let mut response = plain(302, "elsewhere");
            if let Ok(location) = HeaderValue::from_str(location) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
        Content::Bytes(bytes) => medium(resource, bytes, turn, asked, open_bodies),
    };
    for (name, value) in &resource.headers {
        if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn medium(
    resource: &Resource,
    bytes: &Bytes,
    turn: usize,
    asked: &Asked,
    open_bodies: Arc<AtomicUsize>,
) -> Response {
    let mut response = Response::new(Body::empty());
    let (first, end) = match asked.range.filter(|_| resource.ranges) {
        Some((first, _)) if first >= bytes.len() => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(
                &mut response,
                header::CONTENT_RANGE,
                format!("bytes */{}", bytes.len()),
            );
            return response;
        }
        Some((first, last)) => {
            let end = last.map_or(bytes.len(), |last| last.saturating_add(1).min(bytes.len()));
            let first = (first + resource.wrong_range_by).min(end.saturating_sub(1));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(
                &mut response,
                header::CONTENT_RANGE,
                format!("bytes {first}-{}/{}", end - 1, bytes.len()),
            );
            (first, end)
        }
        None => (0, bytes.len()),
    };
    if resource.advertise_ranges {
        set(&mut response, header::ACCEPT_RANGES, "bytes".to_owned());
    }
    if resource.length {
        set(&mut response, header::CONTENT_LENGTH, (end - first).to_string());
    }
    if !asked.head_only {
        *response.body_mut() =
            Sending::new(resource, bytes.slice(first..end), first, turn, open_bodies).into_body();
    }
    response
}

fn set(response: &mut Response, name: header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// First and last byte of `bytes=first-` or `bytes=first-last`.
fn range_of(text: &str) -> Option<(usize, Option<usize>)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last = if last.is_empty() {
        None
    } else {
        Some(last.parse().ok().filter(|last| *last >= first)?)
    };
    Some((first, last))
}

/// A body on its way, counted among the open ones until it is dropped.
struct Sending {
    left: Bytes,
    /// Bytes until the fault.
    until_fault: Option<(usize, Fault)>,
    drip: Option<(usize, std::time::Duration)>,
    open_bodies: Arc<AtomicUsize>,
}

impl Sending {
    fn new(
        resource: &Resource,
        left: Bytes,
        first: usize,
        turn: usize,
        open_bodies: Arc<AtomicUsize>,
    ) -> Self {
        open_bodies.fetch_add(1, Ordering::Relaxed);
        let until_fault = resource
            .fault
            .as_ref()
            .filter(|fault| turn < fault.times)
            .and_then(|planned| {
                let bytes = match planned.place {
                    Place::Sent(bytes) => bytes,
                    Place::Offset(offset) => offset.saturating_sub(first),
                };
                (bytes < left.len()).then_some((bytes, planned.fault))
            });
        Self {
            left,
            until_fault,
            drip: resource.drip,
            open_bodies,
        }
    }

    fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut sending| async move {
            let piece = sending.next().await?;
            Some((piece, sending))
        }))
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let mut length = self.left.len().min(PIECE_BYTES);
        if let Some((bytes, pause)) = self.drip {
            tokio::time::sleep(pause).await;
            length = length.min(bytes);
        }
        if let Some((until, fault)) = &mut self.until_fault {
            if *until == 0 {
                return match fault {
                    Fault::Cut => {
                        // Without this the connection may close before the bytes sent so far are flushed.
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                        Some(Err(io::ErrorKind::ConnectionReset.into()))
                    }
                    Fault::Stall => std::future::pending().await,
                };
            }
            length = length.min(*until);
            *until -= length;
        }
        (length > 0).then(|| Ok(self.left.split_to(length)))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.open_bodies.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(range_of("bytes=5-"), Some((5, None)));
        assert_eq!(range_of("bytes=5-9"), Some((5, Some(9))));
        for other in ["bytes=-5", "bytes=9-5", "items=1-2", "bytes=", "bytes=a-"] {
            assert_eq!(range_of(other), None, "{other}");
        }
    }
}
