//! One worker thread: steps the coroutines of its pipelines, 20 ms of audio or some KiB of input at a time.
//!
//! A pipeline is looked at when it has something to do: when its queue has room again, which follows from the clock,
//! or when somebody calls. One that waits for bytes, for a seek, or for a player that is paused costs nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use rustix::time::{ClockId, clock_gettime};

use super::bell::Bell;
use crate::pipeline::{Control, Job, Settings, Turn, play};
use crate::{AudioError, PipelineEvent};

/// Playing time of a queued frame.
const FRAME: Duration = Duration::from_millis(20);

/// Distance of the moments a worker wakes at by itself; pipelines are bunched on them, which saves wake-ups.
const GRID: Duration = Duration::from_millis(20);

/// Steps a pipeline with work gets before the next one has its turn: the 60 ms of audio its queue holds, and one.
const STEPS_PER_TURN: u32 = 4;

/// A turn ends after the step that exceeds this, so that costly files delay the others little.
const TURN_TIME: Duration = Duration::from_millis(2);

/// A worker that lost more time than this while it slept or worked was hindered.
const HINDRANCE: Duration = Duration::from_millis(5);

/// Address space of a pipeline's stack; pages are committed as they are touched.
const STACK_BYTES: usize = 1024 * 1024;

type Playing = Coroutine<(), Turn, AudioError, DefaultStack>;

/// When a pipeline is looked at next.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// At once.
    Now,
    /// Then, or when called.
    At(Instant),
    /// When called.
    Called,
}

/// A pipeline owned by this worker.
struct Active {
    // `None` only while being dropped.
    playing: Option<Playing>,
    control: Arc<Control>,
    observer: Box<dyn Fn(PipelineEvent) + Send + Sync>,
    next: Next,
    /// How often in a row the queue was found full.
    full_in_a_row: u32,
    owned: Arc<AtomicUsize>,
}

/// Serves pipelines until the engine is dropped.
pub(super) fn run(jobs: &Receiver<Job>, owned: &Arc<AtomicUsize>, bell: &Bell, settings: Settings) {
    bell.listen();
    let grid = Grid {
        origin: Instant::now(),
    };
    let mut active: Vec<Active> = Vec::new();
    loop {
        // Before looking for what it was rung for, so that nothing is missed.
        let is_rung = bell.take();
        loop {
            match jobs.try_recv() {
                Ok(job) => active.extend(Active::start(job, owned, settings)),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        let now = Instant::now();
        let cpu = thread_cpu();
        let mut wake_at = None;
        let mut is_busy = false;
        active.retain_mut(|pipeline| {
            if pipeline.is_due(now, is_rung) && !pipeline.turn(&grid) {
                return false;
            }
            match pipeline.next {
                Next::Now => is_busy = true,
                Next::At(at) => wake_at = Some(wake_at.map_or(at, |earliest: Instant| earliest.min(at))),
                Next::Called => {}
            }
            true
        });
        if now.elapsed().saturating_sub(thread_cpu().saturating_sub(cpu)) > HINDRANCE {
            bell.note_hindrance();
        }
        if is_busy {
            continue;
        }
        match wake_at {
            Some(at) => {
                std::thread::park_timeout(at.saturating_duration_since(Instant::now()));
                if at.elapsed() > HINDRANCE {
                    bell.note_hindrance();
                }
            }
            None => std::thread::park(),
        }
    }
}

/// CPU time used by this thread.
fn thread_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The moments a worker wakes at by itself.
struct Grid {
    origin: Instant,
}

impl Grid {
    /// The last of them at or before `time`; later than `time` less 20 ms.
    fn before(&self, time: Instant) -> Instant {
        let since = time.saturating_duration_since(self.origin).as_nanos();
        let beyond = u64::try_from(since % GRID.as_nanos()).unwrap_or(0);
        time.checked_sub(Duration::from_nanos(beyond)).unwrap_or(time)
    }
}

impl Active {
    /// Puts a job into a coroutine; `None` when that failed and was reported.
    fn start(job: Job, owned: &Arc<AtomicUsize>, settings: Settings) -> Option<Self> {
        let control = Arc::clone(&job.control);
        let (observer, part) = job.into_parts();
        let mut pipeline = Self {
            playing: None,
            control,
            observer,
            next: Next::Now,
            full_in_a_row: 0,
            owned: Arc::clone(owned),
        };
        match DefaultStack::new(STACK_BYTES) {
            Ok(stack) => {
                pipeline.playing = Some(Coroutine::with_stack(stack, move |yielder, ()| {
                    play(yielder, part, settings)
                }));
                Some(pipeline)
            }
            Err(error) => {
                let cause = format!("no memory for the pipeline's stack: {error}");
                pipeline.fail(AudioError::Broken { cause });
                None
            }
        }
    }

    fn is_due(&mut self, now: Instant, is_rung: bool) -> bool {
        if is_rung && self.control.timeline().call().take() {
            self.full_in_a_row = 0;
            return true;
        }
        match self.next {
            Next::Now => true,
            Next::At(at) => at <= now,
            Next::Called => false,
        }
    }

    /// Steps the pipeline until it has to wait or had its share; `false` when it is over.
    fn turn(&mut self, grid: &Grid) -> bool {
        let start = Instant::now();
        self.next = Next::Now;
        for _ in 0..STEPS_PER_TURN {
            if self.control.is_stopped() {
                return false;
            }
            let Some(playing) = &mut self.playing else {
                return false;
            };
            // Decoders are not free of panics on hostile files; one must not take the worker down.
            let error = match catch_unwind(AssertUnwindSafe(|| playing.resume(()))) {
                Ok(CoroutineResult::Yield(turn)) => {
                    if self.rest(turn, grid) || start.elapsed() > TURN_TIME {
                        return true;
                    }
                    continue;
                }
                Ok(CoroutineResult::Return(error)) => error,
                Err(panic) => AudioError::Decode {
                    cause: format!("the decoder panicked: {}", panic_text(&*panic)),
                },
            };
            self.fail(error);
            return false;
        }
        true
    }

    /// Notes why the pipeline stopped; whether it has to wait.
    fn rest(&mut self, turn: Turn, grid: &Grid) -> bool {
        self.next = match turn {
            Turn::Worked => {
                self.full_in_a_row = 0;
                return false;
            }
            Turn::Event(event) => {
                self.observe(event);
                return false;
            }
            Turn::Full(frames) => {
                self.full_in_a_row += 1;
                match self.full_in_a_row {
                    // While frames are taken, one is left when the worker comes, and one or two slots to refill.
                    1 => {
                        let frames = u32::try_from(frames.saturating_sub(1)).unwrap_or(1);
                        Next::At(grid.before(Instant::now() + (FRAME * frames).max(GRID)))
                    }
                    // Nobody takes them: the player is paused or not connected. The first frame taken will call.
                    2 => {
                        self.control.timeline().doze();
                        return false;
                    }
                    _ => Next::Called,
                }
            }
            Turn::Idle => Next::Called,
            Turn::Poll => Next::At(grid.before(Instant::now() + GRID)),
        };
        true
    }

    fn fail(&self, error: AudioError) {
        tracing::debug!(%error, cause = error.cause(), "pipeline failed");
        self.observe(PipelineEvent::Failed {
            error,
            any_frames: self.control.timeline().pushed_any(),
        });
    }

    fn observe(&self, event: PipelineEvent) {
        if catch_unwind(AssertUnwindSafe(|| (self.observer)(event))).is_err() {
            tracing::error!("an observer of an audio pipeline panicked");
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let playing = self.playing.take();
        // Dropping unwinds the suspended coroutine; only a panicking destructor could escape.
        if catch_unwind(AssertUnwindSafe(|| drop(playing))).is_err() {
            tracing::error!("an audio pipeline panicked while being stopped");
        }
        self.control.timeline().close();
        self.owned.fetch_sub(1, Ordering::Relaxed);
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
