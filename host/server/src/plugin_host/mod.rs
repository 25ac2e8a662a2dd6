//! What the node lends its plugins: log, settings, clocks, HTTP, cache and probing.
//!
//! Every method runs on a thread of the blocking pool, inside a plugin's call, and ends by that call's deadline.

mod cache;
mod response;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lavalink_audio::{Probed, ProbedAudio};
use lavalink_net::{NetError, ReaderConfig};
use lavalink_plugin_api::{Failure, Host, HttpRequest, HttpResponse, Level, Media, Probe};
use lavalink_plugins::HostFactory;
use tokio::runtime::Handle;

use self::cache::Cache;
use self::response::HostResponse;
use crate::client::LazyClient;
use crate::clock;
use crate::config::Config;
use crate::media::{Opener, ProbeInput, net_request};

/// Most bytes of a body when the plugin gives no bound of its own.
const DEFAULT_BODY_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes read ahead while probing: tags with cover pictures are skipped by jumps, not read.
const PROBE_READ_AHEAD: usize = 128 * 1024;

/// Makes a [`Host`] for each call of a plugin.
pub struct NodeHosts {
    config: Arc<Config>,
    client: Arc<LazyClient>,
    opener: Opener,
    runtime: Handle,
    cache: Arc<Cache>,
}

impl NodeHosts {
    /// Hosts whose requests run on `runtime`.
    pub fn new(config: Arc<Config>, client: Arc<LazyClient>, runtime: Handle) -> Self {
        let opener = Opener::new(Arc::clone(&client), runtime.clone());
        Self {
            config,
            client,
            opener,
            runtime,
            cache: Arc::new(Cache::default()),
        }
    }
}

impl HostFactory for NodeHosts {
    fn host_for(&self, plugin: &str, deadline: Instant) -> Arc<dyn Host> {
        Arc::new(CallHost {
            plugin: plugin.to_owned(),
            settings: Arc::clone(&self.config),
            client: Arc::clone(&self.client),
            opener: self.opener.clone(),
            runtime: self.runtime.clone(),
            cache: Arc::clone(&self.cache),
            scope: Arc::new(CallScope {
                deadline,
                is_over: AtomicBool::new(false),
            }),
        })
    }
}

/// The time frame of one call.
#[derive(Debug)]
struct CallScope {
    deadline: Instant,
    /// A response handed back to the node is read on after the call; only the client's own timeouts bound it then.
    is_over: AtomicBool,
}

impl CallScope {
    fn remaining(&self) -> Option<Duration> {
        if self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.deadline.saturating_duration_since(Instant::now()))
    }
}

/// The host of one call.
struct CallHost {
    plugin: String,
    settings: Arc<Config>,
    client: Arc<LazyClient>,
    opener: Opener,
    runtime: Handle,
    cache: Arc<Cache>,
    scope: Arc<CallScope>,
}

impl Drop for CallHost {
    fn drop(&mut self) {
        self.scope.is_over.store(true, Ordering::Relaxed);
    }
}

impl CallHost {
    fn remaining(&self) -> Duration {
        self.scope.remaining().unwrap_or_default()
    }
}

impl Host for CallHost {
    fn log(&self, level: Level, message: &str) {
        let plugin = self.plugin.as_str();
        match level {
            Level::Error => tracing::error!(target: "plugin", "{plugin}: {message}"),
            Level::Warn => tracing::warn!(target: "plugin", "{plugin}: {message}"),
            Level::Info => tracing::info!(target: "plugin", "{plugin}: {message}"),
            Level::Debug => tracing::debug!(target: "plugin", "{plugin}: {message}"),
            Level::Trace => tracing::trace!(target: "plugin", "{plugin}: {message}"),
        }
    }

    fn config(&self) -> String {
        self.settings.plugin_settings(&self.plugin)
    }

    fn now_unix_ms(&self) -> u64 {
        u64::try_from(clock::unix_ms()).unwrap_or(0)
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(clock::monotonic_ms())
            .unwrap_or(0)
            .saturating_mul(1_000_000)
    }

    fn sleep(&self, time: Duration) -> Result<(), Failure> {
        let remaining = self.remaining();
        std::thread::sleep(time.min(remaining));
        if time > remaining {
            Err(out_of_time("sleeping"))
        } else {
            Ok(())
        }
    }

    fn fetch(&self, mut request: HttpRequest) -> Result<Box<dyn HttpResponse>, Failure> {
        request.max_bytes = Some(request.max_bytes.unwrap_or(DEFAULT_BODY_BYTES));
        let client = self.client.get()?;
        let fetching = client.fetch(net_request(request));
        let answer = self
            .runtime
            .block_on(tokio::time::timeout(self.remaining(), fetching));
        let response = answer
            .map_err(|_| out_of_time("waiting for an answer"))?
            .map_err(|error| net_failure(&error))?;
        Ok(Box::new(HostResponse::new(
            response,
            self.runtime.clone(),
            Arc::clone(&self.scope),
        )))
    }

    fn cache_get(&self, key: &str) -> Option<Vec<u8>> {
        self.cache.get(&self.plugin, key, Instant::now())
    }

    fn cache_set(&self, key: &str, value: &[u8], ttl: Duration) {
        self.cache.set(&self.plugin, key, value, ttl, Instant::now());
    }

    fn probe(&self, media: Media) -> Result<Probe, Failure> {
        let config = ReaderConfig {
            read_ahead_bytes: PROBE_READ_AHEAD,
            ..ReaderConfig::default()
        };
        let (mut reader, hint) = self.opener.open(media, config)?;
        self.runtime
            .block_on(tokio::time::timeout(self.remaining(), reader.ready()))
            .map_err(|_| out_of_time("opening the medium"))?
            .map_err(|error| net_failure(&error))?;
        let input = ProbeInput(reader.into_blocking(self.remaining()));
        match lavalink_audio::probe(Box::new(input), &hint) {
            Ok(Probed::Audio(audio)) => Ok(probe_result(audio)),
            Ok(Probed::Reference { identifier, title }) => Ok(Probe::Reference { identifier, title }),
            Err(error) => Err(crate::failure::from_audio(&error)),
        }
    }
}

fn probe_result(audio: ProbedAudio) -> Probe {
    Probe::Audio {
        container: audio.container,
        parameters: audio.parameters,
        title: audio.title,
        author: audio.author,
        isrc: audio.isrc,
        length: audio.length,
        is_seekable: audio.is_seekable,
    }
}

fn out_of_time(doing: &str) -> Failure {
    Failure::suspicious("The time for this call is used up.")
        .because(format!("the deadline passed while {doing}"))
}

/// A request that failed, for the plugin.
fn net_failure(error: &NetError) -> Failure {
    let mut failure = Failure::suspicious(error.to_string());
    if error.is_retriable() {
        failure.retry = Some(lavalink_plugin_api::Retry::After(Duration::from_secs(1)));
    }
    failure
}
