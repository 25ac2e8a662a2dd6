//! What kind of address an address is (IANA special-purpose registries, and the metadata services of clouds).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A class of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// Reachable from everywhere.
    Public,
    /// This machine.
    Loopback,
    /// A private network (RFC 1918).
    Private,
    /// A private network of IPv6 (`fc00::/7`, and the older `fec0::/10`).
    UniqueLocal,
    /// This link only.
    LinkLocal,
    /// Shared by the customers of a provider (`100.64.0.0/10`).
    CarrierGrade,
    /// A service of a cloud that hands out credentials.
    Metadata,
    /// An address of this node.
    Own,
    /// No address (`0.0.0.0/8`, `::`): systems take it for themselves.
    Unspecified,
    /// Many receivers at once.
    Multicast,
    /// All receivers of a network.
    Broadcast,
    /// Kept for documents, benchmarks or the future.
    Reserved,
    /// A tunnel or translation whose other end nobody can tell (Teredo, 6to4, local NAT64, IPv4-compatible).
    Tunnel,
}

impl AddressClass {
    /// The class of an address. An IPv4 address written as IPv6, or behind the well-known NAT64 prefix, has its own.
    pub fn of(address: IpAddr) -> Self {
        match translated(address).unwrap_or(address) {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// Whether a switch for local networks means it.
    pub(super) fn is_local(self) -> bool {
        matches!(
            self,
            Self::Loopback
                | Self::Private
                | Self::UniqueLocal
                | Self::LinkLocal
                | Self::CarrierGrade
                | Self::Own
        )
    }

    /// Which setting lets it pass.
    pub(super) fn permitted_by(self) -> &'static str {
        if self.is_local() {
            "lavalink.server.egress.allow-private, or its network in lavalink.server.egress.allow,"
        } else if self == Self::Metadata {
            "the address by itself in lavalink.server.egress.allow"
        } else {
            "its network in lavalink.server.egress.allow"
        }
    }
}

impl std::fmt::Display for AddressClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Loopback => "a loopback address",
            Self::Private => "an address of a private network",
            Self::UniqueLocal => "a unique local address",
            Self::LinkLocal => "a link-local address",
            Self::CarrierGrade => "an address of a carrier's network",
            Self::Metadata => "the address of a cloud's metadata service",
            Self::Own => "an address of this node",
            Self::Unspecified => "the unspecified address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Reserved => "a reserved address",
            Self::Tunnel => "an address of a tunnel",
        })
    }
}

/// The IPv4 address that a connection to this one ends at: mapped, or behind the well-known NAT64 prefix.
pub(super) fn translated(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(address) = address else { return None };
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(mapped.into());
    }
    let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() else {
        return None;
    };
    Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)).into())
}

fn of_v4(address: Ipv4Addr) -> AddressClass {
    use AddressClass as Class;
    match address.octets() {
        // AWS, GCP, Azure and most others; ECS tasks; Alibaba; Oracle; Azure's host.
        [169, 254, 169, 254]
        | [169, 254, 170, 2 | 23]
        | [100, 100, 100, 200]
        | [192, 0, 0, 192]
        | [168, 63, 129, 16] => Class::Metadata,
        [0, ..] => Class::Unspecified,
        [127, ..] => Class::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Class::Private,
        [169, 254, ..] => Class::LinkLocal,
        [100, 64..=127, ..] => Class::CarrierGrade,
        [255, 255, 255, 255] => Class::Broadcast,
        [224..=239, ..] => Class::Multicast,
        // Protocols, documents, the 6to4 relay, benchmarks, the future.
        [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [240..=255, ..] => Class::Reserved,
        _ => Class::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressClass {
    use AddressClass as Class;
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        // AWS and GCP.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254] => Class::Metadata,
        // IPv4-compatible, IPv4-translated, local NAT64, Teredo, 6to4.
        [0, 0, 0, 0, 0, 0, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, ..]
        | [0x2001, 0, ..]
        | [0x2002, ..] => Class::Tunnel,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Class::UniqueLocal,
        [0xfe80..=0xfebf, ..] => Class::LinkLocal,
        [0xff00..=0xffff, ..] => Class::Multicast,
        // Benchmarks, ORCHID (both), documents.
        [0x2001, 0x0002, 0, ..]
        | [0x2001, 0x0010..=0x002f, ..]
        | [0x2001, 0x0db8, ..]
        | [0x3fff, 0..=0x0fff, ..] => Class::Reserved,
        [0x2000..=0x3fff, ..] => Class::Public,
        // Nothing else has been given out for hosts.
        _ => Class::Reserved,
    }
}
