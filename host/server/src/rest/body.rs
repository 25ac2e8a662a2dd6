//! Reads request bodies: JSON only, bounded in size and time.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::charset::Charset;
use super::errors::ApiError;
use super::media_type::MediaType;

/// Most bytes of a body.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most bytes of a list of track strings: more than 100,000 of them.
const MAX_LARGE_BYTES: usize = 48 * 1024 * 1024;
/// Of bodies larger than [`MAX_BYTES`] the node handles one at a time, because each costs a few times its size.
static LARGE: Semaphore = Semaphore::const_new(1);
/// Most bytes taken of a body that is too large.
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;
/// Longest time for a body to arrive.
const DEADLINE: Duration = Duration::from_secs(30);
/// What may be sent, for the headers of a 415.
const ACCEPTED: &str = "application/json, application/*+json";

/// Where the body is put for the request log; travels in the request's extensions.
#[derive(Debug, Clone, Default)]
pub struct Payload(Arc<Mutex<Option<Bytes>>>);

impl Payload {
    /// The body, if one was read.
    pub fn take(&self) -> Option<Bytes> {
        self.0.lock().take()
    }
}

/// Reads a JSON body.
///
/// # Errors
/// 415 for another kind of content, 400 without content, 413 and 408 beyond the bounds.
pub async fn read(request: Request<Body>) -> Result<Bytes, ApiError> {
    Ok(read_up_to(MAX_BYTES, request).await?.bytes)
}

/// A body that may be larger than others. While it is there, no other such one is taken in.
#[derive(Debug)]
pub struct LargeBody {
    bytes: Bytes,
    _turn: Option<SemaphorePermit<'static>>,
}

impl Deref for LargeBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// As [`read`], for lists of track strings.
///
/// # Errors
/// As [`read`]; 408 also when others' large bodies take too long.
pub async fn read_large(request: Request<Body>) -> Result<LargeBody, ApiError> {
    read_up_to(MAX_LARGE_BYTES, request).await
}

async fn read_up_to(limit: usize, request: Request<Body>) -> Result<LargeBody, ApiError> {
    let (parts, body) = request.into_parts();
    let kind = kind(&parts.headers, &parts.method);
    // What is sent without a type counts only when something is sent.
    if let (Err(error), true) = (&kind, parts.headers.contains_key(header::CONTENT_TYPE)) {
        return Err(error.clone());
    }
    let (bytes, turn) = tokio::time::timeout(DEADLINE, collect(limit, body))
        .await
        .map_err(|_| too_late())??;
    if bytes.is_empty() {
        return Err(ApiError::undecodable("the request body is missing"));
    }
    let bytes = kind?.to_utf8(bytes);
    if bytes.len() > limit {
        return Err(too_large(limit));
    }
    if let Some(payload) = parts.extensions.get::<Payload>() {
        *payload.0.lock() = Some(bytes.clone());
    }
    Ok(LargeBody { bytes, _turn: turn })
}

/// Reads a body of any kind.
///
/// # Errors
/// 413 and 408 beyond the bounds.
pub async fn read_any(request: Request<Body>) -> Result<Bytes, ApiError> {
    let (bytes, _) = tokio::time::timeout(DEADLINE, collect(MAX_BYTES, request.into_body()))
        .await
        .map_err(|_| too_late())??;
    Ok(bytes)
}

/// Takes the whole body. What is too large is read a while longer and thrown away: a client that is still sending when
/// the connection is closed never sees the answer.
async fn collect(
    limit: usize,
    mut body: Body,
) -> Result<(Bytes, Option<SemaphorePermit<'static>>), ApiError> {
    let mut kept = BytesMut::new();
    let mut received = 0_usize;
    let mut turn = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(ApiError::undecodable)?.into_data() else {
            continue;
        };
        received = received.saturating_add(data.len());
        if received > MAX_BYTES && received <= limit && turn.is_none() {
            turn = Some(LARGE.acquire().await.map_err(ApiError::undecodable)?);
        }
        if received <= limit {
            kept.extend_from_slice(&data);
        } else if received > MAX_DISCARDED_BYTES {
            break;
        } else {
            kept = BytesMut::new();
            turn = None;
        }
    }
    if received > limit {
        return Err(too_large(limit));
    }
    Ok((kept.freeze(), turn))
}

fn too_late() -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "The request body did not arrive in time",
    )
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("The request body is larger than {limit} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// The charset of the content, which must be JSON.
fn kind(headers: &HeaderMap, method: &Method) -> Result<Charset, ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Err(unsupported(
            "Content-Type 'application/octet-stream' is not supported.",
            method,
        ));
    };
    let kind = value.to_str().ok().and_then(MediaType::parse);
    let charset = kind
        .as_ref()
        .map(|kind| Charset::named(kind.parameter("charset")));
    match (kind, charset) {
        (Some(kind), Some(Some(charset))) if !kind.is_wildcard() => {
            if kind.is_json() {
                return Ok(charset);
            }
            Err(unsupported(
                &format!("Content-Type '{kind}' is not supported."),
                method,
            ))
        }
        _ => Err(unsupported("Could not parse Content-Type.", method)),
    }
}

fn unsupported(message: &str, method: &Method) -> ApiError {
    let error =
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).with_header(header::ACCEPT, ACCEPTED);
    if method == Method::PATCH {
        return error.with_header(header::HeaderName::from_static("accept-patch"), ACCEPTED);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    async fn status(content_type: Option<&str>, body: &'static str) -> Result<Bytes, u16> {
        let mut request = Request::builder().method("PATCH").uri("/");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request = request.body(Body::from(body)).expect("a request");
        read(request)
            .await
            .map_err(|error| error.into_response().status().as_u16())
    }

    #[tokio::test]
    async fn only_json_is_read() {
        for json in [
            "application/json",
            "application/json; charset=utf-8",
            "application/json; charset=\"ISO-8859-1\"; x=y",
            "Application/problem+JSON",
        ] {
            assert_eq!(
                status(Some(json), "{}").await.as_deref(),
                Ok(&b"{}"[..]),
                "{json}"
            );
        }
        for (other, body) in [
            (Some("text/plain"), "{}"),
            (Some("nonsense"), "{}"),
            (Some("application/json; charset=klingon"), "{}"),
            (Some("application/*"), "{}"),
            (None, "{}"),
            (Some("text/plain"), ""),
        ] {
            assert_eq!(status(other, body).await, Err(415), "{other:?} {body:?}");
        }
    }

    #[tokio::test]
    async fn a_missing_body_is_a_bad_request() {
        assert_eq!(status(Some("application/json"), "").await, Err(400));
        assert_eq!(status(None, "").await, Err(400));
    }

    #[tokio::test]
    async fn a_huge_body_is_refused() {
        let request = Request::builder().header("content-type", "application/json");
        let request = request
            .body(Body::from(vec![b' '; MAX_BYTES + 1]))
            .expect("a request");
        let error = read(request).await.expect_err("too large");
        assert_eq!(error.into_response().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_huge_body_is_read_on_but_not_for_ever() {
        let (taken, counter) = (Arc::new(Mutex::new(0_usize)), 1024 * 1024);
        let seen = Arc::clone(&taken);
        let endless = futures_util::stream::repeat_with(move || {
            *seen.lock() += counter;
            Ok::<_, std::io::Error>(Bytes::from(vec![b' '; counter]))
        });
        let request = Request::builder().header("content-type", "application/json");
        let request = request.body(Body::from_stream(endless)).expect("a request");
        let error = read(request).await.expect_err("too large");
        assert_eq!(error.into_response().status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!((MAX_DISCARDED_BYTES..MAX_DISCARDED_BYTES + 2 * counter).contains(&*taken.lock()));
    }
}
