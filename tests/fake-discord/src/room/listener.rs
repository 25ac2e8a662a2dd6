//! A simulated member of a call, with its own MLS state.

use std::num::NonZeroU16;

use davey::{CommitWelcome, DaveSession, ProposalsOperationType};
use openmls::prelude::OpenMlsProvider;
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::mls::{ExternalSenderKey, JoinKey, user_id_of};
use crate::error::FakeError;
use crate::media::frame::{EXPORTER_LABEL, SECRET_LENGTH};

/// DAVE version of simulated members.
const VERSION: NonZeroU16 = NonZeroU16::MIN;

/// One listener, from its creation until the group it was in is reset.
pub(crate) struct Listener {
    user_id: u64,
    dave: DaveSession,
    join_key: JoinKey,
    crypto: OpenMlsRustCrypto,
}

fn failed(what: &'static str, error: &dyn std::fmt::Display) -> FakeError {
    FakeError::Mls(format!("listener: {what}: {error}"))
}

impl Listener {
    /// A member who is in no group and has a key package to be added with.
    pub(crate) fn new(user_id: u64, channel_id: u64, sender: &ExternalSenderKey) -> Result<Self, FakeError> {
        let mut dave = DaveSession::new(VERSION, user_id, channel_id, None)
            .map_err(|error| failed("session", &error))?;
        dave.set_external_sender(sender.package())
            .map_err(|error| failed("external sender", &error))?;
        let package = dave
            .create_key_package()
            .map_err(|error| failed("key package", &error))?;
        let join_key = sender.read_key_package(&package)?;
        Ok(Self {
            user_id,
            dave,
            join_key,
            crypto: OpenMlsRustCrypto::default(),
        })
    }

    /// What it can be added with.
    pub(crate) fn join_key(&self) -> &JoinKey {
        &self.join_key
    }

    /// Commits proposals (the vector of op 27) as a member, or as the creator of the group.
    pub(crate) fn commit(&mut self, proposals: &[u8], expected: &[u64]) -> Result<CommitWelcome, FakeError> {
        self.dave
            .process_proposals(ProposalsOperationType::APPEND, proposals, Some(expected))
            .map_err(|error| failed("proposals", &error))?
            .ok_or_else(|| failed("proposals", &"nothing to commit"))
    }

    /// Applies an announced commit.
    pub(crate) fn apply(&mut self, commit: &[u8]) -> Result<(), FakeError> {
        match self.dave.process_commit(commit) {
            Ok(true) => Ok(()),
            Ok(false) => Err(failed("commit", &"ignored")),
            Err(error) => Err(failed("commit", &error)),
        }
    }

    /// Joins through a welcome.
    pub(crate) fn welcome(&mut self, welcome: &[u8], expected: &[u64]) -> Result<(), FakeError> {
        self.dave
            .process_welcome(welcome, Some(expected))
            .map_err(|error| failed("welcome", &error))
    }

    /// Epoch of its group.
    pub(crate) fn epoch(&self) -> u64 {
        self.dave.epoch().map_or(0, |epoch| epoch.as_u64())
    }

    /// Leaf index and user id of every member of its group.
    pub(crate) fn members(&self) -> Vec<(u32, u64)> {
        self.dave
            .group()
            .map(|group| {
                group
                    .members()
                    .filter_map(|member| {
                        Some((
                            member.index.u32(),
                            user_id_of(member.credential.serialized_content())?,
                        ))
                    })
                    .collect()
            })
            .unwrap_or_default()
    }

    /// The exported secret of a sender in the present epoch.
    pub(crate) fn secret_of(&self, user_id: u64) -> Result<Vec<u8>, FakeError> {
        let group = self.dave.group().ok_or_else(|| failed("exporter", &"no group"))?;
        group
            .export_secret(
                self.crypto.crypto(),
                EXPORTER_LABEL,
                &user_id.to_le_bytes(),
                SECRET_LENGTH,
            )
            .map_err(|error| failed("exporter", &error))
    }

    /// Its user id.
    pub(crate) fn user_id(&self) -> u64 {
        self.user_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::{Frame, SenderKey};

    /// The reference encryptor seals, our own decryption opens.
    #[test]
    fn opens_what_the_reference_encryptor_seals() {
        let sender = ExternalSenderKey::generate().unwrap();
        let mut listener = Listener::new(1, 5, &sender).unwrap();
        let mut bot = DaveSession::new(VERSION, 2, 5, None).unwrap();
        bot.set_external_sender(sender.package()).unwrap();
        let key = sender
            .read_key_package(&bot.create_key_package().unwrap())
            .unwrap();
        let proposals = sender.propose(5, 0, &[&key], &[]).unwrap();
        let made = listener.commit(&proposals, &[1, 2]).unwrap();
        listener.apply(&made.commit).unwrap();
        bot.process_welcome(&made.welcome.unwrap(), Some(&[1, 2]))
            .unwrap();
        bot.prepare_transition(0, 1).unwrap();

        let mut own = SenderKey::new(&listener.secret_of(2).unwrap());
        let mut opened = Vec::new();
        for length in [1usize, 3, 60, 400, 1_275] {
            let opus: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let sealed = bot.encrypt_opus(&opus).unwrap().into_owned();
            assert!(
                own.open(&Frame::parse(&sealed).unwrap(), &mut opened),
                "length {length}"
            );
            assert_eq!(opened, opus);
        }
    }
}
