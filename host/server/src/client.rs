//! The HTTP client, made when the first request needs it: reading the platform's root certificates costs time and
//! memory that an idle node need not spend.

use std::sync::{Arc, OnceLock};

use lavalink_net::{
    EgressGuard, EgressRules, HttpClient, NetConfig, NetError, Outcomes, ProxyConfig, RoutePlanner,
};
use lavalink_plugin_api::Failure;

use crate::config::OutgoingConfig;

/// See the module.
#[derive(Debug)]
pub struct LazyClient {
    config: NetConfig,
    client: OnceLock<Result<HttpClient, NetError>>,
}

impl LazyClient {
    /// A client with these settings, not yet made.
    pub fn new(outgoing: &OutgoingConfig, egress: &EgressRules, planner: Option<Arc<RoutePlanner>>) -> Self {
        let proxy = outgoing.proxy.as_ref().map(|proxy| {
            let target = ProxyConfig::new(proxy.host.clone(), proxy.port);
            match &proxy.user {
                Some(user) => target.with_credentials(user.clone(), proxy.password.expose()),
                None => target,
            }
        });
        let config = NetConfig {
            connect_timeout: outgoing.connect_timeout,
            read_timeout: outgoing.read_timeout,
            proxy,
            route_planner: planner,
            egress: Arc::new(EgressGuard::new(egress.clone())),
            ..NetConfig::default()
        };
        Self {
            config,
            client: OnceLock::new(),
        }
    }

    /// The route planner, where one is configured.
    pub fn planner(&self) -> Option<&Arc<RoutePlanner>> {
        self.config.route_planner.as_ref()
    }

    /// How requests ended so far.
    pub fn outcomes(&self) -> &Outcomes {
        &self.config.outcomes
    }

    /// The client; clones share one pool of connections.
    ///
    /// # Errors
    /// When the settings do not make a client; every call then says so.
    pub fn get(&self) -> Result<HttpClient, Failure> {
        self.client
            .get_or_init(|| HttpClient::new(self.config.clone()))
            .clone()
            .map_err(|error| Failure::fault("The node's HTTP client cannot be used.").because(error))
    }
}
