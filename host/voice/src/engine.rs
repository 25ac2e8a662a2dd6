//! The engine: threads and settings shared by all voice connections of a process.

use std::{num::NonZeroUsize, sync::Arc, thread::available_parallelism};

use tokio::sync::mpsc;

use crate::{
    connection::VoiceConnection,
    dave::pool::MlsPool,
    error::VoiceError,
    event::VoiceEvent,
    gateway::{socket, task::Context, task::Status, tls::TlsSettings},
    info::VoiceInfo,
    pacer::PacerPool,
    source::SharedSource,
    totals::{Lateness, Ledger, VoiceTotals},
};

/// Size of an engine.
#[derive(Debug, Clone)]
pub struct VoiceConfig {
    /// Threads that send audio, at least 1. One thread serves some two thousand connections.
    pub pacers: usize,
    /// Threads for the public key operations of end-to-end encryption, at least 1.
    pub mls_threads: usize,
}

impl Default for VoiceConfig {
    /// A pacer per core and half as many MLS threads.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            pacers: cores,
            mls_threads: cores.div_ceil(2),
        }
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) pacers: PacerPool,
    pub(crate) mls: Arc<MlsPool>,
    pub(crate) tls: TlsSettings,
    ledger: Ledger,
}

/// Opens voice connections and sends for them. Cheap to clone.
///
/// Its threads end when the engine and all its connections are gone.
#[derive(Clone)]
pub struct VoiceEngine {
    shared: Arc<Shared>,
}

impl VoiceEngine {
    /// Starts the threads; they sleep until there is a connection.
    ///
    /// # Errors
    /// [`VoiceError::Thread`] when the system gives no more threads.
    pub fn new(config: VoiceConfig) -> Result<Self, VoiceError> {
        Self::with_tls(&config, TlsSettings::default())
    }

    pub(crate) fn with_tls(config: &VoiceConfig, tls: TlsSettings) -> Result<Self, VoiceError> {
        let pacers = PacerPool::start(config.pacers)?;
        let mls = Arc::new(MlsPool::start(config.mls_threads)?);
        Ok(Self {
            shared: Arc::new(Shared {
                pacers,
                mls,
                tls,
                ledger: Ledger::default(),
            }),
        })
    }

    /// Connects to a voice gateway. Done when the WebSocket upgrade is done, within 10 s; joining the call goes on in
    /// a task of its own, which reports to `events` and takes its audio from `source`.
    ///
    /// Must be called within a tokio runtime that has I/O and time enabled.
    ///
    /// # Errors
    /// [`VoiceError::Endpoint`] for an endpoint that is not `host[:port]`, [`VoiceError::Connect`] and
    /// [`VoiceError::Timeout`] when the gateway cannot be reached, [`VoiceError::Tls`] without trusted roots.
    pub async fn connect(
        &self,
        info: VoiceInfo,
        source: SharedSource,
        events: mpsc::Sender<VoiceEvent>,
    ) -> Result<VoiceConnection, VoiceError> {
        let socket = socket::open(&info.endpoint, &self.shared.tls).await?;
        let status = Arc::<Status>::default();
        status.set_open(true);
        self.shared.ledger.register(Arc::clone(&status.counters));
        let context = Context {
            info,
            engine: Arc::clone(&self.shared),
            source,
            events,
            status: Arc::clone(&status),
        };
        Ok(VoiceConnection::start(context, socket, status))
    }

    /// What all connections did together so far, those that have ended included.
    pub fn totals(&self) -> VoiceTotals {
        self.shared.ledger.totals()
    }

    /// How late the slots of all connections were run so far.
    pub fn lateness(&self) -> Lateness {
        self.shared.pacers.lateness()
    }
}
