//! How a sleeping worker is woken: by bytes that arrived, a seek, a pacer that takes frames again, a new pipeline.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How long a worker that was kept from running counts as hindered: its queues hold no more than that.
const HINDRANCE_MEMORY: Duration = Duration::from_millis(200);

/// One worker's bell. Ringing is wait-free: at most one futex call, and none while the worker is up.
#[derive(Debug)]
pub(crate) struct Bell {
    rung: AtomicBool,
    worker: OnceLock<Thread>,
    origin: Instant,
    /// Until when the worker counts as hindered, in ms since `origin`.
    hindered_until_ms: AtomicU64,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            rung: AtomicBool::new(false),
            worker: OnceLock::new(),
            origin: Instant::now(),
            hindered_until_ms: AtomicU64::new(0),
        }
    }
}

impl Bell {
    /// The calling thread is the worker from now on.
    pub(super) fn listen(&self) {
        // Only the worker's thread calls this, once.
        let _first = self.worker.set(std::thread::current());
    }

    /// Wakes the worker, or keeps it from falling asleep.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Some(worker) = self.worker.get()
        {
            worker.unpark();
        }
    }

    /// The worker was kept from running just now.
    pub(super) fn note_hindrance(&self) {
        let until = (self.origin.elapsed() + HINDRANCE_MEMORY).as_millis() as u64;
        self.hindered_until_ms.store(until, Ordering::Relaxed);
    }

    fn was_hindered(&self) -> bool {
        (self.origin.elapsed().as_millis() as u64) < self.hindered_until_ms.load(Ordering::Relaxed)
    }

    /// Whether it was rung since the last call.
    pub(super) fn take(&self) -> bool {
        self.rung.load(Ordering::Relaxed) && self.rung.swap(false, Ordering::AcqRel)
    }
}

/// One pipeline's way to its worker.
#[derive(Debug, Default)]
pub(crate) struct Call {
    wanted: AtomicBool,
    bell: Arc<Bell>,
}

impl Call {
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        Self {
            wanted: AtomicBool::new(false),
            bell,
        }
    }

    /// Asks the worker to look at the pipeline now.
    pub(crate) fn ring(&self) {
        self.wanted.store(true, Ordering::Release);
        self.bell.ring();
    }

    /// Whether the worker was kept from running lately, by whatever else the machine does.
    pub(crate) fn worker_was_hindered(&self) -> bool {
        self.bell.was_hindered()
    }

    /// Whether it was rung since the last call.
    pub(crate) fn take(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) && self.wanted.swap(false, Ordering::AcqRel)
    }
}
