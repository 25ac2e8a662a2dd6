//! An HTTP media server on loopback that misbehaves on request, for tests of everything that fetches media.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use fake_services::{FakeServices, Resource};
//!
//! let services = FakeServices::start().await?;
//! services.serve("/song.mp3", Resource::bytes("audio/mpeg", vec![0; 100_000]).cut_after(40_000, 1));
//! let url = services.url("/song.mp3"); // the first answer breaks off after 40 000 bytes
//! # Ok(())
//! # }
//! ```

mod record;
mod resource;
mod respond;
mod tls;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::ListenerExt;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use record::Recorded;
pub use resource::Resource;

/// What the running server and its owner share.
#[derive(Debug, Default)]
struct Shared {
    resources: Mutex<HashMap<String, resource::Served>>,
    requests: Mutex<Vec<Recorded>>,
    connections: AtomicUsize,
    open_bodies: Arc<AtomicUsize>,
}

/// A running server. Dropping it closes all its connections.
#[derive(Debug)]
pub struct FakeServices {
    address: SocketAddr,
    authority: Option<String>,
    shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
}

impl FakeServices {
    /// Starts a plain HTTP server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let counted = shared.clone();
        let listener = listener.tap_io(move |_| {
            counted.connections.fetch_add(1, Ordering::Relaxed);
        });
        let mut tasks = JoinSet::new();
        let router = router(shared.clone());
        tasks.spawn(async move {
            // Ends only by being aborted.
            let _ = axum::serve(
                listener,
                router.into_make_service_with_connect_info::<SocketAddr>(),
            )
            .await;
        });
        Ok(Self {
            address,
            authority: None,
            shared,
            tasks: Mutex::new(tasks),
        })
    }

    /// Starts an HTTPS server on a free port of 127.0.0.1 whose certificate, for `127.0.0.1` and `localhost`, is
    /// signed by an authority of its own.
    ///
    /// # Errors
    /// When no port can be bound or no certificate be made.
    pub async fn start_tls() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let identity = tls::Identity::generate().map_err(io::Error::other)?;
        let listener = tls::TlsListener::new(listener, &identity).map_err(io::Error::other)?;
        let counted = shared.clone();
        let listener = listener.tap_io(move |_| {
            counted.connections.fetch_add(1, Ordering::Relaxed);
        });
        let mut tasks = JoinSet::new();
        let router = router(shared.clone());
        tasks.spawn(async move {
            let _ = axum::serve(
                listener,
                router.into_make_service_with_connect_info::<SocketAddr>(),
            )
            .await;
        });
        Ok(Self {
            address,
            authority: Some(identity.authority_pem),
            shared,
            tasks: Mutex::new(tasks),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority of a TLS server, as PEM.
    pub fn authority_pem(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// Absolute URL of `path`, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Puts a resource under `path` (without query), replacing what was there. Everything else answers 404.
    pub fn serve(&self, path: impl Into<String>, resource: Resource) {
        self.shared
            .resources
            .lock()
            .insert(path.into(), resource::Served::new(resource));
    }

    /// Answers every connection to a port of its own with exactly these bytes, whatever is asked, and closes it.
    /// Returns the URL of the port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn serve_raw(&self, answer: impl Into<Bytes>) -> io::Result<String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let answer = answer.into();
        let shared = self.shared.clone();
        self.tasks.lock().spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let answer = answer.clone();
                tokio::spawn(async move {
                    record::skip_request(&mut stream).await;
                    // The peer may hang up first, which is its right.
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Ok(format!("http://{address}/"))
    }

    /// How many requests for `path` came in.
    pub fn hits(&self, path: &str) -> usize {
        self.shared
            .requests
            .lock()
            .iter()
            .filter(|request| request.path == path)
            .count()
    }

    /// The requests for `path`, oldest first.
    pub fn requests(&self, path: &str) -> Vec<Recorded> {
        self.shared
            .requests
            .lock()
            .iter()
            .filter(|request| request.path == path)
            .cloned()
            .collect()
    }

    /// The `Range` headers of the requests for `path`, oldest first; `None` where there was none.
    pub fn ranges(&self, path: &str) -> Vec<Option<String>> {
        self.requests(path)
            .iter()
            .map(|request| request.header("range").map(str::to_owned))
            .collect()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many answers are being sent at this moment. Falls when a client hangs up.
    pub fn open_bodies(&self) -> usize {
        self.shared.open_bodies.load(Ordering::Relaxed)
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let recorded = Recorded::of(&request);
    let path = recorded.path.clone();
    let peer = recorded.peer;
    let asked = respond::Asked::of(&request);
    shared.requests.lock().push(recorded);
    let served = shared.resources.lock().get_mut(&path).map(resource::Served::next);
    match served {
        Some((resource, _)) if peer.is_some_and(|peer| resource.refused.contains(&peer.ip())) => {
            respond::plain(429, "too many requests")
        }
        Some((resource, turn)) => respond::respond(&resource, turn, &asked, shared.open_bodies.clone()).await,
        None => respond::plain(404, "no such resource"),
    }
}
