//! The part of joining that happens on UDP: a socket to the voice server and our address as it sees it.

use std::{io, net::Ipv4Addr, net::Ipv6Addr, net::SocketAddr};

use tokio::net::UdpSocket;

use super::messages::Ready;
use crate::udp::{crypto::Mode, discovery::discover};

/// Receive buffer asked for, in bytes: whatever arrives is never read, so it need not be kept. The system rounds up.
const RECEIVE_BUFFER: usize = 1;

/// What op 2 led to.
pub(crate) struct UdpPath {
    /// Connected to the voice server, non-blocking.
    pub(crate) socket: std::net::UdpSocket,
    pub(crate) ssrc: u32,
    /// Our address as the voice server sees it.
    pub(crate) address: SocketAddr,
    /// The encryption mode to ask for.
    pub(crate) mode: Mode,
}

/// Opens the UDP path to the voice server of `ready`. Takes 3.7 s at most.
pub(crate) async fn open_udp(ready: Ready) -> io::Result<UdpPath> {
    let mode = Mode::choose(ready.modes.iter().map(String::as_str)).ok_or_else(|| {
        io::Error::other(format!(
            "the voice server offers no known encryption mode: {:?}",
            ready.modes
        ))
    })?;
    let server = SocketAddr::new(ready.ip, ready.port);
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let address = discover(&socket, ready.ssrc).await?;
    let socket = socket.into_std()?;
    if let Err(error) = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER) {
        tracing::debug!(%error, "the receive buffer stays as it is");
    }
    Ok(UdpPath {
        socket,
        ssrc: ready.ssrc,
        address,
        mode,
    })
}
