//! The host on its way to a plugin.

use std::time::Duration;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RDuration, ROption, RResult, RSlice, RStr, RString, RVec};

use super::abi::{self, HostApi, HostApi_TO, HostRef};
use super::contain::{contained, contained_or};
use super::cross::Cross;
use super::response;
use crate::{Failure, Host, HttpRequest, HttpResponse, Level, Media, Probe};

const WHO: &str = "The node";

/// The host as a plugin sees it.
pub(crate) struct Lent<'a>(pub(crate) &'a dyn Host);

impl Lent<'_> {
    pub(crate) fn as_abi(&self) -> HostRef<'_> {
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
}

/// The host as it arrives in the plugin.
pub(crate) struct Foreign<'a>(pub(crate) HostRef<'a>);

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
}
