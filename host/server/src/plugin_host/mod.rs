//! What the node lends its plugins: log, settings, clocks, HTTP, cache and probing.
//!
//! Every method runs on a thread of the blocking pool, inside a plugin's call, and ends by that call's deadline.

mod cache;
mod response;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lavalink_audio::{Probed, ProbedAudio};
use lavalink_net::{NetError, ReaderConfig, Request};
use lavalink_plugin_api::{Failure, Host, HttpRequest, HttpResponse, Level, Media, Probe};
use lavalink_plugins::{CallReport, HostFactory};
use parking_lot::Mutex;
use rand::Rng;
use tokio::runtime::Handle;

use self::cache::Cache;
use self::response::HostResponse;
use crate::client::LazyClient;
use crate::clock;
use crate::config::Config;
use crate::media::{Opener, ProbeInput, net_request};
use crate::metrics::Metrics;

/// Most bytes of a body when the plugin gives no bound of its own.
const DEFAULT_BODY_BYTES: u64 = 64 * 1024 * 1024;
/// Most random bytes given at once.
const MAX_RANDOM_BYTES: usize = 4096;
/// Requests a call remembers.
const MAX_REMEMBERED: usize = 8;
/// Name and parameters of the probe for HLS playlists behind a URL, as stored in encoded tracks.
const HLS_PROBE: &str = "m3u";
const HLS_PARAMETERS: &str = "hls-outer";
/// Bytes read ahead while probing: tags with cover pictures are skipped by jumps, not read.
const PROBE_READ_AHEAD: usize = 128 * 1024;

/// Makes a [`Host`] for each call of a plugin.
pub struct NodeHosts {
    config: Arc<Config>,
    client: Arc<LazyClient>,
    opener: Opener,
    runtime: Handle,
    cache: Arc<Cache>,
    metrics: Arc<Metrics>,
}

impl NodeHosts {
    /// Hosts whose requests run on `runtime`.
    pub fn new(config: Arc<Config>, client: Arc<LazyClient>, runtime: Handle, metrics: Arc<Metrics>) -> Self {
        let opener = Opener::new(Arc::clone(&client), runtime.clone());
        Self {
            config,
            client,
            opener,
            runtime,
            cache: Arc::new(Cache::default()),
            metrics,
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
                requests: Mutex::default(),
                is_over: AtomicBool::new(false),
            }),
        })
    }

    fn called(&self, report: &CallReport<'_>) {
        self.metrics.called(report);
    }
}

/// The time frame of one call.
#[derive(Debug)]
struct CallScope {
    deadline: Instant,
    /// The last requests by the URL that answered: a response handed back for probing can then be read anywhere.
    requests: Mutex<Vec<(String, Request)>>,
    /// A response handed back to the node is read on after the call; only the client's own timeouts bound it then.
    is_over: AtomicBool,
}

impl CallScope {
    fn remember(&self, url: &str, request: Request) {
        let mut requests = self.requests.lock();
        if requests.len() >= MAX_REMEMBERED {
            requests.remove(0);
        }
        requests.push((url.to_owned(), request));
    }

    fn request_of(&self, url: &str) -> Option<Request> {
        let requests = self.requests.lock();
        requests
            .iter()
            .rev()
            .find(|(known, _)| known == url)
            .map(|(_, request)| request.clone())
    }

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

    /// Waits on this thread; `None` when the call's deadline passes first.
    fn wait_for<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let remaining = self.remaining();
        self.runtime
            .block_on(async { tokio::time::timeout(remaining, future).await.ok() })
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
        u64::try_from(clock::monotonic().as_nanos()).unwrap_or(u64::MAX)
    }

    fn random(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length.min(MAX_RANDOM_BYTES)];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }

    fn enabled(&self, level: Level) -> bool {
        match level {
            Level::Error => tracing::enabled!(target: "plugin", tracing::Level::ERROR),
            Level::Warn => tracing::enabled!(target: "plugin", tracing::Level::WARN),
            Level::Info => tracing::enabled!(target: "plugin", tracing::Level::INFO),
            Level::Debug => tracing::enabled!(target: "plugin", tracing::Level::DEBUG),
            Level::Trace => tracing::enabled!(target: "plugin", tracing::Level::TRACE),
        }
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
        let request = net_request(request);
        let response = self
            .wait_for(client.fetch(request.clone()))
            .ok_or_else(|| out_of_time("waiting for an answer"))?
            .map_err(|error| net_failure(&error))?;
        if request.method == "GET" && request.range.is_none() {
            self.scope.remember(response.url(), request);
        }
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
        let request = match &media {
            Media::Response(body, _) => self.scope.request_of(&body.url()),
            Media::Http { request, .. } => Some(net_request(request.clone())),
            Media::Hls { request, .. } => return self.describe_hls(net_request(request.clone())),
            Media::Bytes(..) | Media::Redirect(_) => None,
        };
        let (mut reader, hint) = match (media, request.clone()) {
            (Media::Response(body, hint), Some(request)) => {
                self.opener.open_response(body, hint, request, config)?
            }
            (media, _) => self.opener.open(media, config)?,
        };
        self.wait_for(reader.ready())
            .ok_or_else(|| out_of_time("opening the medium"))?
            .map_err(|error| net_failure(&error))?;
        let input = ProbeInput::new(reader, self.scope.deadline);
        match lavalink_audio::probe(Box::new(input), &hint) {
            Ok(Probed::Audio(audio)) => Ok(probe_result(audio)),
            Ok(Probed::Reference { identifier, title }) => Ok(Probe::Reference { identifier, title }),
            Ok(Probed::Hls) => match request {
                Some(request) => self.describe_hls(request),
                None => Err(Failure::common("This HLS playlist cannot be played.")
                    .because("its address is not known, so that its segments cannot be found")),
            },
            Err(error) => Err(crate::failure::from_audio(&error)),
        }
    }
}

impl CallHost {
    /// What an HLS playlist promises, as a probe of the Java server has it.
    fn describe_hls(&self, request: Request) -> Result<Probe, Failure> {
        let client = self.client.get()?;
        let description = self
            .wait_for(lavalink_net::describe_hls(&client, request))
            .ok_or_else(|| out_of_time("fetching a playlist"))?
            .map_err(|error| net_failure(&error))?;
        Ok(Probe::Audio {
            container: HLS_PROBE.to_owned(),
            parameters: Some(HLS_PARAMETERS.to_owned()),
            title: None,
            author: None,
            isrc: None,
            length: description.length,
            is_seekable: description.length.is_some(),
        })
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
