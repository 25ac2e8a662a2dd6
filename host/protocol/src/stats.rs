//! Node statistics: `GET /v4/stats` and the `stats` message (spec section 2.6).

use serde::{Deserialize, Serialize};

/// Load and memory of the node, with the frame counters of one session.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Frame counters; `null` on REST and when no player has played for a full minute.
    #[serde(default)]
    pub frame_stats: Option<FrameStats>,
    /// Players of all connected sessions, idle ones included.
    pub players: i32,
    /// Players with a track that are not paused.
    pub playing_players: i32,
    /// Milliseconds since the process started.
    pub uptime: i64,
    /// Memory of the process.
    pub memory: Memory,
    /// Processor load.
    pub cpu: Cpu,
}

/// Frames of 20 ms in the last full minute, averaged over the usable players of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameStats {
    /// Frames handed to the sender.
    pub sent: i32,
    /// Slots for which no frame was there.
    pub nulled: i32,
    /// Missing against [`FrameStats::EXPECTED`]; negative when there were too many.
    pub deficit: i32,
}

impl FrameStats {
    /// Frames of 20 ms in a minute.
    pub const EXPECTED: i32 = 3000;

    /// Averages over players; `counters` yields (sent, nulled) of each usable player in its last full minute.
    ///
    /// `None` when there is no usable player. Divisions truncate toward zero as in Java.
    pub fn average(counters: impl IntoIterator<Item = (u32, u32)>) -> Option<Self> {
        let (mut players, mut sent, mut nulled) = (0_i64, 0_i64, 0_i64);
        for (player_sent, player_nulled) in counters {
            players += 1;
            sent += i64::from(player_sent);
            nulled += i64::from(player_nulled);
        }
        if players == 0 {
            return None;
        }
        let expected = players * i64::from(Self::EXPECTED);
        let narrow = |sum: i64| i32::try_from(sum / players).unwrap_or(i32::MAX);
        Some(Self {
            sent: narrow(sent),
            nulled: narrow(nulled),
            deficit: narrow(expected - (sent + nulled)),
        })
    }
}

/// Memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Allocated but unused.
    pub free: i64,
    /// In use.
    pub used: i64,
    /// Held by the process.
    pub allocated: i64,
    /// Upper limit the process may reach.
    pub reservable: i64,
}

/// Processor figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cpu {
    /// Logical processors.
    pub cores: i32,
    /// Busy share of the whole machine, 0..=1.
    pub system_load: f64,
    /// Share of the whole machine used by this process, 0..=1.
    pub lavalink_load: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_of_no_player_is_absent() {
        assert_eq!(FrameStats::average([]), None);
    }

    #[test]
    fn average_truncates_toward_zero() {
        let one = FrameStats::average([(2990, 4)]);
        assert_eq!(
            one,
            Some(FrameStats {
                sent: 2990,
                nulled: 4,
                deficit: 6
            })
        );
        let two = FrameStats::average([(3000, 0), (3003, 0)]);
        assert_eq!(
            two,
            Some(FrameStats {
                sent: 3001,
                nulled: 0,
                deficit: -1
            })
        );
    }
}
