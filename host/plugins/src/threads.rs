//! The threads plugins run on: apart from those of the node's runtime, so that calls that hang take none away from anybody
//! else, and below the audio's in priority, so that calls that compute without end take no time from it.
//!
//! Linux lets a thread lower its priority and not raise it again, and what a thread starts inherits it. So these threads are
//! never lent to others, and the node never starts one of its own from here.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// Niceness of the threads of ordinary calls. They get a third of what an audio thread gets when both want the same
/// processor, and audio that wakes up need not wait for them; users that wait for a search still do not starve.
pub(crate) const CALLS: i32 = 5;

/// Niceness of the compiler of components: nobody waits for it but who installs a plugin.
#[cfg(feature = "wasm")]
pub(crate) const COMPILER: i32 = 10;

/// How long a thread waits for the next call.
const IDLE: Duration = Duration::from_secs(1);

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Somebody waits for an answer, or for bytes that are read ahead.
    Calls,
    /// A player's next 20 ms of audio.
    Audio,
}

/// See the module. Threads are started when there is work for them.
#[derive(Debug)]
pub struct PluginThreads {
    calls: Pool,
    audio: Pool,
}

impl PluginThreads {
    /// Makes both pools, without any thread yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: Pool::new("plugin", CALLS),
            audio: Pool::new("plugin-audio", 0),
        })
    }

    /// Runs a call of a plugin, or work for plugins that may take its time, which may block. To be called on the node's
    /// runtime.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.spawn_in(Lane::Calls, work)
    }

    pub(crate) fn spawn_in<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let pool = match lane {
            Lane::Calls => &self.calls,
            Lane::Audio => &self.audio,
        };
        // What is spawned in there is the node's, not this pool's.
        let node = Handle::current();
        let work = move || {
            let _node = node.enter();
            work()
        };
        match &pool.0 {
            Some(threads) => threads.spawn_blocking(work),
            None => tokio::task::spawn_blocking(work),
        }
    }
}

/// The blocking pool of a runtime that has nothing else. `None` when there is none, and once it is being dropped.
#[derive(Debug)]
struct Pool(Option<Runtime>);

impl Pool {
    fn new(name: &str, niceness: i32) -> Self {
        let built = Builder::new_current_thread()
            .thread_name(name)
            .thread_keep_alive(IDLE)
            .on_thread_start(move || lower_priority(niceness))
            .build();
        Self(
            built
                .inspect_err(|error| tracing::warn!("plugins share the threads of the node: {error}"))
                .ok(),
        )
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Calls that hang must not keep the node from ending.
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

/// Lowers the priority of this thread, for good. On Linux niceness belongs to a thread.
#[cfg(target_os = "linux")]
pub(crate) fn lower_priority(niceness: i32) {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), niceness) {
        tracing::debug!(%error, "a thread of plugins keeps its priority");
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn lower_priority(_: i32) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Niceness of this thread, from the file of the system: field 19, the name in parentheses may contain spaces.
    #[cfg(target_os = "linux")]
    fn niceness() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, behind) = stat.rsplit_once(')').unwrap();
        behind.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn calls_are_nice_and_audio_and_the_runtime_are_not() {
        let threads = PluginThreads::new();
        let before = niceness();
        let nice = before.max(CALLS);
        assert_eq!(threads.spawn(niceness).await.unwrap(), nice);
        assert_eq!(
            threads.spawn_in(Lane::Audio, niceness).await.unwrap(),
            before.max(0)
        );
        assert_eq!(tokio::task::spawn_blocking(niceness).await.unwrap(), before);
        // A call that spawns something spawns it on the node's runtime.
        let spawned = threads.spawn(|| tokio::spawn(async { niceness() }));
        assert_eq!(spawned.await.unwrap().await.unwrap(), before);
    }

    #[tokio::test]
    async fn a_call_that_hangs_does_not_keep_anybody_from_ending() {
        let threads = PluginThreads::new();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let hanging = threads.spawn(move || {
            begun.send(()).unwrap();
            std::thread::park();
        });
        has_begun.recv().unwrap();
        drop((threads, hanging));
    }
}
