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

use self::crash::is_crash;

pub use self::limits::GuardLimits;

/// Guards the calls of one artefact of a plugin.
pub(crate) struct Guard {
    plugin: String,
    grants: Arc<Grants>,
    permits: Arc<Semaphore>,
    shared: Arc<Shared>,
    observer: Arc<dyn HostFactory>,
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

    /// Runs `work` on a blocking thread and waits for it until `deadline`. What comes later is thrown away.
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
        let begun = Instant::now();
        let (answer, ending) = match self.admit(begun) {
            Err(refusal) => (Err(refusal), CallEnding::Suspended),
            Ok(ticket) => {
                let mut waiting = Waiting {
                    shared: &self.shared,
                    ticket: Some(ticket),
                    number: None,
                };
                let (answer, ending) = self.run(what, deadline, work, &mut waiting.number).await;
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
        let mut call = tokio::task::spawn_blocking(move || {
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
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Remembers how calls ended.
    #[derive(Default)]
    struct Endings(Mutex<Vec<CallEnding>>);

    impl HostFactory for Endings {
        fn host_for(&self, _: &str, _: &Arc<Grants>, _: Instant) -> Arc<dyn lavalink_plugin_api::Host> {
            unreachable!("no call of these tests has a host")
        }
        fn ended(&self, report: &GuardReport<'_>) {
            assert_eq!(report.plugin, "p");
            self.0.lock().push(report.ending);
        }
    }

    fn guard(in_flight: usize) -> Guard {
        observed(in_flight).0
    }

    fn observed(in_flight: usize) -> (Guard, Arc<Endings>) {
        let limits = GuardLimits {
            in_flight,
            ..GuardLimits::default()
        };
        let endings = Arc::new(Endings::default());
        (
            Guard::new("p", Arc::new(Grants::none()), &limits, endings.clone()),
            endings,
        )
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    fn late() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn hands_the_answer_on() {
        let guard = guard(1);
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
        let guard = guard(1);
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
        let guard = guard(1);
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
        let guard = guard(1);
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

    #[tokio::test]
    async fn repeated_panics_suspend_and_the_plugin_is_not_called_any_more() {
        let (guard, endings) = observed(4);
        for _ in 0..5 {
            assert_eq!(guard.suspended(), None);
            let call = guard.call::<(), _>("load", late(), || panic!("again"));
            assert!(call.await.unwrap_err().message.contains("panicked"));
        }
        let failure = guard
            .call::<(), _>("load", late(), || panic!("it is called although suspended"))
            .await
            .unwrap_err();
        assert!(failure.message.contains("suspended"), "{failure}");
        assert!(matches!(failure.retry, Some(Retry::After(pause)) if pause > Duration::from_secs(5)));
        assert!(guard.suspended().is_some());
        let mut expected = vec![CallEnding::Panicked; 5];
        expected.push(CallEnding::Suspended);
        assert_eq!(*endings.0.lock(), expected);
    }

    #[tokio::test]
    async fn what_the_plugin_reports_itself_does_not_suspend_it() {
        let (guard, endings) = observed(4);
        for _ in 0..50 {
            let answer = guard.call::<(), _>("load", late(), || Err(Failure::fault("the site has changed")));
            answer.await.unwrap_err();
        }
        assert_eq!(guard.suspended(), None);
        assert_eq!(endings.0.lock().last(), Some(&CallEnding::Fault));
        // What the wrapper of a native plugin makes of a panic is one.
        for _ in 0..5 {
            let answer =
                guard.call::<(), _>("load", late(), || Err(Failure::fault("The plugin p panicked.")));
            answer.await.unwrap_err();
        }
        assert!(guard.suspended().is_some());
    }

    #[tokio::test]
    async fn calls_that_hang_count_although_nobody_waits_for_them_any_more() {
        let guard = guard(8);
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for _ in 0..5 {
            let gate = Arc::clone(&gate);
            let call = guard.call("load", soon(), move || {
                let _released = gate.lock().recv();
                Ok(())
            });
            // Whoever asked goes away at once.
            let mut call = Box::pin(call);
            assert!(poll_once(call.as_mut()).await.is_none());
        }
        assert_eq!(guard.in_flight(), 5);
        tokio::time::sleep(Duration::from_millis(40)).await;
        let failure = guard.call("load", late(), || Ok(())).await.unwrap_err();
        assert!(failure.message.contains("suspended"), "{failure}");
        drop(release);
    }

    /// Polls once; `None` when it is not ready.
    async fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut future = Some(future);
        std::future::poll_fn(|context| match future.take() {
            Some(future) => match future.poll(context) {
                std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
                std::task::Poll::Pending => std::task::Poll::Ready(None),
            },
            None => std::task::Poll::Ready(None),
        })
        .await
    }
}
