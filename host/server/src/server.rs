//! Accepts connections and serves them until the node shuts down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::deadline_stream::DeadlineStream;
use crate::forwarded;
use crate::request_line::Observed;
use crate::rest::Peer;

/// Connections served at one time, REST and WebSocket together; further ones wait to be accepted.
const MAX_CONNECTIONS: u32 = 8192;
/// Longest time for the first byte of a new connection to arrive. Short, because nobody has shown a password yet.
const FIRST_BYTE_DEADLINE: Duration = Duration::from_secs(10);
/// Longest time for the head of a request to arrive, and for a kept connection to be idle before it; as Undertow.
const HEADER_DEADLINE: Duration = Duration::from_secs(60);
/// Longest TLS handshake.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Longest time without progress when something is sent. Longer than the socket of a session waits, which can tell its
/// client why.
const WRITE_DEADLINE: Duration = Duration::from_secs(45);
/// Bytes the kernel may hold per connection for a client that does not read (it doubles the number).
const SEND_BUFFER: usize = 128 * 1024;
/// Bytes of read buffer per connection; also the longest head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Pause after an error of `accept`, which mostly is a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How connections are served.
#[derive(Clone)]
pub struct Settings {
    /// Set when TLS is spoken.
    pub tls: Option<TlsAcceptor>,
    /// Whether proxies say where requests come from.
    pub trusts_forwarded_headers: bool,
    /// Whether the end waits for requests under way.
    pub is_graceful: bool,
}

/// Serves `router` on `listener` until `shutdown` becomes true; requests under way are answered.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: Settings,
    mut shutdown: watch::Receiver<bool>,
) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    loop {
        let accepted = tokio::select! {
            () = over(&mut shutdown) => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let (router, shutdown, settings) = (router.clone(), shutdown.clone(), settings.clone());
                tokio::spawn(async move {
                    secure_and_serve(stream, peer, router, settings, shutdown).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if settings.is_graceful {
        // All permits are back when the last request is answered. The semaphore is never closed.
        let _all = permits.acquire_many(MAX_CONNECTIONS).await.is_ok();
    }
}

/// Waits for the shutdown. A sender that is gone means the same.
async fn over(shutdown: &mut watch::Receiver<bool>) {
    let _sender_gone = shutdown.wait_for(|is_over| *is_over).await.is_err();
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
    Ok((stream, address, permit))
}

async fn secure_and_serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    settings: Settings,
    mut shutdown: watch::Receiver<bool>,
) {
    let first_byte = tokio::select! {
        first_byte = tokio::time::timeout(FIRST_BYTE_DEADLINE, stream.readable()) => first_byte,
        () = over(&mut shutdown) => return,
    };
    if first_byte.is_err() {
        tracing::debug!("connection from {} says nothing, it is closed", peer);
        return;
    }
    let stream = DeadlineStream::new(stream, WRITE_DEADLINE, peer);
    let trusts_headers = settings.trusts_forwarded_headers;
    let Some(tls) = settings.tls else {
        return serve_connection(stream, peer, router, trusts_headers, shutdown).await;
    };
    let handshake = tokio::time::timeout(HANDSHAKE_DEADLINE, tls.accept(stream));
    let secured = tokio::select! {
        () = over(&mut shutdown) => return,
        secured = handshake => secured,
    };
    match secured {
        Ok(Ok(stream)) => serve_connection(stream, peer, router, trusts_headers, shutdown).await,
        Ok(Err(error)) => tracing::debug!("TLS handshake with {peer} failed: {error}"),
        Err(_) => tracing::debug!("TLS handshake with {peer} took too long"),
    }
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    trusts_forwarded_headers: bool,
    mut shutdown: watch::Receiver<bool>,
) {
    let (stream, line) = Observed::new(stream);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let client = match trusts_forwarded_headers {
            true => forwarded::client(request.headers(), peer),
            false => peer,
        };
        request.extensions_mut().insert(Peer(client));
        let (router, line) = (router.clone(), Arc::clone(&line));
        async move {
            let answer = if line.is_cut_off(&request) {
                Ok(StatusCode::BAD_REQUEST.into_response())
            } else {
                router.oneshot(request.map(Body::new)).await
            };
            let is_upgraded =
                matches!(&answer, Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS);
            line.answered(is_upgraded);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(MAX_HEAD_BYTES)
        // As Java's server spells them; some clients compare without regard to the standard.
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = over(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!("connection from {} ended: {error}", peer);
    }
}
