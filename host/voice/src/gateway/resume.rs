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

/// Tries without an established session in between before a refusal is taken for an answer.
const MAX_REFUSED: u32 = 3;

/// The same when nobody is there to refuse: a restart of the server takes a moment.
const MAX_LOST: u32 = 4;

/// Longest time to get a first session established; then whoever waits for it is told that it did not come about.
const JOIN_LIMIT: Duration = Duration::from_secs(20);

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
#[derive(Debug)]
pub(crate) struct Retries {
    /// A session must be established by then; `None` once one was.
    join_by: Option<Instant>,
    /// Tries since a session was last established.
    attempts: u32,
    /// Losses since a session last held for [`STABLE`]; keeps a server that drops us at once from being hammered.
    losses: usize,
    identified_afresh: bool,
    timed_out: bool,
    established: Option<Instant>,
}

impl Retries {
    /// For a connection whose first socket has just opened.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            join_by: Some(now + JOIN_LIMIT),
            attempts: 0,
            losses: 0,
            identified_afresh: false,
            timed_out: false,
            established: None,
        }
    }

    /// The gateway accepted the session (op 4 or op 9).
    pub(crate) fn established(&mut self, now: Instant) {
        self.attempts = 0;
        self.join_by = None;
        self.timed_out = false;
        self.established = Some(now);
    }

    /// The connection is lost, `refused` by a close frame of the server or without one. `resumable` tells whether
    /// there is a voice session to go back to.
    pub(crate) fn lost(&mut self, reaction: Reaction, refused: bool, resumable: bool, now: Instant) -> Retry {
        if self
            .established
            .take()
            .is_some_and(|at| now.duration_since(at) >= STABLE)
        {
            self.losses = 0;
            self.identified_afresh = false;
        }
        let repeated = match reaction {
            Reaction::Resume => false,
            Reaction::ResumeOnce => std::mem::replace(&mut self.timed_out, true),
            Reaction::Identify => self.identified_afresh,
            Reaction::Report => true,
        };
        let attempts = if refused { MAX_REFUSED } else { MAX_LOST };
        let too_late = self.join_by.is_some_and(|limit| now >= limit);
        if repeated || too_late || self.attempts >= attempts {
            return Retry::GiveUp;
        }
        let pause = BACK_OFF[self.losses.min(BACK_OFF.len() - 1)];
        self.attempts += 1;
        self.losses += 1;
        if reaction != Reaction::Identify && resumable {
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

    fn established() -> (Retries, Instant) {
        let now = Instant::now();
        let mut retries = Retries::new(now);
        retries.established(now);
        (retries, now)
    }

    #[test]
    fn gives_up_after_four_tries_with_growing_pauses() {
        let (mut retries, now) = established();
        for pause in [0, 1, 2, 4] {
            assert_eq!(
                retries.lost(Reaction::Resume, false, true, now),
                Retry::Resume(SECOND * pause)
            );
        }
        assert_eq!(retries.lost(Reaction::Resume, false, true, now), Retry::GiveUp);
    }

    #[test]
    fn gives_up_after_three_tries_that_were_refused() {
        let (mut retries, now) = established();
        for pause in [0, 1, 2] {
            assert_eq!(
                retries.lost(Reaction::Resume, true, true, now),
                Retry::Resume(SECOND * pause)
            );
        }
        assert_eq!(retries.lost(Reaction::Resume, true, true, now), Retry::GiveUp);
    }

    #[test]
    fn a_server_that_drops_us_at_once_is_not_hammered_and_not_given_up() {
        let (mut retries, now) = established();
        let mut total = Duration::ZERO;
        for _ in 0..20 {
            retries.established(now);
            let Retry::Resume(pause) = retries.lost(Reaction::Resume, true, true, now) else {
                panic!("gave up")
            };
            total += pause;
        }
        assert_eq!(total, SECOND * (3 + 17 * 4));
    }

    #[test]
    fn a_stable_session_starts_anew() {
        let (mut retries, now) = established();
        retries.lost(Reaction::Resume, true, true, now);
        retries.established(now);
        assert_eq!(
            retries.lost(Reaction::Resume, true, true, now + STABLE),
            Retry::Resume(Duration::ZERO)
        );
    }

    #[test]
    fn one_fresh_identify_for_a_mistake_of_ours() {
        let (mut retries, now) = established();
        assert_eq!(
            retries.lost(Reaction::Identify, true, true, now),
            Retry::Identify(Duration::ZERO)
        );
        retries.established(now);
        assert_eq!(retries.lost(Reaction::Identify, true, true, now), Retry::GiveUp);
    }

    #[test]
    fn a_session_timeout_is_resumed_once() {
        let (mut retries, now) = established();
        let timeout = |retries: &mut Retries| retries.lost(Reaction::ResumeOnce, true, true, now);
        assert_eq!(timeout(&mut retries), Retry::Resume(Duration::ZERO));
        assert_eq!(timeout(&mut retries), Retry::GiveUp);
        retries.established(now);
        assert!(matches!(timeout(&mut retries), Retry::Resume(_)));
    }

    #[test]
    fn a_join_that_gets_nowhere_is_given_up_in_time() {
        let now = Instant::now();
        let mut retries = Retries::new(now);
        let step = SECOND * 10;
        assert!(matches!(
            retries.lost(Reaction::Resume, false, false, now + step),
            Retry::Identify(_)
        ));
        assert_eq!(
            retries.lost(Reaction::Resume, false, false, now + 2 * step),
            Retry::GiveUp
        );
    }

    #[test]
    fn without_a_session_there_is_nothing_to_resume() {
        let now = Instant::now();
        let mut retries = Retries::new(now);
        assert_eq!(
            retries.lost(Reaction::Resume, true, false, now),
            Retry::Identify(Duration::ZERO)
        );
    }

    #[test]
    fn final_codes_are_final() {
        let (mut retries, now) = established();
        assert_eq!(retries.lost(Reaction::Report, true, true, now), Retry::GiveUp);
    }
}
