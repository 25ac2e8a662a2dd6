//! The UDP side: a few sockets, each read by its own thread, hand every datagram to its session.

#[cfg_attr(target_os = "linux", path = "receive_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "receive_portable.rs")]
mod receive;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::discovery;
use crate::error::FakeError;
use crate::faults::Discovery;
use crate::gateway::session::Session;
use crate::media::rtp::RtpHeader;
use crate::media::transport::RTP_HEADER;
use crate::state::Shared;
use receive::{REST, Receiver};

/// Receive buffer asked for, bytes; the system may grant less.
const RECEIVE_BUFFER: usize = 4 << 20;
/// How often a reading thread looks whether the server was stopped.
const STOP_CHECK: Duration = Duration::from_millis(100);
/// Longest datagram read; voice packets stay below the usual MTU.
const MAX_DATAGRAM: usize = 2_048;

/// How many datagrams the system dropped before a socket was read.
#[derive(Debug)]
pub(crate) struct SocketDrops {
    /// Port of the socket.
    pub(crate) port: u16,
    dropped: AtomicU64,
    socket: UdpSocket,
}

impl SocketDrops {
    /// Drops since the socket was opened.
    pub(crate) fn count(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends from that socket; what the system does not take is lost.
    pub(crate) fn send_to(&self, datagram: &[u8], peer: SocketAddr) {
        self.socket.send_to(datagram, peer).ok();
    }
}

/// Opens `count` sockets on `ip`.
pub(crate) fn open(ip: IpAddr, count: usize) -> Result<Vec<(UdpSocket, Arc<SocketDrops>)>, FakeError> {
    let addr = SocketAddr::new(ip, 0);
    let failed = |source| FakeError::Listen { addr, source };
    (0..count)
        .map(|_| {
            let socket = UdpSocket::bind(addr).map_err(failed)?;
            socket2::SockRef::from(&socket)
                .set_recv_buffer_size(RECEIVE_BUFFER)
                .map_err(failed)?;
            socket.set_read_timeout(Some(STOP_CHECK)).map_err(failed)?;
            let port = socket.local_addr().map_err(failed)?.port();
            let drops = SocketDrops {
                port,
                dropped: AtomicU64::new(0),
                socket: socket.try_clone().map_err(failed)?,
            };
            Ok((socket, Arc::new(drops)))
        })
        .collect()
}

/// Reads `socket` on a thread of its own until `stop` is set.
pub(crate) fn spawn(
    socket: UdpSocket,
    drops: Arc<SocketDrops>,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
) -> Result<(), FakeError> {
    std::thread::Builder::new()
        .name(format!("fake-udp-{}", drops.port))
        .spawn(move || {
            let mut receiver = Receiver::new(&socket);
            let mut buffer = [0; MAX_DATAGRAM];
            let mut patience = Patience::Wait;
            while !stop.load(Ordering::Relaxed) {
                let Some(datagram) = receiver.receive(&socket, &mut buffer, patience) else {
                    patience = patience.after_nothing();
                    continue;
                };
                patience = Patience::Drain;
                if let Some(dropped) = datagram.dropped {
                    drops.dropped.store(dropped, Ordering::Relaxed);
                }
                dispatch(
                    &shared,
                    &socket,
                    &mut buffer[..datagram.length],
                    datagram.peer,
                    datagram.at,
                );
            }
        })
        .map(drop)
        .map_err(FakeError::Threads)
}

/// What a reading thread does when its socket is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Waits for the next datagram.
    Wait,
    /// Finds out that nothing is left of what came lately.
    Drain,
    /// Looks whether anything came while it rested.
    Look,
}

impl Patience {
    /// After an empty socket: a rest while there is traffic, then a wait.
    fn after_nothing(self) -> Self {
        match self {
            Self::Drain => {
                std::thread::sleep(REST);
                Self::Look
            }
            Self::Wait | Self::Look => Self::Wait,
        }
    }
}

/// One received datagram.
struct Datagram {
    length: usize,
    peer: SocketAddr,
    /// Arrival, ns since the Unix epoch.
    at: i64,
    /// Total drops of the socket, if the system tells.
    dropped: Option<u64>,
}

/// The clock of arrival times: ns since the Unix epoch.
pub(crate) fn now_ns() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Answers an IP discovery request as the fault wants it. A lost answer is part of UDP; the client asks again.
fn answer_discovery(socket: &UdpSocket, ssrc: u32, peer: SocketAddr, fault: Discovery) {
    let answer = discovery::response(ssrc, peer);
    if matches!(fault, Discovery::Foreign | Discovery::ForeignOnly) {
        let lie = SocketAddr::from(([203, 0, 113, 1], 1));
        let mut wrong_type = discovery::response(ssrc, lie);
        wrong_type[1] = 1;
        let mut no_address = discovery::response(ssrc, lie);
        no_address[8..20].copy_from_slice(b"not.an.addr\0");
        let foreign = discovery::response(ssrc.wrapping_add(1), lie);
        let strangers: [&[u8]; 5] = [&wrong_type, &no_address, &foreign, &answer[..73], b""];
        for datagram in strangers {
            socket.send_to(datagram, peer).ok();
        }
    }
    match fault {
        Discovery::ForeignOnly => {}
        Discovery::Late(delay) => {
            // A thread for one datagram: this one must go on reading.
            if let Ok(socket) = socket.try_clone() {
                std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    socket.send_to(&answer, peer).ok();
                });
            }
        }
        Discovery::Answered | Discovery::Lost(_) | Discovery::Foreign => {
            socket.send_to(&answer, peer).ok();
        }
    }
}

/// Hands a datagram to the session it belongs to; unknown ones are dropped.
fn dispatch(shared: &Shared, socket: &UdpSocket, datagram: &mut [u8], peer: SocketAddr, at: i64) {
    if let Some(ssrc) = discovery::parse_request(datagram) {
        let Some(session) = shared.session_by_ssrc(ssrc) else {
            return;
        };
        shared.bind_peer(peer, &session);
        let fault = shared.faults_of(session.identify.guild_id).discovery;
        let lost = match fault {
            Discovery::Lost(count) => count,
            _ => shared.config.quirks.lost_discoveries,
        };
        if session.media.lock().discover(peer, lost) {
            answer_discovery(socket, ssrc, peer, fault);
        }
        return;
    }
    if matches!(datagram.len(), 4 | 8) {
        if let Some(session) = shared.session_by_peer(peer) {
            session.media.lock().frames.keepalives += 1;
            if datagram.len() == 8 {
                let _ = socket.send_to(datagram, peer);
            }
        }
        return;
    }
    // RTCP packet types lie where RTP would have marker and payload type (RFC 5761).
    if matches!(datagram.get(1), Some(200..=207)) {
        if let Some(session) = shared.session_by_peer(peer) {
            session.media.lock().frames.rtcp += 1;
        }
        return;
    }
    let header = RtpHeader::parse(datagram);
    match header.and_then(|header| Some((header, shared.session_by_ssrc(header.ssrc)?))) {
        Some((header, session)) => {
            let payload = session.media.lock().receive(&header, datagram, peer, at);
            if let Some(payload) = payload
                && shared.config.forward
            {
                forward(
                    shared,
                    socket,
                    &session,
                    &datagram[..RTP_HEADER],
                    &datagram[payload],
                );
            }
        }
        None => {
            if let Some(session) = shared.session_by_peer(peer) {
                session.media.lock().frames.malformed += 1;
            }
        }
    }
}

/// Sends a packet on to the other clients of the sender's call.
fn forward(shared: &Shared, socket: &UdpSocket, sender: &Session, header: &[u8], payload: &[u8]) {
    for session in shared.sessions(sender.identify.guild_id) {
        if session.id == sender.id || !session.is_alive() {
            continue;
        }
        let packet = session.media.lock().forward(header, payload);
        if let Some((packet, peer)) = packet {
            // What is lost here is lost as on any network.
            let _ = socket.send_to(&packet, peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receives_with_time_and_length() {
        let (socket, _) = open("127.0.0.1".parse().unwrap(), 1).unwrap().remove(0);
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut receiver = Receiver::new(&socket);
        let before = now_ns();
        client.send_to(&[9; 33], socket.local_addr().unwrap()).unwrap();
        let mut buffer = [0; MAX_DATAGRAM];
        let datagram = receiver.receive(&socket, &mut buffer, Patience::Wait).unwrap();
        assert_eq!(
            (datagram.length, datagram.peer),
            (33, client.local_addr().unwrap())
        );
        assert!(
            datagram.at >= before && datagram.at <= now_ns(),
            "{before} {}",
            datagram.at
        );
        assert_eq!(buffer[..34], [[9; 33].as_slice(), &[0]].concat());
    }

    #[test]
    fn an_idle_socket_returns_nothing() {
        let (socket, _) = open("127.0.0.1".parse().unwrap(), 1).unwrap().remove(0);
        assert!(
            Receiver::new(&socket)
                .receive(&socket, &mut [0; MAX_DATAGRAM], Patience::Wait)
                .is_none()
        );
        let before = std::time::Instant::now();
        for patience in [Patience::Drain, Patience::Look] {
            let datagram = Receiver::new(&socket).receive(&socket, &mut [0; MAX_DATAGRAM], patience);
            assert!(datagram.is_none(), "{patience:?}");
        }
        assert!(REST.is_zero() || before.elapsed() < STOP_CHECK);
    }
}
