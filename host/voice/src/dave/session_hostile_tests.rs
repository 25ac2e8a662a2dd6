//! What a broken or hostile gateway may send: every one is refused, and the call goes on.

use super::*;

const STRANGER: u64 = 66;

/// Bytes whose length prefix has the reserved form, on which the codec library asserts in debug builds.
const RESERVED_LENGTH: [u8; 40] = [0xEE; 40];

/// The next epoch works: Bob is added, and Alice hears us under its key.
fn assert_goes_on(gateway: &Gateway, machine: &mut Machine, alice: &mut DaveSession) {
    let mut bob = gateway.member(BOB);
    feed(machine, Input::UsersJoined(vec![BOB]));
    let epoch = alice.epoch().unwrap().as_u64();
    let proposal = gateway.propose_add(epoch, &bob.create_key_package().unwrap());
    let made = alice
        .process_proposals(ProposalsOperationType::APPEND, &proposal[1..], None)
        .unwrap()
        .unwrap();
    assert!(matches!(
        feed(machine, Input::Proposals(proposal)).as_slice(),
        [Output::CommitWelcome(_)]
    ));
    alice.process_commit(&made.commit).unwrap();
    alice.prepare_transition(900, 1).unwrap();
    let message = made.commit.into();
    assert!(is_ready(&feed(machine, Input::Commit { id: 900, message }), 900));
    assert_hears(
        alice,
        &mut sealed(feed(machine, Input::ExecuteTransition { id: 900 })),
    );
}

#[test]
fn proposals_that_are_not_the_external_senders_are_refused() {
    let gateway = Gateway::new();
    let (mut machine, mut alice, _) = joined(&gateway);
    let package = gateway.member(STRANGER).create_key_package().unwrap();
    let impostor = Gateway::new();
    let cases = [
        ("a user op 11 did not name", gateway.propose_add(1, &package)),
        ("another signer", impostor.propose_add(1, &package)),
        ("an epoch of the future", gateway.propose_add(7, &package)),
        ("no operation", Bytes::new()),
        ("an unknown operation", Bytes::from_static(&[9, 0])),
        ("an operation without proposals", Bytes::from_static(&[0])),
        (
            "revoking what was never proposed",
            Bytes::from_static(&[1, 3, 2, 7, 7]),
        ),
        (
            "no message of MLS 1.0",
            Bytes::from_static(&[0, 4, 0xFF, 0xFF, 0, 1]),
        ),
    ];
    for (what, payload) in cases {
        assert!(feed(&mut machine, Input::Proposals(payload)).is_empty(), "{what}");
    }
    assert_goes_on(&gateway, &mut machine, &mut alice);
}

#[test]
fn messages_of_another_group_are_refused() {
    let gateway = Gateway::new();
    let (mut machine, mut alice, _) = joined(&gateway);
    // The same gateway runs a call in another channel.
    let mut carol = DaveSession::new(NonZeroU16::MIN, 5, CHANNEL + 1, None).unwrap();
    carol.set_external_sender(&gateway.external_sender()).unwrap();
    let mut package = gateway.member(BOB);
    feed(&mut machine, Input::UsersJoined(vec![BOB]));
    let elsewhere = gateway.propose_add_in(CHANNEL + 1, 0, &package.create_key_package().unwrap());
    assert!(feed(&mut machine, Input::Proposals(elsewhere.clone())).is_empty());
    let made = carol
        .process_proposals(ProposalsOperationType::APPEND, &elsewhere[1..], None)
        .unwrap()
        .unwrap();
    let message = made.commit.into();
    let outputs = feed(&mut machine, Input::Commit { id: 8, message });
    let [Output::InvalidCommitWelcome(8), Output::KeyPackage(package)] = outputs.as_slice() else {
        panic!("a commit of another group is taken")
    };
    let proposal = gateway.propose_add(0, package);
    alice.reinit(NonZeroU16::MIN, ALICE, CHANNEL, None).unwrap();
    let mut encryptor = welcome(&mut machine, &mut alice, &proposal, 9);
    assert_hears(&mut alice, &mut encryptor);
}

#[test]
fn a_welcome_that_fails_a_check_is_answered_with_31() {
    let gateway = Gateway::new();
    let impostor = Gateway::new();
    let welcome_of = |creator: &mut DaveSession, proposal: &Bytes| {
        let made = creator.process_proposals(ProposalsOperationType::APPEND, &proposal[1..], None);
        Bytes::from(made.unwrap().unwrap().welcome.unwrap())
    };
    let pending = |others: Vec<u64>| {
        let mut machine = Machine::new(ME, CHANNEL);
        feed(&mut machine, Input::ExternalSender(gateway.external_sender()));
        feed(&mut machine, Input::UsersJoined(others));
        let outputs = feed(&mut machine, Input::Start { version: 1 });
        let package = key_package(&outputs).to_vec();
        (machine, package)
    };
    let assert_refused = |what: &str, (mut machine, _): (Machine, Vec<u8>), message: Bytes| {
        let outputs = feed(&mut machine, Input::Welcome { id: 3, message });
        assert!(
            matches!(
                outputs.as_slice(),
                [Output::InvalidCommitWelcome(3), Output::KeyPackage(_)]
            ),
            "{what}"
        );
    };

    let (machine, package) = pending(vec![BOB]);
    let message = welcome_of(&mut gateway.member(ALICE), &gateway.propose_add(0, &package));
    assert_refused("Alice was never announced", (machine, package), message);

    let (machine, package) = pending(vec![ALICE]);
    let message = welcome_of(&mut impostor.member(ALICE), &impostor.propose_add(0, &package));
    assert_refused("a group of another external sender", (machine, package), message);

    let (machine, package) = pending(vec![ALICE]);
    let mut elsewhere = DaveSession::new(NonZeroU16::MIN, ALICE, CHANNEL + 1, None).unwrap();
    elsewhere.set_external_sender(&gateway.external_sender()).unwrap();
    let proposal = gateway.propose_add_in(CHANNEL + 1, 0, &package);
    let message = welcome_of(&mut elsewhere, &proposal);
    assert_refused("a group of another channel", (machine, package), message);

    let (machine, package) = pending(vec![ALICE]);
    let other = gateway.member(ME).create_key_package().unwrap();
    let message = welcome_of(&mut gateway.member(ALICE), &gateway.propose_add(0, &other));
    assert_refused("a welcome for another key package", (machine, package), message);

    assert_refused("no bytes", pending(vec![ALICE]), Bytes::new());
    assert_refused(
        "a reserved length",
        pending(vec![ALICE]),
        Bytes::from_static(&RESERVED_LENGTH),
    );
}

#[test]
fn a_panic_of_the_library_becomes_a_failure() {
    let gateway = Gateway::new();
    let (mut machine, mut alice, _) = joined(&gateway);
    let panics = [&[0][..], &RESERVED_LENGTH].concat();
    assert!(feed(&mut machine, Input::Proposals(panics.into())).is_empty());
    // Whether or not it asserted (it does in debug builds only), the next commit it cannot take leads to recovery.
    let message = Bytes::from_static(&RESERVED_LENGTH);
    let outputs = feed(&mut machine, Input::Commit { id: 4, message });
    let [Output::InvalidCommitWelcome(4), Output::KeyPackage(package)] = outputs.as_slice() else {
        panic!("not reported")
    };
    let proposal = gateway.propose_add(0, package);
    alice.reinit(NonZeroU16::MIN, ALICE, CHANNEL, None).unwrap();
    let mut encryptor = welcome(&mut machine, &mut alice, &proposal, 5);
    assert_hears(&mut alice, &mut encryptor);
}

#[test]
fn a_malformed_external_sender_leaves_the_known_one() {
    let gateway = Gateway::new();
    let mut machine = Machine::new(ME, CHANNEL);
    feed(&mut machine, Input::ExternalSender(gateway.external_sender()));
    feed(&mut machine, Input::Start { version: 1 });
    feed(&mut machine, Input::UsersJoined(vec![BOB]));
    let trailing = [&gateway.external_sender()[..], b"x"].concat();
    assert!(feed(&mut machine, Input::ExternalSender(trailing.into())).is_empty());
    let proposal = gateway.propose_add(0, &gateway.member(BOB).create_key_package().unwrap());
    assert!(
        matches!(
            feed(&mut machine, Input::Proposals(proposal)).as_slice(),
            [Output::CommitWelcome(_)]
        ),
        "the pending group is still there"
    );
}

#[test]
fn another_external_sender_inside_the_group_is_ignored() {
    let gateway = Gateway::new();
    let (mut machine, mut alice, _) = joined(&gateway);
    let impostor = Gateway::new().external_sender();
    assert!(feed(&mut machine, Input::ExternalSender(impostor)).is_empty());
    assert_goes_on(&gateway, &mut machine, &mut alice);
}

#[test]
fn a_transition_we_could_not_prepare_is_answered_with_31_when_executed() {
    let gateway = Gateway::new();
    let mut machine = Machine::new(ME, CHANNEL);
    feed(&mut machine, Input::ExternalSender(gateway.external_sender()));
    feed(&mut machine, Input::Start { version: 1 });
    let commit = |machine: &mut Machine, id: u16| {
        let message = Bytes::from_static(b"for a group we are not in");
        feed(machine, Input::Commit { id, message })
    };
    assert!(
        commit(&mut machine, 12).is_empty(),
        "a commit before the welcome is none of our business"
    );
    let outputs = feed(&mut machine, Input::ExecuteTransition { id: 12 });
    assert!(matches!(
        outputs.as_slice(),
        [Output::InvalidCommitWelcome(12), Output::KeyPackage(_)]
    ));
    // While the new welcome is awaited the others go on without us; reporting that again would only count as failure.
    assert!(commit(&mut machine, 13).is_empty());
    assert!(feed(&mut machine, Input::ExecuteTransition { id: 13 }).is_empty());
    assert!(
        feed(&mut machine, Input::ExecuteTransition { id: 500 }).is_empty(),
        "never announced"
    );
}

#[test]
fn a_transition_to_an_unknown_version_is_not_confirmed() {
    let gateway = Gateway::new();
    let (mut machine, ..) = joined(&gateway);
    assert!(feed(&mut machine, Input::PrepareTransition { id: 6, version: 9 }).is_empty());
    let outputs = feed(&mut machine, Input::ExecuteTransition { id: 6 });
    assert!(matches!(
        outputs.as_slice(),
        [Output::InvalidCommitWelcome(6), Output::KeyPackage(_)]
    ));
}

#[test]
fn recovery_does_not_lose_the_key_to_a_transition_without_a_group() {
    let gateway = Gateway::new();
    let (mut machine, ..) = joined(&gateway);
    let message = Bytes::from_static(b"garbage");
    feed(&mut machine, Input::Commit { id: 30, message });
    assert!(is_ready(
        &feed(&mut machine, Input::PrepareTransition { id: 31, version: 1 }),
        31
    ));
    assert!(feed(&mut machine, Input::ExecuteTransition { id: 31 }).is_empty());
    let _ = feed(&mut machine, Input::PrepareTransition { id: 0, version: 1 });
    assert!(
        feed(&mut machine, Input::UserLeft(ALICE)).is_empty(),
        "still encrypting: nothing changes"
    );
}

#[test]
fn before_op_4_groups_are_none_of_our_business() {
    let mut machine = Machine::new(ME, CHANNEL);
    let message = Bytes::from_static(b"x");
    for input in [
        Input::Commit {
            id: 1,
            message: message.clone(),
        },
        Input::Welcome {
            id: 2,
            message: message.clone(),
        },
        Input::Proposals(message),
        Input::ExecuteTransition { id: 1 },
    ] {
        assert!(feed(&mut machine, input).is_empty());
    }
}

#[test]
fn a_user_who_left_while_we_were_being_welcomed_is_no_stranger() {
    let gateway = Gateway::new();
    let mut machine = Machine::new(ME, CHANNEL);
    let mut alice = gateway.member(ALICE);
    feed(&mut machine, Input::UsersJoined(vec![ALICE]));
    feed(&mut machine, Input::ExternalSender(gateway.external_sender()));
    let outputs = feed(&mut machine, Input::Start { version: 1 });
    let proposal = gateway.propose_add(0, key_package(&outputs));
    feed(&mut machine, Input::UserLeft(ALICE));
    welcome(&mut machine, &mut alice, &proposal, 1);
}
