//! How a sleeping worker is woken: by bytes that arrived, a seek, a pacer that takes frames again, a new pipeline.

use std::sync::{Arc, OnceLock};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;

/// One worker's bell. Ringing is wait-free: at most one futex call, and none while the worker is up.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    worker: OnceLock<Thread>,
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

    /// Whether it was rung since the last call.
    pub(crate) fn take(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) && self.wanted.swap(false, Ordering::AcqRel)
    }
}
