//! The host on its way to a plugin.

use std::time::Duration;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RDuration, ROption, RResult, RSlice, RStr, RString, RVec};

use super::abi::{self, HostApi, HostApi_TO, HostRef};
use super::contain::{contained, contained_or};
use super::cross::Cross;
use super::response::{self, clamped};
use crate::{Failure, Host, HttpRequest, HttpResponse, Level, Loaded, Media, Probe, SessionRef};

const WHO: &str = "The node";

/// The host as a plugin sees it.
struct Lent<'a>(&'a dyn Host);

impl Lent<'_> {
    fn as_abi(&self) -> HostRef<'_> {
        HostApi_TO::from_ptr(self, TD_Opaque)
    }
}

impl HostApi for Lent<'_> {
    fn log(&self, level: abi::Level, message: RStr<'_>) {
        contained_or((), || self.0.log(Cross::back(level), message.as_str()));
    }
    fn config(&self) -> RString {
        contained_or("{}".to_owned(), || self.0.config()).out()
    }
    fn now_unix_ms(&self) -> u64 {
        contained_or(0, || self.0.now_unix_ms())
    }
    fn monotonic_ns(&self) -> u64 {
        contained_or(0, || self.0.monotonic_ns())
    }
    fn sleep(&self, time: RDuration) -> RResult<(), abi::Failure> {
        contained(WHO, "sleep", || self.0.sleep(Cross::back(time))).out()
    }
    fn fetch(&self, request: abi::HttpRequest) -> RResult<abi::ResponseBox, abi::Failure> {
        contained(WHO, "fetch", || {
            self.0.fetch(Cross::back(request)).map(response::out)
        })
        .out()
    }
    fn cache_get(&self, key: RStr<'_>) -> ROption<RVec<u8>> {
        contained_or(None, || self.0.cache_get(key.as_str())).out()
    }
    fn cache_set(&self, key: RStr<'_>, value: RSlice<'_, u8>, ttl: RDuration) {
        contained_or((), || {
            self.0.cache_set(key.as_str(), value.as_slice(), Cross::back(ttl))
        });
    }
    fn probe(&self, media: abi::Media) -> RResult<abi::Probe, abi::Failure> {
        contained(WHO, "probe", || self.0.probe(Cross::back(media))).out()
    }
    fn enabled(&self, level: abi::Level) -> bool {
        contained_or(true, || self.0.enabled(Cross::back(level)))
    }
    fn random(&self, length: u64) -> RVec<u8> {
        contained_or(Vec::new(), || self.0.random(clamped(length))).out()
    }
    fn load(&self, identifier: RStr<'_>) -> RResult<abi::Found, abi::Failure> {
        contained(WHO, "load", || self.0.load(identifier.as_str())).out()
    }
    fn store_get(&self, key: RStr<'_>) -> RResult<ROption<RVec<u8>>, abi::Failure> {
        contained(WHO, "store_get", || self.0.store_get(key.as_str())).out()
    }
    fn store_set(&self, key: RStr<'_>, value: RSlice<'_, u8>) -> RResult<(), abi::Failure> {
        contained(WHO, "store_set", || {
            self.0.store_set(key.as_str(), value.as_slice())
        })
        .out()
    }
    fn store_delete(&self, key: RStr<'_>) -> RResult<(), abi::Failure> {
        contained(WHO, "store_delete", || self.0.store_delete(key.as_str())).out()
    }
    fn sessions(&self) -> RVec<abi::SessionRef> {
        contained_or(Vec::new(), || self.0.sessions()).out()
    }
    fn send_event(&self, session_id: RStr<'_>, message: RStr<'_>) -> RResult<(), abi::Failure> {
        contained(WHO, "send_event", || {
            self.0.send_event(session_id.as_str(), message.as_str())
        })
        .out()
    }
    fn player(&self, session_id: RStr<'_>, guild_id: u64) -> ROption<RString> {
        contained_or(None, || self.0.player(session_id.as_str(), guild_id)).out()
    }
    fn update_player(
        &self,
        session_id: RStr<'_>,
        guild_id: u64,
        update: RStr<'_>,
    ) -> RResult<RString, abi::Failure> {
        contained(WHO, "update_player", || {
            self.0
                .update_player(session_id.as_str(), guild_id, update.as_str())
        })
        .out()
    }
    fn add_marker(
        &self,
        session_id: RStr<'_>,
        guild_id: u64,
        position: RDuration,
        marker: RStr<'_>,
    ) -> RResult<(), abi::Failure> {
        contained(WHO, "add_marker", || {
            self.0.add_marker(
                session_id.as_str(),
                guild_id,
                Cross::back(position),
                marker.as_str(),
            )
        })
        .out()
    }
}

/// Lends the host to a plugin for one call.
pub(super) fn lend<T: Cross>(
    host: &dyn Host,
    call: impl FnOnce(HostRef<'_>) -> RResult<T::Abi, abi::Failure>,
) -> Result<T, Failure> {
    Cross::back(call(Lent(host).as_abi()))
}

/// The host as it arrives in the plugin.
pub(super) struct Foreign<'a>(pub(super) HostRef<'a>);

impl Host for Foreign<'_> {
    fn log(&self, level: Level, message: &str) {
        self.0.log(level.out(), message.into());
    }
    fn config(&self) -> String {
        self.0.config().into()
    }
    fn now_unix_ms(&self) -> u64 {
        self.0.now_unix_ms()
    }
    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
    fn sleep(&self, time: Duration) -> Result<(), Failure> {
        Cross::back(self.0.sleep(time.out()))
    }
    fn fetch(&self, request: HttpRequest) -> Result<Box<dyn HttpResponse>, Failure> {
        let answer: Result<abi::ResponseBox, Failure> = Cross::back(self.0.fetch(request.out()));
        answer.map(response::back)
    }
    fn cache_get(&self, key: &str) -> Option<Vec<u8>> {
        Cross::back(self.0.cache_get(key.into()))
    }
    fn cache_set(&self, key: &str, value: &[u8], ttl: Duration) {
        self.0.cache_set(key.into(), value.into(), ttl.out());
    }
    fn probe(&self, media: Media) -> Result<Probe, Failure> {
        Cross::back(self.0.probe(media.out()))
    }
    fn enabled(&self, level: Level) -> bool {
        self.0.enabled(level.out())
    }
    fn random(&self, length: usize) -> Vec<u8> {
        self.0.random(length as u64).into()
    }
    fn load(&self, identifier: &str) -> Result<(String, Loaded), Failure> {
        Cross::back(self.0.load(identifier.into()))
    }
    fn store_get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        Cross::back(self.0.store_get(key.into()))
    }
    fn store_set(&self, key: &str, value: &[u8]) -> Result<(), Failure> {
        Cross::back(self.0.store_set(key.into(), value.into()))
    }
    fn store_delete(&self, key: &str) -> Result<(), Failure> {
        Cross::back(self.0.store_delete(key.into()))
    }
    fn sessions(&self) -> Vec<SessionRef> {
        Cross::back(self.0.sessions())
    }
    fn send_event(&self, session_id: &str, message: &str) -> Result<(), Failure> {
        Cross::back(self.0.send_event(session_id.into(), message.into()))
    }
    fn player(&self, session_id: &str, guild_id: u64) -> Option<String> {
        Cross::back(self.0.player(session_id.into(), guild_id))
    }
    fn update_player(&self, session_id: &str, guild_id: u64, update: &str) -> Result<String, Failure> {
        Cross::back(self.0.update_player(session_id.into(), guild_id, update.into()))
    }
    fn add_marker(
        &self,
        session_id: &str,
        guild_id: u64,
        position: Duration,
        marker: &str,
    ) -> Result<(), Failure> {
        Cross::back(
            self.0
                .add_marker(session_id.into(), guild_id, position.out(), marker.into()),
        )
    }
}
