//! Reading with the standard library alone, where the kernel's arrival times are not available.

use std::net::UdpSocket;
use std::time::Duration;

use super::{Datagram, Patience, now_ns};

/// No rest: what lay in the buffer meanwhile would look late.
pub(super) const REST: Duration = Duration::ZERO;

/// Reads one socket.
pub(super) struct Receiver;

impl Receiver {
    /// Nothing to prepare.
    pub(super) fn new(_socket: &UdpSocket) -> Self {
        Self
    }

    /// The next datagram, or `None` after the socket's read timeout, whatever the patience.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        buffer: &mut [u8],
        _patience: Patience,
    ) -> Option<Datagram> {
        let (length, peer) = socket.recv_from(buffer).ok()?;
        Some(Datagram {
            length,
            peer,
            at: now_ns(),
            dropped: None,
        })
    }
}
