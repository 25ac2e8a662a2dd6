//! How plugins fare at the scrape.

use lavalink_plugins::{Footprint, PluginStatus};
use prometheus::proto::MetricFamily;

use super::families::{counters_by, gauges_by};
use crate::node::Node;
use crate::plugin_host::PluginLogs;

/// Adds the families of plugins.
pub fn collect(node: &Node, families: &mut Vec<MetricFamily>) {
    let statuses = node.services.plugins.statuses();
    let by = |figure: fn(&PluginStatus) -> f64| {
        statuses
            .iter()
            .map(|status| (status.info.name.clone(), figure(status)))
            .collect()
    };
    let rows = node.services.provision.roster(&node.services.plugins);
    let count = |state: &str| rows.iter().filter(|row| row.standing.as_str() == state).count();
    families.push(gauges_by(
        "lavalink_plugins",
        "Plugins in use, left out because something is wrong with them, and awaited.",
        "state",
        ["loaded", "failed", "awaiting"]
            .map(|state| (state.to_owned(), count(state) as f64))
            .to_vec(),
    ));
    families.push(gauges_by(
        "lavalink_plugin_in_flight",
        "Calls a plugin is in at the moment.",
        "plugin",
        by(|status| status.in_flight as f64),
    ));
    families.push(gauges_by(
        "lavalink_plugin_suspended",
        "1 while a plugin is not called because it failed repeatedly.",
        "plugin",
        by(|status| f64::from(u8::from(status.suspended.is_some()))),
    ));
    families.push(gauges_by(
        "lavalink_plugin_on_trial",
        "1 while a newer version of a plugin is on trial.",
        "plugin",
        by(|status| f64::from(u8::from(status.trial.is_some()))),
    ));
    let held = |figure: fn(&Footprint) -> usize| {
        let held = statuses.iter().filter_map(|status| {
            let footprint = status.footprint.as_ref()?;
            Some((status.info.name.clone(), figure(footprint) as f64))
        });
        held.collect::<Vec<_>>()
    };
    families.push(gauges_by(
        "lavalink_plugin_memory_bytes",
        "Linear memory of all instances of a WebAssembly plugin, of old versions with open streams too.",
        "plugin",
        held(|footprint| footprint.memory_bytes),
    ));
    families.push(gauges_by(
        "lavalink_plugin_instances",
        "Instances of a WebAssembly plugin: one for each open stream and filter, and those kept for the next call.",
        "plugin",
        held(|footprint| footprint.instances),
    ));
    families.push(gauges_by(
        "lavalink_plugin_versions",
        "Artefacts of a WebAssembly plugin in memory: in use, on trial, and old ones whose streams have not ended.",
        "plugin",
        held(|footprint| footprint.versions),
    ));
    let dropped = PluginLogs::of_process().dropped();
    if !dropped.is_empty() {
        families.push(counters_by(
            "lavalink_plugin_log_lines_dropped_total",
            "Log lines of plugins that were dropped because there were too many.",
            "plugin",
            dropped,
        ));
    }
}
