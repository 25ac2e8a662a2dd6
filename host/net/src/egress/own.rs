//! Whether an address is one of this machine's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// A port nothing is ever sent to.
const DISCARD: u16 = 9;

/// Whether packets to `address` stay on this machine. The system is asked by the route it would take: to an address of
/// its own it goes from that very address. So interfaces that come and go are always known. Sends nothing.
pub(super) fn is_own(address: IpAddr) -> bool {
    let any = match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let source = || {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.connect(SocketAddr::new(address, DISCARD))?;
        socket.local_addr()
    };
    source().is_ok_and(|source: SocketAddr| source.ip() == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_an_interface_is_own_and_others_are_not() {
        assert!(is_own(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(!is_own("192.0.2.7".parse().unwrap()));
        assert!(!is_own("2001:db8::7".parse().unwrap()));
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        // The address this machine would use to go out, where it has a way out.
        if socket.connect("192.0.2.7:9").is_ok() {
            assert!(is_own(socket.local_addr().unwrap().ip()));
        }
    }
}
