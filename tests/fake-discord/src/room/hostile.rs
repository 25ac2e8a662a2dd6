//! What a broken or malicious server may send to a client in the group.

use openmls::prelude::tls_codec::{Serialize, VLBytes};

use super::group::with_operation;
use super::listener::Listener;
use super::mls::ExternalSenderKey;
use super::{Client, Room};
use crate::error::FakeError;
use crate::gateway::op;

/// Users nobody announced.
const STRANGER: u64 = 666_000_000_000_000_000;

/// First byte of op 27: the references of proposals to be forgotten follow.
const REVOKE: u8 = 1;

/// A message no server should send. The first six are to be refused without an answer; the last two are to be answered
/// with op 31 and a new key package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// Op 27: adds a user whom op 11 never named.
    StrangerProposal,
    /// Op 27: adds a user, signed by another key than the external sender's.
    ForgedProposal,
    /// Op 27: adds a user to the group of another channel.
    ForeignProposal,
    /// Op 27: revokes a proposal that was never made.
    UnknownRevocation,
    /// Op 25: another external sender, inside the established group.
    OtherExternalSender,
    /// Op 25: the same external sender again, inside the established group.
    SameExternalSender,
    /// Op 29: a commit of another channel's group.
    ForeignCommit,
    /// Op 30: a welcome into another channel's group.
    ForeignWelcome,
}

impl Room {
    /// Sends it to the newest client in the group.
    pub(super) fn be_hostile(&mut self, what: Hostile) -> Result<(), FakeError> {
        let nobody = || FakeError::NoConnection(self.guild_id);
        let epoch = self.group.as_ref().ok_or_else(nobody)?.epoch;
        let channel = self.channel_id;
        let elsewhere = channel ^ 1;
        let shared = self.shared.clone();
        let sender = &shared.external_sender;
        let stranger = Listener::new(STRANGER, channel, sender)?;
        let add = |sender: &ExternalSenderKey, channel: u64| {
            let proposals = sender.propose(channel, epoch, &[stranger.join_key()], &[])?;
            Ok::<_, FakeError>((op::PROPOSALS, with_operation(&proposals)))
        };
        let (code, payload) = match what {
            Hostile::StrangerProposal => add(sender, channel)?,
            Hostile::ForgedProposal => add(&ExternalSenderKey::generate()?, channel)?,
            Hostile::ForeignProposal => add(sender, elsewhere)?,
            Hostile::UnknownRevocation => {
                let reference = VLBytes::new(vec![7; 32]).tls_serialize_detached();
                let references = reference.and_then(|one| VLBytes::new(one).tls_serialize_detached());
                let references = references.map_err(|error| FakeError::Mls(error.to_string()))?;
                (op::PROPOSALS, [vec![REVOKE], references].concat())
            }
            Hostile::OtherExternalSender => (
                op::EXTERNAL_SENDER,
                ExternalSenderKey::generate()?.package().to_vec(),
            ),
            Hostile::SameExternalSender => (op::EXTERNAL_SENDER, sender.package().to_vec()),
            Hostile::ForeignCommit | Hostile::ForeignWelcome => {
                let mut creator = Listener::new(STRANGER + 1, elsewhere, sender)?;
                let proposals = sender.propose(elsewhere, 0, &[stranger.join_key()], &[])?;
                let made = creator.commit(&proposals, &[STRANGER, STRANGER + 1])?;
                let (code, body) = match what {
                    Hostile::ForeignCommit => (op::ANNOUNCE_COMMIT, Some(made.commit)),
                    _ => (op::WELCOME, made.welcome),
                };
                let mut payload = self.next_transition().to_be_bytes().to_vec();
                payload.extend(body.unwrap_or_default());
                (code, payload)
            }
        };
        let answered = matches!(code, op::ANNOUNCE_COMMIT | op::WELCOME);
        let guild_id = self.guild_id;
        let client = self
            .clients
            .iter_mut()
            .rev()
            .find(|client| client.in_group)
            .ok_or(FakeError::NoConnection(guild_id))?;
        client.session.send_binary(code, &payload);
        if answered {
            client.expect_recovery();
        }
        Ok(())
    }
}

impl Client {
    /// The call is settled again only once op 31 and a new key package came and the client was added anew.
    pub(super) fn expect_recovery(&mut self) {
        self.readd = true;
        self.join_key = None;
    }
}
