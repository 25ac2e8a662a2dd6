//! What plugins offer beside sources, each part with the guard of its plugin.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lavalink_plugin_api::{Failure, Host};

use crate::extensions::Extensions;
use crate::guard::{Guard, GuardLimits};
use crate::plugins::{HostFactory, Plugins};

/// One part of one plugin. Stays usable while its plugin is exchanged for another.
pub(crate) struct Part<P: ?Sized> {
    part: Arc<P>,
    guard: Arc<Guard>,
    factory: Arc<dyn HostFactory>,
    pub(crate) limits: GuardLimits,
}

impl<P: ?Sized> Clone for Part<P> {
    fn clone(&self) -> Self {
        Self {
            part: Arc::clone(&self.part),
            guard: Arc::clone(&self.guard),
            factory: Arc::clone(&self.factory),
            limits: self.limits,
        }
    }
}

impl<P: ?Sized + Send + Sync + 'static> Part<P> {
    pub(crate) fn new(
        part: Arc<P>,
        guard: Arc<Guard>,
        factory: Arc<dyn HostFactory>,
        limits: GuardLimits,
    ) -> Self {
        Self {
            part,
            guard,
            factory,
            limits,
        }
    }

    /// Name of the plugin.
    pub(crate) fn plugin(&self) -> &str {
        self.guard.plugin()
    }

    /// Calls the part on a thread of its own, within `limit`.
    ///
    /// # Errors
    /// What the part answers; a fault when it panics or is too slow.
    pub(crate) async fn call<T, F>(&self, call: &'static str, limit: Duration, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&P, &dyn Host) -> Result<T, Failure> + Send + 'static,
    {
        let deadline = Instant::now() + limit;
        let host = self
            .factory
            .host_for(self.guard.plugin(), self.guard.grants(), deadline);
        let part = Arc::clone(&self.part);
        self.guard.call(call, deadline, move || work(&part, &*host)).await
    }

    /// Runs something the part has made that a player's audio waits for, on a thread of its own, within `limit`.
    ///
    /// # Errors
    /// As [`Part::call`].
    pub(crate) async fn run_for_audio<T, F>(
        &self,
        call: &'static str,
        limit: Duration,
        work: F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Failure> + Send + 'static,
    {
        self.guard
            .call_for_audio(call, Instant::now() + limit, work)
            .await
    }

    /// Tells the operator of a failure, unless the plugin is suspended, which has been told.
    pub(crate) fn report(&self, what: &str, failure: &Failure) {
        let plugin = self.plugin();
        if self.guard.suspended().is_some() {
            tracing::debug!("Plugin {plugin}: {what}: {failure}");
        } else {
            tracing::warn!("Plugin {plugin}: {what}: {failure}");
        }
    }
}

impl Plugins {
    /// Some part of every plugin, in the order they were loaded.
    pub(crate) fn parts<P: ?Sized + Send + Sync + 'static>(
        &self,
        pick: impl Fn(&Extensions) -> Vec<Arc<P>>,
    ) -> Vec<Part<P>> {
        let parts = self.described_parts(|extensions| {
            let parts = pick(extensions).into_iter();
            parts.map(|part| ((), part)).collect()
        });
        parts.into_iter().map(|((), part)| part).collect()
    }

    /// The same with what each part said about itself when it was loaded.
    pub(crate) fn described_parts<D, P: ?Sized + Send + Sync + 'static>(
        &self,
        pick: impl Fn(&Extensions) -> Vec<(D, Arc<P>)>,
    ) -> Vec<(D, Part<P>)> {
        let table = self.table();
        let mut all = Vec::new();
        for slot in table.slots() {
            for (description, part) in pick(&slot.active.loaded.extensions) {
                let guard = Arc::clone(&slot.active.guard);
                let part = Part::new(part, guard, Arc::clone(self.factory()), self.limits());
                all.push((description, part));
            }
        }
        all
    }
}
