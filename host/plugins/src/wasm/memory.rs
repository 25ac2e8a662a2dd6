//! Bounds of what a guest may grow to: each instance, and all instances of a plugin together.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use wasmtime::ResourceLimiter;

use crate::footprint::Tally;

/// Most elements of one table of a guest.
const TABLE_ELEMENTS: usize = 100_000;

/// Most modules, memories and tables a component may consist of, each.
const PARTS: usize = 100;

/// Instances at their full size that a plugin's share holds.
const FULL_INSTANCES: usize = 4;

/// Linear memory all instances of one plugin hold together.
#[derive(Debug)]
pub(super) struct PluginMemory {
    tally: Arc<Tally>,
    per_instance: usize,
}

impl PluginMemory {
    /// Bounds for a plugin whose instances may have `per_instance` bytes each.
    pub(super) fn new(per_instance: usize) -> Arc<Self> {
        Arc::new(Self {
            tally: Arc::default(),
            per_instance,
        })
    }

    /// What all instances hold.
    pub(super) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Bytes one instance may hold.
    pub(super) fn per_instance(&self) -> usize {
        self.per_instance
    }

    fn total(&self) -> usize {
        self.per_instance.saturating_mul(FULL_INSTANCES)
    }

    fn take(&self, bytes: usize) -> bool {
        self.tally
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(bytes).filter(|sum| *sum <= self.total())
            })
            .is_ok()
    }

    fn give(&self, bytes: usize) {
        self.tally.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A guest wanted more than it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum OutOfBounds {
    #[error("an instance may have {} MiB of memory", .0 >> 20)]
    Instance(usize),
    #[error("all instances of the plugin together may have {} MiB of memory", .0 >> 20)]
    Plugin(usize),
    #[error("a table may have {TABLE_ELEMENTS} elements")]
    Table,
}

/// The bounds of one instance.
#[derive(Debug)]
pub(super) struct Limiter {
    plugin: Arc<PluginMemory>,
    held: usize,
    /// What the last growth took, in case the system refuses it.
    last: usize,
}

impl Limiter {
    pub(super) fn new(plugin: Arc<PluginMemory>) -> Self {
        plugin.tally.instances.fetch_add(1, Ordering::Relaxed);
        Self {
            plugin,
            held: 0,
            last: 0,
        }
    }

    /// Bytes of linear memory the instance has.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    fn grow(&mut self, bytes: usize) -> Result<(), OutOfBounds> {
        let limit = self.plugin.per_instance;
        if self.held.checked_add(bytes).is_none_or(|sum| sum > limit) {
            return Err(OutOfBounds::Instance(limit));
        }
        if !self.plugin.take(bytes) {
            return Err(OutOfBounds::Plugin(self.plugin.total()));
        }
        self.held += bytes;
        self.last = bytes;
        Ok(())
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.plugin.give(self.held);
        self.plugin.tally.instances.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // An error ends the guest with this reason; `false` would leave it to run into its own, unclear one.
        self.grow(desired.saturating_sub(current))?;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.held -= self.last;
        self.plugin.give(self.last);
        self.last = 0;
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS {
            return Err(OutOfBounds::Table.into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_each_instance_and_all_of_a_plugin() {
        let plugin = PluginMemory::new(100);
        let mut first = Limiter::new(plugin.clone());
        assert_eq!(first.grow(100), Ok(()));
        assert_eq!(first.grow(1), Err(OutOfBounds::Instance(100)));
        let mut others: Vec<_> = (0..3).map(|_| Limiter::new(plugin.clone())).collect();
        for other in &mut others {
            assert_eq!(other.grow(100), Ok(()));
        }
        let mut late = Limiter::new(plugin.clone());
        assert_eq!(late.grow(1), Err(OutOfBounds::Plugin(400)));
        drop(first);
        assert_eq!(late.grow(100), Ok(()));
        let held = |tally: &Tally| {
            let Tally { bytes, instances } = tally;
            (bytes.load(Ordering::Relaxed), instances.load(Ordering::Relaxed))
        };
        assert_eq!(held(plugin.tally()), (400, 4));
        drop((late, others));
        assert_eq!(held(plugin.tally()), (0, 0));
    }

    #[test]
    fn growth_the_system_refused_is_not_counted() {
        let plugin = PluginMemory::new(100);
        let mut limiter = Limiter::new(plugin.clone());
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        limiter
            .memory_grow_failed(wasmtime::Error::msg("no memory"))
            .unwrap();
        assert_eq!(
            (limiter.held(), plugin.tally().bytes.load(Ordering::Relaxed)),
            (0, 0)
        );
    }
}
