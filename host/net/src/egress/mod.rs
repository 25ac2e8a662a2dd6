//! What the node may connect to: the address that is being dialled decides, at the moment it is dialled.
//!
//! Every request passes [`EgressGuard::check_url`] before each hop (port, host list, addresses written in the URL), and
//! every address a name resolves to passes [`EgressGuard::permitted`] in the very step whose result is connected to. So a
//! name that answers differently the second time gains nothing.

mod class;
mod hosts;
mod names;
mod own;
mod ports;

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use reqwest::Url;
use url::Host;

pub use class::AddressClass;
pub use hosts::{BadHostPattern, HostList};
pub(crate) use names::GuardedNames;
pub use names::{LookUp, SystemNames};
pub use ports::{BadPorts, PortRange};

/// The operator's rules.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct EgressRules {
    /// Whether private, loopback, link-local and own addresses may be reached. Cloud metadata stays out of reach.
    pub allow_private: bool,
    /// Networks that may be reached whatever they are. A metadata address has to be named by itself.
    pub allow: Vec<IpNet>,
    /// Networks that may not be reached, whatever else is set.
    pub deny: Vec<IpNet>,
    /// Networks that are routed to this machine.
    pub own: Vec<IpNet>,
    /// Ports that may be used besides 80, 443 and the harmless ones from 1024 on.
    pub ports: Vec<PortRange>,
    /// Hosts the operator's own settings name as servers (lower case, without port): they may be anywhere.
    pub trusted_hosts: Vec<String>,
}

/// Holds every outgoing connection against the rules.
#[derive(Debug, Default)]
pub struct EgressGuard {
    rules: EgressRules,
}

/// Why a connection is not made. The texts say which setting would permit it, and nothing about what is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address is of a class that is out of reach.
    #[error("it is {class}; {} permits it", class.permitted_by())]
    Address {
        /// The class.
        class: AddressClass,
    },
    /// The operator closed this network.
    #[error("its network is in lavalink.server.egress.deny")]
    Denied,
    /// The port belongs to a service that is no web server.
    #[error("port {port} is not open to requests; lavalink.server.egress.ports permits it")]
    Port {
        /// TCP port.
        port: u16,
    },
    /// The plugin that asks may not reach this host.
    #[error(
        "the plugin may not reach this host; its manifest has to name it, and lavalink.plugin-policy must not leave it out"
    )]
    Host,
}

impl Refusal {
    /// The refusal behind a client's error.
    pub(crate) fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(current) = cause {
            if let Some(refusal) = current.downcast_ref() {
                return Some(refusal);
            }
            cause = current.source();
        }
        None
    }
}

impl EgressGuard {
    /// A guard with these rules.
    pub fn new(rules: EgressRules) -> Self {
        Self { rules }
    }

    /// A guard that lets private and own addresses pass, for tests and tools.
    pub fn allowing_private() -> Self {
        Self::new(EgressRules {
            allow_private: true,
            ..EgressRules::default()
        })
    }

    /// What can be said before a name is looked up: host list, port, and the address when the URL has one.
    ///
    /// # Errors
    /// The first rule that is against it.
    pub fn check_url(&self, url: &Url, granted: Option<&HostList>) -> Result<(), Refusal> {
        if granted.is_some_and(|hosts| !hosts.holds(url)) {
            return Err(Refusal::Host);
        }
        if url.host_str().is_some_and(|host| self.is_trusted(host)) {
            return Ok(());
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if !ports::is_open(port) && !self.rules.ports.iter().any(|range| range.holds(port)) {
            return Err(Refusal::Port { port });
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(address.into()),
            Some(Host::Ipv6(address)) => self.check_address(address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Whether this address may be dialled.
    ///
    /// # Errors
    /// The rule that is against it.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        // An address that leads on to another is in the networks of both.
        let inner = class::translated(address);
        let is_in = |networks: &[IpNet]| {
            networks.iter().any(|network| {
                network.contains(&address) || inner.is_some_and(|inner| network.contains(&inner))
            })
        };
        if is_in(&self.rules.deny) {
            return Err(Refusal::Denied);
        }
        let class = AddressClass::of(address);
        if class == AddressClass::Metadata {
            let is_named = |network: &IpNet| network.prefix_len() == network.max_prefix_len();
            let named: Vec<IpNet> = self.rules.allow.iter().copied().filter(is_named).collect();
            return if is_in(&named) {
                Ok(())
            } else {
                Err(Refusal::Address { class })
            };
        }
        if is_in(&self.rules.allow) || (self.rules.allow_private && class.is_local()) {
            return Ok(());
        }
        if class != AddressClass::Public {
            return Err(Refusal::Address { class });
        }
        if !self.rules.allow_private && (is_in(&self.rules.own) || own::is_own(address)) {
            return Err(Refusal::Address {
                class: AddressClass::Own,
            });
        }
        Ok(())
    }

    /// Those of the addresses of a name that may be dialled.
    ///
    /// # Errors
    /// When there are addresses and none may be.
    pub fn permitted(&self, host: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Refusal> {
        if self.is_trusted(host) {
            return Ok(addresses);
        }
        let mut refusal = None;
        let mut permitted = addresses;
        permitted.retain(|address| match self.check_address(*address) {
            Ok(()) => true,
            Err(reason) => {
                refusal.get_or_insert(reason);
                false
            }
        });
        match refusal {
            Some(refusal) if permitted.is_empty() => Err(refusal),
            _ => Ok(permitted),
        }
    }

    fn is_trusted(&self, host: &str) -> bool {
        self.rules
            .trusted_hosts
            .iter()
            .any(|trusted| trusted.eq_ignore_ascii_case(host))
    }
}

/// A network in CIDR notation, or a single address.
///
/// # Errors
/// When it is neither.
pub fn parse_network(text: &str) -> Result<IpNet, BadNetwork> {
    let text = text.trim();
    IpNet::from_str(text)
        .or_else(|_| IpAddr::from_str(text).map(IpNet::from))
        .map_err(|_| BadNetwork(text.to_owned()))
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network; write an address, or a network such as 192.168.0.0/16 or fd00::/8")]
pub struct BadNetwork(String);

#[cfg(test)]
mod tests;
