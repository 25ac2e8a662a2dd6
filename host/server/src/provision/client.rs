//! The HTTP client plugins are fetched with.

use std::sync::Arc;

use lavalink_net::EgressRules;
use lavalink_supply::{ClientSource, Declared};

use crate::client::LazyClient;
use crate::config::Config;

/// A client of its own, made when the first file is fetched. Servers these plugins come from may be anywhere, a LAN and
/// this machine included: the operator named them. Redirects to other servers are held against the node's rules.
pub fn source(config: &Config, declared: &[Declared]) -> ClientSource {
    let hosts = declared.iter().filter_map(Declared::host);
    let rules = EgressRules {
        trusted_hosts: hosts.map(str::to_owned).collect(),
        ..config.egress.clone()
    };
    let client = Arc::new(LazyClient::new(&config.outgoing, &rules, None));
    Arc::new(move || client.get().map_err(|failure| failure.to_string()))
}
