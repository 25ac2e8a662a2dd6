//! The node's only door out: HTTP client and the readers that feed media to the audio engine.
//!
//! [`HttpClient`] makes single requests. A [`ByteOrigin`] (such as [`HttpOrigin`], which reconnects by itself) delivers
//! the bytes of one medium; a [`MediaReader`] keeps a bounded part of them in memory ahead of a consumer that must not
//! wait, and a [`BlockingReader`] is the same for a consumer that may.

mod client;
mod egress;
mod encoding;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod hls;
mod http_origin;
mod icy;
mod origin;
mod outcomes;
mod pieces;
mod reader;
mod redirect;
mod request;
mod response;
mod route;
mod routed;
mod stream_title;
mod tls;

pub use client::{HttpClient, MAX_REDIRECTS, NetConfig, ProxyConfig};
pub use egress::{
    AddressClass, BadHostPattern, BadNetwork, BadPorts, EgressGuard, EgressRules, HostList, LookUp,
    PortRange, Refusal, SystemNames, parse_network,
};
pub use error::{NetError, Stage};
pub use hls::{HlsDescription, HlsOrigin, describe_hls};
pub use http_origin::HttpOrigin;
pub use origin::{ByteOrigin, Opened};
pub use outcomes::{Outcome, Outcomes};
pub use pieces::{Piece, PieceIndex};
pub use reader::{BlockingReader, MediaReader, ReadAhead, ReaderConfig};
pub use request::{MAX_HEADER_BYTES, MAX_URL_BYTES, Request, Route};
pub use response::Response;
pub use route::{
    Blocks, Family, NoRoute, PlannerStatus, Position, Retries, RouteConfig, RouteError, RoutePlanner,
    Strategy,
};
pub use stream_title::StreamTitles;
