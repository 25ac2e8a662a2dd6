//! Values plugins keep for a while, bounded in total.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Most bytes of keys and values per plugin.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Longest life of a value.
const MAX_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    expires: Instant,
}

/// The values of one plugin.
#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<String, Entry>,
    bytes: usize,
}

impl Shelf {
    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= key.len() + entry.value.len();
        }
    }

    /// Makes room for `needed` bytes: first what has expired, then what expires soonest.
    fn make_room(&mut self, needed: usize, now: Instant) {
        if self.bytes + needed <= MAX_BYTES {
            return;
        }
        let mut by_expiry: Vec<(Instant, String)> = self
            .entries
            .iter()
            .map(|(key, entry)| (entry.expires, key.clone()))
            .collect();
        by_expiry.sort();
        for (expires, key) in by_expiry {
            if expires > now && self.bytes + needed <= MAX_BYTES {
                return;
            }
            self.remove(&key);
        }
    }
}

/// The cache of all plugins. Plugins do not see each other's values.
#[derive(Debug, Default)]
pub struct Cache {
    shelves: Mutex<HashMap<String, Shelf>>,
}

impl Cache {
    /// A value that has not expired.
    pub fn get(&self, plugin: &str, key: &str, now: Instant) -> Option<Vec<u8>> {
        let mut shelves = self.shelves.lock();
        let shelf = shelves.get_mut(plugin)?;
        let entry = shelf.entries.get(key)?;
        if entry.expires > now {
            return Some(entry.value.clone());
        }
        shelf.remove(key);
        None
    }

    /// Keeps a value; one that is larger than a plugin's whole share is not kept.
    pub fn set(&self, plugin: &str, key: &str, value: &[u8], ttl: Duration, now: Instant) {
        let size = key.len() + value.len();
        if size > MAX_BYTES {
            return;
        }
        let mut shelves = self.shelves.lock();
        let shelf = shelves.entry(plugin.to_owned()).or_default();
        shelf.remove(key);
        shelf.make_room(size, now);
        shelf.bytes += size;
        shelf.entries.insert(
            key.to_owned(),
            Entry {
                value: value.to_vec(),
                expires: now + ttl.min(MAX_TTL),
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn values_live_for_their_time_and_belong_to_their_plugin() {
        let (cache, now) = (Cache::default(), Instant::now());
        cache.set("a", "k", b"v", SECOND * 10, now);
        assert_eq!(cache.get("a", "k", now + SECOND * 9).as_deref(), Some(&b"v"[..]));
        assert_eq!(cache.get("b", "k", now), None);
        assert_eq!(cache.get("a", "k", now + SECOND * 10), None);
        cache.set("a", "k", b"1", SECOND, now);
        cache.set("a", "k", b"2", SECOND, now);
        assert_eq!(cache.get("a", "k", now).as_deref(), Some(&b"2"[..]));
    }

    #[test]
    fn the_total_is_bounded_and_the_soonest_to_expire_go_first() {
        let (cache, now) = (Cache::default(), Instant::now());
        let big = vec![0; MAX_BYTES / 2 - 10];
        cache.set("a", "old", &big, SECOND * 5, now);
        cache.set("a", "new", &big, SECOND * 50, now);
        cache.set("a", "third", &big, SECOND * 20, now);
        assert_eq!(cache.get("a", "old", now), None);
        assert!(cache.get("a", "new", now).is_some() && cache.get("a", "third", now).is_some());
        cache.set("a", "huge", &vec![0; MAX_BYTES + 1], SECOND, now);
        assert_eq!(cache.get("a", "huge", now), None);
        assert!(cache.shelves.lock()["a"].bytes <= MAX_BYTES);
    }
}
