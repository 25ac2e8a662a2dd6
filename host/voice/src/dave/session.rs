//! The DAVE state machine of a sender: what the gateway's messages mean for the MLS group and for the media key.

use std::{
    collections::{HashSet, VecDeque},
    num::NonZeroU16,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use bytes::Bytes;
use davey::{DAVE_PROTOCOL_VERSION, DaveSession, ProposalsOperationType};
use openmls_rust_crypto::RustCrypto;

use super::{encryptor::FrameEncryptor, ratchet::BASE_SECRET_BYTES, transitions::Transitions};
use crate::pacer::link::Protection;

/// Highest protocol version offered in identify.
pub(crate) const MAX_VERSION: u16 = DAVE_PROTOCOL_VERSION;

/// Exporter label of the sender keys (DAVE protocol, "Sender Key Derivation").
const EXPORT_LABEL: &str = "Discord Secure Frames v0";

/// Slots of 20 ms the source is held while a group with others is being negotiated (2 s).
const NEGOTIATION_SLOTS: u16 = 100;

/// Slots the source is held after op 4 in case the list of users (op 11) is still on its way (200 ms).
const ROSTER_SLOTS: u16 = 10;

/// So many commits or welcomes that cannot be used within [`FAILURE_WINDOW`] call for a new voice session.
const MAX_FAILURES: usize = 3;

const FAILURE_WINDOW: Duration = Duration::from_secs(30);

/// Most users remembered; a voice channel has far fewer.
const MAX_USERS: usize = 50_000;

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
    mls: Option<DaveSession>,
    crypto: RustCrypto,
    /// Kept as it came: it may precede the session and outlives its resets.
    external_sender: Option<Bytes>,
    others: HashSet<u64>,
    transitions: Transitions<Target>,
    /// The pacer has a media key in use.
    sealed: bool,
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
            mls: None,
            crypto: RustCrypto::default(),
            external_sender: None,
            others: HashSet::new(),
            transitions: Transitions::default(),
            sealed: false,
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
            Input::UserLeft(user) => self.user_left(user),
            Input::PrepareTransition { id, version } => self.prepare_transition(id, version),
            Input::ExecuteTransition { id } => self.execute_transition(id),
            Input::PrepareEpoch { epoch, version } => self.prepare_epoch(epoch, version),
            Input::ExternalSender(sender) => self.set_external_sender(sender),
            Input::Proposals(payload) => self.proposals(&payload),
            Input::Commit { id, message } => self.commit(id, &message, now),
            Input::Welcome { id, message } => self.welcome(id, &message, now),
        }
        std::mem::take(&mut self.outputs)
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
        match self.try_new_group(version) {
            Ok(key_package) => self.outputs.push(Output::KeyPackage(key_package)),
            Err(error) => {
                tracing::warn!(channel = self.channel, version, %error, "could not set up the MLS session");
                self.outputs.push(Output::Restart);
            }
        }
    }

    fn try_new_group(&mut self, version: u16) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let version = NonZeroU16::new(version).ok_or("protocol version 0 has no groups")?;
        let mls = match &mut self.mls {
            Some(mls) => {
                mls.reinit(version, self.user, self.channel, None)?;
                mls
            }
            None => {
                let mut mls = DaveSession::new(version, self.user, self.channel, None)?;
                if let Some(sender) = &self.external_sender
                    && let Err(error) = survive(|| mls.set_external_sender(sender))
                {
                    tracing::warn!(channel = self.channel, %error, "the external sender is not usable");
                    self.external_sender = None;
                }
                self.mls.insert(mls)
            }
        };
        Ok(mls.create_key_package()?)
    }

    fn users_joined(&mut self, users: &[u64]) {
        let were_alone = self.others.is_empty();
        let own = self.user;
        let room = MAX_USERS.saturating_sub(self.others.len());
        self.others
            .extend(users.iter().copied().filter(|user| *user != own).take(room));
        if self.version > 0 && !self.sealed && were_alone && !self.others.is_empty() {
            self.protect(Protection::Hold {
                slots: NEGOTIATION_SLOTS,
            });
        }
    }

    fn user_left(&mut self, user: u64) {
        let removed = self.others.remove(&user);
        if removed && self.version > 0 && !self.sealed && self.others.is_empty() {
            self.protect(Protection::Plain);
        }
    }

    fn prepare_transition(&mut self, id: u16, version: u16) {
        let target = if version == 0 {
            Target::Plain
        } else {
            Target::CurrentGroup
        };
        self.prepare(id, target);
    }

    /// Transition 0 is in force at once; any other is reported ready and waits for its execution.
    fn prepare(&mut self, id: u16, target: Target) {
        if id == 0 {
            self.apply(target);
        } else {
            self.transitions.prepare(id, target);
            self.outputs.push(Output::TransitionReady(id));
        }
    }

    fn execute_transition(&mut self, id: u16) {
        match self.transitions.execute(id) {
            Some(target) => self.apply(target),
            None => tracing::debug!(channel = self.channel, id, "no such transition to execute"),
        }
    }

    fn apply(&mut self, target: Target) {
        let encryptor = match target {
            Target::Plain => {
                self.version = 0;
                self.sealed = false;
                self.transitions.clear();
                if let Some(mls) = &mut self.mls
                    && let Err(error) = mls.reset()
                {
                    tracing::debug!(channel = self.channel, %error, "resetting the MLS session");
                    self.mls = None;
                }
                return self.protect(Protection::Plain);
            }
            Target::Key(encryptor) => Some(encryptor),
            Target::CurrentGroup => self.export_key().ok(),
        };
        self.version = self
            .mls
            .as_ref()
            .map_or(self.version, |mls| mls.protocol_version().get());
        self.sealed = encryptor.is_some();
        self.protect(match encryptor {
            Some(encryptor) => Protection::Sealed(encryptor),
            None if self.others.is_empty() => Protection::Plain,
            None => Protection::Hold {
                slots: NEGOTIATION_SLOTS,
            },
        });
    }

    /// The media key of the group's epoch. Fails without an established group and after being removed from it.
    fn export_key(&self) -> Result<Box<FrameEncryptor>, Box<dyn std::error::Error + Send + Sync>> {
        let group = self
            .mls
            .as_ref()
            .and_then(DaveSession::group)
            .ok_or("there is no group")?;
        // Epoch 0 is the group of one that exists only until the first commit or welcome.
        if group.epoch().as_u64() == 0 {
            return Err("the group is not established yet".into());
        }
        let context = self.user.to_le_bytes();
        let secret = group.export_secret(&self.crypto, EXPORT_LABEL, &context, BASE_SECRET_BYTES)?;
        let secret: [u8; BASE_SECRET_BYTES] = secret
            .try_into()
            .map_err(|_| "the exporter gave a secret of another length")?;
        Ok(Box::new(FrameEncryptor::new(&secret)))
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
            self.new_group(version);
        }
    }

    fn set_external_sender(&mut self, sender: Bytes) {
        let set = self
            .mls
            .as_mut()
            .map_or(Ok(()), |mls| survive(|| mls.set_external_sender(&sender)));
        match set {
            Ok(()) => self.external_sender = Some(sender),
            Err(error) => tracing::warn!(channel = self.channel, %error, "external sender ignored"),
        }
    }

    fn recognised(&self) -> Vec<u64> {
        self.others.iter().copied().chain([self.user]).collect()
    }

    fn proposals(&mut self, payload: &[u8]) {
        let recognised = self.recognised();
        let (Some((operation, proposals)), Some(mls)) = (payload.split_first(), &mut self.mls) else {
            return;
        };
        let operation = match operation {
            0 => ProposalsOperationType::APPEND,
            1 => ProposalsOperationType::REVOKE,
            other => {
                tracing::debug!(
                    channel = self.channel,
                    operation = other,
                    "unknown kind of proposals"
                );
                return;
            }
        };
        match survive(|| mls.process_proposals(operation, proposals, Some(&recognised))) {
            Ok(None) => {}
            Ok(Some(made)) => {
                let mut message = made.commit;
                message.extend(made.welcome.unwrap_or_default());
                self.outputs.push(Output::CommitWelcome(message));
            }
            // Should the others commit to what we refuse, their commit fails here and recovery begins then.
            Err(error) => tracing::warn!(channel = self.channel, %error, "proposals refused"),
        }
    }

    fn commit(&mut self, id: u16, message: &[u8], now: Instant) {
        let Some(mls) = &mut self.mls else { return };
        match survive(|| mls.process_commit(message)) {
            Ok(true) => self.joined(id, now),
            Ok(false) => {}
            Err(error) => self.invalid(id, &error, now),
        }
    }

    fn welcome(&mut self, id: u16, message: &[u8], now: Instant) {
        let recognised = self.recognised();
        let Some(mls) = &mut self.mls else { return };
        match survive(|| mls.process_welcome(message, Some(&recognised))) {
            Ok(()) => self.joined(id, now),
            Err(error) => self.invalid(id, &error, now),
        }
    }

    /// The group has a new epoch.
    fn joined(&mut self, id: u16, now: Instant) {
        match self.export_key() {
            Ok(encryptor) => self.prepare(id, Target::Key(encryptor)),
            Err(error) => self.invalid(id, error.as_ref(), now),
        }
    }

    /// Asks to be removed and added again. The media key in use stays until the next transition.
    fn invalid(&mut self, id: u16, error: &dyn std::fmt::Display, now: Instant) {
        tracing::warn!(channel = self.channel, id, %error, "commit or welcome cannot be used");
        while self
            .failures
            .front()
            .is_some_and(|at| now.duration_since(*at) > FAILURE_WINDOW)
        {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        if self.failures.len() >= MAX_FAILURES {
            self.failures.clear();
            self.outputs.push(Output::Restart);
            return;
        }
        let version = self
            .mls
            .as_ref()
            .map_or(MAX_VERSION, |mls| mls.protocol_version().get());
        self.outputs.push(Output::InvalidCommitWelcome(id));
        self.new_group(version);
    }
}

/// Runs a step of the MLS library on bytes from outside. Its parsers assert here and there; a panic is an error like
/// any other, and what follows an error either leaves the session alone or starts it over.
fn survive<T, E: std::fmt::Display>(step: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match std::panic::catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the MLS library panicked".to_owned()),
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
