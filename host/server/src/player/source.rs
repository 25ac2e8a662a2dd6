//! The pacer's side of a player: hands one packet per 20 ms slot to the voice connection.
//!
//! The player's task sends new frames through a ring and gets finished ones back through another, so that nothing is
//! allocated, freed or waited for on the pacer's thread. Everything else passes in atomics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

use lavalink_voice::{FlightRecorder, FrameSource, MAX_PACKET, SharedSource, SourceReport};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::frames::{Frames, Pulled};
use super::track_clock::TrackClock;
use crate::clock::{monotonic_ms, unix_ms};
use crate::stats::{FrameCounter, count_nulled};

/// Commands waiting for the pacer; the task applies them itself when the pacer does not come.
const RING: usize = 4;
/// A source not asked for this long has no pacer.
const UNATTENDED_MS: i64 = 100;

/// What pacer and player share all the time.
#[derive(Debug)]
pub struct SourceState {
    /// Whether no frames are to be handed over.
    pub is_paused: AtomicBool,
    /// Frames per minute.
    pub counter: FrameCounter,
    /// Wakes the player's task: a first frame, an end, something to free.
    pub changed: Arc<Notify>,
    /// What became of each slot; from the first voice connection on. Never locked by a pacer.
    flight: Mutex<Option<Arc<FlightRecorder>>>,
    last_poll: AtomicI64,
}

impl SourceState {
    /// When the pacer asked last, on the monotonic clock in milliseconds.
    pub fn last_poll(&self) -> i64 {
        self.last_poll.load(Relaxed)
    }

    /// What became of each slot; `None` when there was never a voice connection.
    pub fn flight(&self) -> Option<Arc<FlightRecorder>> {
        self.flight.lock().clone()
    }
}

/// One track's frames with the clock they move.
struct Playing<F> {
    frames: F,
    clock: Arc<TrackClock>,
    is_over: bool,
}

enum Command<F> {
    Play(Playing<F>),
    Clear,
}

/// The object the voice connection asks for packets.
pub struct PlayerSource<F> {
    commands: rtrb::Consumer<Command<F>>,
    retired: rtrb::Producer<Playing<F>>,
    current: Option<Playing<F>>,
    report: SourceReport,
    state: Arc<SourceState>,
}

impl<F: Frames> PlayerSource<F> {
    fn apply_commands(&mut self) {
        // A slot in the ring of retired frames is needed for each command; the task empties it.
        while self.retired.slots() > 0 {
            let Ok(command) = self.commands.pop() else { return };
            let next = match command {
                Command::Play(playing) => Some(playing),
                Command::Clear => None,
            };
            if let Some(old) = std::mem::replace(&mut self.current, next) {
                // Cannot fail: a free slot was seen and only this side pushes.
                let _pushed = self.retired.push(old);
                self.state.changed.notify_one();
            }
        }
    }

    fn pull(&mut self, packet: &mut [u8; MAX_PACKET], now: i64) -> Option<usize> {
        if self.state.is_paused.load(Relaxed) {
            return None;
        }
        let playing = self.current.as_mut().filter(|playing| !playing.is_over)?;
        match playing.frames.pull(packet) {
            Pulled::Frame {
                len,
                position,
                queued,
                ready_for,
            } => {
                let is_first = playing.clock.frames() == 0;
                if playing.clock.frame(position, now) {
                    if is_first || playing.clock.comes_to_marker() {
                        self.state.changed.notify_one();
                    }
                    self.report = SourceReport {
                        queued,
                        ready_for,
                        is_starved: playing.frames.is_starved(),
                        lack: None,
                    };
                    return Some(len);
                }
            }
            Pulled::Empty { lack } => {
                self.report = SourceReport {
                    is_starved: playing.frames.is_starved(),
                    lack,
                    ..SourceReport::default()
                };
                if playing.clock.frames() > 0 {
                    count_nulled();
                }
                return None;
            }
            Pulled::Ended => playing.clock.ended(),
        }
        playing.is_over = true;
        self.state.changed.notify_one();
        None
    }
}

impl<F: Frames> FrameSource for PlayerSource<F> {
    fn next_frame(&mut self, packet: &mut [u8; MAX_PACKET]) -> Option<usize> {
        self.apply_commands();
        let now = monotonic_ms();
        self.state.last_poll.store(now, Relaxed);
        self.report = SourceReport::default();
        let len = self.pull(packet, now);
        self.state.counter.count(len.is_some(), unix_ms());
        len
    }

    fn report(&self) -> SourceReport {
        self.report
    }

    fn recorder(&self) -> Option<Arc<FlightRecorder>> {
        Some(Arc::clone(
            self.state.flight.lock().get_or_insert_with(Arc::default),
        ))
    }
}

/// The task's side of a [`PlayerSource`].
pub struct SourceHandle<F> {
    commands: rtrb::Producer<Command<F>>,
    retired: rtrb::Consumer<Playing<F>>,
    source: Arc<Mutex<PlayerSource<F>>>,
    state: Arc<SourceState>,
}

impl<F: Frames> SourceHandle<F> {
    /// A source without frames.
    pub fn new() -> Self {
        let (command_producer, command_consumer) = rtrb::RingBuffer::new(RING);
        let (retired_producer, retired_consumer) = rtrb::RingBuffer::new(RING);
        let state = Arc::new(SourceState {
            is_paused: AtomicBool::new(false),
            counter: FrameCounter::default(),
            changed: Arc::new(Notify::new()),
            flight: Mutex::default(),
            last_poll: AtomicI64::new(i64::MIN / 2),
        });
        let source = PlayerSource {
            commands: command_consumer,
            retired: retired_producer,
            current: None,
            report: SourceReport::default(),
            state: Arc::clone(&state),
        };
        Self {
            commands: command_producer,
            retired: retired_consumer,
            source: Arc::new(Mutex::new(source)),
            state,
        }
    }

    /// What is shared with the pacer.
    pub fn state(&self) -> &Arc<SourceState> {
        &self.state
    }

    /// The object to hand to a voice connection.
    pub fn shared(&self) -> SharedSource {
        self.source.clone()
    }

    /// Plays these frames from the next slot on, instead of whatever there was.
    pub fn play(&mut self, frames: F, clock: Arc<TrackClock>) {
        self.push(Command::Play(Playing {
            frames,
            clock,
            is_over: false,
        }));
    }

    /// Hands over nothing from the next slot on.
    pub fn clear(&mut self) {
        self.push(Command::Clear);
    }

    fn push(&mut self, command: Command<F>) {
        if let Err(rtrb::PushError::Full(command)) = self.commands.push(command) {
            // The pacer is not there, or very late: do its part. It only ever tries this lock.
            self.collect();
            self.source.lock().apply_commands();
            self.collect();
            // Cannot fail: the rings are as long as each other, so both are empty now.
            let _pushed = self.commands.push(command);
        }
        if monotonic_ms() - self.state.last_poll() > UNATTENDED_MS {
            self.source.lock().apply_commands();
        }
        self.collect();
    }

    /// Frees what the pacer is done with.
    pub fn collect(&mut self) {
        while self.retired.pop().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player::track_clock::Phase;

    /// The second member only counts how many scripts are alive.
    struct Script(Vec<Pulled>, #[expect(dead_code)] Arc<()>);

    impl Frames for Script {
        fn pull(&mut self, packet: &mut [u8; MAX_PACKET]) -> Pulled {
            packet[0] = 7;
            if self.0.is_empty() {
                Pulled::Ended
            } else {
                self.0.remove(0)
            }
        }
    }

    fn frames(count: i64) -> (Script, Arc<()>) {
        let alive = Arc::new(());
        let script = (0..count)
            .map(|index| Pulled::Frame {
                len: 3,
                position: index * 20,
                queued: 0,
                ready_for: std::time::Duration::ZERO,
            })
            .collect();
        (Script(script, Arc::clone(&alive)), alive)
    }

    fn poll(handle: &SourceHandle<Script>) -> Option<usize> {
        handle.shared().lock().next_frame(&mut [0; MAX_PACKET])
    }

    #[test]
    fn frames_are_handed_over_until_the_end() {
        let mut handle = SourceHandle::new();
        assert_eq!(poll(&handle), None);
        let (script, _alive) = frames(2);
        let clock = Arc::new(TrackClock::starting_at(0));
        handle.play(script, Arc::clone(&clock));
        assert_eq!((poll(&handle), poll(&handle)), (Some(3), Some(3)));
        assert_eq!((clock.position(), clock.phase()), (20, Phase::Running));
        assert_eq!(poll(&handle), None);
        assert_eq!(clock.phase(), Phase::Ended);
        assert_eq!(poll(&handle), None);
        assert_eq!(clock.frames(), 2);
    }

    #[test]
    fn a_pause_takes_no_frame() {
        let mut handle = SourceHandle::new();
        let (script, _alive) = frames(2);
        let clock = Arc::new(TrackClock::starting_at(0));
        handle.play(script, Arc::clone(&clock));
        handle.state().is_paused.store(true, Relaxed);
        assert_eq!(poll(&handle), None);
        handle.state().is_paused.store(false, Relaxed);
        assert_eq!(poll(&handle), Some(3));
        assert_eq!(clock.position(), 0);
    }

    #[test]
    fn replaced_frames_are_freed_by_the_task() {
        let mut handle = SourceHandle::new();
        let (first, alive) = frames(5);
        handle.play(first, Arc::new(TrackClock::starting_at(0)));
        assert_eq!(poll(&handle), Some(3));
        let (second, _alive) = frames(5);
        handle.play(second, Arc::new(TrackClock::starting_at(0)));
        assert_eq!(poll(&handle), Some(3));
        assert_eq!(Arc::strong_count(&alive), 2, "the pacer must not free");
        handle.collect();
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn without_a_pacer_nothing_piles_up() {
        let mut handle = SourceHandle::new();
        let mut all = Vec::new();
        for _ in 0..50 {
            let (script, alive) = frames(1);
            handle.play(script, Arc::new(TrackClock::starting_at(0)));
            all.push(alive);
        }
        handle.clear();
        assert!(all.iter().all(|alive| Arc::strong_count(alive) == 1));
    }

    #[test]
    fn a_full_ring_is_worked_off_even_when_the_pacer_was_just_there() {
        let mut handle = SourceHandle::new();
        poll(&handle);
        let mut all = Vec::new();
        for _ in 0..20 {
            let (script, alive) = frames(1);
            handle.play(script, Arc::new(TrackClock::starting_at(0)));
            all.push(alive);
        }
        assert_eq!(poll(&handle), Some(3));
        handle.clear();
        assert_eq!(poll(&handle), None);
        handle.collect();
        assert!(all.iter().all(|alive| Arc::strong_count(alive) == 1));
    }
}
