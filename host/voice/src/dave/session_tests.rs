//! The DAVE state machine against a gateway played by the test and members run by davey itself.

use std::num::NonZeroU16;

use davey::{DaveSession, MediaType, ProposalsOperationType};
use openmls::prelude::{
    BasicCredential, Ciphersuite, ExternalProposal, ExternalSender, GroupEpoch, GroupId, KeyPackageIn,
    LeafNodeIndex, MlsMessageOut, OpenMlsProvider, ProtocolVersion, SenderExtensionIndex,
    tls_codec::{DeserializeBytes, Serialize, VLBytes},
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;
use proptest::prelude::*;

use super::*;
use crate::dave::encryptor::MAX_OVERHEAD;

#[path = "session_hostile_tests.rs"]
mod hostile;
#[path = "session_storm_tests.rs"]
mod storm;

const CHANNEL: u64 = 700;
const ME: u64 = 1;
const ALICE: u64 = 2;
const BOB: u64 = 3;

/// The voice gateway's part in MLS: it proposes members.
struct Gateway {
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    sender: ExternalSender,
}

impl Gateway {
    fn new() -> Self {
        let suite = Ciphersuite::MLS_128_DHKEMP256_AES128GCM_SHA256_P256;
        let signer = SignatureKeyPair::new(suite.signature_algorithm()).unwrap();
        let sender = ExternalSender::new(signer.public().into(), BasicCredential::new(vec![9; 8]).into());
        Self {
            provider: OpenMlsRustCrypto::default(),
            signer,
            sender,
        }
    }

    fn external_sender(&self) -> Bytes {
        self.sender.tls_serialize_detached().unwrap().into()
    }

    /// Op 27 for a new member.
    fn propose_add(&self, epoch: u64, key_package: &[u8]) -> Bytes {
        self.propose_add_in(CHANNEL, epoch, key_package)
    }

    fn propose_add_in(&self, channel: u64, epoch: u64, key_package: &[u8]) -> Bytes {
        let key_package = KeyPackageIn::tls_deserialize_exact_bytes(key_package)
            .unwrap()
            .validate(self.provider.crypto(), ProtocolVersion::Mls10)
            .unwrap();
        let message = ExternalProposal::new_add::<OpenMlsRustCrypto>(
            key_package,
            GroupId::from_slice(&channel.to_be_bytes()),
            GroupEpoch::from(epoch),
            &self.signer,
            SenderExtensionIndex::new(0),
        );
        Self::append(message.unwrap())
    }

    /// Op 27 for a member that leaves.
    fn propose_remove(&self, epoch: u64, leaf: u32) -> Bytes {
        let message = ExternalProposal::new_remove::<OpenMlsRustCrypto>(
            LeafNodeIndex::new(leaf),
            GroupId::from_slice(&CHANNEL.to_be_bytes()),
            GroupEpoch::from(epoch),
            &self.signer,
            SenderExtensionIndex::new(0),
        );
        Self::append(message.unwrap())
    }

    fn append(message: MlsMessageOut) -> Bytes {
        let message = VLBytes::new(message.tls_serialize_detached().unwrap());
        [vec![0], message.tls_serialize_detached().unwrap()]
            .concat()
            .into()
    }

    /// Somebody else in the channel.
    fn member(&self, user: u64) -> DaveSession {
        let mut member = DaveSession::new(NonZeroU16::MIN, user, CHANNEL, None).unwrap();
        member.set_external_sender(&self.external_sender()).unwrap();
        member
    }
}

fn feed(machine: &mut Machine, input: Input) -> Vec<Output> {
    machine.handle(input, Instant::now())
}

/// The encryptor of the only output.
fn sealed(outputs: Vec<Output>) -> Box<FrameEncryptor> {
    match <[Output; 1]>::try_from(outputs) {
        Ok([Output::Protect(Protection::Sealed(encryptor))]) => encryptor,
        _ => panic!("not a new key"),
    }
}

fn key_package(outputs: &[Output]) -> &[u8] {
    outputs
        .iter()
        .find_map(|output| match output {
            Output::KeyPackage(bytes) => Some(bytes.as_slice()),
            _ => None,
        })
        .expect("a key package is offered")
}

fn is_ready(outputs: &[Output], id: u16) -> bool {
    matches!(outputs, [Output::TransitionReady(ready)] if *ready == id)
}

fn is_plain(outputs: &[Output]) -> bool {
    matches!(outputs, [Output::Protect(Protection::Plain)])
}

fn is_hold(outputs: &[Output], expected: u16) -> bool {
    matches!(outputs, [Output::Protect(Protection::Hold { slots })] if *slots == expected)
}

/// Encrypts with our key and decrypts with davey's receiver.
fn assert_hears(listener: &mut DaveSession, encryptor: &mut FrameEncryptor) {
    for text in [&b"first frame"[..], b"second"] {
        let mut frame = text.to_vec();
        frame.resize(text.len() + MAX_OVERHEAD, 0);
        let length = encryptor.encrypt(&mut frame, text.len()).unwrap();
        assert_eq!(
            listener.decrypt(ME, MediaType::AUDIO, &frame[..length]).unwrap(),
            text
        );
    }
}

/// A machine in a group with Alice, which she created; transition 1 is executed.
fn joined(gateway: &Gateway) -> (Machine, DaveSession, Box<FrameEncryptor>) {
    let mut machine = Machine::new(ME, CHANNEL);
    let mut alice = gateway.member(ALICE);
    assert!(feed(&mut machine, Input::UsersJoined(vec![ALICE, ME])).is_empty());
    let outputs = feed(&mut machine, Input::Start { version: 1 });
    let proposal = gateway.propose_add(0, key_package(&outputs));
    assert!(feed(&mut machine, Input::ExternalSender(gateway.external_sender())).is_empty());
    let encryptor = welcome(&mut machine, &mut alice, &proposal, 1);
    (machine, alice, encryptor)
}

/// Alice commits to adding us; transition `id` brings us in.
fn welcome(machine: &mut Machine, alice: &mut DaveSession, proposal: &Bytes, id: u16) -> Box<FrameEncryptor> {
    let made = alice.process_proposals(ProposalsOperationType::APPEND, &proposal[1..], None);
    let made = made.unwrap().expect("a commit");
    alice.process_commit(&made.commit).unwrap();
    alice.prepare_transition(id, 1).unwrap();
    let message = made.welcome.expect("a welcome").into();
    assert!(is_ready(&feed(machine, Input::Welcome { id, message }), id));
    alice.execute_transition(id).unwrap();
    sealed(feed(machine, Input::ExecuteTransition { id }))
}

#[test]
fn joins_an_existing_group_and_is_heard() {
    let gateway = Gateway::new();
    let (mut machine, mut alice, mut encryptor) = joined(&gateway);
    assert_hears(&mut alice, &mut encryptor);
    assert!(
        feed(&mut machine, Input::ExecuteTransition { id: 1 }).is_empty(),
        "executed once only"
    );
}

#[test]
fn our_own_commit_wins_and_the_key_waits_for_its_execution() {
    let gateway = Gateway::new();
    let mut machine = Machine::new(ME, CHANNEL);
    let mut bob = gateway.member(BOB);
    feed(&mut machine, Input::ExternalSender(gateway.external_sender()));
    let outputs = feed(&mut machine, Input::Start { version: 1 });
    assert!(matches!(
        outputs.as_slice(),
        [
            Output::Protect(Protection::Hold { slots: ROSTER_SLOTS }),
            Output::KeyPackage(_)
        ]
    ));
    assert!(is_hold(
        &feed(&mut machine, Input::UsersJoined(vec![BOB])),
        NEGOTIATION_SLOTS
    ));
    let proposal = gateway.propose_add(0, &bob.create_key_package().unwrap());
    let outputs = feed(&mut machine, Input::Proposals(proposal));
    let [Output::CommitWelcome(message)] = outputs.as_slice() else {
        panic!("no commit")
    };
    // The gateway takes the two apart; the welcome is what is left behind the commit.
    let (_, welcome) = openmls::prelude::MlsMessageIn::tls_deserialize_bytes(message).unwrap();
    let commit = Bytes::copy_from_slice(&message[..message.len() - welcome.len()]);
    bob.process_welcome(welcome, Some(&[ME, BOB])).unwrap();
    bob.prepare_transition(4, 1).unwrap();
    assert!(is_ready(
        &feed(
            &mut machine,
            Input::Commit {
                id: 4,
                message: commit
            }
        ),
        4
    ));
    let mut encryptor = sealed(feed(&mut machine, Input::ExecuteTransition { id: 4 }));
    assert_hears(&mut bob, &mut encryptor);
}

#[test]
fn each_transition_switches_to_its_own_epoch() {
    let gateway = Gateway::new();
    let (mut machine, mut alice, first) = joined(&gateway);
    let mut bob = gateway.member(BOB);
    feed(&mut machine, Input::UsersJoined(vec![BOB]));
    for (epoch, id) in [(1, 10), (2, 11)] {
        let proposal = match epoch {
            1 => gateway.propose_add(epoch, &bob.create_key_package().unwrap()),
            _ => gateway.propose_remove(epoch, 2),
        };
        let made = alice
            .process_proposals(ProposalsOperationType::APPEND, &proposal[1..], None)
            .unwrap()
            .unwrap();
        assert!(matches!(
            feed(&mut machine, Input::Proposals(proposal)).as_slice(),
            [Output::CommitWelcome(_)]
        ));
        alice.process_commit(&made.commit).unwrap();
        alice.prepare_transition(id, 1).unwrap();
        assert!(is_ready(
            &feed(
                &mut machine,
                Input::Commit {
                    id,
                    message: made.commit.into()
                }
            ),
            id
        ));
    }
    let second = sealed(feed(&mut machine, Input::ExecuteTransition { id: 10 }));
    let mut third = sealed(feed(&mut machine, Input::ExecuteTransition { id: 11 }));
    assert!(!first.same_epoch(&second) && !second.same_epoch(&third));
    assert_hears(&mut alice, &mut third);
}

#[test]
fn transition_zero_is_in_force_at_once() {
    let gateway = Gateway::new();
    let mut machine = Machine::new(ME, CHANNEL);
    let mut alice = gateway.member(ALICE);
    feed(&mut machine, Input::UsersJoined(vec![ALICE]));
    let outputs = feed(&mut machine, Input::Start { version: 1 });
    feed(&mut machine, Input::ExternalSender(gateway.external_sender()));
    let proposal = gateway.propose_add(0, key_package(&outputs));
    let made = alice
        .process_proposals(ProposalsOperationType::APPEND, &proposal[1..], None)
        .unwrap()
        .unwrap();
    let message = made.welcome.unwrap().into();
    sealed(feed(&mut machine, Input::Welcome { id: 0, message }));
}

#[test]
fn holds_only_while_others_wait_for_a_key() {
    let mut machine = Machine::new(ME, CHANNEL);
    feed(&mut machine, Input::Start { version: 1 });
    assert!(is_hold(
        &feed(&mut machine, Input::UsersJoined(vec![ALICE])),
        NEGOTIATION_SLOTS
    ));
    assert!(
        feed(&mut machine, Input::UsersJoined(vec![BOB])).is_empty(),
        "the time runs from the first"
    );
    assert!(feed(&mut machine, Input::UserLeft(BOB)).is_empty());
    assert!(
        is_plain(&feed(&mut machine, Input::UserLeft(ALICE))),
        "nobody hears it"
    );
    assert!(feed(&mut machine, Input::UserLeft(ALICE)).is_empty());
    assert!(
        feed(&mut machine, Input::UsersJoined(vec![ME])).is_empty(),
        "we are not company"
    );

    let mut unencrypted = Machine::new(ME, CHANNEL);
    assert!(is_plain(&feed(&mut unencrypted, Input::Start { version: 0 })));
    assert!(feed(&mut unencrypted, Input::UsersJoined(vec![ALICE])).is_empty());

    let gateway = Gateway::new();
    let (mut machine, ..) = joined(&gateway);
    assert!(feed(&mut machine, Input::UserLeft(ALICE)).is_empty());
    assert!(
        feed(&mut machine, Input::UsersJoined(vec![BOB])).is_empty(),
        "a key is in use"
    );
}

#[test]
fn downgrade_and_upgrade() {
    let gateway = Gateway::new();
    let (mut machine, mut alice, _) = joined(&gateway);
    assert!(is_ready(
        &feed(&mut machine, Input::PrepareTransition { id: 20, version: 0 }),
        20
    ));
    assert!(is_plain(&feed(&mut machine, Input::ExecuteTransition { id: 20 })));
    assert!(
        feed(&mut machine, Input::UsersJoined(vec![BOB])).is_empty(),
        "no key is expected now"
    );
    let outputs = feed(&mut machine, Input::PrepareEpoch { epoch: 1, version: 1 });
    let [Output::KeyPackage(package)] = outputs.as_slice() else {
        panic!("no key package")
    };
    let proposal = gateway.propose_add(0, package);
    alice.reinit(NonZeroU16::MIN, ALICE, CHANNEL, None).unwrap();
    let mut encryptor = welcome(&mut machine, &mut alice, &proposal, 21);
    assert_hears(&mut alice, &mut encryptor);
}

#[test]
fn sole_member_reset_keeps_the_key_until_the_transition() {
    let gateway = Gateway::new();
    let (mut machine, ..) = joined(&gateway);
    feed(&mut machine, Input::UserLeft(ALICE));
    let outputs = feed(&mut machine, Input::PrepareEpoch { epoch: 1, version: 1 });
    assert!(
        matches!(outputs.as_slice(), [Output::KeyPackage(_)]),
        "the key in use stays"
    );
    assert!(is_plain(&feed(
        &mut machine,
        Input::PrepareTransition { id: 0, version: 1 }
    )));
    assert!(is_hold(
        &feed(&mut machine, Input::UsersJoined(vec![BOB])),
        NEGOTIATION_SLOTS
    ));
}

#[test]
fn a_bad_commit_is_reported_and_leads_back_into_the_group() {
    let gateway = Gateway::new();
    let (mut machine, mut alice, _) = joined(&gateway);
    let outputs = feed(
        &mut machine,
        Input::Commit {
            id: 30,
            message: Bytes::from_static(b"garbage"),
        },
    );
    let [Output::InvalidCommitWelcome(30), Output::KeyPackage(package)] = outputs.as_slice() else {
        panic!("not reported, or the key in use was touched")
    };
    let proposal = gateway.propose_add(0, package);
    alice.reinit(NonZeroU16::MIN, ALICE, CHANNEL, None).unwrap();
    let mut encryptor = welcome(&mut machine, &mut alice, &proposal, 31);
    assert_hears(&mut alice, &mut encryptor);
}

#[test]
fn repeated_failures_call_for_a_new_session() {
    let mut machine = Machine::new(ME, CHANNEL);
    feed(&mut machine, Input::Start { version: 1 });
    let start = Instant::now();
    let mut fail = |after: u64| {
        let input = Input::Welcome {
            id: 1,
            message: Bytes::from_static(b"x"),
        };
        machine.handle(input, start + Duration::from_secs(after))
    };
    let reports = |outputs: Vec<Output>| matches!(outputs[0], Output::InvalidCommitWelcome(1));
    assert!(reports(fail(0)) && reports(fail(1)));
    assert!(reports(fail(31)), "the first is too old to count");
    assert!(matches!(fail(31).as_slice(), [Output::Restart]));
}

#[test]
fn strangers_are_not_added() {
    let gateway = Gateway::new();
    let (mut machine, mut alice, _) = joined(&gateway);
    let proposal = gateway.propose_add(1, &gateway.member(BOB).create_key_package().unwrap());
    assert!(feed(&mut machine, Input::Proposals(proposal.clone())).is_empty());
    feed(&mut machine, Input::UsersJoined(vec![BOB]));
    let outputs = feed(&mut machine, Input::Proposals(proposal.clone()));
    assert!(matches!(outputs.as_slice(), [Output::CommitWelcome(_)]));
    let made = alice
        .process_proposals(ProposalsOperationType::APPEND, &proposal[1..], None)
        .unwrap()
        .unwrap();
    assert!(is_ready(
        &feed(
            &mut machine,
            Input::Commit {
                id: 2,
                message: made.commit.into()
            }
        ),
        2
    ));
}

#[test]
fn a_late_external_sender_and_unknown_versions_are_ignored() {
    let gateway = Gateway::new();
    let (mut machine, ..) = joined(&gateway);
    assert!(feed(&mut machine, Input::ExternalSender(gateway.external_sender())).is_empty());
    assert!(feed(&mut machine, Input::PrepareEpoch { epoch: 1, version: 9 }).is_empty());
    assert!(feed(&mut machine, Input::PrepareEpoch { epoch: 2, version: 1 }).is_empty());
    assert!(feed(&mut machine, Input::Proposals(Bytes::from_static(&[7, 1, 2]))).is_empty());
    let mut unsupported = Machine::new(ME, CHANNEL);
    let outputs = feed(&mut unsupported, Input::Start { version: 9 });
    assert!(matches!(outputs.last(), Some(Output::Restart)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes_are_survived(inputs in proptest::collection::vec(
        (0u8..4, proptest::collection::vec(any::<u8>(), 0..300)), 0..6,
    )) {
        let gateway = Gateway::new();
        let mut machine = Machine::new(ME, CHANNEL);
        feed(&mut machine, Input::ExternalSender(gateway.external_sender()));
        feed(&mut machine, Input::Start { version: 1 });
        for (kind, bytes) in inputs {
            let message = Bytes::from(bytes);
            feed(&mut machine, match kind {
                0 => Input::ExternalSender(message),
                1 => Input::Proposals(message),
                2 => Input::Commit { id: 1, message },
                _ => Input::Welcome { id: 1, message },
            });
        }
    }
}
