//! Figures of the node that are read when somebody scrapes. Names and help texts of Java Lavalink are kept.

use lavalink_net::Outcome;
use prometheus::proto::MetricFamily;

use super::families::{Label, counters, counters_by, gauge, gauges, histogram};
use super::{log_lines, plugins, voice};
use crate::node::Node;
use crate::player::VoicePhase;
use crate::stats;

/// Java's buckets for pauses of its garbage collector, seconds.
const GC_BUCKETS: [f64; 7] = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6];

/// Adds all families that are not written to as things happen.
pub fn collect(node: &Node, families: &mut Vec<MetricFamily>) {
    java(node, families);
    families.push(log_lines::family());
    sessions(node, families);
    connections(node, families);
    requests(node, families);
    let dropped = node.services.plugins.events().dropped();
    if !dropped.is_empty() {
        families.push(counters_by(
            "lavalink_plugin_events_dropped_total",
            "Events dropped because their plugin did not take them fast enough.",
            "plugin",
            dropped,
        ));
    }
    plugins::collect(node, families);
    voice::collect(node.services.started_voice(), families);
}

/// What Java Lavalink has, from the same figures as `/v4/stats`.
fn java(node: &Node, families: &mut Vec<MetricFamily>) {
    let stats = stats::collect(&node.registry, &node.cpu, None);
    let mut add = |name, help, value| families.push(gauge(name, help, value));
    add(
        "lavalink_players_total",
        "Total number of players connected.",
        f64::from(stats.players),
    );
    add(
        "lavalink_playing_players_total",
        "Number of players currently playing audio.",
        f64::from(stats.playing_players),
    );
    add(
        "lavalink_uptime_milliseconds",
        "Uptime of the node in milliseconds.",
        stats.uptime as f64,
    );
    for (name, help, bytes) in [
        (
            "lavalink_memory_free_bytes",
            "Memory statistics in bytes. (Free)",
            stats.memory.free,
        ),
        (
            "lavalink_memory_used_bytes",
            "Memory statistics in bytes. (Used)",
            stats.memory.used,
        ),
        (
            "lavalink_memory_allocated_bytes",
            "Memory statistics in bytes. (Allocated)",
            stats.memory.allocated,
        ),
        (
            "lavalink_memory_reservable_bytes",
            "Memory statistics in bytes. (Reservable)",
            stats.memory.reservable,
        ),
    ] {
        add(name, help, bytes as f64);
    }
    add(
        "lavalink_cpu_cores",
        "CPU statistics. (Cores)",
        f64::from(stats.cpu.cores),
    );
    add(
        "lavalink_cpu_system_load_percentage",
        "CPU statistics. (System Load)",
        stats.cpu.system_load,
    );
    add(
        "lavalink_cpu_lavalink_load_percentage",
        "CPU statistics. (LL Load)",
        stats.cpu.lavalink_load,
    );
    families.push(histogram(
        "lavalink_gc_pauses_seconds",
        "Garbage collection pauses by buckets. Always empty: this node has no garbage collector.",
        &GC_BUCKETS,
        &[0; GC_BUCKETS.len() + 1],
        0.0,
    ));
}

fn sessions(node: &Node, families: &mut Vec<MetricFamily>) {
    let (connected, resumable) = node.registry.counts();
    families.push(gauges(
        "lavalink_sessions",
        "WebSocket sessions: connected, or waiting to be resumed.",
        [
            (&[("state", "connected")][..], connected as f64),
            (&[("state", "resumable")][..], resumable as f64),
        ],
    ));
}

/// What sources asked of the outside.
fn requests(node: &Node, families: &mut Vec<MetricFamily>) {
    let outcomes = node.services.opener.client().outcomes();
    let samples = Outcome::ALL.map(|outcome| (label(outcome), outcomes.of(outcome)));
    families.push(counters(
        "lavalink_source_http_requests_total",
        "HTTP requests of sources and media streams by how they ended.",
        samples,
    ));
    if let Some(planner) = node.services.planner() {
        families.push(gauge(
            "lavalink_route_planner_failing_addresses",
            "Source addresses marked as failing.",
            planner.status().failing.len() as f64,
        ));
    }
}

fn label(outcome: Outcome) -> &'static [Label] {
    match outcome {
        Outcome::Success => &[("outcome", "success")],
        Outcome::Redirect => &[("outcome", "redirect")],
        Outcome::ClientError => &[("outcome", "client_error")],
        Outcome::RateLimited => &[("outcome", "rate_limited")],
        Outcome::ServerError => &[("outcome", "server_error")],
        Outcome::Timeout => &[("outcome", "timeout")],
        Outcome::Connect => &[("outcome", "connect")],
        Outcome::Refused => &[("outcome", "refused")],
        Outcome::Failed => &[("outcome", "failed")],
    }
}

fn connections(node: &Node, families: &mut Vec<MetricFamily>) {
    let (mut connected, mut connecting, mut lost, mut none) = (0_u32, 0_u32, 0_u32, 0_u32);
    for session in node.registry.all() {
        for player in session.players() {
            let count = match player.shared().voice_phase() {
                VoicePhase::Connected => &mut connected,
                VoicePhase::Connecting => &mut connecting,
                VoicePhase::Lost => &mut lost,
                VoicePhase::None => &mut none,
            };
            *count += 1;
        }
    }
    families.push(gauges(
        "lavalink_voice_connections",
        "Players by the state of their voice connection; lost means that it is being restored or was closed.",
        [
            (&[("state", "connected")][..], f64::from(connected)),
            (&[("state", "connecting")][..], f64::from(connecting)),
            (&[("state", "lost")][..], f64::from(lost)),
            (&[("state", "none")][..], f64::from(none)),
        ],
    ));
}
