//! Lets a plugin be called without letting it do harm: a thread of its own, a deadline, a bound on calls in flight, and
//! a breaker that leaves it alone for a while when its calls keep going wrong.

mod crash;
mod limits;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lavalink_plugin_api::{Failure, Retry, Severity};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admission::Grants;
use crate::breaker::{Breaker, Change, Sign, Ticket};
use crate::call::{CallEnding, GuardReport};
use crate::plugins::HostFactory;
use crate::scope::CallScope;
use crate::threads::{Lane, PluginThreads};

use self::crash::is_crash;

pub use self::limits::GuardLimits;

/// Guards the calls of one artefact of a plugin.
pub(crate) struct Guard {
    plugin: String,
    grants: Arc<Grants>,
    permits: Arc<Semaphore>,
    shared: Arc<Shared>,
    observer: Arc<dyn HostFactory>,
    threads: Arc<PluginThreads>,
}

/// What the threads that make the calls know as well. The locks are held for a few instructions only.
#[derive(Debug)]
struct Shared {
    running: Mutex<Running>,
    breaker: Mutex<Breaker>,
}

#[derive(Debug)]
struct Running {
    limit: usize,
    calls: Vec<Flight>,
    next: u64,
}

/// A call in flight.
#[derive(Debug)]
struct Flight {
    number: u64,
    deadline: Instant,
    /// The right to it, once nobody waits for it any more: whoever asked has gone.
    left_alone: Option<Ticket>,
}

/// The place of one call in flight. Lives on the thread that makes the call, so a call that hangs keeps its place.
struct Turn {
    shared: Arc<Shared>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let calls = &mut self.shared.running.lock().calls;
        if let Some(at) = calls.iter().position(|call| call.number == self.number)
            && let Some(ticket) = calls.swap_remove(at).left_alone
        {
            // It did come back, and nobody has looked at what it said. (The attempt after a pause cannot fail by that.)
            self.shared
                .breaker
                .lock()
                .report(Instant::now(), ticket, Sign::Neutral);
        }
    }
}

/// Somebody who waits for a call. Dropped early, the call is watched by the calls that follow.
struct Waiting<'a> {
    shared: &'a Shared,
    ticket: Option<Ticket>,
    number: Option<u64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let mut running = self.shared.running.lock();
        let flight = running
            .calls
            .iter_mut()
            .find(|call| Some(call.number) == self.number);
        match flight {
            Some(flight) => flight.left_alone = Some(ticket),
            None => {
                self.shared
                    .breaker
                    .lock()
                    .report(Instant::now(), ticket, Sign::Neutral);
            }
        }
    }
}

impl Guard {
    pub(crate) fn new(
        plugin: &str,
        grants: Arc<Grants>,
        limits: &GuardLimits,
        observer: Arc<dyn HostFactory>,
        threads: Arc<PluginThreads>,
    ) -> Self {
        let limit = limits.in_flight.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            plugin: plugin.to_owned(),
            grants,
            permits: Arc::new(Semaphore::new(limit)),
            shared: Arc::new(Shared {
                running: Mutex::new(Running {
                    limit,
                    calls: Vec::new(),
                    next: 0,
                }),
                breaker: Mutex::new(Breaker::new(limits.breaker)),
            }),
            observer,
            threads,
        }
    }

    /// Name of the plugin guarded.
    pub(crate) fn plugin(&self) -> &str {
        &self.plugin
    }

    /// What the artefact guarded may do.
    pub(crate) fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// Whether the plugin is left alone at the moment: for how long yet, zero while it is being tried again.
    pub(crate) fn suspended(&self) -> Option<Duration> {
        self.shared.breaker.lock().suspended(Instant::now())
    }

    /// Calls it is in.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.running.lock().calls.len()
    }

    /// Runs `work` on a thread for plugins and waits for it until `deadline`. What comes later is thrown away.
    ///
    /// # Errors
    /// What `work` answers; a fault when it panics, when the deadline passes, when so many earlier calls hang that
    /// there is no place left, or when the plugin is suspended.
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
        self.call_judged(what, deadline, |_| Sign::Good, work).await
    }

    /// As [`Guard::call`], for audio a player waits for.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn call_for_audio<T, F>(
        &self,
        what: &'static str,
        deadline: Instant,
        work: F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Failure> + Send + 'static,
    {
        self.call_in(Lane::Audio, what, deadline, |_| Sign::Good, work)
            .await
    }

    /// As [`Guard::call`], for calls whose answers do not all show that the plugin is well.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn call_judged<T, F>(
        &self,
        what: &'static str,
        deadline: Instant,
        judge: fn(&T) -> Sign,
        work: F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Failure> + Send + 'static,
    {
        self.call_in(Lane::Calls, what, deadline, judge, work).await
    }

    async fn call_in<T, F>(
        &self,
        lane: Lane,
        what: &'static str,
        deadline: Instant,
        judge: fn(&T) -> Sign,
        work: F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Failure> + Send + 'static,
    {
        let begun = Instant::now();
        let (answer, ending) = match self.admit(begun) {
            Err(refusal) => (Err(refusal), CallEnding::Suspended),
            Ok(ticket) => {
                let mut waiting = Waiting {
                    shared: &self.shared,
                    ticket: Some(ticket),
                    number: None,
                };
                let (answer, ending) = self.run(lane, what, deadline, work, &mut waiting.number).await;
                let sign = match (&answer, ending) {
                    (Ok(answer), _) => judge(answer),
                    (Err(_), CallEnding::Panicked | CallEnding::Overdue) => Sign::Fault,
                    (Err(_), CallEnding::Failed) => Sign::Good,
                    (Err(_), _) => Sign::Neutral,
                };
                if let Some(ticket) = waiting.ticket.take() {
                    let change = self.shared.breaker.lock().report(Instant::now(), ticket, sign);
                    self.tell(change, answer.as_ref().err());
                }
                (answer, ending)
            }
        };
        self.observer.ended(&GuardReport {
            plugin: &self.plugin,
            call: what,
            ending,
            elapsed: begun.elapsed(),
        });
        answer
    }

    /// The right to make a call, after a look at those that nobody waits for any more.
    fn admit(&self, now: Instant) -> Result<Ticket, Failure> {
        let overdue: Vec<Ticket> = {
            let calls = &mut self.shared.running.lock().calls;
            let overdue = calls.iter_mut().filter(|call| call.deadline < now);
            overdue.filter_map(|call| call.left_alone.take()).collect()
        };
        let mut breaker = self.shared.breaker.lock();
        let mut change = None;
        for ticket in overdue {
            change = breaker.report(now, ticket, Sign::Fault).or(change);
        }
        let admitted = breaker.admit(now);
        drop(breaker);
        self.tell(change, None);
        admitted.map_err(|pause| self.rest(pause))
    }

    async fn run<T, F>(
        &self,
        lane: Lane,
        what: &'static str,
        deadline: Instant,
        work: F,
        number: &mut Option<u64>,
    ) -> (Result<T, Failure>, CallEnding)
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Failure> + Send + 'static,
    {
        let turn = match self.turn(what, deadline).await {
            Ok(turn) => turn,
            Err(failure) => return (Err(failure), CallEnding::Busy),
        };
        *number = Some(turn.number);
        let scope = CallScope::until(deadline);
        // Whoever waits for this future may stop doing so at any time; what runs in a sandbox is then stopped too.
        let _abandon = scope.abandon_on_drop();
        let mut call = self.threads.spawn_in(lane, move || {
            let _turn = turn;
            scope.run(work)
        });
        match tokio::time::timeout_at(deadline.into(), &mut call).await {
            Ok(Ok(Ok(answer))) => (Ok(answer), CallEnding::Ok),
            Ok(Ok(Err(failure))) => {
                let ending = match failure.severity {
                    Severity::Fault if is_crash(&failure) => CallEnding::Panicked,
                    Severity::Fault => CallEnding::Fault,
                    _ => CallEnding::Failed,
                };
                (Err(failure), ending)
            }
            Ok(Err(error)) => self.broken(what, error),
            Err(_) => {
                // Only helps when no thread was free to begin it; a call under way cannot be stopped.
                call.abort();
                (Err(self.overdue(what)), CallEnding::Overdue)
            }
        }
    }

    async fn turn(&self, what: &'static str, deadline: Instant) -> Result<Turn, Failure> {
        let permit = match self.permits.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if self.hangs() => {
                let limit = self.shared.running.lock().limit;
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
        let mut running = self.shared.running.lock();
        let number = running.next;
        running.next += 1;
        running.calls.push(Flight {
            number,
            deadline,
            left_alone: None,
        });
        Ok(Turn {
            shared: Arc::clone(&self.shared),
            number,
            _permit: permit,
        })
    }

    /// Whether every place is taken by a call that should long have returned.
    fn hangs(&self) -> bool {
        let now = Instant::now();
        let running = self.shared.running.lock();
        running.calls.len() == running.limit && running.calls.iter().all(|call| call.deadline < now)
    }

    /// One line in the log for each change of the breaker.
    fn tell(&self, change: Option<Change>, last: Option<&Failure>) {
        let plugin = &self.plugin;
        match (change, last) {
            (None, _) => {}
            (Some(Change::Resumed), _) => tracing::info!("Plugin {plugin} is in use again"),
            (Some(Change::Suspended(pause)), Some(last)) => tracing::error!(
                "Plugin {plugin} is suspended for {} s after repeated faults; the last one: {last}",
                pause.as_secs()
            ),
            (Some(Change::Suspended(pause)), None) => tracing::error!(
                "Plugin {plugin} is suspended for {} s after repeated faults; the last ones did not answer in time",
                pause.as_secs()
            ),
        }
    }

    fn rest(&self, pause: Duration) -> Failure {
        let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        let mut failure = Failure::fault(format!("The plugin {} is suspended.", self.plugin))
            .because(format!("it failed repeatedly and is tried again in {seconds} s"));
        failure.retry = Some(Retry::After(pause));
        failure
    }

    fn overdue(&self, what: &str) -> Failure {
        Failure::fault(format!("The plugin {} did not answer in time.", self.plugin))
            .because(format!("`{what}` passed its deadline"))
    }

    fn broken<T>(&self, what: &str, error: tokio::task::JoinError) -> (Result<T, Failure>, CallEnding) {
        match error.try_into_panic() {
            Ok(panic) => {
                let text = lavalink_plugin_api::v1::panic_text(&*panic);
                let failure = Failure::fault(format!("The plugin {} panicked.", self.plugin))
                    .because(format!("`{what}`: {text}"));
                (Err(failure), CallEnding::Panicked)
            }
            Err(_) => (
                Err(Failure::suspicious("The node is shutting down.")),
                CallEnding::Busy,
            ),
        }
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("plugin", &self.plugin)
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
