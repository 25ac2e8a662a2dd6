//! The figures of `/v4/stats` and of the `stats` message.

mod cpu;
mod frames;
mod memory;

use std::sync::Arc;

use lavalink_protocol::stats::{FrameStats, Stats};

pub use cpu::CpuMeter;
pub use frames::{FrameCounter, count_nulled, nulled_frames};

use crate::clock;
use crate::session::{Registry, Session};

/// Node-wide figures; `frameStats` is about one session, so it is absent without one.
pub fn collect(registry: &Registry, cpu: &CpuMeter, session: Option<&Arc<Session>>) -> Stats {
    let (mut players, mut playing) = (0_i32, 0_i32);
    for connected in registry.all_connected() {
        for player in connected.players() {
            players = players.saturating_add(1);
            playing = playing.saturating_add(i32::from(player.shared().is_playing()));
        }
    }
    let now = clock::unix_ms();
    let frame_stats = session.and_then(|session| {
        let counters = session.players().into_iter().filter_map(|player| {
            let shared = player.shared();
            if shared.is_playing() {
                shared.source.counter.last_minute(now)
            } else {
                None
            }
        });
        FrameStats::average(counters.collect::<Vec<_>>())
    });
    Stats {
        frame_stats,
        players,
        playing_players: playing,
        uptime: clock::monotonic_ms(),
        memory: memory::read(),
        cpu: cpu.read(),
    }
}
