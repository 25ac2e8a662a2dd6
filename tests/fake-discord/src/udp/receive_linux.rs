//! Reading with the kernel's arrival time and drop count, so that this process's own delays do not count as lateness.

use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
    sockopt::{ReceiveTimestampns, RxqOvfl},
};
use nix::sys::time::TimeSpec;

use super::{Datagram, Patience, now_ns};

/// Rest of a reading thread once it has read its socket empty. One that waits for each datagram takes the processor from
/// whoever sent it, packet by packet, when both share a machine.
pub(super) const REST: Duration = Duration::from_millis(5);

/// Reads one socket.
pub(super) struct Receiver {
    control: Vec<u8>,
}

impl Receiver {
    /// Asks the kernel for arrival times and drop counts; without them reading still works.
    pub(super) fn new(socket: &UdpSocket) -> Self {
        let timestamps = setsockopt(socket, ReceiveTimestampns, &true);
        let drops = setsockopt(socket, RxqOvfl, &1);
        if timestamps.is_err() || drops.is_err() {
            tracing::warn!(?timestamps, ?drops, "no kernel arrival times or drop counts");
        }
        Self {
            control: nix::cmsg_space!(TimeSpec, u32),
        }
    }

    /// The next datagram, or `None`: with [`Patience::Wait`] after the socket's read timeout, else at once.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        buffer: &mut [u8],
        patience: Patience,
    ) -> Option<Datagram> {
        let flags = match patience {
            Patience::Wait => MsgFlags::empty(),
            Patience::Drain | Patience::Look => MsgFlags::MSG_DONTWAIT,
        };
        let mut slices = [IoSliceMut::new(buffer)];
        let control = Some(self.control.as_mut_slice());
        let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, control, flags).ok()?;
        let peer = message.address.and_then(|address| {
            address
                .as_sockaddr_in()
                .map(|v4| SocketAddr::V4((*v4).into()))
                .or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
        })?;
        let mut at = None;
        let mut dropped = None;
        for control in message.cmsgs().into_iter().flatten() {
            match control {
                ControlMessageOwned::ScmTimestampns(time) => {
                    at = time
                        .tv_sec()
                        .checked_mul(1_000_000_000)
                        .map(|ns| ns + time.tv_nsec());
                }
                ControlMessageOwned::RxqOvfl(count) => dropped = Some(u64::from(count)),
                _ => {}
            }
        }
        Some(Datagram {
            length: message.bytes,
            peer,
            at: at.unwrap_or_else(now_ns),
            dropped,
        })
    }
}
