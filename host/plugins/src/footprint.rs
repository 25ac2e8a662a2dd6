//! What the versions of a plugin hold that are in use, old ones with open streams among them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// What all versions of one WebAssembly plugin hold together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Artefacts in use: one, another on trial, and those whose streams have not ended.
    pub versions: usize,
    /// Instances: one for each open stream and filter, and those kept for the next call.
    pub instances: usize,
    /// Linear memory of the instances, bytes. How much of it was ever touched the system alone knows.
    pub memory_bytes: usize,
}

/// What the instances of one artefact hold. Lives as long as anything of the artefact does.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) bytes: AtomicUsize,
    pub(crate) instances: AtomicUsize,
}

/// The tallies of all artefacts, by plugin.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Mutex<Vec<(String, Weak<Tally>)>>);

impl Tallies {
    /// Adds an artefact of a plugin, and forgets those that are gone.
    pub(crate) fn add(&self, plugin: &str, tally: &Arc<Tally>) {
        let mut all = self.0.lock();
        all.retain(|(_, tally)| tally.strong_count() > 0);
        all.push((plugin.to_owned(), Arc::downgrade(tally)));
    }

    /// What a plugin holds.
    pub(crate) fn of(&self, plugin: &str) -> Footprint {
        let mut sum = Footprint::default();
        let all = self.0.lock();
        let its = all.iter().filter(|(name, _)| name == plugin);
        for tally in its.filter_map(|(_, tally)| tally.upgrade()) {
            sum.versions += 1;
            sum.instances += tally.instances.load(Relaxed);
            sum.memory_bytes += tally.bytes.load(Relaxed);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_until_nothing_of_them_is_left() {
        let tallies = Tallies::default();
        let [old, new, other] = [(); 3].map(|()| Arc::<Tally>::default());
        for (name, tally) in [("a", &old), ("a", &new), ("b", &other)] {
            tallies.add(name, tally);
            tally.instances.fetch_add(2, Relaxed);
            tally.bytes.fetch_add(100, Relaxed);
        }
        let sum = |versions: usize| Footprint {
            versions,
            instances: 2 * versions,
            memory_bytes: 100 * versions,
        };
        assert_eq!((tallies.of("a"), tallies.of("b")), (sum(2), sum(1)));
        drop(old);
        assert_eq!((tallies.of("a"), tallies.of("c")), (sum(1), sum(0)));
        tallies.add("b", &new);
        assert_eq!(tallies.0.lock().len(), 3);
    }
}
