//! What the audio engine's worker tells a player, in a form that cannot pile up.

use std::sync::Arc;
use std::time::Duration;

use lavalink_audio::{AudioError, PipelineEvent};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::track_clock::TrackClock;

/// What has been reported since the player looked last.
#[derive(Debug, Default)]
pub struct Report {
    /// Playback is about to begin: length and whether it can jump.
    pub ready: Option<(Option<Duration>, bool)>,
    /// Playback failed; the flag says whether any frame came before.
    pub failed: Option<(AudioError, bool)>,
}

/// One per play of a track; written by a worker, read by the player's task.
#[derive(Debug)]
pub struct Feedback {
    report: Mutex<Report>,
    clock: Arc<TrackClock>,
    changed: Arc<Notify>,
}

impl Feedback {
    /// Feedback that moves `clock` and wakes `changed`.
    pub fn new(clock: Arc<TrackClock>, changed: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            report: Mutex::default(),
            clock,
            changed,
        })
    }

    /// Takes an event; called on a worker thread.
    pub fn observe(&self, event: PipelineEvent) {
        match event {
            PipelineEvent::Ready {
                length, is_seekable, ..
            } => self.report.lock().ready = Some((length, is_seekable)),
            PipelineEvent::Failed { error, any_frames } => {
                self.report.lock().failed = Some((error, any_frames))
            }
            PipelineEvent::SeekDone => {
                self.clock.seek_done();
                return;
            }
        }
        self.changed.notify_one();
    }

    /// What has come since the last call.
    pub fn take(&self) -> Report {
        std::mem::take(&mut self.report.lock())
    }
}
