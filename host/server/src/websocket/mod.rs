//! The WebSocket of a session.

mod handshake;
mod socket;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use self::handshake::{Accepted, Refusal};
use crate::node::Node;
use crate::rest::{self, Peer};
use crate::session::{Claim, Session};

/// Tells the client whether its session goes on.
const SESSION_RESUMED: HeaderName = HeaderName::from_static("session-resumed");

/// Who is connected, for the log.
struct Client {
    /// `Client-Name`.
    name: Option<String>,
    /// `User-Agent`.
    user_agent: Option<String>,
    /// Address and port in Java's form.
    peer: String,
}

impl Client {
    /// Java's lines for a new session.
    fn announce(&self) {
        match (&self.name, &self.user_agent) {
            (Some(name), _) => tracing::info!("Connection successfully established from {name}"),
            (None, agent) => {
                tracing::info!("Connection successfully established");
                let agent = agent
                    .as_ref()
                    .map_or_else(String::new, |agent| format!(" User agent: {agent}"));
                tracing::warn!("Library developers: Please specify a 'Client-Name' header.{agent}");
            }
        }
    }
}

/// `/v4/websocket`: checks the handshake and takes the connection over. The interceptors of plugins see it when the
/// password is right.
pub async fn connect(State(node): State<Arc<Node>>, request: Request) -> Response<Body> {
    let peer = Peer::with_port(request.extensions());
    tracing::info!("Incoming connection from {peer}");
    let checked = handshake::check(request.method(), request.headers(), &node.config.password);
    if checked == Err(Refusal::Unauthorized) {
        tracing::error!("Authentication failed from {peer}");
        return refuse(Refusal::Unauthorized);
    }
    let shaking = Arc::clone(&node);
    rest::intercepted(&node, request, |request| async move {
        open(&shaking, request, peer, checked)
    })
    .await
}

/// Answers a handshake that gave the right password.
fn open(
    node: &Arc<Node>,
    mut request: Request,
    peer: String,
    checked: Result<Accepted, Refusal>,
) -> Response<Body> {
    let accepted = match checked {
        Ok(accepted) => accepted,
        Err(refusal) => {
            let mut response = refuse(refusal);
            if refusal.is_authenticated() {
                let is_waiting = handshake::wanted(request.headers())
                    .is_some_and(|(id, user_id)| node.registry.is_waiting(id, user_id));
                response
                    .headers_mut()
                    .insert(SESSION_RESUMED, session_resumed(is_waiting));
            }
            return response;
        }
    };
    let Accepted {
        key,
        user_id,
        client_name,
        session_id,
    } = accepted;
    let user_agent = request.headers().get(header::USER_AGENT);
    let user_agent = user_agent.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let upgrade = hyper::upgrade::on(&mut request);
    let claim = user_id.map(|user_id| node.registry.claim(session_id.as_deref(), user_id));
    let is_resumed = matches!(claim, Some(Claim::Resumed(_)));
    let client = Client {
        name: client_name,
        user_agent,
        peer,
    };
    let node = Arc::clone(node);
    tokio::spawn(async move {
        match (upgrade.await, claim) {
            (Ok(upgraded), Some(claim)) => socket::serve(node, TokioIo::new(upgraded), claim, &client).await,
            (Ok(upgraded), None) => socket::refuse_user(TokioIo::new(upgraded)).await,
            (Err(error), claim) => {
                tracing::debug!(
                    "Connection from {} was lost during the handshake: {error}",
                    client.peer
                );
                if let Some(Claim::Resumed(session)) = claim {
                    put_back(&node, &session);
                }
            }
        }
    });
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    headers.insert(SESSION_RESUMED, session_resumed(is_resumed));
    response
}

fn session_resumed(is_resumed: bool) -> HeaderValue {
    HeaderValue::from_static(if is_resumed { "true" } else { "false" })
}

/// A session whose new socket never came about waits again.
fn put_back(node: &Node, session: &Arc<Session>) {
    node.registry.detach(session);
}

fn refuse(refusal: Refusal) -> Response<Body> {
    let (status, text) = match refusal {
        Refusal::Unauthorized => (StatusCode::UNAUTHORIZED, ""),
        Refusal::NoUser | Refusal::NoKey => (StatusCode::BAD_REQUEST, ""),
        Refusal::ForeignOrigin => (StatusCode::FORBIDDEN, ""),
        Refusal::Method => (StatusCode::METHOD_NOT_ALLOWED, ""),
        Refusal::NoUpgrade => (StatusCode::BAD_REQUEST, "Can \"Upgrade\" only to \"WebSocket\"."),
        Refusal::NoConnection => (StatusCode::BAD_REQUEST, "\"Connection\" must be \"upgrade\"."),
        Refusal::Version => (StatusCode::UPGRADE_REQUIRED, ""),
    };
    let mut response = (status, text).into_response();
    // Spring writes the bare bytes.
    response.headers_mut().remove(header::CONTENT_TYPE);
    match refusal {
        Refusal::Method => response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET")),
        Refusal::Version => response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        _ => None,
    };
    response
}
