//! The node as a component reaches it.

use std::any::Any;
use std::time::Duration;

use super::bindings::lavalink::plugin::host::{self, ProbeMedia};
use super::bindings::lavalink::plugin::types as wit;
use crate::carry::Carry;
use crate::{
    ByteStream, Failure, Header, Hint, Host, HttpRequest, HttpResponse, Level, Loaded, Media, Probe,
    SessionRef,
};

/// Most bytes of a stream of the plugin's own that are probed: the beginning of any container is in them.
const MAX_PROBED: usize = 1024 * 1024;

/// The node. There is one for all calls; what it does belongs to the call under way.
pub struct NodeHost;

impl Host for NodeHost {
    fn log(&self, level: Level, message: &str) {
        host::log(level.carry(), message);
    }
    fn config(&self) -> String {
        host::config()
    }
    fn now_unix_ms(&self) -> u64 {
        host::now_unix_ms()
    }
    fn monotonic_ns(&self) -> u64 {
        host::monotonic_ns()
    }
    fn sleep(&self, time: Duration) -> Result<(), Failure> {
        host::sleep(time.carry()).carry()
    }
    fn fetch(&self, request: HttpRequest) -> Result<Box<dyn HttpResponse>, Failure> {
        match host::fetch(&request.carry()) {
            Ok(response) => Ok(Box::new(Response(Some(response)))),
            Err(failure) => Err(failure.carry()),
        }
    }
    fn cache_get(&self, key: &str) -> Option<Vec<u8>> {
        host::cache_get(key)
    }
    fn cache_set(&self, key: &str, value: &[u8], ttl: Duration) {
        host::cache_set(key, value, ttl.carry());
    }
    fn probe(&self, media: Media) -> Result<Probe, Failure> {
        let media = match media {
            Media::Http {
                request,
                expires,
                length,
                hint,
            } => ProbeMedia::Http(http_media(request, expires, length, hint)),
            Media::Hls { request, live } => ProbeMedia::Hls(hls_media(request, live)),
            Media::Response(body, hint) => match own_response(body) {
                Ok(response) => ProbeMedia::Response((response, hint.carry())),
                Err(mut body) => ProbeMedia::Bytes((beginning(|max| body.read(max))?, hint.carry())),
            },
            Media::Bytes(mut stream, hint) => {
                ProbeMedia::Bytes((beginning(|max| stream.read(max))?, hint.carry()))
            }
            Media::Redirect(identifier) => {
                return Err(Failure::fault("Another identifier cannot be probed.").because(identifier));
            }
        };
        host::probe(media).carry()
    }
    fn enabled(&self, level: Level) -> bool {
        host::enabled(level.carry())
    }
    fn random(&self, length: usize) -> Vec<u8> {
        host::random(u32::try_from(length).unwrap_or(u32::MAX))
    }
    fn load(&self, identifier: &str) -> Result<(String, Loaded), Failure> {
        host::load(identifier).carry()
    }
    fn store_get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        host::store_get(key).carry()
    }
    fn store_set(&self, key: &str, value: &[u8]) -> Result<(), Failure> {
        host::store_set(key, value).carry()
    }
    fn store_delete(&self, key: &str) -> Result<(), Failure> {
        host::store_delete(key).carry()
    }
    fn sessions(&self) -> Vec<SessionRef> {
        host::sessions().carry()
    }
    fn send_event(&self, session_id: &str, message: &str) -> Result<(), Failure> {
        host::send_event(session_id, message).carry()
    }
    fn player(&self, session_id: &str, guild_id: u64) -> Option<String> {
        host::player(session_id, guild_id)
    }
    fn update_player(&self, session_id: &str, guild_id: u64, update: &str) -> Result<String, Failure> {
        host::update_player(session_id, guild_id, update).carry()
    }
    fn add_marker(
        &self,
        session_id: &str,
        guild_id: u64,
        position: Duration,
        marker: &str,
    ) -> Result<(), Failure> {
        host::add_marker(session_id, guild_id, position.carry(), marker).carry()
    }
}

pub(super) fn http_media(
    request: HttpRequest,
    expires: Option<Duration>,
    length: Option<u64>,
    hint: Hint,
) -> wit::HttpMedia {
    wit::HttpMedia {
        request: request.carry(),
        expires_ms: expires.carry(),
        length,
        hint: hint.carry(),
    }
}

pub(super) fn hls_media(request: HttpRequest, live: bool) -> wit::HlsMedia {
    wit::HlsMedia {
        request: request.carry(),
        live,
    }
}

/// The beginning of what `read` gives.
fn beginning(mut read: impl FnMut(usize) -> Result<Vec<u8>, Failure>) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_PROBED {
        let more = read(MAX_PROBED - bytes.len())?;
        if more.is_empty() {
            break;
        }
        bytes.extend(more);
    }
    Ok(bytes)
}

/// An answer the node has. `None` once it was given back.
struct Response(Option<host::HttpResponse>);

/// Takes the node's answer out again, to give it back unread; any other body comes back as it is.
pub(super) fn own_response(
    mut body: Box<dyn HttpResponse>,
) -> Result<host::HttpResponse, Box<dyn HttpResponse>> {
    let own = body.as_any_mut().and_then(|any| any.downcast_mut::<Response>());
    own.and_then(|response| response.0.take()).ok_or(body)
}

impl HttpResponse for Response {
    fn status(&self) -> u16 {
        self.0.as_ref().map_or(0, host::HttpResponse::status)
    }
    fn headers(&self) -> Vec<Header> {
        self.0
            .as_ref()
            .map_or_else(Vec::new, |response| response.headers().carry())
    }
    fn url(&self) -> String {
        self.0.as_ref().map_or_else(String::new, host::HttpResponse::url)
    }
    fn local_address(&self) -> Option<String> {
        self.0.as_ref().and_then(host::HttpResponse::local_address)
    }
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        match &self.0 {
            Some(response) => response.read(u32::try_from(max).unwrap_or(u32::MAX)).carry(),
            None => Err(Failure::fault("This answer was given back to the node.")),
        }
    }
    fn as_any_mut(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }
}

/// A body that the node does not know, as bytes of the plugin's own.
pub(super) struct Unknown(pub(super) Box<dyn HttpResponse>);

impl ByteStream for Unknown {
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        self.0.read(max)
    }
    fn seek(&mut self, offset: u64) -> Result<(), Failure> {
        Err(Failure::fault("This stream cannot jump.").because(format!("asked for byte {offset}")))
    }
    fn length(&self) -> Option<u64> {
        None
    }
}
