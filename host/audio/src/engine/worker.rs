//! One worker thread: steps the coroutines of its pipelines, 20 ms of audio or some KiB of input at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};

use crate::pipeline::{Control, Job, Settings, Turn, play};
use crate::{AudioError, PipelineEvent};

/// How often pipelines that wait for bytes or room are looked at.
const TICK: Duration = Duration::from_millis(10);

/// Address space of a pipeline's stack; pages are committed as they are touched.
const STACK_BYTES: usize = 1024 * 1024;

type Playing = Coroutine<(), Turn, AudioError, DefaultStack>;

/// A pipeline owned by this worker.
struct Active {
    // `None` only while being dropped.
    playing: Option<Playing>,
    control: Arc<Control>,
    observer: Box<dyn Fn(PipelineEvent) + Send + Sync>,
    waiting: bool,
    owned: Arc<AtomicUsize>,
}

enum Step {
    MoreToDo,
    Waiting,
    Over,
}

/// Serves pipelines until the engine is dropped.
pub(super) fn run(jobs: &Receiver<Job>, owned: &Arc<AtomicUsize>, settings: Settings) {
    let mut active: Vec<Active> = Vec::new();
    let mut tick = Instant::now();
    loop {
        if active.is_empty() {
            match jobs.recv() {
                Ok(job) => active.extend(Active::start(job, owned, settings)),
                Err(_) => return,
            }
        }
        loop {
            match jobs.try_recv() {
                Ok(job) => active.extend(Active::start(job, owned, settings)),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        let mut hungry = false;
        active.retain_mut(|pipeline| match pipeline.step() {
            Step::MoreToDo => {
                hungry = true;
                true
            }
            Step::Waiting => true,
            Step::Over => false,
        });
        let now = Instant::now();
        if now >= tick {
            active.iter_mut().for_each(|pipeline| pipeline.waiting = false);
            tick = now + TICK;
        } else if !hungry && !active.is_empty() {
            match jobs.recv_timeout(tick - now) {
                Ok(job) => active.extend(Active::start(job, owned, settings)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
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
            waiting: false,
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

    fn step(&mut self) -> Step {
        if self.control.is_stopped() {
            return Step::Over;
        }
        if self.waiting {
            return Step::Waiting;
        }
        let Some(playing) = &mut self.playing else {
            return Step::Over;
        };
        // Decoders are not free of panics on hostile files; one must not take the worker down.
        let error = match catch_unwind(AssertUnwindSafe(|| playing.resume(()))) {
            Ok(CoroutineResult::Yield(Turn::Worked)) => return Step::MoreToDo,
            Ok(CoroutineResult::Yield(Turn::Event(event))) => {
                self.observe(event);
                return Step::MoreToDo;
            }
            Ok(CoroutineResult::Yield(Turn::Waiting)) => {
                self.waiting = true;
                return Step::Waiting;
            }
            Ok(CoroutineResult::Return(error)) => error,
            Err(panic) => AudioError::Decode {
                cause: format!("the decoder panicked: {}", panic_text(&*panic)),
            },
        };
        self.fail(error);
        Step::Over
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
