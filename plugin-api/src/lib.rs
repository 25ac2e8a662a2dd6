//! The contract between the lavalink-rust host and its plugins.
//!
//! A source plugin implements [`Source`] and exports it with [`export!`]; a [`Plugin`] gathers the other things
//! one may offer, from audio filters to lyrics. The same text becomes a native library or a WebAssembly component. Everything a plugin may do to the outside world goes through the [`Host`]
//! it is lent. The calls are synchronous on purpose: the host runs each of them on a thread of its own with a deadline,
//! so a plugin may simply block, and the same code fits a WASM guest.

#[doc(hidden)]
pub mod carry;
mod event;
#[doc(hidden)]
pub mod export;
mod failure;
mod filter;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod guest;
mod host;
mod info;
mod lyrics;
mod media;
mod plugin;
mod rest;
mod search;
mod source;
mod track;

pub mod java_utf;
pub mod probe_info;
#[cfg(not(target_family = "wasm"))]
pub mod v1;

pub use event::{Event, EventListener, Interest, MarkerState, PlayerRef, SessionRef, TrackEndReason};
pub use failure::{Failure, Retry, Severity};
pub use filter::{AudioFormat, Filter, FilterFactory};
pub use host::{Host, Level, Probe};
pub use info::{ContainerProbe, InfoModifier};
pub use lyrics::{Lyrics, LyricsLine, LyricsSource};
pub use media::{Body, ByteRange, ByteStream, Header, Hint, HttpRequest, HttpResponse, Media, Route};
pub use plugin::{BuiltIn, Plugin};
pub use rest::{Endpoint, Interceptor, RestError, RestHead, RestRequest, RestResponse, Routes, Verdict};
pub use search::{Search, SearchKinds, SearchResults, SearchText};
pub use source::{Details, Loaded, Source, SourceDescriptor};
pub use track::{Playlist, SourcedTrack, Track, TrackInfo};
