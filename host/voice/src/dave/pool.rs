//! The threads MLS runs on, and the lane by which one voice session reaches them.

use std::{collections::VecDeque, panic::AssertUnwindSafe, sync::Arc, time::Duration, time::Instant};

use parking_lot::{Condvar, Mutex};
use tokio::{sync::oneshot, time::timeout_at};

use super::session::{Input, Machine, Output};
use crate::{error::VoiceError, pacer::link::Protection};

/// Most messages of one voice session that may wait for MLS.
const MAX_WAITING: usize = 512;

/// Most bytes of such messages: four of the largest the gateway may send.
const MAX_WAITING_BYTES: usize = 4 << 20;

/// How long one voice session may keep a thread while others wait (a message that was begun is finished). A message
/// takes 1-3 ms.
const SLICE: Duration = Duration::from_millis(10);

/// Niceness of the threads: audio and the control plane come first when there are not enough cores.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How long a batch may take, waiting for a thread included: a thousand joins at once take some five seconds.
const BATCH_LIMIT: Duration = Duration::from_secs(60);

/// How long the time messages wait here may keep audio waiting for its first key. The 2 s a negotiation may take are the
/// gateway's and the other members'; frames that went out in the clear because this machine was busy would be ours.
const HOLD_LIMIT: Duration = Duration::from_secs(30);

/// Until told otherwise.
const HELD: Protection = Protection::Hold { slots: u16::MAX };

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

/// A few threads for public key operations. Every voice session has at most one job here, which bounds the queue.
pub(crate) struct MlsPool {
    shared: Arc<Shared>,
}

impl MlsPool {
    /// Starts `count` threads (at least one).
    pub(crate) fn start(count: usize) -> Result<Self, VoiceError> {
        let pool = Self {
            shared: Arc::default(),
        };
        for index in 0..count.max(1) {
            let name = format!("mls-{index}");
            let shared = Arc::clone(&pool.shared);
            std::thread::Builder::new()
                .name(name.clone())
                .spawn(move || {
                    lower_priority();
                    work(&shared);
                })
                .map_err(|source| VoiceError::Thread { name, source })?;
        }
        Ok(pool)
    }

    fn submit(&self, job: Job) {
        self.shared.queue.lock().jobs.push_back(job);
        self.shared.wake.notify_one();
    }
}

impl Drop for MlsPool {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

/// On Linux niceness belongs to a thread.
#[cfg(target_os = "linux")]
fn lower_priority() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICENESS) {
        tracing::debug!(%error, "MLS threads keep their priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

fn work(shared: &Shared) {
    loop {
        let job = {
            let mut queue = shared.queue.lock();
            loop {
                if queue.closed {
                    return;
                }
                match queue.jobs.pop_front() {
                    Some(job) => break job,
                    None => shared.wake.wait(&mut queue),
                }
            }
        };
        // The bytes come from outside and the MLS library asserts here and there; the job's owner notices that its
        // answer never comes and starts over.
        if std::panic::catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("MLS processing panicked; the voice session concerned starts over");
        }
    }
}

/// The session's state was lost or its lane is full; only a fresh identify helps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LaneBroken;

/// What a slice of work gives back.
struct Batch {
    machine: Box<Machine>,
    outputs: Vec<Output>,
    /// What the slice had no time for.
    rest: VecDeque<Input>,
}

/// Feeds one voice session's messages to its [`Machine`] in order, heavy ones on the pool.
pub(crate) struct Lane {
    pool: Arc<MlsPool>,
    /// Here while no batch is running.
    machine: Option<Box<Machine>>,
    running: Option<(oneshot::Receiver<Batch>, tokio::time::Instant)>,
    waiting: VecDeque<Input>,
    /// Size of `waiting`.
    waiting_bytes: usize,
    /// Since when audio waits for a first key, as the machine said last.
    keyless_since: Option<Instant>,
}

impl Lane {
    pub(crate) fn new(pool: Arc<MlsPool>, machine: Machine) -> Self {
        Self {
            pool,
            machine: Some(Box::new(machine)),
            running: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            keyless_since: None,
        }
    }

    /// Takes a message. Light ones are handled at once unless others are before them; the rest comes out of
    /// [`finished`](Self::finished).
    pub(crate) fn push(&mut self, input: Input) -> Result<Vec<Output>, LaneBroken> {
        if input.is_light()
            && let Some(machine) = &mut self.machine
        {
            let outputs = machine.handle(input, Instant::now());
            self.look(&outputs);
            return Ok(outputs);
        }
        let bytes = self.waiting_bytes + input.bytes();
        if self.waiting.len() >= MAX_WAITING || bytes > MAX_WAITING_BYTES {
            return Err(LaneBroken);
        }
        self.waiting_bytes = bytes;
        self.waiting.push_back(input);
        self.start_batch();
        Ok(self.held().into_iter().collect())
    }

    /// Audio that waits for a first key goes on waiting while there is something to do here.
    fn held(&self) -> Option<Output> {
        let since = self.keyless_since?;
        (since.elapsed() < HOLD_LIMIT).then_some(Output::Protect(HELD))
    }

    /// Remembers whether audio waits for a key; in how many slots that ends unless something happens.
    fn look(&mut self, outputs: &[Output]) -> Option<u16> {
        let slots = self.machine.as_ref()?.hold_slots();
        let begins = outputs
            .iter()
            .any(|output| matches!(output, Output::Protect(Protection::Hold { .. })));
        let since = self.keyless_since.filter(|_| !begins);
        self.keyless_since = slots.map(|_| since.unwrap_or_else(Instant::now));
        slots
    }

    /// Waits for the running batch; for ever when there is none. Safe to drop and call again.
    pub(crate) async fn finished(&mut self) -> Result<Vec<Output>, LaneBroken> {
        let Some((receiver, limit)) = &mut self.running else {
            return std::future::pending().await;
        };
        let answer = timeout_at(*limit, receiver).await;
        self.running = None;
        let Ok(Ok(Batch {
            machine,
            mut outputs,
            mut rest,
        })) = answer
        else {
            return Err(LaneBroken);
        };
        self.machine = Some(machine);
        let slots = self.look(&outputs);
        self.waiting_bytes += rest.iter().map(Input::bytes).sum::<usize>();
        rest.append(&mut self.waiting);
        self.waiting = rest;
        if !self.waiting.is_empty() {
            self.start_batch();
            outputs.extend(self.held());
        } else if let Some(slots) = slots
            && self.held().is_some()
            && !outputs.iter().any(|output| matches!(output, Output::Protect(_)))
        {
            // From now on it is the others' time again.
            outputs.push(Output::Protect(Protection::Hold { slots }));
        }
        Ok(outputs)
    }

    fn start_batch(&mut self) {
        let Some(mut machine) = self.machine.take() else {
            return;
        };
        let mut rest = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let (sender, receiver) = oneshot::channel();
        self.pool.submit(Box::new(move || {
            let start = Instant::now();
            let mut outputs = Vec::new();
            while let Some(input) = rest.pop_front() {
                outputs.extend(machine.handle(input, Instant::now()));
                if start.elapsed() >= SLICE {
                    break;
                }
            }
            // The voice session may have ended meanwhile.
            let _ = sender.send(Batch {
                machine,
                outputs,
                rest,
            });
        }));
        self.running = Some((receiver, tokio::time::Instant::now() + BATCH_LIMIT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pacer::link::Protection;
    use bytes::Bytes;

    fn lane(pool: &Arc<MlsPool>) -> Lane {
        Lane::new(Arc::clone(pool), Machine::new(1, 2))
    }

    #[tokio::test]
    async fn light_messages_are_handled_at_once_heavy_ones_on_the_pool() {
        let mut lane = lane(&Arc::new(MlsPool::start(1).unwrap()));
        let outputs = lane.push(Input::Start { version: 0 }).unwrap();
        assert!(matches!(outputs.as_slice(), [Output::Protect(Protection::Plain)]));
        assert!(lane.push(Input::Start { version: 1 }).unwrap().is_empty());
        let outputs = lane.finished().await.unwrap();
        assert!(matches!(
            outputs.as_slice(),
            [Output::Protect(Protection::Hold { .. }), Output::KeyPackage(_)]
        ));
    }

    #[tokio::test]
    async fn order_is_kept_behind_a_heavy_message() {
        let pool = Arc::new(MlsPool::start(1).unwrap());
        let gate = Arc::new(Mutex::new(()));
        let guard = gate.lock();
        let behind = Arc::clone(&gate);
        pool.submit(Box::new(move || drop(behind.lock())));
        let mut lane = lane(&pool);
        assert!(lane.push(Input::Start { version: 1 }).unwrap().is_empty());
        assert!(
            lane.push(Input::UsersJoined(vec![7])).unwrap().is_empty(),
            "not before the start"
        );
        drop(guard);
        assert_eq!(
            lane.finished().await.unwrap().len(),
            3,
            "audio waits for what is behind"
        );
        let outputs = lane.finished().await.unwrap();
        assert!(matches!(
            outputs.as_slice(),
            [Output::Protect(Protection::Hold { slots: 100 })]
        ));
    }

    #[tokio::test]
    async fn audio_waits_for_its_first_key_while_messages_wait() {
        let pool = Arc::new(MlsPool::start(1).unwrap());
        let mut lane = lane(&pool);
        lane.push(Input::Start { version: 1 }).unwrap();
        lane.finished().await.unwrap();
        lane.push(Input::UsersJoined(vec![7])).unwrap();
        let gate = Arc::new(Mutex::new(()));
        let guard = gate.lock();
        let behind = Arc::clone(&gate);
        pool.submit(Box::new(move || drop(behind.lock())));
        let held = |outputs: &[Output], expected| matches!(outputs.last(), Some(Output::Protect(Protection::Hold { slots })) if *slots == expected);
        let outputs = lane.push(Input::PrepareEpoch { epoch: 1, version: 1 }).unwrap();
        assert!(held(&outputs, u16::MAX), "busy here");
        drop(guard);
        assert!(
            held(&lane.finished().await.unwrap(), 100),
            "the others' time again"
        );

        lane.push(Input::Start { version: 0 }).unwrap();
        let outputs = lane.push(Input::PrepareEpoch { epoch: 1, version: 1 }).unwrap();
        assert!(outputs.is_empty(), "audio in the clear goes on");
    }

    #[test]
    fn waiting_messages_are_bounded() {
        let pool = Arc::new(MlsPool::start(1).unwrap());
        let gate = Arc::new(Mutex::new(()));
        let _guard = gate.lock();
        let behind = Arc::clone(&gate);
        pool.submit(Box::new(move || drop(behind.lock())));
        let mut lane = lane(&pool);
        let push = |lane: &mut Lane| {
            lane.push(Input::Proposals(Bytes::new()))
                .map(|outputs| outputs.len())
        };
        for _ in 0..=MAX_WAITING {
            assert_eq!(push(&mut lane), Ok(0));
        }
        assert_eq!(push(&mut lane), Err(LaneBroken));
    }

    #[test]
    fn waiting_bytes_are_bounded() {
        let pool = Arc::new(MlsPool::start(1).unwrap());
        let gate = Arc::new(Mutex::new(()));
        let _guard = gate.lock();
        let behind = Arc::clone(&gate);
        pool.submit(Box::new(move || drop(behind.lock())));
        let mut lane = lane(&pool);
        let mebibyte = Bytes::from(vec![0; 1 << 20]);
        let mut push = || lane.push(Input::Proposals(mebibyte.clone())).is_ok();
        // The first went to the pool; four may wait.
        assert!((0..5).all(|_| push()) && !push());
    }

    #[tokio::test]
    async fn a_session_with_much_to_do_gives_way() {
        let pool = Arc::new(MlsPool::start(1).unwrap());
        let mut busy = lane(&pool);
        // Each of these makes a key package; one thread does not get through all of them in a slice.
        const EPOCHS: usize = MAX_WAITING;
        for _ in 0..EPOCHS {
            busy.push(Input::PrepareEpoch { epoch: 1, version: 1 }).unwrap();
        }
        let mut modest = lane(&pool);
        modest.push(Input::Start { version: 1 }).unwrap();
        let mut done = 0;
        while modest.running.is_some() {
            tokio::select! {
                outputs = busy.finished() => done += outputs.unwrap().len(),
                outputs = modest.finished() => assert_eq!(outputs.unwrap().len(), 2),
            }
        }
        assert!(done < EPOCHS, "the other session waited for all of it");
        while busy.running.is_some() {
            done += busy.finished().await.unwrap().len();
        }
        assert_eq!(done, EPOCHS, "nothing is lost");
    }

    #[tokio::test]
    async fn a_panic_costs_one_session_only() {
        let pool = Arc::new(MlsPool::start(1).unwrap());
        let (sender, receiver) = oneshot::channel::<Batch>();
        pool.submit(Box::new(move || {
            let _sender = sender;
            panic!("as an assertion of the MLS library would");
        }));
        let mut broken = lane(&pool);
        broken.running = Some((receiver, tokio::time::Instant::now() + BATCH_LIMIT));
        assert!(broken.finished().await.is_err());
        let mut lane = lane(&pool);
        lane.push(Input::Start { version: 1 }).unwrap();
        assert_eq!(lane.finished().await.unwrap().len(), 2);
    }
}
