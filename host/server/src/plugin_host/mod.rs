//! What the node lends its plugins: log, settings, clocks, HTTP, cache and probing.
//!
//! Every method runs on a thread for plugins, inside a plugin's call, and ends by that call's deadline. What it has to wait
//! for runs on the node's runtime: threads that are started there do not inherit the low priority of this one.

mod admission;
mod cache;
mod granted;
mod log;
mod reach;
mod recorded;
mod response;
mod settings_schema;
mod store;
mod tend;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use lavalink_audio::{AudioError, MediaHint, Probed, ProbedAudio};
use lavalink_net::{HostList, NetError, ReaderConfig, Request};
use lavalink_plugin_api::{
    Failure, Hint, Host, HttpRequest, HttpResponse, Level, Loaded, Media, Probe, SessionRef,
};
use lavalink_plugins::{CallReport, Exchange, Grants, GuardReport, HostFactory};
use parking_lot::Mutex;
use rand::Rng;
use tokio::runtime::Handle;

pub use self::admission::{OperatorsAdmission, check_settings};
pub use self::granted::hosts_of;
pub use self::log::PluginLogs;
pub use self::reach::Reach;
pub use self::tend::tend;

use self::cache::Cache;
use self::recorded::Recorded;
use self::response::HostResponse;
use self::store::Store;
use crate::client::LazyClient;
use crate::clock;
use crate::config::Config;
use crate::media::{Opener, ProbeInput, net_request};
use crate::metrics::Metrics;
use crate::node::Node;

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
const PROBE_READ_AHEAD: usize = 64 * 1024;

/// Makes a [`Host`] for each call of a plugin.
pub struct NodeHosts {
    config: Arc<Config>,
    client: Arc<LazyClient>,
    opener: Opener,
    runtime: Handle,
    cache: Arc<Cache>,
    metrics: Arc<Metrics>,
    store: Arc<Store>,
    reach: Reach,
}

impl NodeHosts {
    /// Hosts that share the client and runtime of `opener`. `reach` is set once the node is there.
    pub fn new(config: Arc<Config>, opener: Opener, metrics: Arc<Metrics>, reach: Reach) -> Self {
        Self {
            store: Arc::new(Store::new(config.plugins_data_dir.clone())),
            reach,
            config,
            client: Arc::clone(opener.client()),
            runtime: opener.runtime().clone(),
            opener,
            cache: Arc::new(Cache::default()),
            metrics,
        }
    }
}

impl HostFactory for NodeHosts {
    fn host_for(&self, plugin: &str, grants: &Arc<Grants>, deadline: Instant) -> Arc<dyn Host> {
        Arc::new(CallHost {
            plugin: plugin.to_owned(),
            grants: Arc::clone(grants),
            hosts: OnceLock::new(),
            settings: Arc::clone(&self.config),
            client: Arc::clone(&self.client),
            opener: self.opener.clone(),
            runtime: self.runtime.clone(),
            cache: Arc::clone(&self.cache),
            store: Arc::clone(&self.store),
            reach: self.reach.clone(),
            depth: reach::depth(),
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

    fn ended(&self, report: &GuardReport<'_>) {
        self.metrics.ended(report);
    }

    fn exchanged(&self, plugin: &str, exchange: Exchange) {
        self.metrics.exchanged(plugin, exchange);
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
    grants: Arc<Grants>,
    /// The hosts it may reach, read out of the grants by the first request.
    hosts: OnceLock<Arc<HostList>>,
    settings: Arc<Config>,
    client: Arc<LazyClient>,
    opener: Opener,
    runtime: Handle,
    cache: Arc<Cache>,
    store: Arc<Store>,
    reach: Reach,
    /// How many plugins stand between this call and the client that asked.
    depth: usize,
    scope: Arc<CallScope>,
}

impl Drop for CallHost {
    fn drop(&mut self) {
        self.scope.is_over.store(true, Ordering::Relaxed);
    }
}

impl CallHost {
    fn hosts(&self) -> &Arc<HostList> {
        self.hosts.get_or_init(|| hosts_of(&self.grants))
    }

    fn remaining(&self) -> Duration {
        self.scope.remaining().unwrap_or_default()
    }

    /// Waits on this thread for what runs on the runtime; `None` when the call's deadline passes first, or the node ends.
    fn wait_for<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let remaining = self.remaining();
        let running = self
            .runtime
            .spawn(async move { tokio::time::timeout(remaining, future).await.ok() });
        match self.runtime.block_on(running) {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => None,
            },
        }
    }
}

impl Host for CallHost {
    fn log(&self, level: Level, message: &str) {
        PluginLogs::of_process().of(&self.plugin).write(level, message);
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
        PluginLogs::of_process().of(&self.plugin).is_wanted(level)
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
        let request = net_request(request, self.hosts());
        let asked = request.clone();
        let response = self
            .wait_for(async move { client.fetch(asked).await })
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

    fn load(&self, identifier: &str) -> Result<(String, Loaded), Failure> {
        let node = self.reach.node()?;
        let (depth, identifier) = (self.depth, identifier.to_owned());
        self.wait_for(async move { reach::load(&node, depth, &identifier).await })
            .ok_or_else(|| out_of_time("loading through other sources"))?
    }

    fn store_get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.store.get(&self.plugin, key)
    }

    fn store_set(&self, key: &str, value: &[u8]) -> Result<(), Failure> {
        self.store.set(&self.plugin, key, value)
    }

    fn store_delete(&self, key: &str) -> Result<(), Failure> {
        self.store.delete(&self.plugin, key)
    }

    fn sessions(&self) -> Vec<SessionRef> {
        self.reach
            .node()
            .map(|node| reach::sessions(&node))
            .unwrap_or_default()
    }

    fn send_event(&self, session_id: &str, message: &str) -> Result<(), Failure> {
        reach::send(&*self.reach.node()?, session_id, message)
    }

    fn player(&self, session_id: &str, guild_id: u64) -> Option<String> {
        reach::player(&*self.reach.node().ok()?, session_id, guild_id)
    }

    fn update_player(&self, session_id: &str, guild_id: u64, update: &str) -> Result<String, Failure> {
        let node = self.reach.node()?;
        let (session_id, update) = (session_id.to_owned(), update.to_owned());
        self.wait_for(async move { reach::update_player(&node, &session_id, guild_id, &update).await })
            .ok_or_else(|| out_of_time("changing a player"))?
    }

    fn add_marker(
        &self,
        session_id: &str,
        guild_id: u64,
        position: Duration,
        marker: &str,
    ) -> Result<(), Failure> {
        let node = self.reach.node()?;
        if !node.services.plugins.listens(&self.plugin) {
            return Err(Failure::fault("The marker cannot be set.").because("the plugin has no listener"));
        }
        let (plugin, session_id) = (self.plugin.clone(), session_id.to_owned());
        let marker = marker.to_owned();
        let added =
            async move { reach::add_marker(&node, &plugin, &session_id, guild_id, position, &marker).await };
        self.wait_for(added)
            .ok_or_else(|| out_of_time("setting a marker"))?
    }

    fn probe(&self, media: Media) -> Result<Probe, Failure> {
        let config = ReaderConfig {
            read_ahead_bytes: PROBE_READ_AHEAD,
            ..ReaderConfig::default()
        };
        let request = match &media {
            Media::Response(body, _) => self.scope.request_of(&body.url()),
            Media::Http { request, .. } => Some(net_request(request.clone(), self.hosts())),
            Media::Hls { request, .. } => {
                return self.describe_hls(net_request(request.clone(), self.hosts()));
            }
            Media::Bytes(..) | Media::Redirect(_) => None,
        };
        let (mut reader, hint) = match (media, request.clone()) {
            (Media::Response(body, hint), Some(request)) => {
                self.opener.open_response(body, hint, request, config)?
            }
            (media, _) => self.opener.open(media, self.hosts(), config)?,
        };
        let opening = async move { reader.ready().await.map(|()| reader) };
        let reader = self
            .wait_for(opening)
            .ok_or_else(|| out_of_time("opening the medium"))?
            .map_err(|error| net_failure(&error))?;
        let input = ProbeInput::new(reader, self.scope.deadline);
        let probed = match self.prober() {
            None => lavalink_audio::probe(Box::new(input), &hint),
            Some(node) => self.probe_with_plugins(node, input, &hint),
        };
        match probed {
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
    /// The node, when one of its plugins probes for containers.
    fn prober(&self) -> Option<Arc<Node>> {
        let node = self.reach.node().ok()?;
        node.services.plugins.has_probes().then_some(node)
    }

    /// Probes, and lets plugins name the container when nothing is found.
    fn probe_with_plugins(
        &self,
        node: Arc<Node>,
        input: ProbeInput,
        hint: &MediaHint,
    ) -> Result<Probed, AudioError> {
        let input = Recorded::new(input);
        let first = lavalink_audio::probe(Box::new(input.clone()), hint);
        if !matches!(first, Err(AudioError::UnknownFormat { .. })) || hint.container.is_some() {
            return first;
        }
        let given = Hint {
            mime: hint.mime.clone(),
            extension: hint.extension.clone(),
            container: None,
        };
        let head = input.head();
        let named = self.wait_for(async move { node.services.plugins.sniff(head, given).await });
        let Some(Some(container)) = named else {
            return first;
        };
        if input.rewind().is_err() {
            return first;
        }
        let hint = MediaHint {
            container: Some(container),
            ..hint.clone()
        };
        lavalink_audio::probe(Box::new(input), &hint)
    }

    /// What an HLS playlist promises, as a probe of the Java server has it.
    fn describe_hls(&self, request: Request) -> Result<Probe, Failure> {
        let client = self.client.get()?;
        let description = self
            .wait_for(async move { lavalink_net::describe_hls(&client, request).await })
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
    let mut failure = match error {
        NetError::Refused { .. } => Failure::common(error.to_string()),
        _ => Failure::suspicious(error.to_string()),
    };
    if error.is_retriable() {
        failure.retry = Some(lavalink_plugin_api::Retry::After(Duration::from_secs(1)));
    }
    failure
}
