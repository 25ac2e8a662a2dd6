//! What belongs to one instance of a guest: its bounds, its open answers, and the host it is lent at the moment.

use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Instant;

use lavalink_plugin_api::{Failure, Host, HttpResponse};
use wasmtime::UpdateDeadline;
use wasmtime::component::{Resource, ResourceTable};

use super::gate::{Gate, Place};
use super::memory::Limiter;
use crate::scope::CallScope;

/// Most answers a guest may have open at once.
const MAX_RESPONSES: usize = 64;

/// An answer the guest has a handle of.
pub struct OpenResponse(pub(super) Box<dyn HttpResponse>);

/// The guest's time is up, or nobody waits for its answer.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("it did not answer in time")]
pub(super) struct Overdue;

/// The host of the call under way.
struct Lent(NonNull<dyn Host>);

// SAFETY: it is set and taken away by `State::lend` on the thread that runs the call, around the call; the host behind it is
// `Sync`. In between the instance may move to another thread, but then there is nothing in it.
#[allow(unsafe_code)]
unsafe impl Send for Lent {}
// SAFETY: a shared reference to it gives out `&dyn Host` at most, and the host is `Sync`.
#[allow(unsafe_code)]
unsafe impl Sync for Lent {}

/// See the module.
pub struct State {
    pub(super) limiter: Limiter,
    responses: ResourceTable,
    open: usize,
    host: Option<Lent>,
    scope: CallScope,
    /// What it needs a place of to compute.
    gate: Arc<Gate>,
    place: Option<Place>,
    /// It has had a turn in the call under way.
    is_worn: bool,
}

impl State {
    pub(super) fn new(limiter: Limiter, gate: Arc<Gate>) -> Self {
        Self {
            gate,
            place: None,
            is_worn: false,
            limiter,
            responses: ResourceTable::new(),
            open: 0,
            host: None,
            scope: CallScope::until(Instant::now()),
        }
    }

    /// Begins a call: until [`State::take_back`] the guest may use `host`.
    ///
    /// # Safety
    /// `host` must live until then, or until this value is dropped.
    #[allow(unsafe_code)]
    pub(super) unsafe fn lend(&mut self, host: &dyn Host, scope: CallScope) {
        // SAFETY: only the lifetime is forgotten; the caller vouches for it.
        let host: &'static dyn Host = unsafe { std::mem::transmute(host) };
        self.host = Some(Lent(NonNull::from(host)));
        self.scope = scope;
    }

    /// Ends a call.
    pub(super) fn take_back(&mut self) {
        self.host = None;
        self.place = None;
    }

    /// From now on it needs places of another gate.
    pub(super) fn move_to(&mut self, gate: &Arc<Gate>) {
        self.gate = Arc::clone(gate);
    }

    /// Waits until the guest may compute in a call that begins.
    ///
    /// # Errors
    /// When the call is over first.
    pub(super) fn begin(&mut self, scope: &CallScope) -> Result<(), Overdue> {
        self.is_worn = false;
        self.place = Some(self.gate.enter(scope, false)?);
        Ok(())
    }

    /// The guest does not compute but wait.
    pub(super) fn step_out(&mut self) {
        self.place = None;
    }

    /// It wants to go on.
    ///
    /// # Errors
    /// When the call is over before it may.
    pub(super) fn step_in(&mut self) -> Result<(), Overdue> {
        self.place = Some(self.gate.enter(&self.scope, self.is_worn)?);
        Ok(())
    }

    /// Asked at each tick while the guest runs.
    pub(super) fn at_tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if self.scope.is_over() {
            return Err(Overdue.into());
        }
        if self.place.as_ref().is_some_and(Place::is_wanted) {
            self.is_worn = true;
            self.step_out();
            self.step_in()?;
        }
        Ok(UpdateDeadline::Continue(1))
    }

    /// The host, while the guest is in a call. Guests whose start functions already want something find none.
    pub(super) fn host(&self) -> Result<&dyn Host, Failure> {
        let lent = self
            .host
            .as_ref()
            .ok_or_else(|| Failure::fault("The host is only there during calls."))?;
        // SAFETY: `lend` was called and `take_back` was not, so the host still lives.
        #[allow(unsafe_code)]
        let host = unsafe { lent.0.as_ref() };
        Ok(host)
    }

    /// Gives the guest a handle of an answer.
    pub(super) fn keep(
        &mut self,
        response: Box<dyn HttpResponse>,
    ) -> wasmtime::Result<Result<Resource<OpenResponse>, Failure>> {
        if self.open >= MAX_RESPONSES {
            return Ok(Err(Failure::fault("Too many HTTP answers are open.")
                .because(format!("{MAX_RESPONSES} at most; drop those that were read"))));
        }
        let handle = self.responses.push(OpenResponse(response))?;
        self.open += 1;
        Ok(Ok(handle))
    }

    /// An answer the guest has open.
    pub(super) fn response(
        &mut self,
        handle: &Resource<OpenResponse>,
    ) -> wasmtime::Result<&mut dyn HttpResponse> {
        Ok(&mut *self.responses.get_mut(handle)?.0)
    }

    /// Takes an answer out of the guest's hands.
    pub(super) fn release(
        &mut self,
        handle: Resource<OpenResponse>,
    ) -> wasmtime::Result<Box<dyn HttpResponse>> {
        let response = self.responses.delete(handle)?;
        self.open -= 1;
        Ok(response.0)
    }

    /// Answers the guest has open.
    pub(super) fn open_responses(&self) -> usize {
        self.open
    }
}
