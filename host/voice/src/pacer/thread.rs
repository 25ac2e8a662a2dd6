//! One pacer thread and the pool of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    clock::{Clock, SLOT_STEP, SystemClock},
    stream::Stream,
    watch::Watch,
    wheel::{LATE, Wheel},
};
use crate::{
    error::VoiceError,
    totals::{Lateness, LatenessHistogram},
};

/// What the control plane and one pacer thread share.
#[derive(Default)]
pub(super) struct Inbox {
    #[expect(
        clippy::vec_box,
        reason = "streams are large and change lists; only their pointers move"
    )]
    arrivals: Mutex<Vec<Box<Stream>>>,
    /// There are arrivals, or `quit` was set.
    news: AtomicBool,
    quit: AtomicBool,
    /// Streams handed to this thread and not yet ended.
    load: AtomicUsize,
    /// How late the thread runs its slots.
    lateness: Arc<LatenessHistogram>,
}

impl Inbox {
    pub(super) fn add(&self, stream: Box<Stream>) {
        self.load.fetch_add(1, Ordering::Relaxed);
        self.arrivals.lock().push(stream);
        self.news.store(true, Ordering::Release);
    }

    pub(super) fn quit(&self) {
        self.quit.store(true, Ordering::Relaxed);
        self.news.store(true, Ordering::Release);
    }
}

/// The threads that send for all connections.
pub(crate) struct PacerPool {
    threads: Vec<(Arc<Inbox>, Thread)>,
}

impl PacerPool {
    /// Starts `count` threads (at least one), which sleep until there is a stream.
    pub(crate) fn start(count: usize) -> Result<Self, VoiceError> {
        let count = count.max(1);
        let mut pool = Self {
            threads: Vec::with_capacity(count),
        };
        for index in 0..count {
            let name = format!("pacer-{index}");
            let inbox = Arc::<Inbox>::default();
            let shared = Arc::clone(&inbox);
            let phase = SLOT_STEP.mul_f64(index as f64 / count as f64);
            let handle = std::thread::Builder::new()
                .name(name.clone())
                .spawn(move || run(&shared, phase, SystemClock))
                .map_err(|source| VoiceError::Thread { name, source })?;
            pool.threads.push((inbox, handle.thread().clone()));
        }
        Ok(pool)
    }

    /// How late the slots of all threads were run.
    pub(crate) fn lateness(&self) -> Lateness {
        let mut lateness = Lateness::default();
        for (inbox, _) in &self.threads {
            lateness.add(&inbox.lateness);
        }
        lateness
    }

    /// Hands a stream to the thread with the fewest.
    pub(crate) fn add(&self, stream: Box<Stream>) {
        let least = self
            .threads
            .iter()
            .min_by_key(|(inbox, _)| inbox.load.load(Ordering::Relaxed));
        if let Some((inbox, thread)) = least {
            inbox.add(stream);
            thread.unpark();
        }
    }
}

impl Drop for PacerPool {
    fn drop(&mut self) {
        for (inbox, thread) in &self.threads {
            inbox.quit();
            thread.unpark();
        }
    }
}

/// Body of a pacer thread.
///
/// Allocates only when a stream is added to a slot that has to grow; never while it sends.
pub(super) fn run(inbox: &Inbox, phase: Duration, mut clock: impl Clock) {
    let mut wheel = Wheel::new(phase, Arc::clone(&inbox.lateness));
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut watch = Watch::new(&clock, processors);
    let mut arrivals = Vec::new();
    loop {
        if inbox.news.load(Ordering::Acquire) {
            if inbox.quit.load(Ordering::Relaxed) {
                return;
            }
            // Without streams nobody is kept waiting, so the lock may be waited for.
            let waiting = if wheel.next_run().is_none() {
                Some(inbox.arrivals.lock())
            } else {
                inbox.arrivals.try_lock()
            };
            if let Some(mut waiting) = waiting {
                inbox.news.store(false, Ordering::Relaxed);
                std::mem::swap(&mut *waiting, &mut arrivals);
            }
            for stream in arrivals.drain(..) {
                wheel.insert(stream, clock.now());
            }
        }
        match wheel.next_run() {
            None => clock.park(),
            Some(at) => {
                let waited_from = clock.now();
                clock.sleep_until(at);
                let now = clock.now();
                let is_late = now.saturating_sub(at) > LATE;
                let blame = watch.woke(&clock, at, waited_from, is_late);
                let ended = wheel.run(now, blame);
                if ended > 0 {
                    inbox.load.fetch_sub(ended, Ordering::Relaxed);
                }
            }
        }
    }
}
