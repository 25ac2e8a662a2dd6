//! The handle a test holds.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Certificates, write_bundle};
use crate::config::{Config, Content};
use crate::error::FakeError;
use crate::gateway::link::{room_of, serve};
use crate::report::ConnectionReport;
use crate::room::mls::ExternalSenderKey;
use crate::room::{Command, Hostile, Scenario};
use crate::state::Shared;
use crate::{udp, wav};

/// Longest wait for a scenario (a change of the call) to be complete.
const SCENARIO: Duration = Duration::from_secs(15);

/// A running fake voice server. Dropping it stops everything.
///
/// It runs on threads of its own, so the caller's runtime may be of any kind. A guild is one call;
/// where several clients are in one guild, methods that take a guild mean its newest session.
pub struct FakeDiscord {
    addr: SocketAddr,
    ca_pem: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) acceptor: TlsAcceptor,
    stop: Arc<AtomicBool>,
    pub(crate) runtime: Option<Runtime>,
}

impl FakeDiscord {
    /// Starts a server and returns when it accepts connections.
    ///
    /// # Errors
    /// A configuration out of range, or sockets, threads or certificates that cannot be made.
    pub async fn start(config: Config) -> Result<Self, FakeError> {
        validate(&config)?;
        let certificates = Certificates::generate()?;
        let failed = |source| FakeError::Listen {
            addr: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let sockets = udp::open(config.listen.ip(), config.udp_sockets)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.workers)
            .thread_name("fake-discord")
            .enable_all()
            .build()
            .map_err(FakeError::Threads)?;
        let drops = sockets.iter().map(|(_, drops)| drops.clone()).collect();
        let shared = Arc::new(Shared::new(config, ExternalSenderKey::generate()?, drops));
        // From here on an early return drops the handle, which stops the threads.
        let server = Self {
            addr,
            ca_pem: certificates.ca_pem,
            shared,
            acceptor: TlsAcceptor::from(certificates.tls),
            stop: Arc::default(),
            runtime: Some(runtime),
        };
        for (socket, drops) in sockets {
            udp::spawn(socket, drops, server.shared.clone(), server.stop.clone())?;
        }
        let (acceptor, shared) = (server.acceptor.clone(), server.shared.clone());
        if let Some(runtime) = &server.runtime {
            let listener = {
                let _context = runtime.enter();
                tokio::net::TcpListener::from_std(listener)
                    .map_err(|source| FakeError::Listen { addr, source })?
            };
            runtime.spawn(accept(listener, acceptor, shared));
        }
        Ok(server)
    }

    /// The gateway's address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a voice server update would carry: `127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        self.addr.to_string()
    }

    /// The server's certificate authority, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Writes the system's trusted roots and this server's authority to `path`, to be named by `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_ca_bundle(&self, path: impl AsRef<Path>) -> Result<(), FakeError> {
        write_bundle(&self.ca_pem, path.as_ref())
    }

    /// The configuration in use.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// The channel id of a guild's call, which a client must know as its MLS group id.
    pub fn channel_of(&self, guild_id: u64) -> u64 {
        self.shared.config.channel_of(guild_id)
    }

    /// Guilds that clients have identified for, ascending.
    pub fn guilds(&self) -> Vec<u64> {
        self.shared.guild_ids()
    }

    /// What the server saw of a guild's newest session; it stays available after the session ended.
    pub fn report(&self, guild_id: u64) -> Option<ConnectionReport> {
        self.shared.newest(guild_id).map(|session| session.report())
    }

    /// As [`Self::report`], of one user's newest session.
    pub fn report_of(&self, guild_id: u64, user_id: u64) -> Option<ConnectionReport> {
        self.shared
            .newest_of(guild_id, user_id)
            .map(|session| session.report())
    }

    /// Reports of all remembered sessions: by guild, oldest first, at most 16 ended ones per guild.
    pub fn reports(&self) -> Vec<ConnectionReport> {
        self.shared.reports()
    }

    /// What the server itself failed at. A test should find this empty.
    pub fn faults(&self) -> Vec<String> {
        self.shared.faults()
    }

    /// Waits until a guild's newest session satisfies `predicate`, and returns its report then.
    ///
    /// # Errors
    /// [`FakeError::Timeout`] naming `what` after `limit`.
    pub async fn wait_for(
        &self,
        guild_id: u64,
        what: &str,
        limit: Duration,
        predicate: impl Fn(&ConnectionReport) -> bool,
    ) -> Result<ConnectionReport, FakeError> {
        /// Packets do not wake waiters, so the report is looked at this often.
        const POLL: Duration = Duration::from_millis(20);
        let deadline = Instant::now() + limit;
        loop {
            if let Some(report) = self.report(guild_id)
                && predicate(&report)
            {
                return Ok(report);
            }
            if Instant::now() >= deadline {
                return Err(FakeError::Timeout {
                    what: what.to_owned(),
                    seconds: limit.as_secs_f64(),
                });
            }
            tokio::time::sleep(POLL.min(deadline - Instant::now())).await;
        }
    }

    /// Opus packets of a guild's newest session in playing order, silence frames included, decrypted;
    /// the newest ones within [`Config::record_limit`]. Empty under [`Content::TransportOnly`].
    pub fn opus_packets(&self, guild_id: u64) -> Vec<Vec<u8>> {
        self.with_session(guild_id, |session| session.media.lock().recording.packets())
            .unwrap_or_default()
    }

    /// Decoded audio of a guild's newest session: interleaved stereo, 48 kHz, zeros where packets were lost;
    /// the newest within [`Config::record_limit`]. Empty unless [`Content::Full`].
    pub fn pcm(&self, guild_id: u64) -> Vec<i16> {
        self.with_session(guild_id, |session| session.media.lock().recording.pcm())
            .unwrap_or_default()
    }

    /// Writes [`Self::pcm`] as a 16-bit WAV file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_wav(&self, guild_id: u64, path: impl AsRef<Path>) -> Result<(), FakeError> {
        wav::write(path.as_ref(), &self.pcm(guild_id))
    }

    /// Forgets the audio recorded so far, so that the next look sees only what comes after.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn clear_recording(&self, guild_id: u64) -> Result<(), FakeError> {
        self.with_session(guild_id, |session| session.media.lock().recording.clear())
    }

    /// Changes how far a guild's newest session is opened from the next packet on.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn set_content(&self, guild_id: u64, content: Content) -> Result<(), FakeError> {
        self.with_session(guild_id, |session| session.media.lock().content = content)
    }

    /// Lets one more simulated listener join; done when the epoch with it is in force for all clients.
    /// Listeners have the user ids [`crate::FIRST_LISTENER`], +1 and so on.
    ///
    /// # Errors
    /// [`FakeError::Timeout`] when the clients do not follow within 15 s.
    pub async fn add_listener(&self, guild_id: u64) -> Result<(), FakeError> {
        self.play(guild_id, Scenario::AddListener, "the group with the new listener")
            .await
    }

    /// Lets the newest listener leave; done when the next epoch is in force. Removing the last one ends the group
    /// (op 24 epoch 1, op 21 id 0) and clients send plain frames again.
    ///
    /// # Errors
    /// [`FakeError::NoListener`], or [`FakeError::Timeout`] when the clients do not follow within 15 s.
    pub async fn remove_listener(&self, guild_id: u64) -> Result<(), FakeError> {
        self.play(
            guild_id,
            Scenario::RemoveListener,
            "the group without the listener",
        )
        .await
    }

    /// Ends end-to-end encryption: op 21 with version 0, op 22; done when executed. Nothing if it is off.
    ///
    /// # Errors
    /// [`FakeError::Timeout`].
    pub async fn downgrade(&self, guild_id: u64) -> Result<(), FakeError> {
        self.play(guild_id, Scenario::Downgrade, "the downgrade").await
    }

    /// Begins end-to-end encryption after [`Self::downgrade`]: op 24 with epoch 1; done when the new group's key
    /// is in force. Nothing if it is on.
    ///
    /// # Errors
    /// [`FakeError::Timeout`] when the clients do not form a group within 15 s.
    pub async fn upgrade(&self, guild_id: u64) -> Result<(), FakeError> {
        self.play(guild_id, Scenario::Upgrade, "the upgrade").await
    }

    /// Announces (op 29) a damaged, outdated commit to the newest client; done when the client answered with
    /// op 31 and a new key package and was removed, added again and welcomed.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`] without a client in the group; [`FakeError::Timeout`].
    pub async fn send_bad_commit(&self, guild_id: u64) -> Result<(), FakeError> {
        self.play(guild_id, Scenario::BadCommit, "the recovery from a bad commit")
            .await
    }

    /// As many listeners as that, in one epoch; done when it is in force for all clients.
    ///
    /// # Errors
    /// [`FakeError::Timeout`] when the clients do not follow within 15 s.
    pub async fn set_listeners(&self, guild_id: u64, count: usize) -> Result<(), FakeError> {
        self.play(
            guild_id,
            Scenario::SetListeners(count),
            "the group of another size",
        )
        .await
    }

    /// Announces the protocol version in force anew (op 21, then op 22); done when executed.
    ///
    /// # Errors
    /// [`FakeError::Timeout`].
    pub async fn reannounce(&self, guild_id: u64) -> Result<(), FakeError> {
        self.play(
            guild_id,
            Scenario::Reannounce,
            "the transition to what is in force",
        )
        .await
    }

    /// Sends the newest client in the group something no server should; done when the client has recovered, if it has to.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`] without a client in the group; [`FakeError::Timeout`].
    pub async fn send_hostile(&self, guild_id: u64, what: Hostile) -> Result<(), FakeError> {
        self.play(
            guild_id,
            Scenario::Hostile(what),
            "the recovery from a bad message",
        )
        .await
    }

    /// Waits until no proposal, commit or transition is under way and all clients are in the group.
    ///
    /// # Errors
    /// [`FakeError::Timeout`] after 15 s.
    pub async fn settled(&self, guild_id: u64) -> Result<(), FakeError> {
        self.play(guild_id, Scenario::Settle, "the call to settle").await
    }

    /// Closes the newest session's WebSocket. The session can be resumed after 1001, 4000, 4009, 4015
    /// and 4900.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn close(&self, guild_id: u64, code: u16, reason: &str) -> Result<(), FakeError> {
        self.with_session(guild_id, |session| session.close(code, reason))
    }

    /// Drops the newest session's TCP connection without a close frame; it can be resumed.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn drop_tcp(&self, guild_id: u64) -> Result<(), FakeError> {
        self.with_session(guild_id, |session| session.drop_tcp())
    }

    /// Stops or resumes answering the newest session's heartbeats.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn withhold_acks(&self, guild_id: u64, withhold: bool) -> Result<(), FakeError> {
        self.with_session(guild_id, |session| {
            session.acks_withheld.store(withhold, Ordering::Relaxed)
        })
    }

    /// Sends any JSON message to the newest session, numbered in version 8.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn send_json(&self, guild_id: u64, op: u8, data: &Value) -> Result<(), FakeError> {
        self.with_session(guild_id, |session| session.send_json(op, data))
    }

    /// Sends any binary message to the newest session, numbered in version 8.
    ///
    /// # Errors
    /// [`FakeError::NoConnection`].
    pub fn send_binary(&self, guild_id: u64, op: u8, payload: &[u8]) -> Result<(), FakeError> {
        self.with_session(guild_id, |session| session.send_binary(op, payload))
    }

    async fn play(&self, guild_id: u64, scenario: Scenario, what: &str) -> Result<(), FakeError> {
        let timed_out = || FakeError::Timeout {
            what: what.to_owned(),
            seconds: SCENARIO.as_secs_f64(),
        };
        let room = match &self.runtime {
            Some(runtime) => {
                let _context = runtime.enter();
                room_of(&self.shared, guild_id)
            }
            None => return Err(timed_out()),
        };
        let (done, finished) = oneshot::channel();
        let outcome = tokio::time::timeout(SCENARIO, async {
            room.send(Command::Scenario(scenario, done)).await;
            finished.await
        })
        .await;
        match outcome {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(timed_out()),
        }
    }
}

impl Drop for FakeDiscord {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime inside another one is not allowed to block.
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, acceptor.clone(), shared.clone()));
            }
            Err(error) => {
                // Out of descriptors, most likely: connections in progress must get a chance to end.
                shared.fault(format!("accept: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn validate(config: &Config) -> Result<(), FakeError> {
    let wrong = |what: &str| Err(FakeError::Config(what.to_owned()));
    if config.modes.is_empty() {
        return wrong("modes is empty; offer at least one");
    }
    if config.dave_version > 1 {
        return wrong("dave_version is 0 or 1");
    }
    if config.listeners > 64 {
        return wrong("listeners is 0 to 64");
    }
    if !(1..=64).contains(&config.udp_sockets) || !(1..=64).contains(&config.workers) {
        return wrong("udp_sockets and workers are 1 to 64");
    }
    if config.heartbeat_interval.is_zero() {
        return wrong("heartbeat_interval is above 0");
    }
    Ok(())
}
