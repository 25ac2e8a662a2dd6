//! From a configuration to a serving node, and back down in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use lavalink_net::{Retries, RouteConfig, RoutePlanner};
use lavalink_plugins::{GuardLimits, LoadOptions, LoadReport, PluginThreads, Plugins};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::build_info;
use crate::client::LazyClient;
use crate::clock;
use crate::config::{Config, RetryLimit, Severity};
use crate::media::Opener;
use crate::memory;
use crate::metrics::Metrics;
use crate::node::Node;
use crate::open_files;
use crate::plugin_host::{self, NodeHosts, OperatorsAdmission, Reach};
use crate::provision::Provision;
use crate::rest;
use crate::server;
use crate::services::Services;
use crate::tls;

/// Longest time from the signal to stop until the process ends.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);

/// Longest time of it for plugins to hear the last events.
const LAST_EVENTS_DEADLINE: Duration = Duration::from_secs(2);

/// Folder of compiled components in the plugins' data directory; no plugin can have this name.
const COMPILED_DIR: &str = "~compiled";

/// Fewer open files than this deserve a warning.
const FEW_FILES: u64 = 4096;

/// Runs the node until SIGINT or SIGTERM.
///
/// # Errors
/// When the port cannot be bound or signals cannot be waited for.
pub async fn run(config: Config) -> anyhow::Result<()> {
    announce(&config);
    raise_open_files();
    check(&config).map_err(anyhow::Error::msg)?;
    let tls = config.server.tls.as_ref().map(tls::acceptor).transpose()?;
    let is_secured = tls.is_some();
    let settings = server::Settings {
        tls,
        trusts_forwarded_headers: config.server.trusts_forwarded_headers,
        is_graceful: config.server.graceful_shutdown.is_some(),
    };
    let config = Arc::new(config);
    let runtime = Handle::current();
    let client = Arc::new(LazyClient::new(
        &config.outgoing,
        &config.egress,
        route_planner(&config)?,
    ));
    let metrics = Arc::new(Metrics::new().context("cannot set up the metrics")?);
    let reach = Reach::default();
    let (provision, arrivals) = Provision::begin(&config).await;
    let threads = PluginThreads::new();
    let opener = Opener::new(client, runtime, Arc::clone(&threads));
    let hosts = NodeHosts::new(
        Arc::clone(&config),
        opener.clone(),
        Arc::clone(&metrics),
        reach.clone(),
    );
    let plugins = load_plugins(&config, hosts, &provision, threads);
    let node = Arc::new(Node::new(Arc::new(Services::new(
        Arc::clone(&config),
        plugins,
        provision,
        opener,
        metrics,
    ))));
    reach.set(&node);
    let address = SocketAddr::new(config.server.address, config.server.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; set server.port and server.address to ones that are free")
    })?;
    let bound = listener
        .local_addr()
        .context("cannot tell which port was bound")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let (stop, stopped) = watch::channel(false);
    let router = rest::router(Arc::clone(&node));
    let mut serving = tokio::spawn(server::serve(listener, router, settings, stopped));
    tracing::info!(
        "Listening on {bound}{}{}, started in {} ms",
        config.server.context_path,
        if is_secured { " with TLS" } else { "" },
        clock::monotonic_ms()
    );
    if config.is_password_generated {
        tracing::warn!(
            "No password is configured. The password of this run is {}",
            config.password.expose()
        );
    }
    tracing::info!("Lavalink is ready to accept connections.");
    let giving_back = tokio::spawn(memory::give_back(Arc::clone(&node.registry)));
    let tending = tokio::spawn(plugin_host::tend(
        Arc::clone(&node.services),
        config.plugin_exchange.watch,
    ));
    let taking_in = tokio::spawn(arrivals.take_in(Arc::clone(&node.services)));
    tokio::select! {
        _ = interrupt.recv() => tracing::info!("SIGINT received, shutting down"),
        _ = terminate.recv() => tracing::info!("SIGTERM received, shutting down"),
    }
    giving_back.abort();
    tending.abort();
    taking_in.abort();
    // Serving stops when the receiver sees the change; a failed send means that it already has.
    let _already_stopped = stop.send(true);
    if let Some(limit) = config.server.graceful_shutdown {
        tracing::info!("Waiting for requests under way, {limit:?} at most");
        tokio::select! {
            // The accept loop has no state to lose; only a panic, already logged, can be in here.
            waited = tokio::time::timeout(limit, &mut serving) => match waited {
                Ok(_all_answered) => {}
                Err(_) => tracing::warn!("Some requests were not answered within {limit:?}"),
            },
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        serving.abort();
    }
    if tokio::time::timeout(SHUTDOWN_DEADLINE, shut_down(&node, serving))
        .await
        .is_err()
    {
        tracing::warn!("Not everything was closed within {SHUTDOWN_DEADLINE:?}");
    }
    tracing::info!("Bye");
    Ok(())
}

/// Closes sockets and voice connections, and lets plugins hear of it.
async fn shut_down(node: &Node, serving: tokio::task::JoinHandle<()>) {
    let players = node.registry.shut_down();
    let playing = players
        .iter()
        .filter(|player| player.shared().is_playing())
        .count();
    if playing > 0 {
        tracing::info!("Shutting down {playing} playing players.");
    }
    join_all(players.iter().map(|player| async {
        player.destroy().await;
        player.ended().await;
    }))
    .await;
    // Already over after a graceful shutdown.
    if !serving.is_finished() {
        let _outcome = serving.await;
    }
    node.registry.sockets_closed().await;
    let events = node.services.plugins.events();
    for plugin in events.told(LAST_EVENTS_DEADLINE).await {
        tracing::warn!("Plugin {plugin} did not take its last events within {LAST_EVENTS_DEADLINE:?}");
    }
}

/// What can be wrong with settings that are each valid by themselves. Starts nothing.
///
/// # Errors
/// The reason, for people.
pub fn check(config: &Config) -> Result<(), String> {
    if let Some(tls) = &config.server.tls {
        tls::acceptor(tls).map_err(|error| error.to_string())?;
    }
    if config.metrics.enabled {
        rest::check_metrics_path(&config.metrics.endpoint)?;
    }
    planner(config).map_err(|error| format!("{error:#}"))?;
    Ok(())
}

fn announce(config: &Config) {
    tracing::info!("{}", build_info::describe());
    if config.files.is_empty() {
        tracing::info!("No application.yml found, the embedded configuration is used");
    }
    for file in &config.files {
        tracing::info!("Configuration: {}", file.display());
    }
    if !config.profiles.is_empty() {
        tracing::info!("Active profiles: {}", config.profiles.join(", "));
    }
    for finding in config.findings.of(Severity::Warning) {
        tracing::warn!("{}: {}", finding.origin, finding.message);
    }
    if !config.without_effect.is_empty() {
        tracing::info!(
            "These settings of Java Lavalink are accepted and have no effect here: {}",
            config.without_effect.join(", ")
        );
    }
}

/// The route planner, where blocks are configured.
fn route_planner(config: &Config) -> anyhow::Result<Option<Arc<RoutePlanner>>> {
    let planner = planner(config)?;
    if let Some(planner) = &planner {
        tracing::info!(
            "Active RoutePlanner: {:?} using total of {} ips",
            planner.strategy(),
            planner.blocks().size()
        );
    }
    Ok(planner.map(Arc::new))
}

fn planner(config: &Config) -> anyhow::Result<Option<RoutePlanner>> {
    let Some(settings) = &config.rate_limit else {
        return Ok(None);
    };
    let planner = RoutePlanner::new(&RouteConfig {
        blocks: settings.ip_blocks.clone(),
        excluded: settings.excluded_ips.clone(),
        strategy: settings.strategy.clone(),
        retries: match settings.retry_limit {
            RetryLimit::Default => Retries::Default,
            RetryLimit::Unlimited => Retries::Unlimited,
            RetryLimit::Times(times) => Retries::Times(times),
        },
        search_triggers_fail: settings.search_triggers_fail,
    })
    .context("lavalink.server.ratelimit")?;
    Ok(Some(planner))
}

fn raise_open_files() {
    match open_files::raise() {
        Ok(limit) if limit < FEW_FILES => tracing::warn!(
            "No more than {limit} files and connections can be open at a time; raise the limit (ulimit -n, LimitNOFILE) \
             to serve more than some {} players",
            limit / 4
        ),
        Ok(limit) => tracing::debug!("At most {limit} open files"),
        Err(error) => tracing::warn!("The limit of open files cannot be raised: {error}"),
    }
}

/// Plugins that are part of this binary.
fn built_in() -> Vec<lavalink_plugin_api::BuiltIn> {
    #[cfg(feature = "built-in-sources")]
    let plugins = vec![
        lavalink_plugin_http::built_in(),
        lavalink_plugin_local::built_in(),
    ];
    #[cfg(not(feature = "built-in-sources"))]
    let plugins = Vec::new();
    plugins
}

fn load_plugins(
    config: &Arc<Config>,
    hosts: NodeHosts,
    provision: &Arc<Provision>,
    threads: Arc<PluginThreads>,
) -> Plugins {
    let enabled = Arc::clone(config);
    let options = LoadOptions {
        dirs: plugin_directories(config),
        built_in: built_in(),
        files: provision.files(),
        source_enabled: Box::new(move |source| enabled.is_source_enabled(source)),
        limits: GuardLimits {
            trial: config.plugin_exchange.trial,
            ..GuardLimits::default()
        },
        admission: Arc::new(OperatorsAdmission::new(
            Arc::clone(config),
            Arc::clone(provision),
            bundled_directory().as_deref(),
        )),
        cache_dir: Some(config.plugins_data_dir.join(COMPILED_DIR)),
        threads,
    };
    let (plugins, reports) = Plugins::load(options, Arc::new(hosts));
    provision.note(&reports);
    for LoadReport { path, result } in &reports {
        match result {
            Ok(plugin) => tracing::info!(
                "Loaded plugin {} {} with sources [{}]{}{} from {}",
                plugin.name,
                plugin.version,
                plugin.sources.join(", "),
                if plugin.offers.is_empty() { "" } else { " and " },
                plugin.offers.join(", "),
                path.display()
            ),
            Err(error) => tracing::error!("Plugin {} was not loaded: {error}", path.display()),
        }
    }
    for (plugin, endpoint) in plugins.endpoints() {
        if rest::is_own(&config.metrics, &endpoint.path) {
            tracing::warn!(
                "Plugin {plugin}: its endpoint {} {} is never asked, the node answers that path itself",
                endpoint.method,
                endpoint.path
            );
        }
    }
    let sources = plugins.source_names();
    if sources.is_empty() {
        tracing::warn!(
            "No sources are loaded, so nothing can be played; put plugins into one of the plugin directories"
        );
    } else {
        tracing::info!("Sources: {}", sources.join(", "));
    }
    plugins
}

/// The folder of the plugins that came with the node: the one next to the executable.
fn bundled_directory() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.parent()?.join("plugins"))
}

/// The configured directory and the one next to the executable, each once.
pub fn plugin_directories(config: &Config) -> Vec<PathBuf> {
    let beside = bundled_directory();
    let mut found: Vec<(PathBuf, PathBuf)> = Vec::new();
    for directory in std::iter::once(config.plugins_dir.clone()).chain(beside) {
        let Ok(canonical) = directory.canonicalize() else {
            tracing::debug!("plugin directory {} does not exist", directory.display());
            continue;
        };
        if !found.iter().any(|(_, known)| *known == canonical) {
            found.push((directory, canonical));
        }
    }
    found.into_iter().map(|(directory, _)| directory).collect()
}
