//! The UDP path: address discovery, RTP headers and transport encryption.

pub(crate) mod crypto;
pub(crate) mod discovery;
pub(crate) mod rtp;
