//! `GET …/players/{guildId}/diagnosis`: what became of the last minute of a player's audio, and what its gaps were
//! caused by. An extension of this node; Java Lavalink has no such thing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use lavalink_protocol::ids::GuildId;
use lavalink_voice::{Flight, Gap, GapCause, Outcome, Slot, find_gaps};
use serde::Serialize;

use super::{ApiError, json, paths};
use crate::clock::unix_ms;
use crate::node::Node;

/// Slots of 20 ms by cause; causes without a slot are left out.
type ByCause = BTreeMap<&'static str, u64>;

/// The answer. Times are milliseconds since 1970, lengths milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Diagnosis {
    guild_id: GuildId,
    time: i64,
    connected: bool,
    playing: bool,
    frames: Frames,
    lateness: Lateness,
    buffer: Buffer,
    key_changes: usize,
    voice_connections: usize,
    source_stalls: Vec<Stretch>,
    gaps: Vec<ExplainedGap>,
}

/// What became of the slots recorded in the last 60 s.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Frames {
    sent: usize,
    late: ByCause,
    missed: ByCause,
}

/// How long after they were due frames were sent, ms.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Lateness {
    p50: f64,
    p99: f64,
    max: f64,
}

/// How far production was ahead of sending.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Buffer {
    frames: u8,
    min_frames: u8,
    min_ready_ms: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stretch {
    start: i64,
    duration: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplainedGap {
    cause: &'static str,
    start: i64,
    duration: u64,
    ongoing: bool,
    explanation: &'static str,
    evidence: Evidence,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Evidence {
    frames_missed: u32,
    frames_queued_before: u8,
    slots_without_bytes: u32,
    max_lateness_ms: f64,
    key_changed: bool,
}

/// `GET …/players/{guildId}/diagnosis`
pub async fn show(
    State(node): State<Arc<Node>>,
    params: paths::Variables,
) -> Result<Response<Body>, ApiError> {
    let (guild_id, player) = paths::player(&params, &node)?;
    let shared = player.shared();
    let flight = shared.source.flight().map(|flight| flight.read());
    let flight = flight.unwrap_or(Flight {
        slots: Vec::new(),
        now: Duration::ZERO,
    });
    let mut diagnosis = diagnose(guild_id, &flight, unix_ms());
    diagnosis.connected = shared.is_connected();
    diagnosis.playing = shared.is_playing();
    Ok(json(&diagnosis))
}

fn diagnose(guild_id: GuildId, flight: &Flight, now_ms: i64) -> Diagnosis {
    let slots = &flight.slots;
    let unix = |at: Duration| now_ms - (flight.now.as_millis() as i64 - at.as_millis() as i64);
    let mut frames = Frames {
        sent: 0,
        late: ByCause::new(),
        missed: ByCause::new(),
    };
    for slot in slots {
        frames.sent += usize::from(slot.outcome.is_sent());
        match slot.outcome {
            Outcome::SentLateOverrun => *frames.late.entry(GapCause::CpuOverrun.name()).or_default() += 1,
            Outcome::SentLateStolen => *frames.late.entry(GapCause::HostStolen.name()).or_default() += 1,
            Outcome::Missed(cause) => *frames.missed.entry(cause.name()).or_default() += 1,
            Outcome::Sent | Outcome::Idle | Outcome::Joined => {}
        }
    }
    let sent = || slots.iter().filter(|slot| slot.outcome.is_sent());
    let mut lateness: Vec<Duration> = sent().map(|slot| slot.lateness).collect();
    lateness.sort_unstable();
    let quantile = |share: usize| {
        let index = (lateness.len() * share / 100).min(lateness.len().saturating_sub(1));
        lateness.get(index).map_or(0.0, |late| as_ms(*late))
    };
    Diagnosis {
        guild_id,
        time: now_ms,
        connected: false,
        playing: false,
        lateness: Lateness {
            p50: quantile(50),
            p99: quantile(99),
            max: quantile(100),
        },
        buffer: Buffer {
            frames: slots.last().map_or(0, |slot| slot.queued),
            min_frames: sent().map(|slot| slot.queued).min().unwrap_or(0),
            min_ready_ms: sent()
                .map(|slot| slot.ready_for.as_millis() as u64)
                .min()
                .unwrap_or(0),
        },
        frames,
        key_changes: slots
            .windows(2)
            .filter(|pair| matches!(pair, [a, b] if a.epoch != b.epoch && b.outcome != Outcome::Joined))
            .count(),
        voice_connections: slots
            .iter()
            .filter(|slot| slot.outcome == Outcome::Joined)
            .count(),
        source_stalls: stalls(slots)
            .map(|(start, end)| Stretch {
                start: unix(start),
                duration: end.saturating_sub(start).as_millis() as u64,
            })
            .collect(),
        gaps: find_gaps(slots, flight.now)
            .iter()
            .map(|gap| explain(gap, unix(gap.start)))
            .collect(),
    }
}

/// Stretches in which the track's input was out of bytes: start and end, on the pacers' clock.
fn stalls(slots: &[Slot]) -> impl Iterator<Item = (Duration, Duration)> {
    slots
        .chunk_by(|a, b| a.is_starved == b.is_starved)
        .filter_map(|run| match run {
            [first, .., last] if first.is_starved => Some((first.due, last.due + Duration::from_millis(20))),
            [only] if only.is_starved => Some((only.due, only.due + Duration::from_millis(20))),
            _ => None,
        })
}

fn explain(gap: &Gap, start: i64) -> ExplainedGap {
    ExplainedGap {
        cause: gap.cause.name(),
        start,
        duration: gap.length.as_millis() as u64,
        ongoing: gap.is_ongoing,
        explanation: explanation(gap.cause),
        evidence: Evidence {
            frames_missed: gap.frames_missed,
            frames_queued_before: gap.queued_before,
            slots_without_bytes: gap.starved_slots,
            max_lateness_ms: as_ms(gap.lateness),
            key_changed: gap.changed_key,
        },
    }
}

fn explanation(cause: GapCause) -> &'static str {
    match cause {
        GapCause::SourceStarved => {
            "The server of the track did not deliver its bytes in time, and what was read ahead was used up."
        }
        GapCause::CpuOverrun => {
            "This node had more to do than its processors can; run fewer players or more processors."
        }
        GapCause::SocketFull => "The system's send buffer was full; the network interface cannot keep up.",
        GapCause::HostStolen => {
            "The machine ran something else when audio was due: another process, or another guest of the same host."
        }
        GapCause::DaveTransition => {
            "End-to-end encryption had no key yet, as when members join or leave the call and keys are exchanged."
        }
        GapCause::Seek => "A seek was under way and the audio of its target was not there yet.",
        GapCause::SourceLocked => "The player was being changed in the moment a frame was due.",
        GapCause::SocketError => {
            "The system refused to send, for instance because the network was unreachable."
        }
        GapCause::VoiceReconnect => {
            "The voice connection was replaced or restored; until it stood, nothing could be sent."
        }
    }
}

fn as_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u64, outcome: Outcome) -> Slot {
        Slot {
            due: Duration::from_millis(1_000 + number * 20),
            lateness: Duration::from_micros(number * 100),
            ready_for: Duration::from_millis(40),
            queued: 2,
            outcome,
            is_starved: matches!(outcome, Outcome::Missed(GapCause::SourceStarved)),
            epoch: (number / 3) as u8,
        }
    }

    #[test]
    fn gaps_are_explained_in_wall_clock_time() {
        let starved = Outcome::Missed(GapCause::SourceStarved);
        let outcomes = [
            Outcome::Joined,
            Outcome::Sent,
            starved,
            starved,
            Outcome::SentLateStolen,
        ];
        let flight = Flight {
            slots: (0..)
                .zip(outcomes)
                .map(|(number, outcome)| slot(number, outcome))
                .collect(),
            now: Duration::from_millis(2_000),
        };
        let diagnosis = diagnose(GuildId(7), &flight, 1_700_000_002_000);
        let value = serde_json::to_value(&diagnosis).expect("plain data");
        assert_eq!(value["guildId"], "7");
        assert_eq!(value["frames"]["sent"], 2);
        assert_eq!(
            value["frames"]["missed"],
            serde_json::json!({ "sourceStarved": 2 })
        );
        assert_eq!(value["frames"]["late"], serde_json::json!({ "hostStolen": 1 }));
        assert_eq!(
            value["lateness"],
            serde_json::json!({ "p50": 0.4, "p99": 0.4, "max": 0.4 })
        );
        assert_eq!(
            (&value["keyChanges"], &value["voiceConnections"]),
            (&1.into(), &1.into())
        );
        let stall = serde_json::json!([{ "start": 1_700_000_001_040i64, "duration": 40 }]);
        assert_eq!(value["sourceStalls"], stall);
        let gap = &value["gaps"][0];
        assert_eq!(
            (&gap["cause"], &gap["start"]),
            (&"sourceStarved".into(), &1_700_000_001_040i64.into())
        );
        assert_eq!((&gap["duration"], &gap["ongoing"]), (&40.into(), &false.into()));
        assert_eq!(gap["evidence"]["framesMissed"], 2);
        assert_eq!(gap["evidence"]["keyChanged"], true);
    }

    #[test]
    fn nothing_recorded_is_nothing_wrong() {
        let flight = Flight {
            slots: Vec::new(),
            now: Duration::ZERO,
        };
        let diagnosis = diagnose(GuildId(1), &flight, 0);
        assert!(diagnosis.gaps.is_empty() && diagnosis.frames.sent == 0);
    }
}
