//! A component that is ready to run: makes instances of it and makes calls in them.
//!
//! An instance can be in one call at a time, so each call takes an idle one or a new one; making one takes some 30 µs. A call
//! that ends in a trap or at its deadline leaves an instance nobody can tell the state of: it is thrown away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lavalink_plugin_api::{Failure, Host};
use parking_lot::Mutex;
use wasmtime::component::InstancePre;
use wasmtime::{Store, Trap};

use super::faces::{Faces, Indices};
use super::gate::Gate;
use super::memory::{Limiter, OutOfBounds, PluginMemory};
use super::state::{Overdue, State};
use super::ticker::Ticker;
use crate::HostFactory;
use crate::admission::Grants;
use crate::scope::CallScope;

/// Instances kept for the next call.
const MAX_IDLE: usize = 4;

/// Most bytes a guest may hand over in one call or answer.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// What a guest and the node's other parts share.
pub(super) struct Surroundings {
    pub(super) ticker: Arc<Ticker>,
    pub(super) gates: Gates,
    pub(super) memory: Arc<PluginMemory>,
    pub(super) factory: Arc<dyn HostFactory>,
    pub(super) grants: Arc<Grants>,
}

/// Where guests get the right to compute.
#[derive(Clone)]
pub(super) struct Gates {
    /// For calls somebody waits for, and bytes that are read ahead.
    pub(super) calls: Arc<Gate>,
    /// For filters at work: a player's next 20 ms do not wait for the calls of other plugins.
    pub(super) audio: Arc<Gate>,
}

impl Gates {
    /// Those of this machine.
    pub(super) fn of_machine() -> Self {
        Self {
            calls: Gate::of_machine(),
            audio: Gate::of_machine(),
        }
    }
}

/// See the module.
pub(super) struct Guest {
    name: String,
    pre: InstancePre<State>,
    indices: Indices,
    exported: Vec<String>,
    around: Surroundings,
    idle: Mutex<Vec<Instance>>,
}

/// A running component.
pub(super) struct Instance {
    pub(super) store: Store<State>,
    pub(super) faces: Faces,
}

/// One call into a guest.
pub(super) struct Call<'a> {
    /// Name of the function, for messages.
    pub(super) what: &'static str,
    /// The host lent for it; the guest's own when there is none.
    pub(super) host: Option<&'a dyn Host>,
    /// How long it may take, unless the caller's own deadline is known.
    pub(super) limit: Duration,
}

impl Guest {
    /// Makes a component ready.
    ///
    /// # Errors
    /// When an interface it exports is not the one of this generation.
    pub(super) fn new(
        name: &str,
        pre: InstancePre<State>,
        exported: Vec<String>,
        around: Surroundings,
    ) -> wasmtime::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            indices: Indices::new(&pre, &exported)?,
            exported,
            pre,
            around,
            idle: Mutex::default(),
        })
    }

    /// Whether it offers an interface.
    pub(super) fn exports(&self, interface: &str) -> bool {
        self.exported.iter().any(|exported| exported == interface)
    }

    /// Makes a call in an instance that is kept for the next one.
    ///
    /// # Errors
    /// What the guest answers; a fault when it traps, answers nonsense, or runs out of time or memory.
    pub(super) fn call<T>(
        &self,
        call: Call<'_>,
        work: impl FnOnce(&mut Instance) -> wasmtime::Result<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let (instance, answer) = self.take(call, work)?;
        self.keep(instance);
        answer
    }

    /// Makes a call and hands the instance out with the answer.
    ///
    /// # Errors
    /// As [`Guest::call`]; the instance is gone then.
    pub(super) fn take<T>(
        &self,
        call: Call<'_>,
        work: impl FnOnce(&mut Instance) -> wasmtime::Result<Result<T, Failure>>,
    ) -> Result<(Instance, Result<T, Failure>), Failure> {
        let idle = self.idle.lock().pop();
        self.run(idle, call, work)
    }

    /// Makes a call in an instance handed out before.
    ///
    /// # Errors
    /// As [`Guest::call`]; the instance is gone then.
    pub(super) fn run<T>(
        &self,
        instance: Option<Instance>,
        call: Call<'_>,
        work: impl FnOnce(&mut Instance) -> wasmtime::Result<Result<T, Failure>>,
    ) -> Result<(Instance, Result<T, Failure>), Failure> {
        let Call { what, host, limit } = call;
        let deadline = Instant::now() + limit;
        let scope = CallScope::current().unwrap_or_else(|| CallScope::until(deadline));
        let own = host.is_none().then(|| {
            self.around
                .factory
                .host_for(&self.name, &self.around.grants, deadline)
        });
        let host = host.or(own.as_deref());
        let _running = self.around.ticker.running();
        let begun = match instance {
            Some(mut instance) => match instance.store.data_mut().begin(&scope) {
                Ok(()) => Ok(instance),
                Err(overdue) => Err(overdue.into()),
            },
            None => self.instantiate(host, &scope),
        };
        let mut instance = begun.map_err(|error| self.broken(what, &error))?;
        enter(&mut instance.store, host, scope);
        let answer = work(&mut instance);
        instance.store.data_mut().take_back();
        match answer {
            Ok(answer) => Ok((instance, answer)),
            Err(error) => Err(self.broken(what, &error)),
        }
    }

    /// Gives an instance to the audio: what it does from now on a player waits for.
    pub(super) fn lend_to_audio(&self, instance: &mut Instance) {
        instance.store.data_mut().move_to(&self.around.gates.audio);
    }

    /// Keeps an instance for the next call, unless there are enough, or it has grown, or has left something open.
    pub(super) fn keep(&self, instance: Instance) {
        let state = instance.store.data();
        let is_fit =
            state.open_responses() == 0 && state.limiter.held() <= self.around.memory.per_instance() / 2;
        if is_fit {
            let mut idle = self.idle.lock();
            if idle.len() < MAX_IDLE {
                idle.push(instance);
            }
        }
    }

    fn instantiate(&self, host: Option<&dyn Host>, scope: &CallScope) -> wasmtime::Result<Instance> {
        let limiter = Limiter::new(self.around.memory.clone());
        let mut state = State::new(limiter, Arc::clone(&self.around.gates.calls));
        state.begin(scope)?;
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.epoch_deadline_callback(|mut store| store.data_mut().at_tick());
        store.set_hostcall_fuel(MAX_ANSWER);
        enter(&mut store, host, scope.clone());
        let instance = self.pre.instantiate(&mut store)?;
        let faces = self.indices.load(&mut store, &instance)?;
        Ok(Instance { store, faces })
    }

    /// What went wrong, for the user.
    fn broken(&self, what: &str, error: &wasmtime::Error) -> Failure {
        let name = &self.name;
        let reason = error.root_cause();
        let message = if error.is::<Overdue>() {
            return Failure::fault(format!("The plugin {name} did not answer in time."))
                .because(format!("`{what}` passed its deadline"));
        } else if error.is::<OutOfBounds>() {
            format!("The plugin {name} ran out of memory.")
        } else if error.is::<Trap>() {
            format!("The plugin {name} crashed.")
        } else {
            format!("The plugin {name} gave an answer that cannot be read.")
        };
        Failure::fault(message).because(format!("`{what}`: {reason}"))
    }
}

/// Lends the host to a guest about to be called. Its users take it back or drop the store before the host is gone.
fn enter(store: &mut Store<State>, host: Option<&dyn Host>, scope: CallScope) {
    store.set_epoch_deadline(1);
    if let Some(host) = host {
        // SAFETY: `Guest::run` holds the host until it has taken it back or dropped the store, also when a panic unwinds.
        #[allow(unsafe_code)]
        unsafe {
            store.data_mut().lend(host, scope);
        }
    }
}
