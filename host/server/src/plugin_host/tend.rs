//! What has to be looked at every few seconds: files that changed, trials whose time is over, log lines that were dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lavalink_plugins::Watch;
use tokio::time::MissedTickBehavior;

use super::PluginLogs;
use crate::services::Services;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(2);

/// Tends the plugins for as long as the node runs. `watch`: whether to load files that change.
pub async fn tend(services: Arc<Services>, watch: bool) {
    let mut files = watch.then(Watch::default);
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        PluginLogs::of_process().tend();
        services.plugins.tend(Instant::now());
        if let Some(mut present) = files.take() {
            let threads = Arc::clone(services.plugins.threads());
            let services = Arc::clone(&services);
            let polled = threads.spawn(move || {
                let failed = services.provision.refused_files();
                for path in present.poll(&services.plugins, &failed) {
                    // What it says is in the log.
                    let _outcome = services.provision.retry(&services.plugins, &path);
                }
                present
            });
            // After a panic, which is a bug and in the log, watching begins anew.
            files = Some(polled.await.unwrap_or_default());
        }
    }
}
