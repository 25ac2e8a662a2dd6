//! `lavalink.server.timeouts` and `.httpConfig`: how the node reaches the outside.

use std::time::Duration;

use lavalink_protocol::secret::Secret;

use super::key::Key;
use super::keys;
use super::reader::Reader;

/// Settings of outgoing HTTP.
#[derive(Debug, Clone)]
pub struct OutgoingConfig {
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time without a byte.
    pub read_timeout: Duration,
    /// Proxy of the http source.
    pub proxy: Option<ProxySettings>,
}

/// `lavalink.server.httpConfig`.
#[derive(Debug, Clone)]
pub struct ProxySettings {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User name, when the proxy wants one.
    pub user: Option<String>,
    /// Password of the user.
    pub password: Secret,
}

/// Reads the settings.
pub fn read(reader: &Reader<'_>) -> OutgoingConfig {
    let timeout = |key: &Key| Duration::from_millis(reader.integer(key).unsigned_abs());
    OutgoingConfig {
        connect_timeout: timeout(&keys::CONNECT_TIMEOUT),
        read_timeout: timeout(&keys::SOCKET_TIMEOUT),
        proxy: reader.text(&keys::PROXY_HOST).map(|host| ProxySettings {
            host: host.trim().to_owned(),
            port: u16::try_from(reader.integer(&keys::PROXY_PORT)).unwrap_or_default(),
            user: reader.text(&keys::PROXY_USER),
            password: Secret::from(reader.text(&keys::PROXY_PASSWORD).unwrap_or_default()),
        }),
    }
}
