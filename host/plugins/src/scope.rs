//! What the thread of a plugin call knows about that call: until when it may take, and whether anyone still waits for it.
//!
//! Code in a sandbox can be stopped, native code cannot; so only the former asks.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// One call of a plugin.
#[derive(Debug, Clone)]
pub(crate) struct CallScope {
    deadline: Instant,
    is_abandoned: Arc<AtomicBool>,
}

thread_local! {
    static CURRENT: RefCell<Option<CallScope>> = const { RefCell::new(None) };
}

impl CallScope {
    pub(crate) fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            is_abandoned: Arc::default(),
        }
    }

    /// The scope of the call this thread is in.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Runs `work` as the call of this scope.
    pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        /// Takes the scope away again, after a panic as well: threads of the pool are used by others next.
        struct Reset;
        impl Drop for Reset {
            fn drop(&mut self) {
                CURRENT.set(None);
            }
        }
        CURRENT.set(Some(self));
        let _reset = Reset;
        work()
    }

    /// Until when it may take.
    #[cfg(feature = "wasm")]
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the time is up or nobody waits for the answer.
    pub(crate) fn is_over(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// Abandons the call when the returned value is dropped.
    pub(crate) fn abandon_on_drop(&self) -> AbandonOnDrop {
        AbandonOnDrop(self.is_abandoned.clone())
    }
}

/// See [`CallScope::abandon_on_drop`].
#[derive(Debug)]
pub(crate) struct AbandonOnDrop(Arc<AtomicBool>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn is_there_during_the_call_alone_and_gone_after_a_panic() {
        let scope = CallScope::until(Instant::now() + Duration::from_secs(60));
        assert!(CallScope::current().is_none());
        assert!(
            scope
                .clone()
                .run(|| CallScope::current().is_some_and(|scope| !scope.is_over()))
        );
        let panicked = std::panic::catch_unwind(|| scope.run(|| panic!("on purpose")));
        assert!(panicked.is_err() && CallScope::current().is_none());
    }

    #[test]
    fn is_over_at_its_deadline_or_when_abandoned() {
        assert!(CallScope::until(Instant::now()).is_over());
        let scope = CallScope::until(Instant::now() + Duration::from_secs(60));
        let abandon = scope.abandon_on_drop();
        assert!(!scope.is_over());
        drop(abandon);
        assert!(scope.is_over());
    }
}
