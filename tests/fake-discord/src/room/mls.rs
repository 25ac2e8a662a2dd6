//! The voice gateway's part in MLS: the external sender's proposals, and taking apart what members send.

use openmls::prelude::tls_codec::{DeserializeBytes, Serialize, VLBytes};
use openmls::prelude::{
    BasicCredential, Ciphersuite, ContentType, ExternalProposal, ExternalSender, GroupEpoch, GroupId,
    KeyPackage, KeyPackageIn, LeafNodeIndex, MlsMessageIn, OpenMlsProvider, ProtocolMessage, ProtocolVersion,
    Sender, SenderExtensionIndex, Welcome,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use crate::error::FakeError;

/// The ciphersuite of DAVE version 1.
const CIPHERSUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMP256_AES128GCM_SHA256_P256;
/// Identity in the external sender's credential; clients only compare it with what op 25 said.
const SENDER_IDENTITY: [u8; 4] = [0, 1, 1, 0];
/// `u8 0` in front of the proposals of op 27: append.
pub(crate) const APPEND: u8 = 0;

fn failed(what: &str) -> impl FnOnce(String) -> FakeError {
    move |error| FakeError::Mls(format!("{what}: {error}"))
}

/// The key the voice server signs proposals with.
pub(crate) struct ExternalSenderKey {
    signer: SignatureKeyPair,
    package: Vec<u8>,
    crypto: OpenMlsRustCrypto,
}

/// A client's key package that may be proposed.
#[derive(Clone, Debug)]
pub(crate) struct JoinKey {
    pub(crate) user_id: u64,
    /// Reference under which a welcome addresses it.
    pub(crate) reference: Vec<u8>,
    package: KeyPackage,
}

impl ExternalSenderKey {
    /// Generates the key pair.
    pub(crate) fn generate() -> Result<Self, FakeError> {
        let signer = SignatureKeyPair::new(CIPHERSUITE.signature_algorithm())
            .map_err(|error| failed("external sender key")(error.to_string()))?;
        let sender = ExternalSender::new(
            signer.public().into(),
            BasicCredential::new(SENDER_IDENTITY.to_vec()).into(),
        );
        let package = sender
            .tls_serialize_detached()
            .map_err(|error| failed("external sender package")(error.to_string()))?;
        Ok(Self {
            signer,
            package,
            crypto: OpenMlsRustCrypto::default(),
        })
    }

    /// Payload of op 25.
    pub(crate) fn package(&self) -> &[u8] {
        &self.package
    }

    /// Checks a key package (op 26): signature, lifetime, credential.
    pub(crate) fn read_key_package(&self, bytes: &[u8]) -> Result<JoinKey, FakeError> {
        guarded("key package", || self.parse_key_package(bytes))
    }

    fn parse_key_package(&self, bytes: &[u8]) -> Result<JoinKey, FakeError> {
        let package = KeyPackageIn::tls_deserialize_exact_bytes(bytes)
            .map_err(|error| failed("key package")(error.to_string()))?
            .validate(self.crypto.crypto(), ProtocolVersion::Mls10)
            .map_err(|error| failed("key package")(error.to_string()))?;
        let identity = package.leaf_node().credential().serialized_content();
        let user_id = user_id_of(identity)
            .ok_or_else(|| failed("key package")(format!("identity has {} bytes, not 8", identity.len())))?;
        let reference = package
            .hash_ref(self.crypto.crypto())
            .map_err(|error| failed("key package")(error.to_string()))?
            .as_slice()
            .to_vec();
        Ok(JoinKey {
            user_id,
            reference,
            package,
        })
    }

    /// The vector of proposals of op 27, without the leading operation byte.
    pub(crate) fn propose(
        &self,
        channel_id: u64,
        epoch: u64,
        adds: &[&JoinKey],
        removes: &[u32],
    ) -> Result<Vec<u8>, FakeError> {
        let group = GroupId::from_slice(&channel_id.to_be_bytes());
        let epoch = GroupEpoch::from(epoch);
        let index = SenderExtensionIndex::new(0);
        let mut proposals = Vec::new();
        for leaf in removes {
            let message = ExternalProposal::new_remove::<OpenMlsRustCrypto>(
                LeafNodeIndex::new(*leaf),
                group.clone(),
                epoch,
                &self.signer,
                index,
            )
            .map_err(|error| failed("remove proposal")(error.to_string()))?;
            proposals.extend(
                message
                    .tls_serialize_detached()
                    .map_err(|error| failed("remove proposal")(error.to_string()))?,
            );
        }
        for key in adds {
            let message = ExternalProposal::new_add::<OpenMlsRustCrypto>(
                key.package.clone(),
                group.clone(),
                epoch,
                &self.signer,
                index,
            )
            .map_err(|error| failed("add proposal")(error.to_string()))?;
            proposals.extend(
                message
                    .tls_serialize_detached()
                    .map_err(|error| failed("add proposal")(error.to_string()))?,
            );
        }
        VLBytes::new(proposals)
            .tls_serialize_detached()
            .map_err(|error| failed("proposals")(error.to_string()))
    }
}

/// The user id in a credential: 8 bytes, big endian.
pub(crate) fn user_id_of(identity: &[u8]) -> Option<u64> {
    identity.try_into().ok().map(u64::from_be_bytes)
}

/// The two parts of op 28 with what the server needs to judge them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) commit: Vec<u8>,
    pub(crate) welcome: Option<Vec<u8>>,
    /// Epoch the commit starts from.
    pub(crate) epoch: u64,
}

/// Takes op 28 apart and checks that it is a member's commit in the group of `channel_id`.
pub(crate) fn read_commit(channel_id: u64, payload: &[u8]) -> Result<Commit, FakeError> {
    guarded("commit", || parse_commit(channel_id, payload))
}

/// Parses bytes of a client. The codec library has debug assertions on lengths that a sender controls;
/// in a build with debug assertions they must not take the call down.
fn guarded<T>(what: &str, parse: impl FnOnce() -> Result<T, FakeError>) -> Result<T, FakeError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(parse))
        .unwrap_or_else(|_| Err(FakeError::Mls(format!("{what}: malformed length"))))
}

fn parse_commit(channel_id: u64, payload: &[u8]) -> Result<Commit, FakeError> {
    let (message, welcome) =
        MlsMessageIn::tls_deserialize_bytes(payload).map_err(|error| failed("commit")(error.to_string()))?;
    let commit = payload[..payload.len() - welcome.len()].to_vec();
    let protocol = message
        .try_into_protocol_message()
        .map_err(|error| failed("commit")(error.to_string()))?;
    let ProtocolMessage::PublicMessage(public) = protocol else {
        return Err(FakeError::Mls("commit: not a public message".to_owned()));
    };
    if public.group_id().as_slice() != channel_id.to_be_bytes() {
        return Err(FakeError::Mls(format!(
            "commit: group id is not channel {channel_id}"
        )));
    }
    if public.content_type() != ContentType::Commit || !matches!(public.sender(), Sender::Member(_)) {
        return Err(FakeError::Mls("commit: not a commit of a member".to_owned()));
    }
    let welcome = if welcome.is_empty() {
        None
    } else {
        Welcome::tls_deserialize_exact_bytes(welcome)
            .map_err(|error| failed("welcome after the commit")(error.to_string()))?;
        Some(welcome.to_vec())
    };
    Ok(Commit {
        commit,
        welcome,
        epoch: public.epoch().as_u64(),
    })
}

/// The welcome with only the secrets of the key package `reference` left, as op 30 carries it.
///
/// Layout (RFC 9420, section 12.4.3.1): `suite u16 | secrets<V> of (reference<V>, kem output<V>, ciphertext<V>) | info<V>`.
pub(crate) fn welcome_for(welcome: &[u8], reference: &[u8]) -> Option<Vec<u8>> {
    let (suite, rest) = welcome.split_at_checked(2)?;
    let (secrets, info) = split_vector(rest)?;
    let mut remaining = vector_body(secrets)?;
    while !remaining.is_empty() {
        let (new_member, after) = split_vector(remaining)?;
        let (kem_output, after) = split_vector(after)?;
        let (ciphertext, after) = split_vector(after)?;
        if vector_body(new_member)? == reference {
            let body = [new_member, kem_output, ciphertext].concat();
            let secrets = VLBytes::new(body).tls_serialize_detached().ok()?;
            return Some([suite, &secrets, info].concat());
        }
        remaining = after;
    }
    None
}

/// Header length and body length of the vector at the start of `bytes` (RFC 9420, section 2.1.2).
fn vector_lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.first()?;
    let header = match first >> 6 {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => return None,
    };
    let body = bytes
        .get(..header)?
        .iter()
        .enumerate()
        .fold(0usize, |length, (n, byte)| {
            length << 8 | usize::from(if n == 0 { byte & 0x3F } else { *byte })
        });
    Some((header, body))
}

/// Splits the vector at the start of `bytes`, length prefix included, from what follows.
fn split_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, body) = vector_lengths(bytes)?;
    bytes.split_at_checked(header.checked_add(body)?)
}

/// The contents of a vector that fills `bytes`.
fn vector_body(bytes: &[u8]) -> Option<&[u8]> {
    let (header, body) = vector_lengths(bytes)?;
    bytes.get(header..header.checked_add(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::listener::Listener;

    #[test]
    fn a_welcome_for_two_is_cut_to_one() {
        let sender = ExternalSenderKey::generate().unwrap();
        let mut creator = Listener::new(1, 77, &sender).unwrap();
        let mut second = Listener::new(2, 77, &sender).unwrap();
        let mut third = Listener::new(3, 77, &sender).unwrap();
        let proposals = sender
            .propose(77, 0, &[second.join_key(), third.join_key()], &[])
            .unwrap();
        let made = creator.commit(&proposals, &[1, 2, 3]).unwrap();
        let payload = [made.commit.clone(), made.welcome.clone().unwrap()].concat();
        let read = read_commit(77, &payload).unwrap();
        assert_eq!(
            (read.epoch, &read.commit, &read.welcome),
            (0, &made.commit, &made.welcome)
        );
        assert!(read_commit(78, &payload).is_err());

        let whole = made.welcome.unwrap();
        let reference = second.join_key().reference.clone();
        let cut = welcome_for(&whole, &reference).unwrap();
        assert!(cut.len() < whole.len());
        assert_eq!(welcome_for(&whole, &[0; 32]), None);
        let other = third.join_key().reference.clone();
        assert_eq!(welcome_for(&cut, &other), None);
        second.welcome(&cut, &[1, 2, 3]).unwrap();
        assert!(third.welcome(&cut, &[1, 2, 3]).is_err());
        creator.apply(&made.commit).unwrap();
        assert_eq!(creator.secret_of(9).unwrap(), second.secret_of(9).unwrap());
        assert_ne!(creator.secret_of(9).unwrap(), creator.secret_of(8).unwrap());
        assert_eq!(second.members(), vec![(0, 1), (1, 2), (2, 3)]);
    }

    #[test]
    fn key_packages_name_their_user() {
        let sender = ExternalSenderKey::generate().unwrap();
        let mut session = davey::DaveSession::new(std::num::NonZeroU16::MIN, 4_242, 77, None).unwrap();
        let mut bytes = session.create_key_package().unwrap();
        assert_eq!(sender.read_key_package(&bytes).unwrap().user_id, 4_242);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(sender.read_key_package(&bytes).is_err());
    }

    #[test]
    fn a_length_of_the_reserved_form_is_an_error() {
        let payload = [[0, 1, 0, 1].as_slice(), &[0xEE; 120]].concat();
        assert!(read_commit(1, &payload).is_err());
        assert!(
            ExternalSenderKey::generate()
                .unwrap()
                .read_key_package(&[0xEE; 120])
                .is_err()
        );
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_payloads_are_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
            let _ = welcome_for(&bytes, &[0; 32]);
            proptest::prop_assert!(read_commit(1, &bytes).is_err());
        }
    }
}
