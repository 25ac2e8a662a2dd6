//! The part of the handle that makes the server misbehave.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::error::FakeError;
use crate::faults::Faults;
use crate::gateway::op;
use crate::gateway::session::{Flood, Session, ToLink};
use crate::openings::{self, Opening};
use crate::server::FakeDiscord;

impl FakeDiscord {
    /// Sets the faults of a guild's connections, from the next message on; those set before are forgotten.
    pub fn set_faults(&self, guild_id: u64, faults: Faults) {
        self.shared.set_faults(guild_id, faults);
    }

    /// Opens one more listener and returns its endpoint.
    ///
    /// # Errors
    /// [`FakeError::Listen`].
    pub fn endpoint_that(&self, opening: Opening) -> Result<String, FakeError> {
        let ip = self.addr().ip();
        let failed = |source| FakeError::Listen {
            addr: SocketAddr::new(ip, 0),
            source,
        };
        let Some(runtime) = &self.runtime else {
            return Err(failed(std::io::ErrorKind::NotConnected.into()));
        };
        let _context = runtime.enter();
        openings::open(ip, opening, self.acceptor.clone(), self.shared.clone())
            .map(|addr| addr.to_string())
            .map_err(failed)
    }

    /// Sends the newest session another op 4 with a new transport key of the same mode, which is in force at once.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`], also before the first op 4.
    pub fn rekey(&self, guild_id: u64) -> Result<(), FakeError> {
        let done = self.with_session(guild_id, Session::rekey)?;
        done.then_some(()).ok_or(FakeError::NoConnection(guild_id))
    }

    /// Sends the newest session a text frame as it is.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn send_text(&self, guild_id: u64, text: &str) -> Result<(), FakeError> {
        self.instruct(guild_id, ToLink::Send(Message::text(text)))
    }

    /// Sends the newest session a binary frame as it is.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn send_bytes(&self, guild_id: u64, bytes: &[u8]) -> Result<(), FakeError> {
        self.instruct(guild_id, ToLink::Send(Message::binary(bytes.to_vec())))
    }

    /// Sends the newest session a text frame that is not UTF-8.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn send_invalid_text(&self, guild_id: u64) -> Result<(), FakeError> {
        let frame = Frame::message(vec![0xC3, 0x28], OpCode::Data(Data::Text), true);
        self.instruct(guild_id, ToLink::Send(Message::Frame(frame)))
    }

    /// Asks the newest session for a heartbeat now (op 3).
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn demand_heartbeat(&self, guild_id: u64) -> Result<(), FakeError> {
        self.with_session(guild_id, |session| {
            session.send_unnumbered(op::HEARTBEAT, &Value::Null)
        })
    }

    /// Sends the newest session up to `total` bytes as fast as it takes them; the socket does nothing else meanwhile.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn flood(&self, guild_id: u64, flood: Flood, total: u64) -> Result<(), FakeError> {
        self.instruct(guild_id, ToLink::Flood(flood, total))
    }

    /// Sends the newest session's UDP address `count` datagrams of every kind from its own server (noise, RTP, RTCP,
    /// discovery answers) and as many from a socket it does not know.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`], also before IP discovery; [`FakeError::Listen`].
    pub fn pelt(&self, guild_id: u64, count: usize) -> Result<(), FakeError> {
        let (session, peer) = self
            .shared
            .newest(guild_id)
            .and_then(|session| {
                let peer = session.media.lock().peer()?;
                Some((session, peer))
            })
            .ok_or(FakeError::NoConnection(guild_id))?;
        let addr = SocketAddr::new(peer.ip(), 0);
        let stranger = UdpSocket::bind(addr).map_err(|source| FakeError::Listen { addr, source })?;
        let mut datagrams = vec![Vec::new(), vec![0; 4], vec![0xFF; 1200], vec![0x80; 60]];
        datagrams.push([&[0x80, 0x78][..], &[7; 50]].concat());
        datagrams.push([&[0x81, 201, 0, 7][..], &[1; 28]].concat());
        datagrams.push(crate::discovery::response(session.ssrc, addr).to_vec());
        for datagram in datagrams.iter().cycle().take(count) {
            // A datagram the system does not take is one stranger less.
            stranger.send_to(datagram, peer).ok();
            session.socket.send_to(datagram, peer);
        }
        Ok(())
    }

    fn instruct(&self, guild_id: u64, instruction: ToLink) -> Result<(), FakeError> {
        let done = self.with_session(guild_id, |session| session.instruct(instruction))?;
        done.then_some(()).ok_or(FakeError::NoConnection(guild_id))
    }

    pub(crate) fn with_session<T>(
        &self,
        guild_id: u64,
        action: impl FnOnce(&Arc<Session>) -> T,
    ) -> Result<T, FakeError> {
        self.shared
            .newest(guild_id)
            .map(|session| action(&session))
            .ok_or(FakeError::NoConnection(guild_id))
    }
}
