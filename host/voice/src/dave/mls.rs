//! The MLS session of one voice session: davey's, guarded against its panics.

use std::{num::NonZeroU16, panic::AssertUnwindSafe};

use bytes::Bytes;
use davey::{DAVE_PROTOCOL_VERSION, DaveSession, ProposalsOperationType};
use openmls_rust_crypto::RustCrypto;

use super::{encryptor::FrameEncryptor, ratchet::BASE_SECRET_BYTES};

/// Highest protocol version offered in identify.
pub(crate) const MAX_VERSION: u16 = DAVE_PROTOCOL_VERSION;

/// Exporter label of the sender keys (DAVE protocol, "Sender Key Derivation").
const EXPORT_LABEL: &str = "Discord Secure Frames v0";

/// Why an MLS step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum MlsError {
    /// The message came before there was a session, or after a panic took it.
    #[error("there is no MLS session")]
    NoSession,
    /// The gateway wants a version this side does not speak.
    #[error("DAVE version {0} is not supported")]
    Version(u16),
    /// The first byte of op 27 is neither 0 (append) nor 1 (revoke).
    #[error("{0} is no operation on proposals")]
    Operation(u8),
    /// Op 27 without a byte.
    #[error("the message is empty")]
    Empty,
    /// The group is not established, or we were removed from it.
    #[error("there is no group to take a key from")]
    NoGroup,
    /// The library refused it.
    #[error("{0}")]
    Refused(String),
    /// The library panicked; its session is given up.
    #[error("the MLS library panicked")]
    Panicked,
}

fn refused(error: impl std::fmt::Display) -> MlsError {
    MlsError::Refused(error.to_string())
}

/// MLS state of one user in one channel. Without a session until [`start_over`](Self::start_over).
pub(super) struct Mls {
    user: u64,
    channel: u64,
    session: Option<DaveSession>,
    crypto: RustCrypto,
    /// Kept as it came: it may precede the session and outlives its resets.
    external_sender: Option<Bytes>,
}

impl Mls {
    pub(super) fn new(user: u64, channel: u64) -> Self {
        Self {
            user,
            channel,
            session: None,
            crypto: RustCrypto::default(),
            external_sender: None,
        }
    }

    /// Protocol version of the session, if there is one.
    pub(super) fn version(&self) -> Option<u16> {
        self.session
            .as_ref()
            .map(|session| session.protocol_version().get())
    }

    /// Starts over without a group and returns a new key package (op 26).
    pub(super) fn start_over(&mut self, version: u16) -> Result<Vec<u8>, MlsError> {
        let version = NonZeroU16::new(version)
            .filter(|version| version.get() <= MAX_VERSION)
            .ok_or(MlsError::Version(version))?;
        let (user, channel) = (self.user, self.channel);
        match self.session {
            Some(_) => self.step(|session| session.reinit(version, user, channel, None))?,
            None => {
                self.session = Some(DaveSession::new(version, user, channel, None).map_err(refused)?);
                if let Some(sender) = self.external_sender.clone()
                    && let Err(error) = self.step(|session| session.set_external_sender(&sender))
                {
                    tracing::warn!(channel, %error, "the external sender is not usable");
                    self.external_sender = None;
                }
            }
        }
        if self.session.is_none() {
            self.session = Some(DaveSession::new(version, user, channel, None).map_err(refused)?);
        }
        self.step(DaveSession::create_key_package)
    }

    /// Gives up the group (end of end-to-end encryption).
    pub(super) fn leave(&mut self) {
        if self.session.is_some()
            && let Err(error) = self.step(DaveSession::reset)
        {
            tracing::debug!(channel = self.channel, %error, "resetting the MLS session");
            self.session = None;
        }
    }

    /// Op 25. Refused inside an established group; a malformed one leaves the known one in place.
    pub(super) fn set_external_sender(&mut self, sender: Bytes) -> Result<(), MlsError> {
        if self.session.is_some()
            && let Err(error) = self.step(|session| session.set_external_sender(&sender))
        {
            // The library drops the pending group before it reads the message.
            if self
                .session
                .as_ref()
                .is_some_and(|session| session.group().is_none())
                && let Some(known) = self.external_sender.clone()
            {
                self.step(|session| session.set_external_sender(&known))?;
            }
            return Err(error);
        }
        self.external_sender = Some(sender);
        Ok(())
    }

    /// Op 27: the commit to all pending proposals with its welcome (op 28), if there is anything to commit.
    pub(super) fn propose(
        &mut self,
        payload: &[u8],
        recognised: &[u64],
    ) -> Result<Option<Vec<u8>>, MlsError> {
        let (operation, proposals) = payload.split_first().ok_or(MlsError::Empty)?;
        let operation = match operation {
            0 => ProposalsOperationType::APPEND,
            1 => ProposalsOperationType::REVOKE,
            other => return Err(MlsError::Operation(*other)),
        };
        let made = self.step(|session| session.process_proposals(operation, proposals, Some(recognised)))?;
        Ok(made.map(|made| {
            let mut message = made.commit;
            message.extend(made.welcome.unwrap_or_default());
            message
        }))
    }

    /// Op 29. False when it does not concern us: we are in no group it could change.
    pub(super) fn apply_commit(&mut self, message: &[u8]) -> Result<bool, MlsError> {
        self.step(|session| session.process_commit(message))
    }

    /// Op 30.
    pub(super) fn join(&mut self, message: &[u8], recognised: &[u64]) -> Result<(), MlsError> {
        self.step(|session| session.process_welcome(message, Some(recognised)))
    }

    /// The media key of the group's epoch. Fails without an established group and after being removed from it.
    pub(super) fn media_key(&self) -> Result<Box<FrameEncryptor>, MlsError> {
        let group = self
            .session
            .as_ref()
            .and_then(DaveSession::group)
            // Epoch 0 is the group of one that exists only until the first commit or welcome.
            .filter(|group| group.epoch().as_u64() > 0)
            .ok_or(MlsError::NoGroup)?;
        let context = self.user.to_le_bytes();
        let secret = group
            .export_secret(&self.crypto, EXPORT_LABEL, &context, BASE_SECRET_BYTES)
            .map_err(refused)?;
        let secret: [u8; BASE_SECRET_BYTES] = secret
            .try_into()
            .map_err(|_| refused("the exporter gave a secret of another length"))?;
        Ok(Box::new(FrameEncryptor::new(&secret)))
    }

    /// Runs a step of the library on bytes from outside. Its parsers assert here and there; a panic is an error like
    /// any other, but the session it happened in may be half changed and is not used again.
    fn step<T, E: std::fmt::Display>(
        &mut self,
        step: impl FnOnce(&mut DaveSession) -> Result<T, E>,
    ) -> Result<T, MlsError> {
        let session = self.session.as_mut().ok_or(MlsError::NoSession)?;
        match std::panic::catch_unwind(AssertUnwindSafe(|| step(session))) {
            Ok(result) => result.map_err(refused),
            Err(_) => {
                self.session = None;
                Err(MlsError::Panicked)
            }
        }
    }
}
