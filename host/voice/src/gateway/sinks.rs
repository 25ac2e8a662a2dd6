//! Which streams of others the voice server is asked not to forward (op 15, media sink wants).
//!
//! `"any": 0` covers audio; video streams are named one by one, as they are announced (op 12).

use std::collections::BTreeMap;

/// Most users and streams per user remembered; a channel has at most 25 cameras of a few layers each.
const MAX_USERS: usize = 64;
const MAX_STREAMS: usize = 16;

/// SSRCs of the video streams of others.
#[derive(Debug, Default)]
pub(super) struct Sinks {
    unwanted: BTreeMap<u64, Vec<u32>>,
}

impl Sinks {
    /// Op 12: `user` sends these streams now. True when that is news the server has to be told.
    pub(super) fn announced(&mut self, user: u64, mut streams: Vec<u32>) -> bool {
        streams.truncate(MAX_STREAMS);
        if streams.is_empty() {
            return self.left(user);
        }
        if self.unwanted.get(&user) == Some(&streams) {
            return false;
        }
        if self.unwanted.len() >= MAX_USERS && !self.unwanted.contains_key(&user) {
            return false;
        }
        self.unwanted.insert(user, streams);
        true
    }

    /// Op 13: `user` is gone. True when that is news.
    pub(super) fn left(&mut self, user: u64) -> bool {
        self.unwanted.remove(&user).is_some()
    }

    /// Every stream that is not wanted.
    pub(super) fn unwanted(&self) -> impl Iterator<Item = u32> {
        self.unwanted.values().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_news() {
        let mut sinks = Sinks::default();
        assert!(!sinks.announced(1, vec![]));
        assert!(sinks.announced(1, vec![10, 11]));
        assert!(!sinks.announced(1, vec![10, 11]));
        assert!(sinks.announced(2, vec![20]));
        assert_eq!(sinks.unwanted().collect::<Vec<_>>(), [10, 11, 20]);
        assert!(sinks.announced(1, vec![]), "the camera is off");
        assert!(sinks.left(2));
        assert!(!sinks.left(2));
        assert_eq!(sinks.unwanted().count(), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut sinks = Sinks::default();
        for user in 0..1000 {
            sinks.announced(user, (0..1000).collect());
        }
        assert_eq!(sinks.unwanted().count(), MAX_USERS * MAX_STREAMS);
    }
}
