//! Calls that go well, fail, panic, hang, and are left alone.

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
        Guard::new(
            "p",
            Arc::new(Grants::none()),
            &limits,
            endings.clone(),
            PluginThreads::new(),
        ),
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
        let answer = guard.call::<(), _>("load", late(), || Err(Failure::fault("The plugin p panicked.")));
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
