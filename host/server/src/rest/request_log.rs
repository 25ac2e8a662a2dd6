//! Logs each request, as Lavalink's request log does, and counts it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::Response;

use super::body::Payload;
use super::plugin_routes::RouteLabel;
use super::redaction;
use crate::config::RequestLogConfig;
use crate::java_text;
use crate::node::Node;

/// Java's name of the logger, which operators filter by.
const LOGGER: &str = "lavalink.server.io.RequestLoggingFilter";

/// Address of the client; the accept loop puts it into each request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// The client's IP address, as text.
    pub fn of(extensions: &Extensions) -> String {
        extensions
            .get::<Self>()
            .map_or_else(|| "unknown".to_owned(), |peer| peer.0.ip().to_string())
    }

    /// Address and port as Java writes them: `/127.0.0.1:5000`.
    pub fn with_port(extensions: &Extensions) -> String {
        extensions.get::<Self>().map_or_else(
            || "unknown".to_owned(),
            |Self(peer)| match peer.ip().to_canonical() {
                IpAddr::V4(address) => format!("/{address}:{}", peer.port()),
                address => format!(
                    "/[{}]:{}",
                    java_text::address(address).trim_start_matches('/'),
                    peer.port()
                ),
            },
        )
    }
}

/// See the module.
pub async fn log(State(node): State<Arc<Node>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let config = &node.config.logging.request;
    let line = config.enabled.then(|| line(config, &request));
    if let Some(line) = line.as_ref().filter(|_| config.before_request) {
        tracing::info!(target: LOGGER, ">> {line}");
    }
    let payload = Payload::default();
    if config.enabled && config.payload {
        request.extensions_mut().insert(payload.clone());
    }
    let response = next.run(request).await;
    if let Some(mut line) = line {
        append_payload(&mut line, &payload, config.max_payload_length);
        tracing::info!(target: LOGGER, "{line}");
    }
    let label = response.extensions().get::<RouteLabel>().map(|label| label.0);
    let route = label.or(route.as_ref().map(MatchedPath::as_str));
    node.services.metrics.answered(
        method.as_str(),
        route,
        response.status().as_u16(),
        begun.elapsed(),
    );
    response
}

/// `<METHOD> <uri>[?<query>][, client=<ip>][, headers=[…]]`
fn line(config: &RequestLogConfig, request: &Request) -> String {
    let uri = request.uri();
    let mut line = format!("{} {}", request.method(), uri.path());
    if let Some(query) = uri.query().filter(|_| config.query_string) {
        line.push('?');
        line.push_str(query);
    }
    if config.client_info {
        line.push_str(", client=");
        line.push_str(&Peer::of(request.extensions()));
    }
    if config.headers {
        line.push_str(", headers=[");
        line.push_str(&redaction::headers(request.headers()));
        line.push(']');
    }
    line
}

fn append_payload(line: &mut String, payload: &Payload, max: usize) {
    let Some(bytes) = payload.take() else { return };
    line.push_str(", payload=");
    line.push_str(&redaction::body(&String::from_utf8_lossy(
        &bytes[..bytes.len().min(max)],
    )));
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn config() -> RequestLogConfig {
        RequestLogConfig {
            enabled: true,
            client_info: true,
            headers: false,
            query_string: true,
            payload: true,
            max_payload_length: 10,
            before_request: false,
        }
    }

    fn request() -> Request {
        let mut request = Request::builder()
            .method("GET")
            .uri("/v4/loadtracks?identifier=ytsearch%3Afoo")
            .header("User-Id", "1")
            .body(Body::empty())
            .expect("a request");
        request
            .extensions_mut()
            .insert(Peer(SocketAddr::from(([127, 0, 0, 1], 5))));
        request
    }

    #[test]
    fn peers_are_written_as_in_java() {
        for (peer, expected) in [
            ("127.0.0.1:5000", "/127.0.0.1:5000"),
            ("[::ffff:10.0.0.1]:7", "/10.0.0.1:7"),
            ("[::1]:80", "/[0:0:0:0:0:0:0:1]:80"),
        ] {
            let mut request = request();
            request
                .extensions_mut()
                .insert(Peer(peer.parse().expect("an address")));
            assert_eq!(Peer::with_port(request.extensions()), expected);
        }
    }

    #[test]
    fn the_line_has_javas_form() {
        assert_eq!(
            line(&config(), &request()),
            "GET /v4/loadtracks?identifier=ytsearch%3Afoo, client=127.0.0.1"
        );
        let quiet = RequestLogConfig {
            client_info: false,
            query_string: false,
            headers: true,
            ..config()
        };
        assert_eq!(
            line(&quiet, &request()),
            "GET /v4/loadtracks, headers=[User-Id:\"1\"]"
        );
    }
}
