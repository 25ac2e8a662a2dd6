//! End-to-end encryption (DAVE, protocol version 1): the MLS session and the frame encryptor.

pub(crate) mod encryptor;
mod mls;
pub(crate) mod pool;
pub(crate) mod ratchet;
mod roster;
pub(crate) mod session;
pub(crate) mod transitions;
