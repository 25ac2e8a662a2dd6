//! The types that cross the border in generation 1. FROZEN: once released, nothing here changes, not even the order of
//! fields; a new ability is a new interface with symbols of its own.
//!
//! They mirror the plain types of the crate one to one; see there for what they mean. Objects are `sabi_trait` objects:
//! their methods must not panic (that would abort the process), which the adapters beside this module see to.

// The derives and `sabi_trait` expand to unsafe impls and to generated items that carry no docs of their own.
#![allow(
    unsafe_code,
    missing_docs,
    non_local_definitions,
    clippy::undocumented_unsafe_blocks
)]
// One answer per call: boxing the large variant would cost more than it saves.
#![allow(clippy::large_enum_variant)]

use abi_stable::sabi_types::RRef;
use abi_stable::std_types::{RBox, RDuration, ROption, RResult, RSlice, RStr, RString, RVec};
use abi_stable::{StableAbi, sabi_trait};

#[repr(u8)]
#[derive(StableAbi)]
pub enum Severity {
    Common,
    Suspicious,
    Fault,
}

#[repr(u8)]
#[derive(StableAbi)]
pub enum Retry {
    OtherAddress,
    After(RDuration),
    Refresh,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Failure {
    pub message: RString,
    pub severity: Severity,
    pub cause: RString,
    pub retry: ROption<Retry>,
}

#[repr(u8)]
#[derive(StableAbi)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct TrackInfo {
    pub identifier: RString,
    pub is_seekable: bool,
    pub author: RString,
    pub length: ROption<RDuration>,
    pub is_stream: bool,
    pub title: RString,
    pub uri: ROption<RString>,
    pub artwork_url: ROption<RString>,
    pub isrc: ROption<RString>,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Track {
    pub info: TrackInfo,
    pub details: RVec<u8>,
    pub plugin_info: ROption<RString>,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct SourcedTrack {
    pub source: RString,
    pub track: Track,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Playlist {
    pub name: RString,
    pub selected: ROption<u32>,
    pub tracks: RVec<Track>,
    pub plugin_info: ROption<RString>,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Reference {
    pub identifier: RString,
    pub title: ROption<RString>,
}

#[repr(u8)]
#[derive(StableAbi)]
pub enum Loaded {
    NotMine,
    Nothing,
    Track(Track),
    Playlist(Playlist),
    Search(RVec<Track>),
    Redirect(Reference),
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Details {
    pub details: RVec<u8>,
    pub plugin_info: ROption<RString>,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct SourceDescriptor {
    pub name: RString,
    pub search_prefixes: RVec<RString>,
    pub is_fallback: bool,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Header {
    pub name: RString,
    pub value: RVec<u8>,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct ByteRange {
    pub start: u64,
    pub end: ROption<u64>,
}

#[repr(u8)]
#[derive(StableAbi)]
pub enum Route {
    Planned,
    PlannedSearch,
    Direct,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct HttpRequest {
    pub method: RString,
    pub url: RString,
    pub headers: RVec<Header>,
    pub body: ROption<RVec<u8>>,
    pub range: ROption<ByteRange>,
    pub max_bytes: ROption<u64>,
    pub follow_redirects: bool,
    pub route: Route,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Hint {
    pub mime: ROption<RString>,
    pub extension: ROption<RString>,
    pub container: ROption<RString>,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct HttpMedia {
    pub request: HttpRequest,
    pub expires: ROption<RDuration>,
    pub length: ROption<u64>,
    pub hint: Hint,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct HlsMedia {
    pub request: HttpRequest,
    pub live: bool,
}

#[repr(u8)]
#[derive(StableAbi)]
pub enum Media {
    Http(HttpMedia),
    Hls(HlsMedia),
    Response(ResponseBox, Hint),
    Bytes(StreamBox, Hint),
    Redirect(RString),
}

#[repr(C)]
#[derive(StableAbi)]
pub struct AudioProbe {
    pub container: RString,
    pub parameters: ROption<RString>,
    pub title: ROption<RString>,
    pub author: ROption<RString>,
    pub isrc: ROption<RString>,
    pub length: ROption<RDuration>,
    pub is_seekable: bool,
}

#[repr(u8)]
#[derive(StableAbi)]
pub enum Probe {
    Audio(AudioProbe),
    Reference(Reference),
}

/// What a look-up through all sources found.
#[repr(C)]
#[derive(StableAbi)]
pub struct Found {
    pub source: RString,
    pub loaded: Loaded,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct SessionRef {
    pub session_id: RString,
    pub user_id: u64,
    pub client_name: ROption<RString>,
}

/// An HTTP answer; made by the host.
#[sabi_trait]
pub trait ResponseApi: Send {
    fn status(&self) -> u16;
    fn headers(&self) -> RVec<Header>;
    fn url(&self) -> RString;
    fn local_address(&self) -> ROption<RString>;
    #[sabi(last_prefix_field)]
    fn read(&mut self, max: u64) -> RResult<RVec<u8>, Failure>;
}

/// An owned answer.
pub type ResponseBox = ResponseApi_TO<'static, RBox<()>>;

/// Bytes a plugin makes.
#[sabi_trait]
pub trait StreamApi: Send {
    fn read(&mut self, max: u64) -> RResult<RVec<u8>, Failure>;
    fn seek(&mut self, offset: u64) -> RResult<(), Failure>;
    #[sabi(last_prefix_field)]
    fn length(&self) -> ROption<u64>;
}

/// An owned stream.
pub type StreamBox = StreamApi_TO<'static, RBox<()>>;

/// The host, lent for one call.
#[sabi_trait]
pub trait HostApi: Send + Sync {
    fn log(&self, level: Level, message: RStr<'_>);
    fn config(&self) -> RString;
    fn now_unix_ms(&self) -> u64;
    fn monotonic_ns(&self) -> u64;
    fn sleep(&self, time: RDuration) -> RResult<(), Failure>;
    fn fetch(&self, request: HttpRequest) -> RResult<ResponseBox, Failure>;
    fn cache_get(&self, key: RStr<'_>) -> ROption<RVec<u8>>;
    fn cache_set(&self, key: RStr<'_>, value: RSlice<'_, u8>, ttl: RDuration);
    fn probe(&self, media: Media) -> RResult<Probe, Failure>;
    fn enabled(&self, level: Level) -> bool;
    fn random(&self, length: u64) -> RVec<u8>;
    fn load(&self, identifier: RStr<'_>) -> RResult<Found, Failure>;
    fn store_get(&self, key: RStr<'_>) -> RResult<ROption<RVec<u8>>, Failure>;
    fn store_set(&self, key: RStr<'_>, value: RSlice<'_, u8>) -> RResult<(), Failure>;
    fn store_delete(&self, key: RStr<'_>) -> RResult<(), Failure>;
    fn sessions(&self) -> RVec<SessionRef>;
    fn send_event(&self, session_id: RStr<'_>, message: RStr<'_>) -> RResult<(), Failure>;
    fn player(&self, session_id: RStr<'_>, guild_id: u64) -> ROption<RString>;
    fn update_player(
        &self,
        session_id: RStr<'_>,
        guild_id: u64,
        update: RStr<'_>,
    ) -> RResult<RString, Failure>;
    #[sabi(last_prefix_field)]
    fn add_marker(
        &self,
        session_id: RStr<'_>,
        guild_id: u64,
        position: RDuration,
        marker: RStr<'_>,
    ) -> RResult<(), Failure>;
}

/// A lent host.
pub type HostRef<'a> = HostApi_TO<'a, RRef<'a, ()>>;

/// A source of a plugin.
#[sabi_trait]
pub trait SourceApi: Send + Sync {
    fn describe(&self) -> RResult<SourceDescriptor, Failure>;
    fn load(&self, host: HostRef<'_>, identifier: RStr<'_>) -> RResult<Loaded, Failure>;
    fn decode_details(&self, version: u8, details: RSlice<'_, u8>) -> RResult<Details, Failure>;
    #[sabi(last_prefix_field)]
    fn open(&self, host: HostRef<'_>, track: Track, position: RDuration) -> RResult<Media, Failure>;
}

/// An owned source.
pub type SourceBox = SourceApi_TO<'static, RBox<()>>;
