//! Figures of the voice engine: what was sent, what was not, how late.

use lavalink_voice::{GapCause, LATENESS_BOUNDS_US, Lateness, VoiceEngine, VoiceTotals};
use prometheus::proto::MetricFamily;

use super::families::{Label, counters, histogram};
use crate::stats;

/// Adds the engine's families. Zeros stand for an engine that has not been started.
pub fn collect(engine: Option<&VoiceEngine>, families: &mut Vec<MetricFamily>) {
    let (totals, lateness) = engine.map_or_else(
        || (VoiceTotals::default(), Lateness::default()),
        |engine| (engine.totals(), engine.lateness()),
    );
    families.push(counters(
        "lavalink_audio_frames_total",
        "Slots of 20 ms by what became of them: sent (a frame of a track), silence, nulled (a playing track had none ready), \
         locked (the source was busy), held (no encryption key yet), lost (the sender was too far behind), refused (by the system).",
        [
            (&[("result", "sent")][..], totals.frames_sent),
            (&[("result", "silence")][..], totals.silence_sent),
            (&[("result", "nulled")][..], stats::nulled_frames()),
            (&[("result", "locked")][..], totals.locked_slots),
            (&[("result", "held")][..], totals.held_slots),
            (&[("result", "lost")][..], totals.lost_slots),
            (&[("result", "refused")][..], totals.send_errors),
        ],
    ));
    families.push(counters(
        "lavalink_audio_late_slots_total",
        "Slots run more than 5 ms after they were due; most of them were sent all the same.",
        [(&[][..], totals.late_slots)],
    ));
    for (name, help, counts) in [
        (
            "lavalink_audio_gaps_total",
            "Gaps in the audio of players, by the cause they began with. GET .../players/{guildId}/diagnosis explains them.",
            totals.gaps,
        ),
        (
            "lavalink_audio_missed_frames_total",
            "Frames of 20 ms that were due and not sent, by cause.",
            totals.missed,
        ),
        (
            "lavalink_audio_late_frames_total",
            "Frames sent more than 5 ms after they were due, by cause.",
            totals.late,
        ),
    ] {
        families.push(by_cause(name, help, counts));
    }
    families.push(histogram(
        "lavalink_audio_send_lateness_seconds",
        "How long after it was due each 20 ms slot of a voice connection was run.",
        &LATENESS_BOUNDS_US.map(|bound| bound as f64 / 1e6),
        &lateness.buckets,
        lateness.sum_us as f64 / 1e6,
    ));
}

fn by_cause(name: &str, help: &str, counts: [u64; GapCause::ALL.len()]) -> MetricFamily {
    let labels: Vec<[Label; 1]> = GapCause::ALL
        .iter()
        .map(|cause| [("cause", cause.name())])
        .collect();
    let samples = labels
        .iter()
        .zip(counts)
        .map(|(labels, count)| (&labels[..], count));
    counters(name, help, samples)
}
