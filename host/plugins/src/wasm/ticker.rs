//! Moves the engine's clock while guests run: at each tick a running guest is asked whether its time is up.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wasmtime::Engine;

/// How often guests are asked.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The thread that ticks. It sleeps while no guest runs.
#[derive(Debug)]
pub(super) struct Ticker(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    is_closed: bool,
}

impl Ticker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub(super) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        std::thread::Builder::new()
            .name("plugin clock".to_owned())
            .spawn(move || {
                while of_thread.waits_for_guest() {
                    std::thread::sleep(TICK);
                    engine.increment_epoch();
                }
            })?;
        Ok(Self(shared))
    }

    /// Keeps the clock going until the returned value is dropped.
    pub(super) fn running(&self) -> Running {
        let mut state = self.0.state.lock();
        state.running += 1;
        if state.running == 1 {
            self.0.wake.notify_one();
        }
        Running(self.0.clone())
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.state.lock().is_closed = true;
        self.0.wake.notify_one();
    }
}

impl Shared {
    /// Waits until a guest runs; `false` when the ticker is gone.
    fn waits_for_guest(&self) -> bool {
        let mut state = self.state.lock();
        while state.running == 0 && !state.is_closed {
            self.wake.wait(&mut state);
        }
        // Guests that still run keep the clock they need to be stopped.
        state.running > 0
    }
}

/// See [`Ticker::running`].
#[derive(Debug)]
pub(super) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.running -= 1;
        if state.running == 0 && state.is_closed {
            self.0.wake.notify_one();
        }
    }
}
