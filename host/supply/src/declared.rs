//! What the operator asks for: one item of `lavalink.plugins`.

use std::path::PathBuf;

use lavalink_plugins::Sha256;
use url::Url;

use crate::coordinates::Coordinates;

/// Where a plugin is to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// From a repository of Maven's layout.
    Dependency {
        /// Which.
        coordinates: Coordinates,
        /// The repository's address.
        repository: Url,
    },
    /// From this address.
    Url(Url),
    /// A file of this machine.
    File(PathBuf),
}

/// One plugin the operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Where from.
    pub wanted: Wanted,
    /// What the file has to hash to.
    pub sha256: Option<Sha256>,
    /// Whether what is there may change without a new name.
    pub is_snapshot: bool,
}

impl Declared {
    /// How the plugin is called in `plugins.lock`, logs and answers; without credentials.
    pub fn key(&self) -> String {
        match &self.wanted {
            Wanted::Dependency { coordinates, .. } => coordinates.to_string(),
            Wanted::Url(url) => without_credentials(url),
            Wanted::File(path) => path.display().to_string(),
        }
    }

    /// Whether what arrives is neither protected on its way nor held against a hash of the operator.
    pub fn is_unprotected(&self) -> bool {
        let (Wanted::Dependency { repository: url, .. } | Wanted::Url(url)) = &self.wanted else {
            return false;
        };
        url.scheme() == "http" && self.sha256.is_none()
    }

    /// The server it comes from, as URLs write it.
    pub fn host(&self) -> Option<&str> {
        match &self.wanted {
            Wanted::Dependency { repository: url, .. } | Wanted::Url(url) => url.host_str(),
            Wanted::File(_) => None,
        }
    }
}

/// The address without user name and password, to be shown.
pub fn without_credentials(url: &Url) -> String {
    let mut shown = url.clone();
    // Both can only fail for addresses that have neither.
    let _no_user = shown.set_username("");
    let _no_password = shown.set_password(None);
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hold_no_credentials() {
        let url = Declared {
            wanted: Wanted::Url(Url::parse("https://me:secret@host.test/a.wasm").unwrap()),
            sha256: None,
            is_snapshot: false,
        };
        assert_eq!(url.key(), "https://host.test/a.wasm");
        assert_eq!(url.host(), Some("host.test"));
        assert!(!url.is_unprotected());
    }
}
