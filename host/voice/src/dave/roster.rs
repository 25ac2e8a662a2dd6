//! Who is in the channel, and who was a moment ago.

use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

/// Most users remembered; a voice channel has far fewer.
const MAX_USERS: usize = 50_000;

/// How long a user who left may still be named by messages that were on their way.
const GRACE: Duration = Duration::from_secs(10);

/// Most users remembered after they left.
const MAX_DEPARTED: usize = 1_000;

/// The other users of the channel, as op 11 and op 13 announce them.
#[derive(Default)]
pub(super) struct Roster {
    present: HashSet<u64>,
    departed: VecDeque<(Instant, u64)>,
}

impl Roster {
    /// Whether nobody else is there.
    pub(super) fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// Op 11.
    pub(super) fn join(&mut self, users: impl Iterator<Item = u64>) {
        let room = MAX_USERS.saturating_sub(self.present.len());
        self.present.extend(users.take(room));
    }

    /// Op 13. Whether the user was there.
    pub(super) fn leave(&mut self, user: u64, now: Instant) -> bool {
        let was_there = self.present.remove(&user);
        if was_there {
            if self.departed.len() == MAX_DEPARTED {
                self.departed.pop_front();
            }
            self.departed.push_back((now, user));
        }
        was_there
    }

    /// Users a group may have: those present, and those whose removal from it may not have been committed yet.
    pub(super) fn recognised(&mut self, now: Instant) -> Vec<u64> {
        while self
            .departed
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > GRACE)
        {
            self.departed.pop_front();
        }
        let departed = self.departed.iter().map(|(_, user)| *user);
        self.present.iter().copied().chain(departed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_left_is_recognised_for_a_while() {
        let mut roster = Roster::default();
        let now = Instant::now();
        roster.join([1, 2].into_iter());
        assert!(roster.leave(1, now) && !roster.leave(1, now) && !roster.is_empty());
        let mut recognised = roster.recognised(now + GRACE);
        recognised.sort_unstable();
        assert_eq!(recognised, [1, 2]);
        assert_eq!(roster.recognised(now + GRACE + Duration::from_millis(1)), [2]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut roster = Roster::default();
        let now = Instant::now();
        roster.join(0..200_000);
        assert_eq!(roster.present.len(), MAX_USERS);
        for user in 0..5_000 {
            roster.leave(user, now);
        }
        assert_eq!(roster.departed.len(), MAX_DEPARTED);
    }
}
