//! Where a playing track is, written by the pacer and read by everybody.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};

/// No end marker, or no seek under way.
const NONE: i64 = -1;

/// How far a track's frames got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Frames come, or will.
    Running,
    /// The last frame has been handed to the sender.
    Ended,
    /// Playback reached the end marker.
    MarkerReached,
}

/// The clock of one play of one track. All times in milliseconds.
#[derive(Debug)]
pub struct TrackClock {
    position: AtomicI64,
    seek_target: AtomicI64,
    end_marker: AtomicI64,
    /// Where the next marker of a plugin is.
    next_marker: AtomicI64,
    marker_reached: AtomicBool,
    frames: AtomicU64,
    last_frame_at: AtomicI64,
    phase: AtomicU8,
}

impl TrackClock {
    /// A clock that stands at `position` until the first frame is sent.
    pub fn starting_at(position: i64) -> Self {
        Self {
            position: AtomicI64::new(position),
            seek_target: AtomicI64::new(NONE),
            end_marker: AtomicI64::new(NONE),
            next_marker: AtomicI64::new(NONE),
            marker_reached: AtomicBool::new(false),
            frames: AtomicU64::new(0),
            last_frame_at: AtomicI64::new(NONE),
            phase: AtomicU8::new(0),
        }
    }

    /// Time code of the last frame handed to the sender; the target while a seek is under way.
    pub fn position(&self) -> i64 {
        match self.seek_target.load(Relaxed) {
            NONE => self.position.load(Relaxed),
            target => target,
        }
    }

    /// Moves the clock before any frame exists.
    pub fn set_position(&self, position: i64) {
        self.position.store(position, Relaxed);
    }

    /// A seek was asked for.
    pub fn seek_started(&self, target: i64) {
        self.seek_target.store(target, Relaxed);
    }

    /// The audio engine has done the seek: frames from the new position follow.
    pub fn seek_done(&self) {
        let target = self.seek_target.swap(NONE, Relaxed);
        if target != NONE {
            self.position.store(target, Relaxed);
        }
    }

    /// Sets the position at which playback ends; ignored when it is not ahead of the current one.
    pub fn set_end_marker(&self, marker: i64) {
        if marker > self.position() {
            self.end_marker.store(marker, Relaxed);
        }
    }

    /// Whether a jump to `target` passes the end marker.
    pub fn is_past_marker(&self, target: i64) -> bool {
        let marker = self.end_marker.load(Relaxed);
        marker != NONE && target >= marker
    }

    /// Frames handed to the sender.
    pub fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// When the last frame was handed to the sender, on the monotonic clock.
    pub fn last_frame_at(&self) -> Option<i64> {
        Some(self.last_frame_at.load(Relaxed)).filter(|at| *at != NONE)
    }

    /// How far the frames got.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Running,
            1 => Phase::Ended,
            _ => Phase::MarkerReached,
        }
    }

    /// The pacer is about to hand over the frame at `position`. False when the end marker forbids it.
    pub(super) fn frame(&self, position: i64, now: i64) -> bool {
        if self.seek_target.load(Relaxed) == NONE && self.is_past_marker(position) {
            self.position.store(position, Relaxed);
            self.phase.store(2, Relaxed);
            return false;
        }
        self.position.store(position, Relaxed);
        self.last_frame_at.store(now, Relaxed);
        self.frames.fetch_add(1, Relaxed);
        true
    }

    /// Sets where the next marker of a plugin is.
    pub fn set_next_marker(&self, position: Option<i64>) {
        self.next_marker.store(position.unwrap_or(NONE), Relaxed);
    }

    /// Whether playback came to a marker since the last call.
    pub fn take_marker_reached(&self) -> bool {
        self.marker_reached.load(Relaxed) && self.marker_reached.swap(false, Relaxed)
    }

    /// Whether the frame just handed over lies at or behind the next marker; true once per marker set.
    pub(super) fn comes_to_marker(&self) -> bool {
        let marker = self.next_marker.load(Relaxed);
        if marker == NONE || self.seek_target.load(Relaxed) != NONE || self.position.load(Relaxed) < marker {
            return false;
        }
        // Another one may have been set meanwhile; the frame after this looks at that.
        let is_taken = self.next_marker.compare_exchange(marker, NONE, Relaxed, Relaxed);
        if is_taken.is_ok() {
            self.marker_reached.store(true, Relaxed);
        }
        is_taken.is_ok()
    }

    /// The pacer found the end of the frames.
    pub(super) fn ended(&self) {
        self.phase.store(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_is_the_seek_target_until_the_seek_is_done() {
        let clock = TrackClock::starting_at(500);
        assert_eq!(clock.position(), 500);
        assert!(clock.frame(520, 1));
        clock.seek_started(30_000);
        assert!(clock.frame(540, 2));
        assert_eq!(clock.position(), 30_000);
        clock.seek_done();
        assert_eq!(clock.position(), 30_000);
        assert!(clock.frame(30_020, 3));
        assert_eq!(
            (clock.position(), clock.frames(), clock.last_frame_at()),
            (30_020, 3, Some(3))
        );
    }

    #[test]
    fn the_marker_stops_the_frame_that_reaches_it() {
        let clock = TrackClock::starting_at(0);
        clock.set_end_marker(100);
        assert!(clock.frame(80, 1));
        assert_eq!(clock.phase(), Phase::Running);
        assert!(!clock.frame(100, 2));
        assert_eq!((clock.phase(), clock.frames()), (Phase::MarkerReached, 1));
    }

    #[test]
    fn a_late_marker_is_ignored_and_a_later_one_replaces() {
        let clock = TrackClock::starting_at(1_000);
        clock.set_end_marker(1_000);
        assert!(!clock.is_past_marker(5_000));
        clock.set_end_marker(2_000);
        clock.set_end_marker(3_000);
        assert!(!clock.is_past_marker(2_500) && clock.is_past_marker(3_000));
    }

    #[test]
    fn a_marker_is_reached_once_and_not_by_frames_of_the_old_place() {
        let clock = TrackClock::starting_at(0);
        clock.set_next_marker(Some(40));
        assert!(clock.frame(20, 1) && !clock.comes_to_marker());
        clock.seek_started(30);
        assert!(clock.frame(60, 2) && !clock.comes_to_marker());
        clock.seek_done();
        assert!(clock.frame(40, 3) && clock.comes_to_marker());
        assert!(clock.frame(60, 4) && !clock.comes_to_marker());
        assert!(clock.take_marker_reached() && !clock.take_marker_reached());
    }

    #[test]
    fn frames_of_the_old_place_do_not_trip_the_marker_during_a_seek() {
        let clock = TrackClock::starting_at(0);
        clock.seek_started(10);
        clock.set_end_marker(50);
        assert!(clock.frame(60, 1));
        clock.seek_done();
        assert!(!clock.frame(60, 2));
    }
}
