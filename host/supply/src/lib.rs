//! Gets plugins: from a repository of Maven's layout, from a URL, or from a file, each checked against its SHA-256.
//!
//! What was fetched is kept by its hash ([`Store`]) and written down in `plugins.lock` ([`LockFile`]), so that a node starts
//! without the network. Names from outside never become paths: files are named by their hash.

mod coordinates;
mod declared;
mod error;
mod fetch;
mod lock;
mod metadata;
mod platform;
mod store;
mod supply;

pub use coordinates::{BadCoordinates, Coordinates};
pub use declared::{Declared, Wanted, without_credentials};
pub use error::SupplyError;
pub use lock::{LockFile, Locked};
pub use platform::Kind;
pub use store::Store;
pub use supply::{ClientSource, Refresh, Resolved, Supply};
