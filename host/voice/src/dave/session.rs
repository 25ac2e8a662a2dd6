//! The DAVE state machine of a sender: what the gateway's messages mean for the MLS group and for the media key.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

pub(crate) use super::mls::MAX_VERSION;
use super::{
    encryptor::FrameEncryptor,
    mls::Mls,
    roster::Roster,
    transitions::{Execution, Transitions},
};
use crate::pacer::link::Protection;

/// Slots of 20 ms the source is held while a group with others is being negotiated (2 s).
const NEGOTIATION_SLOTS: u16 = 100;

/// Slots the source is held after op 4 in case the list of users (op 11) is still on its way (200 ms).
const ROSTER_SLOTS: u16 = 10;

/// So many commits or welcomes that cannot be used within [`FAILURE_WINDOW`] call for a new voice session.
const MAX_FAILURES: usize = 3;

const FAILURE_WINDOW: Duration = Duration::from_secs(30);

/// What happened, in the words of the voice gateway. Numbers are opcodes.
#[derive(Debug)]
pub(crate) enum Input {
    /// 4: the voice session runs with this protocol version, 0 for no end-to-end encryption.
    Start { version: u16 },
    /// 11: users in the channel.
    UsersJoined(Vec<u64>),
    /// 13: a user left the channel.
    UserLeft(u64),
    /// 21.
    PrepareTransition { id: u16, version: u16 },
    /// 22.
    ExecuteTransition { id: u16 },
    /// 24.
    PrepareEpoch { epoch: u64, version: u16 },
    /// 25.
    ExternalSender(Bytes),
    /// 27, with the operation in its first byte.
    Proposals(Bytes),
    /// 29.
    Commit { id: u16, message: Bytes },
    /// 30.
    Welcome { id: u16, message: Bytes },
}

impl Input {
    /// Bytes it keeps in memory while it waits, about.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::UsersJoined(users) => users.len() * size_of::<u64>(),
            Self::ExternalSender(bytes) | Self::Proposals(bytes) => bytes.len(),
            Self::Commit { message, .. } | Self::Welcome { message, .. } => message.len(),
            Self::Start { .. } | Self::UserLeft(_) | Self::PrepareEpoch { .. } => 0,
            Self::PrepareTransition { .. } | Self::ExecuteTransition { .. } => 0,
        }
    }

    /// Whether handling it takes microseconds: no public key operation.
    pub(crate) fn is_light(&self) -> bool {
        match self {
            Self::Start { version } => *version == 0,
            Self::UsersJoined(_) | Self::UserLeft(_) => true,
            Self::PrepareTransition { .. } | Self::ExecuteTransition { .. } => true,
            Self::PrepareEpoch { .. } | Self::ExternalSender(_) | Self::Proposals(_) => false,
            Self::Commit { .. } | Self::Welcome { .. } => false,
        }
    }
}

/// What is to be done about it, in this order. Numbers are opcodes.
pub(crate) enum Output {
    /// 23.
    TransitionReady(u16),
    /// 26.
    KeyPackage(Vec<u8>),
    /// 28.
    CommitWelcome(Vec<u8>),
    /// 31.
    InvalidCommitWelcome(u16),
    /// Change what the pacer does from the next packet on.
    Protect(Protection),
    /// This session cannot be mended; identify afresh.
    Restart,
}

/// What a transition switches the sender to.
enum Target {
    Plain,
    Key(Box<FrameEncryptor>),
    /// The key of whatever group there is at that time.
    CurrentGroup,
}

/// End-to-end encryption of one voice session.
pub(crate) struct Machine {
    user: u64,
    channel: u64,
    /// Protocol version in force, 0 for none.
    version: u16,
    /// End-to-end encryption was asked for at least once.
    started: bool,
    mls: Mls,
    others: Roster,
    transitions: Transitions<Target>,
    /// The pacer has a media key in use.
    sealed: bool,
    /// We asked to be removed and added again, and were not added yet.
    recovering: bool,
    failures: VecDeque<Instant>,
    outputs: Vec<Output>,
}

impl Machine {
    /// A machine that waits for [`Input::Start`].
    pub(crate) fn new(user: u64, channel: u64) -> Self {
        Self {
            user,
            channel,
            version: 0,
            started: false,
            mls: Mls::new(user, channel),
            others: Roster::default(),
            transitions: Transitions::default(),
            sealed: false,
            recovering: false,
            failures: VecDeque::with_capacity(MAX_FAILURES),
            outputs: Vec::new(),
        }
    }

    /// Takes one message and says what to do.
    pub(crate) fn handle(&mut self, input: Input, now: Instant) -> Vec<Output> {
        match input {
            Input::Start { version: 0 } => self.apply(Target::Plain),
            Input::Start { version } => self.start(version),
            Input::UsersJoined(users) => self.users_joined(&users),
            Input::UserLeft(user) => self.user_left(user, now),
            Input::PrepareTransition { id, version } => self.prepare_transition(id, version),
            Input::ExecuteTransition { id } => self.execute_transition(id, now),
            Input::PrepareEpoch { epoch, version } => self.prepare_epoch(epoch, version),
            Input::ExternalSender(sender) => self.set_external_sender(sender),
            Input::Proposals(payload) => self.proposals(&payload, now),
            Input::Commit { id, message } => self.commit(id, &message, now),
            Input::Welcome { id, message } => self.welcome(id, &message, now),
        }
        std::mem::take(&mut self.outputs)
    }

    /// How long audio waits for a first key from now on; `None` when it does not: there is a key, or none is wanted.
    pub(crate) fn hold_slots(&self) -> Option<u16> {
        let waits = self.version > 0 && !self.sealed;
        waits.then(|| {
            if self.others.is_empty() {
                ROSTER_SLOTS
            } else {
                NEGOTIATION_SLOTS
            }
        })
    }

    fn protect(&mut self, protection: Protection) {
        self.outputs.push(Output::Protect(protection));
    }

    fn start(&mut self, version: u16) {
        self.version = version;
        let slots = if self.others.is_empty() {
            ROSTER_SLOTS
        } else {
            NEGOTIATION_SLOTS
        };
        self.protect(Protection::Hold { slots });
        self.new_group(version);
    }

    /// Starts over with an empty group and offers a new key package. The media key stays as it is.
    fn new_group(&mut self, version: u16) {
        self.started = true;
        match self.mls.start_over(version) {
            Ok(key_package) => self.outputs.push(Output::KeyPackage(key_package)),
            Err(error) => {
                tracing::warn!(channel = self.channel, version, %error, "could not set up the MLS session");
                self.outputs.push(Output::Restart);
            }
        }
    }

    fn users_joined(&mut self, users: &[u64]) {
        let were_alone = self.others.is_empty();
        let own = self.user;
        self.others
            .join(users.iter().copied().filter(|user| *user != own));
        if self.version > 0 && !self.sealed && were_alone && !self.others.is_empty() {
            self.protect(Protection::Hold {
                slots: NEGOTIATION_SLOTS,
            });
        }
    }

    fn user_left(&mut self, user: u64, now: Instant) {
        let removed = self.others.leave(user, now);
        if removed && self.version > 0 && !self.sealed && self.others.is_empty() {
            self.protect(Protection::Plain);
        }
    }

    fn prepare_transition(&mut self, id: u16, version: u16) {
        match version {
            0 => self.prepare(id, Target::Plain),
            1..=MAX_VERSION => self.prepare(id, Target::CurrentGroup),
            _ => {
                tracing::warn!(
                    channel = self.channel,
                    id,
                    version,
                    "transition to an unknown DAVE version"
                );
                self.transitions.miss(id);
            }
        }
    }

    /// Transition 0 is in force at once; any other is reported ready and waits for its execution.
    fn prepare(&mut self, id: u16, target: Target) {
        if id == 0 {
            // What was announced before is of the past now; executing it would bring an earlier key back, whose nonces
            // would start anew.
            self.transitions.clear();
            self.apply(target);
        } else {
            self.transitions.prepare(id, target);
            self.outputs.push(Output::TransitionReady(id));
        }
    }

    fn execute_transition(&mut self, id: u16, now: Instant) {
        match self.transitions.execute(id) {
            Execution::Ready(target) => self.apply(target),
            Execution::Unprepared if !self.recovering => {
                self.invalid(id, &"executed, but it was not prepared here", now);
            }
            Execution::Unprepared | Execution::Unknown => {
                tracing::debug!(channel = self.channel, id, "no such transition to execute");
            }
        }
    }

    fn apply(&mut self, target: Target) {
        let encryptor = match target {
            Target::Plain => {
                self.version = 0;
                self.sealed = false;
                self.recovering = false;
                self.transitions.clear();
                self.mls.leave();
                return self.protect(Protection::Plain);
            }
            Target::Key(encryptor) => Some(encryptor),
            // The group is being restored; its last key is better than none.
            Target::CurrentGroup if self.recovering && self.sealed => return,
            Target::CurrentGroup => self.mls.media_key().ok(),
        };
        self.version = self.mls.version().unwrap_or(self.version);
        self.sealed = encryptor.is_some();
        self.protect(match encryptor {
            Some(encryptor) => Protection::Sealed(encryptor),
            None if self.others.is_empty() => Protection::Plain,
            None => Protection::Hold {
                slots: NEGOTIATION_SLOTS,
            },
        });
    }

    fn prepare_epoch(&mut self, epoch: u64, version: u16) {
        if version == 0 || version > MAX_VERSION {
            tracing::warn!(
                channel = self.channel,
                version,
                "announced DAVE version is not supported"
            );
        } else if epoch == 1 {
            self.transitions.clear();
            self.recovering = false;
            self.new_group(version);
        }
    }

    fn set_external_sender(&mut self, sender: Bytes) {
        if let Err(error) = self.mls.set_external_sender(sender) {
            tracing::warn!(channel = self.channel, %error, "external sender ignored");
        }
    }

    fn recognised(&mut self, now: Instant) -> Vec<u64> {
        let mut users = self.others.recognised(now);
        users.push(self.user);
        users
    }

    fn proposals(&mut self, payload: &[u8], now: Instant) {
        let recognised = self.recognised(now);
        match self.mls.propose(payload, &recognised) {
            Ok(None) => {}
            Ok(Some(message)) => self.outputs.push(Output::CommitWelcome(message)),
            // Should the others commit to what we refuse, their commit fails here and recovery begins then.
            Err(error) => tracing::warn!(channel = self.channel, %error, "proposals refused"),
        }
    }

    fn commit(&mut self, id: u16, message: &[u8], now: Instant) {
        if !self.started {
            return;
        }
        match self.mls.apply_commit(message) {
            Ok(true) => self.joined(id, now),
            // Before our removal and new welcome, the others' epochs go on without us.
            Ok(false) if self.recovering || id == 0 => {}
            Ok(false) => self.transitions.miss(id),
            Err(error) => self.invalid(id, &error, now),
        }
    }

    fn welcome(&mut self, id: u16, message: &[u8], now: Instant) {
        if !self.started {
            return;
        }
        let recognised = self.recognised(now);
        match self.mls.join(message, &recognised) {
            Ok(()) => self.joined(id, now),
            Err(error) => self.invalid(id, &error, now),
        }
    }

    /// The group has a new epoch.
    fn joined(&mut self, id: u16, now: Instant) {
        match self.mls.media_key() {
            Ok(encryptor) => {
                self.recovering = false;
                self.prepare(id, Target::Key(encryptor));
            }
            Err(error) => self.invalid(id, &error, now),
        }
    }

    /// Asks to be removed and added again. The media key in use stays until the next transition.
    fn invalid(&mut self, id: u16, error: &dyn std::fmt::Display, now: Instant) {
        tracing::warn!(channel = self.channel, id, %error, "commit or welcome cannot be used");
        while self
            .failures
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) > FAILURE_WINDOW)
        {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        if self.failures.len() >= MAX_FAILURES {
            self.failures.clear();
            self.outputs.push(Output::Restart);
            return;
        }
        self.recovering = true;
        self.outputs.push(Output::InvalidCommitWelcome(id));
        self.new_group(self.mls.version().unwrap_or(MAX_VERSION));
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
