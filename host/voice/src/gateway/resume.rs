//! How often and how fast a lost connection is tried again.

use std::time::Duration;

use tokio::time::Instant;

use super::close::Reaction;

/// Pauses before the first, second, third and every further try.
const BACK_OFF: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// Tries without an established session in between before giving up.
const MAX_ATTEMPTS: u32 = 4;

/// A session that held this long wipes the slate clean.
const STABLE: Duration = Duration::from_secs(30);

/// How to go on after a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Connect again after this pause and resume.
    Resume(Duration),
    /// Connect again after this pause and identify.
    Identify(Duration),
    /// Tell the owner.
    GiveUp,
}

/// Remembers the losses of one connection.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    /// Tries since a session was last established.
    attempts: u32,
    /// Losses since a session last held for [`STABLE`]; keeps a server that drops us at once from being hammered.
    losses: usize,
    identified_afresh: bool,
    established: Option<Instant>,
}

impl Retries {
    /// The gateway accepted the session (op 4 or op 9).
    pub(crate) fn established(&mut self, now: Instant) {
        self.attempts = 0;
        self.established = Some(now);
    }

    /// The connection is lost. `resumable` tells whether there is a voice session to go back to.
    pub(crate) fn lost(&mut self, reaction: Reaction, resumable: bool, now: Instant) -> Retry {
        if self
            .established
            .take()
            .is_some_and(|at| now.duration_since(at) >= STABLE)
        {
            self.losses = 0;
            self.identified_afresh = false;
        }
        let repeated_mistake = reaction == Reaction::Identify && self.identified_afresh;
        if reaction == Reaction::Report || repeated_mistake || self.attempts >= MAX_ATTEMPTS {
            return Retry::GiveUp;
        }
        let pause = BACK_OFF[self.losses.min(BACK_OFF.len() - 1)];
        self.attempts += 1;
        self.losses += 1;
        if reaction == Reaction::Resume && resumable {
            return Retry::Resume(pause);
        }
        self.identified_afresh |= reaction == Reaction::Identify;
        Retry::Identify(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn gives_up_after_four_tries_with_growing_pauses() {
        let mut retries = Retries::default();
        let now = Instant::now();
        retries.established(now);
        for pause in [0, 1, 2, 4] {
            assert_eq!(
                retries.lost(Reaction::Resume, true, now),
                Retry::Resume(SECOND * pause)
            );
        }
        assert_eq!(retries.lost(Reaction::Resume, true, now), Retry::GiveUp);
    }

    #[test]
    fn a_server_that_drops_us_at_once_is_not_hammered_and_not_given_up() {
        let mut retries = Retries::default();
        let now = Instant::now();
        let mut total = Duration::ZERO;
        for _ in 0..20 {
            retries.established(now);
            let Retry::Resume(pause) = retries.lost(Reaction::Resume, true, now) else {
                panic!("gave up")
            };
            total += pause;
        }
        assert_eq!(total, SECOND * (3 + 17 * 4));
    }

    #[test]
    fn a_stable_session_starts_anew() {
        let mut retries = Retries::default();
        let now = Instant::now();
        retries.established(now);
        retries.lost(Reaction::Resume, true, now);
        retries.established(now);
        assert_eq!(
            retries.lost(Reaction::Resume, true, now + STABLE),
            Retry::Resume(Duration::ZERO)
        );
    }

    #[test]
    fn one_fresh_identify_for_a_mistake_of_ours() {
        let mut retries = Retries::default();
        let now = Instant::now();
        retries.established(now);
        assert_eq!(
            retries.lost(Reaction::Identify, true, now),
            Retry::Identify(Duration::ZERO)
        );
        retries.established(now);
        assert_eq!(retries.lost(Reaction::Identify, true, now), Retry::GiveUp);
    }

    #[test]
    fn without_a_session_there_is_nothing_to_resume() {
        let mut retries = Retries::default();
        let now = Instant::now();
        assert_eq!(
            retries.lost(Reaction::Resume, false, now),
            Retry::Identify(Duration::ZERO)
        );
        assert_eq!(retries.lost(Reaction::Report, true, now), Retry::GiveUp);
    }
}
