//! What one connection sent and what it could not send.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::flight::GapCause;

/// Running totals of one connection since it was opened; they survive resumes and reconnects.
///
/// Written by a pacer thread, read by anybody; every value only grows.
#[derive(Debug, Default)]
pub struct VoiceCounters {
    pub(crate) frames_sent: AtomicU64,
    pub(crate) silence_sent: AtomicU64,
    pub(crate) empty_slots: AtomicU64,
    pub(crate) locked_slots: AtomicU64,
    pub(crate) held_slots: AtomicU64,
    pub(crate) late_slots: AtomicU64,
    pub(crate) lost_slots: AtomicU64,
    pub(crate) send_errors: AtomicU64,
    pub(crate) missed: [AtomicU64; GapCause::ALL.len()],
    pub(crate) late: [AtomicU64; GapCause::ALL.len()],
    pub(crate) gaps: [AtomicU64; GapCause::ALL.len()],
}

impl VoiceCounters {
    /// Packets of the source handed to the network.
    pub fn frames_sent(&self) -> u64 {
        self.frames_sent.load(Ordering::Relaxed)
    }

    /// Opus silence packets sent after the source ran dry; not part of [`frames_sent`](Self::frames_sent).
    pub fn silence_sent(&self) -> u64 {
        self.silence_sent.load(Ordering::Relaxed)
    }

    /// Slots of 20 ms in which the source had nothing.
    pub fn empty_slots(&self) -> u64 {
        self.empty_slots.load(Ordering::Relaxed)
    }

    /// Slots in which the source was locked by somebody else both times the pacer tried.
    pub fn locked_slots(&self) -> u64 {
        self.locked_slots.load(Ordering::Relaxed)
    }

    /// Slots in which the source was not asked because the end-to-end encryption had no key yet.
    pub fn held_slots(&self) -> u64 {
        self.held_slots.load(Ordering::Relaxed)
    }

    /// Slots run more than 5 ms after they were due.
    pub fn late_slots(&self) -> u64 {
        self.late_slots.load(Ordering::Relaxed)
    }

    /// Slots given up because the thread was more than three frames (60 ms) behind.
    pub fn lost_slots(&self) -> u64 {
        self.lost_slots.load(Ordering::Relaxed)
    }

    /// Packets the system refused to send; each is a lost frame and nothing more.
    pub fn send_errors(&self) -> u64 {
        self.send_errors.load(Ordering::Relaxed)
    }

    /// Slots in which audio was due and none was sent, for this cause.
    pub fn missed(&self, cause: GapCause) -> u64 {
        of(&self.missed, cause)
    }

    /// Packets sent more than 5 ms after they were due, for this cause.
    pub fn late(&self, cause: GapCause) -> u64 {
        of(&self.late, cause)
    }

    /// Gaps that began for this cause: stretches of missed slots, and frames 40 ms late or more.
    pub fn gaps(&self, cause: GapCause) -> u64 {
        of(&self.gaps, cause)
    }

    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

fn of(counters: &[AtomicU64; GapCause::ALL.len()], cause: GapCause) -> u64 {
    counters
        .get(cause.index())
        .map_or(0, |counter| counter.load(Ordering::Relaxed))
}
