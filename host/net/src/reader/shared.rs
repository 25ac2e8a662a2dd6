//! What the consumer and the read-ahead task both see. The lock is held for copies of at most one chunk, never longer.

use std::collections::VecDeque;
use std::io::{self, SeekFrom};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use super::ReaderConfig;
use super::window::Window;
use crate::{NetError, Opened};

/// Most bytes asked from the origin at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Farthest jump, in bytes, on an origin that can only be read on.
const MAX_READ_ON_BYTES: u64 = 16 * 1024 * 1024;

/// What the task is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Open the origin at an offset.
    Open(u64),
    /// Read at most that many bytes.
    Read(usize),
    /// Wait to be woken.
    Wait,
    /// The reader is gone.
    Stop,
}

/// Whether the first open is done.
pub(super) enum Readiness {
    Opening,
    Ready,
    Failed(NetError),
}

#[derive(Debug)]
enum Phase {
    /// To be opened where the window ends.
    Unopened,
    /// Being opened.
    Opening,
    Flowing,
    Ended,
    Failed(NetError),
    Closed,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    window: Window,
    /// The consumer's; may lie behind the window's end after a short jump forward.
    position: u64,
    /// From the first open; the length may become known later.
    opened: Option<Opened>,
    /// Offsets in the window at which another part of the medium begins, ascending.
    parts: VecDeque<u64>,
    /// The part the consumer has gone over to last.
    part: Option<u64>,
    /// For a consumer that found nothing to read.
    waker: Option<Waker>,
    /// Where the position was moved to last.
    run_start: u64,
    /// Most bytes to hold ahead.
    read_ahead: usize,
    /// Most of them as long as the origin never kept us waiting.
    prompt: usize,
    /// The task waits for room.
    parked: bool,
    /// Nobody will bring another byte.
    task_ended: bool,
}

impl State {
    fn ahead(&self) -> usize {
        usize::try_from(self.window.end().saturating_sub(self.position)).unwrap_or(usize::MAX)
    }

    /// Most bytes to hold ahead now.
    fn wanted(&self) -> usize {
        self.read_ahead.min(self.prompt)
    }

    /// Abandons what is held and goes on at `target`.
    fn move_to(&mut self, target: u64) {
        self.window.move_to(target);
        self.parts.clear();
        self.part = None;
        self.position = target;
        self.run_start = target;
    }

    /// Frees what lies more than `keep` bytes behind the position.
    fn forget(&mut self, keep: usize) {
        self.window
            .forget_before(self.position.saturating_sub(keep as u64));
        while self.parts.front().is_some_and(|&part| !self.window.covers(part)) {
            self.parts.pop_front();
        }
    }

    /// Offset of the next part that the consumer has not gone over to.
    fn next_part(&self) -> Option<u64> {
        let is_ahead = |part: &&u64| **part >= self.position && Some(**part) != self.part;
        self.parts.iter().find(is_ahead).copied()
    }

    /// Abandons what is held and opens again at `target`.
    fn reopen(&mut self, target: u64) {
        self.move_to(target);
        self.phase = Phase::Unopened;
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    config: ReaderConfig,
    /// For the task: a jump, or room again.
    wake: Notify,
    /// For `ready`: opened or failed.
    settled: Notify,
    /// For a blocking consumer: anything new.
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(config: ReaderConfig) -> Self {
        let state = State {
            phase: Phase::Unopened,
            window: Window::default(),
            position: 0,
            opened: None,
            parts: VecDeque::new(),
            part: None,
            waker: None,
            run_start: 0,
            read_ahead: config.read_ahead_bytes,
            prompt: config.prompt_bytes.unwrap_or(usize::MAX),
            parked: false,
            task_ended: false,
        };
        Self {
            state: Mutex::new(state),
            config,
            wake: Notify::new(),
            settled: Notify::new(),
            changed: Condvar::new(),
        }
    }

    // ---- the consumer's side ----

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        self.read_locked(&mut state, buffer)
    }

    /// As [`Self::read`], waiting at most `timeout` for the first byte.
    pub(super) fn read_waiting(&self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let deadline = std::time::Instant::now() + timeout;
        let mut state = self.state.lock();
        loop {
            match self.read_locked(&mut state, buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                let text = format!("no byte of the medium came within {} ms", timeout.as_millis());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
        }
    }

    fn read_locked(&self, state: &mut State, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let limit = state.next_part().map_or(u64::MAX, |part| part - state.position);
        if limit == 0 {
            return Ok(0);
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(buffer.len());
        let copied = state.window.copy(state.position, &mut buffer[..limit]);
        if copied > 0 {
            state.position += copied as u64;
            state.forget(self.config.keep_behind_bytes);
            // Woken only when half is free: each piece costs the task, and often a thread of its own, a wake-up.
            if state.parked && state.ahead() <= state.wanted() / 2 {
                state.parked = false;
                self.wake.notify_one();
            }
            return Ok(copied);
        }
        match &state.phase {
            Phase::Ended => Ok(0),
            Phase::Failed(error) => Err(error.clone().into()),
            Phase::Closed => Err(io::ErrorKind::BrokenPipe.into()),
            Phase::Unopened | Phase::Opening | Phase::Flowing => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Goes over to the part that begins at the position; `false` when none does.
    pub(super) fn next_part(&self) -> bool {
        let mut state = self.state.lock();
        let position = state.position;
        let is_there = state.next_part() == Some(position);
        if is_there {
            state.part = Some(position);
        }
        is_there
    }

    pub(super) fn seek(&self, target: SeekFrom) -> io::Result<u64> {
        let mut state = self.state.lock();
        let target = resolve(
            target,
            state.position,
            state.opened.and_then(|opened| opened.total),
        )?;
        let end = state.window.end();
        let distance = target.saturating_sub(end);
        let is_running = matches!(state.phase, Phase::Flowing | Phase::Ended);
        if state.window.covers(target) || (is_running && target > end && distance <= self.config.skip_bytes) {
            state.position = target;
            state.part = None;
        } else if state
            .opened
            .and_then(|opened| opened.total)
            .is_some_and(|total| target >= total)
        {
            state.move_to(target);
            state.phase = Phase::Ended;
        } else if state.task_ended {
            return Err(io::Error::other(task_ended()));
        } else if state.opened.is_none_or(|opened| opened.seekable) {
            state.reopen(target);
        } else if is_running && target > end && distance <= MAX_READ_ON_BYTES {
            state.position = target;
            state.part = None;
        } else {
            let text = format!("the medium cannot jump to byte {target}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        state.parked = false;
        self.wake.notify_one();
        Ok(target)
    }

    /// Has `waker` woken by whatever happens next.
    pub(super) fn wake_on_bytes(&self, waker: &Waker) {
        let mut state = self.state.lock();
        // The consumer ran dry where bytes had flown for a while: more of them ahead would have helped.
        let taken = state.position.saturating_sub(state.run_start);
        if matches!(state.phase, Phase::Flowing) && taken >= state.wanted() as u64 {
            let most = self.config.max_read_ahead_bytes.max(state.read_ahead);
            state.prompt = usize::MAX;
            state.read_ahead = (state.read_ahead * 2).min(most);
        }
        match &mut state.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub(super) fn set_read_ahead(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.read_ahead = bytes;
        if state.parked && state.ahead() < state.wanted() {
            state.parked = false;
            self.wake.notify_one();
        }
    }

    pub(super) fn opened(&self) -> Option<Opened> {
        self.state.lock().opened
    }

    /// Offset of the next byte the consumer reads.
    pub(super) fn position(&self) -> u64 {
        self.state.lock().position
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.state.lock().window.held_bytes()
    }

    pub(super) fn readiness(&self) -> Readiness {
        let state = self.state.lock();
        match &state.phase {
            Phase::Failed(error) => Readiness::Failed(error.clone()),
            _ if state.opened.is_some() => Readiness::Ready,
            _ => Readiness::Opening,
        }
    }

    /// Done when [`Self::readiness`] may have changed. For one waiter.
    pub(super) async fn settled(&self) {
        self.settled.notified().await;
    }

    /// Frees the memory; the task, if it still runs, stops at its next step.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.phase = Phase::Closed;
        state.window.clear();
    }

    // ---- the task's side ----

    /// The origin took its time over a read: from now on there is to be enough for the next time.
    pub(super) fn had_to_wait(&self) {
        self.state.lock().prompt = usize::MAX;
    }

    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(super) fn is_redirected(&self) -> bool {
        matches!(self.state.lock().phase, Phase::Unopened | Phase::Closed)
    }

    pub(super) fn next_step(&self) -> Step {
        let mut state = self.state.lock();
        match state.phase {
            Phase::Unopened => {
                state.phase = Phase::Opening;
                Step::Open(state.window.end())
            }
            Phase::Flowing => {
                let room = state.wanted().saturating_sub(state.ahead());
                state.parked = room == 0;
                if room == 0 {
                    Step::Wait
                } else {
                    Step::Read(room.min(CHUNK_BYTES))
                }
            }
            Phase::Closed => Step::Stop,
            Phase::Opening | Phase::Ended | Phase::Failed(_) => Step::Wait,
        }
    }

    /// The outcome of [`Step::Open`].
    pub(super) fn publish_opened(&self, offset: u64, result: Result<Opened, NetError>) {
        let result = result.and_then(|opened| {
            let is_first = offset == 0 && self.state.lock().opened.is_none();
            if opened.offset == offset || is_first {
                return Ok(opened);
            }
            let reason = format!(
                "the medium was asked for byte {offset} and opened at {}",
                opened.offset
            );
            Err(NetError::Origin {
                reason,
                retriable: false,
            })
        });
        match result {
            Ok(opened) => {
                let mut state = self.state.lock();
                if matches!(state.phase, Phase::Opening) {
                    if opened.offset != offset {
                        state.move_to(opened.offset);
                    }
                    state.phase = Phase::Flowing;
                }
                let total = opened.total.or(state.opened.and_then(|before| before.total));
                state.opened = Some(Opened { total, ..opened });
                drop(state);
                self.announce();
            }
            Err(error) => self.fail(error),
        }
    }

    /// The outcome of [`Step::Read`].
    pub(super) fn publish_bytes(&self, result: Result<Bytes, NetError>, begins_part: bool) {
        match result {
            Ok(bytes) => {
                let mut state = self.state.lock();
                // A jump since then has moved the window; these bytes belong elsewhere.
                if !matches!(state.phase, Phase::Flowing) {
                    return;
                }
                if bytes.is_empty() {
                    state.phase = Phase::Ended;
                } else {
                    if begins_part {
                        let part = state.window.end();
                        state.parts.push_back(part);
                    }
                    state.window.push(&bytes);
                    state.forget(self.config.keep_behind_bytes);
                }
                drop(state);
                self.announce();
            }
            Err(error) => self.fail(error),
        }
    }

    /// Ends the current run with an error, unless the consumer has moved on or the medium is complete.
    pub(super) fn fail(&self, error: NetError) {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Opening | Phase::Flowing) {
            state.phase = Phase::Failed(error);
        }
        drop(state);
        self.announce();
    }

    /// The task is gone, whatever the reason.
    pub(super) fn task_ended(&self) {
        let mut state = self.state.lock();
        state.task_ended = true;
        if matches!(state.phase, Phase::Unopened | Phase::Opening | Phase::Flowing) {
            state.phase = Phase::Failed(task_ended());
        }
        drop(state);
        self.announce();
    }

    fn announce(&self) {
        let waker = self.state.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
        self.settled.notify_one();
        self.changed.notify_all();
    }
}

fn task_ended() -> NetError {
    NetError::Origin {
        reason: "the read-ahead task of the medium ended".to_owned(),
        retriable: false,
    }
}

/// The absolute target of a seek.
fn resolve(target: SeekFrom, position: u64, total: Option<u64>) -> io::Result<u64> {
    let resolved = match target {
        SeekFrom::Start(offset) => Some(offset),
        SeekFrom::Current(delta) => position.checked_add_signed(delta),
        SeekFrom::End(delta) => {
            let Some(total) = total else {
                let text = "the length of the medium is not known";
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            };
            total.checked_add_signed(delta)
        }
    };
    resolved.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek before byte 0"))
}
