//! Lets a plugin be called without letting it do harm: a thread of its own, a deadline, a bound on calls in flight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lavalink_plugin_api::Failure;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds on what plugins may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardLimits {
    /// Time for a plugin to be loaded and to construct its sources.
    pub start: Duration,
    /// Time for one source to look an identifier up.
    pub load: Duration,
    /// Time for a whole look-up: all sources, all redirects.
    pub resolve: Duration,
    /// Time for a source to say where a track's bytes are.
    pub open: Duration,
    /// Time for a source to check the tails of encoded tracks.
    pub decode: Duration,
    /// Calls one plugin may be in at once; further ones wait for their turn within their deadline.
    pub in_flight: usize,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(10),
            load: Duration::from_secs(15),
            resolve: Duration::from_secs(30),
            open: Duration::from_secs(15),
            decode: Duration::from_secs(5),
            in_flight: 64,
        }
    }
}

/// Guards the calls of one plugin.
#[derive(Debug)]
pub(crate) struct Guard {
    plugin: String,
    permits: Arc<Semaphore>,
    /// Deadlines of the calls in flight. Held for a few instructions only.
    running: Arc<Mutex<Running>>,
}

#[derive(Debug)]
struct Running {
    limit: usize,
    deadlines: Vec<(u64, Instant)>,
    next: u64,
}

/// One call in flight. Lives on the thread that makes the call, so a call that hangs keeps its place.
struct Turn {
    running: Arc<Mutex<Running>>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running
            .lock()
            .deadlines
            .retain(|(number, _)| *number != self.number);
    }
}

impl Guard {
    pub(crate) fn new(plugin: &str, in_flight: usize) -> Self {
        let limit = in_flight.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            plugin: plugin.to_owned(),
            permits: Arc::new(Semaphore::new(limit)),
            running: Arc::new(Mutex::new(Running {
                limit,
                deadlines: Vec::new(),
                next: 0,
            })),
        }
    }

    /// Name of the plugin guarded.
    pub(crate) fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Runs `work` on a blocking thread and waits for it until `deadline`. What comes later is thrown away.
    ///
    /// # Errors
    /// What `work` answers; a fault when it panics, when the deadline passes, or when so many earlier calls hang that
    /// there is no place left.
    pub(crate) async fn call<T, F>(
        &self,
        what: &'static str,
        deadline: Instant,
        work: F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Failure> + Send + 'static,
    {
        let turn = self.turn(what, deadline).await?;
        let mut call = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        match tokio::time::timeout_at(deadline.into(), &mut call).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(self.broken(what, error)),
            Err(_) => {
                // Only helps when no thread was free to begin it; a call under way cannot be stopped.
                call.abort();
                Err(self.overdue(what))
            }
        }
    }

    async fn turn(&self, what: &'static str, deadline: Instant) -> Result<Turn, Failure> {
        let permit = match self.permits.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if self.hangs() => {
                let limit = self.running.lock().limit;
                return Err(
                    Failure::fault(format!("The plugin {} does not respond.", self.plugin)).because(format!(
                        "{limit} earlier calls have passed their deadline and not returned"
                    )),
                );
            }
            Err(_) => {
                match tokio::time::timeout_at(deadline.into(), self.permits.clone().acquire_owned()).await {
                    Ok(Ok(permit)) => permit,
                    Ok(Err(_)) | Err(_) => return Err(self.overdue(what)),
                }
            }
        };
        let mut running = self.running.lock();
        let number = running.next;
        running.next += 1;
        running.deadlines.push((number, deadline));
        Ok(Turn {
            running: self.running.clone(),
            number,
            _permit: permit,
        })
    }

    /// Whether every place is taken by a call that should long have returned.
    fn hangs(&self) -> bool {
        let now = Instant::now();
        let running = self.running.lock();
        running.deadlines.len() == running.limit
            && running.deadlines.iter().all(|(_, deadline)| *deadline < now)
    }

    fn overdue(&self, what: &str) -> Failure {
        Failure::fault(format!("The plugin {} did not answer in time.", self.plugin))
            .because(format!("`{what}` passed its deadline"))
    }

    fn broken(&self, what: &str, error: tokio::task::JoinError) -> Failure {
        match error.try_into_panic() {
            Ok(panic) => Failure::fault(format!("The plugin {} panicked.", self.plugin)).because(format!(
                "`{what}`: {}",
                lavalink_plugin_api::v1::panic_text(&*panic)
            )),
            Err(_) => Failure::suspicious("The node is shutting down."),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use lavalink_plugin_api::Severity;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    fn late() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn hands_the_answer_on() {
        let guard = Guard::new("p", 1);
        assert_eq!(guard.call("load", late(), || Ok(7)).await, Ok(7));
        let failure = Failure::common("no");
        assert_eq!(
            guard
                .call::<(), _>("load", late(), || Err(Failure::common("no")))
                .await,
            Err(failure)
        );
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_and_frees_the_place() {
        let guard = Guard::new("p", 1);
        for _ in 0..3 {
            let failure = guard
                .call::<(), _>("load", late(), || panic!("oh {}", "dear"))
                .await
                .unwrap_err();
            assert_eq!(failure.severity, Severity::Fault);
            assert!(failure.cause.contains("oh dear"), "{failure}");
        }
        assert_eq!(guard.call("load", late(), || Ok(1)).await, Ok(1));
    }

    #[tokio::test]
    async fn a_hanging_call_ends_at_its_deadline_and_keeps_its_place_until_it_returns() {
        let guard = Guard::new("p", 1);
        let (release, gate) = mpsc::channel::<()>();
        let (done, finished) = mpsc::channel::<()>();
        let failure = guard
            .call("open", soon(), move || {
                let _ = gate.recv();
                let _ = done.send(());
                Ok(())
            })
            .await
            .unwrap_err();
        assert!(
            failure.message.contains("in time") && failure.cause.contains("open"),
            "{failure}"
        );

        // The only place is held by a call past its deadline: refused at once, although this deadline is far off.
        let failure = guard.call("load", late(), || Ok(())).await.unwrap_err();
        assert!(failure.message.contains("does not respond"), "{failure}");

        release.send(()).unwrap();
        finished.recv().unwrap();
        // The place is freed just after the closure ends; waiting for it is what `turn` does for calls in time.
        while guard.hangs() {
            tokio::task::yield_now().await;
        }
        assert_eq!(guard.call("load", late(), || Ok(2)).await, Ok(2));
    }

    #[tokio::test]
    async fn a_full_plugin_makes_the_next_call_wait_only_until_its_deadline() {
        let guard = Guard::new("p", 1);
        let (release, gate) = mpsc::channel::<()>();
        let first = guard.call("load", late(), move || {
            let _ = gate.recv();
            Ok("first")
        });
        let second = async {
            let failure = guard.call("load", soon(), || Ok("second")).await.unwrap_err();
            release.send(()).unwrap();
            failure
        };
        let (first, failure) = tokio::join!(first, second);
        assert_eq!(first, Ok("first"));
        assert!(failure.message.contains("in time"));
    }
}
