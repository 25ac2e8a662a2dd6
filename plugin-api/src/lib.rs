//! The contract between the lavalink-rust host and its plugins.
//!
//! A source plugin implements [`Source`] and exports it with [`export_source!`]. Everything it may do to the outside
//! world goes through the [`Host`] it is lent. The calls are synchronous on purpose: the host runs each of them on a
//! thread of its own with a deadline, so a plugin may simply block, and the same code fits a WASM guest.

mod failure;
mod host;
mod media;
mod source;
mod track;

pub mod java_utf;
pub mod probe_info;
pub mod v1;

pub use failure::{Failure, Retry, Severity};
pub use host::{Host, Level, Probe};
pub use media::{Body, ByteRange, ByteStream, Header, Hint, HttpRequest, HttpResponse, Media, Route};
pub use source::{Details, Loaded, Source, SourceDescriptor};
pub use track::{Playlist, Track, TrackInfo};
