//! End-to-end encryption: groups, epochs, transitions and recovery, with a client that speaks version 8.

mod client;

use client::{Client, PATIENCE, Seen};
use fake_discord::{
    CommitRace, Config, ConnectionReport, Content, FakeDiscord, InitialTransition, Quirks, analysis,
};

/// Plays and waits until the server has judged all of it.
async fn heard(discord: &FakeDiscord, client: &mut Client, frames: usize) -> ConnectionReport {
    let before = discord.report_of(client.guild, client.user).unwrap().frames.media;
    client.play(frames).await;
    let user = client.user;
    let guild = client.guild;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let report = discord.report_of(guild, user).unwrap();
        if report.frames.media == before + frames as u64 {
            return report;
        }
        assert!(tokio::time::Instant::now() < deadline, "{report:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn joined(discord: &FakeDiscord, guild: u64, user: u64) -> Client {
    let mut client = Client::join(discord, guild, user).await;
    client.speak().await;
    client
}

fn assert_clean(discord: &FakeDiscord, report: &ConnectionReport) {
    assert_eq!(report.violations(), Vec::<String>::new(), "{report:#?}");
    assert_eq!(discord.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn first_group_by_the_listeners_commit() {
    let discord = FakeDiscord::start(Config::default()).await.unwrap();
    let mut client = joined(&discord, 1, 2).await;
    client.until_binary(30).await;
    assert!(client.encrypting);
    let report = heard(&discord, &mut client, 60).await;
    assert_eq!(
        (report.dave.decrypted, report.dave.epochs.as_slice()),
        (60, &[1][..])
    );
    assert_eq!(report.dave.commits_won, 0);
    assert_clean(&discord, &report);
    let [left, right] = analysis::stereo(&discord.pcm(1), 48_000).unwrap();
    assert!((left.peak_hz - 440.0).abs() < 1.0 && (right.peak_hz - 440.0).abs() < 1.0);
}

#[tokio::test]
async fn first_group_by_the_clients_commit() {
    let config = Config {
        commit_race: CommitRace::ClientsWin,
        initial_transition: InitialTransition::TwoStep,
        listeners: 1,
        ..Config::default()
    };
    let discord = FakeDiscord::start(config).await.unwrap();
    let mut client = joined(&discord, 1, 2).await;
    client.until_binary(29).await;
    assert!(!client.encrypting);
    client.until_json(22).await;
    let report = heard(&discord, &mut client, 10).await;
    assert_eq!(
        (
            report.dave.commits_won,
            report.dave.decrypted,
            report.dave.transitions_ready
        ),
        (1, 10, 1)
    );
    assert_clean(&discord, &report);
}

#[tokio::test]
async fn a_client_that_does_not_commit_is_not_waited_for_forever() {
    let config = Config {
        commit_race: CommitRace::ClientsWin,
        commit_timeout: std::time::Duration::from_millis(100),
        ..Config::default()
    };
    let discord = FakeDiscord::start(config).await.unwrap();
    let mut client = Client::join(&discord, 1, 2).await;
    client.commits = false;
    client.until_binary(30).await;
    discord.settled(1).await.unwrap();
    assert_eq!(discord.report(1).unwrap().dave.commits_valid, 0);
}

#[tokio::test]
async fn welcome_into_an_existing_group_and_epochs_while_playing() {
    let discord = FakeDiscord::start(Config {
        listeners: 2,
        ..Config::default()
    })
    .await
    .unwrap();
    let mut client = joined(&discord, 1, 2).await;
    client.until_json(22).await;
    let report = heard(&discord, &mut client, 5).await;
    assert_eq!(report.dave.epochs, [2]);
    for expected in [3, 4, 5] {
        let (added, ()) = tokio::join!(discord.add_listener(1), async {
            client.until_binary(29).await;
            // Between commit and op 22 the old key is still the one.
            heard(&discord, &mut client, 3).await;
            client.until_json(22).await;
        });
        added.unwrap();
        let report = heard(&discord, &mut client, 5).await;
        assert_eq!(report.dave.epochs.last(), Some(&expected));
        assert_clean(&discord, &report);
    }
    let (removed, _) = tokio::join!(discord.remove_listener(1), client.until_json(22));
    removed.unwrap();
    let report = heard(&discord, &mut client, 5).await;
    assert_eq!(report.dave.epochs, [2, 3, 4, 5, 6]);
    assert_eq!(
        (
            report.dave.failed,
            report.dave.commits_won,
            report.dave.commits_invalid
        ),
        (0, 0, 0)
    );
    assert_clean(&discord, &report);
}

#[tokio::test]
async fn losing_and_winning_commits_in_an_existing_group() {
    let config = Config {
        commit_race: CommitRace::ClientsWin,
        listeners: 2,
        ..Config::default()
    };
    let discord = FakeDiscord::start(config).await.unwrap();
    let mut first = joined(&discord, 1, 2).await;
    first.until_json(22).await;
    // Both clients commit when the listener comes; one wins, the other is announced the winner's.
    let mut second = Client::join(&discord, 1, 3).await;
    second.speak().await;
    tokio::join!(first.until_json(22), second.until_json(22));
    let (added, _, _) = tokio::join!(
        discord.add_listener(1),
        first.until_json(22),
        second.until_json(22)
    );
    added.unwrap();
    let a = heard(&discord, &mut first, 20).await;
    let b = heard(&discord, &mut second, 20).await;
    assert_eq!(a.dave.epochs.last(), b.dave.epochs.last());
    assert_eq!((a.dave.decrypted, b.dave.decrypted), (20, 20));
    // The first client alone could commit to the second one's joining.
    assert_eq!(a.dave.commits_won + b.dave.commits_won, 2, "{a:#?} {b:#?}");
    assert_eq!(a.dave.commits_valid + b.dave.commits_valid, 3);
    assert_clean(&discord, &a);
    assert_clean(&discord, &b);

    // A client leaves: op 13, a remove proposal, a new epoch.
    let epochs = a.dave.epochs.len();
    second.leave().await;
    first.until_json(13).await;
    first.until_json(22).await;
    let report = heard(&discord, &mut first, 5).await;
    assert_eq!(report.dave.epochs.len(), epochs + 1);
    assert_clean(&discord, &report);
}

#[tokio::test]
async fn downgrade_and_upgrade() {
    let discord = FakeDiscord::start(Config::default()).await.unwrap();
    let mut client = joined(&discord, 1, 2).await;
    client.until_binary(30).await;
    heard(&discord, &mut client, 5).await;
    let (done, _) = tokio::join!(discord.downgrade(1), client.until_json(22));
    done.unwrap();
    assert!(!client.encrypting);
    let report = heard(&discord, &mut client, 5).await;
    assert_eq!(
        (report.dave.version, report.dave.plain, report.dave.encrypted),
        (0, 5, false)
    );
    let (done, _) = tokio::join!(discord.upgrade(1), client.until_json(22));
    done.unwrap();
    let report = heard(&discord, &mut client, 5).await;
    assert_eq!(
        (report.dave.version, report.dave.decrypted, report.dave.encrypted),
        (1, 10, true)
    );
    assert_eq!(report.dave.epochs, [1, 1]);
    assert_clean(&discord, &report);
}

#[tokio::test]
async fn the_last_listener_leaves_and_another_comes() {
    let discord = FakeDiscord::start(Config::default()).await.unwrap();
    let mut client = joined(&discord, 1, 2).await;
    client.until_binary(30).await;
    heard(&discord, &mut client, 5).await;
    let (done, _) = tokio::join!(discord.remove_listener(1), client.until_json(21));
    done.unwrap();
    assert!(!client.encrypting);
    let report = heard(&discord, &mut client, 5).await;
    assert_eq!(
        (report.dave.plain_before_group, report.dave.plain_while_encrypted),
        (5, 0)
    );
    let (done, ()) = tokio::join!(discord.add_listener(1), client.until_binary(30));
    done.unwrap();
    let report = heard(&discord, &mut client, 5).await;
    assert_eq!(
        (report.dave.decrypted, report.dave.epochs.as_slice()),
        (10, &[1, 1][..])
    );
    assert_clean(&discord, &report);
    assert!(matches!(
        FakeDiscord::start(Config {
            listeners: 0,
            ..Config::default()
        })
        .await
        .unwrap()
        .remove_listener(9)
        .await,
        Err(fake_discord::FakeError::NoListener(9))
    ));
}

#[tokio::test]
async fn recovery_from_a_bad_commit() {
    let discord = FakeDiscord::start(Config {
        listeners: 2,
        ..Config::default()
    })
    .await
    .unwrap();
    let mut client = joined(&discord, 1, 2).await;
    client.until_json(22).await;
    heard(&discord, &mut client, 5).await;
    let (done, ()) = tokio::join!(discord.send_bad_commit(1), async {
        client.until_binary(29).await;
        // The client has started over and keeps its sender key.
        heard(&discord, &mut client, 3).await;
        client.until_binary(30).await;
        client.until_json(22).await;
    });
    done.unwrap();
    let report = heard(&discord, &mut client, 5).await;
    assert_eq!((report.dave.recoveries, report.dave.key_packages), (1, 2));
    assert_eq!(
        (report.dave.epochs.as_slice(), report.dave.decrypted),
        (&[2, 3][..], 13)
    );
    assert_clean(&discord, &report);
}

#[tokio::test]
async fn a_client_that_never_answers_is_executed_without() {
    let config = Config {
        listeners: 2,
        transition_timeout: std::time::Duration::from_millis(100),
        ..Config::default()
    };
    let discord = FakeDiscord::start(config).await.unwrap();
    let mut client = Client::join(&discord, 1, 2).await;
    client.answers_transitions = false;
    client.until_json(22).await;
    let report = discord.report(1).unwrap();
    assert_eq!(
        (report.dave.transitions_missed, report.dave.transitions_ready),
        (1, 0)
    );
}

#[tokio::test]
async fn misbehaviour_is_found() {
    let discord = FakeDiscord::start(Config::default()).await.unwrap();
    let mut client = joined(&discord, 1, 2).await;
    client.until_binary(30).await;
    heard(&discord, &mut client, 2).await;
    // Plain frames in an encrypted call.
    client.encrypting = false;
    let report = heard(&discord, &mut client, 3).await;
    assert_eq!(report.dave.plain_while_encrypted, 3);
    // Frames under a key nobody knows.
    let mut stranger = davey_group_of_two();
    let sealed = stranger.encrypt_opus(b"some opus packet").unwrap().into_owned();
    client.send_payload(&sealed).await;
    // Garbage instead of commits and key packages.
    client.send_binary(28, b"garbage").await;
    client.send_binary(26, b"garbage").await;
    let report = discord
        .wait_for(1, "all of it", PATIENCE, |report| {
            report.dave.failed == 1 && report.dave.commits_invalid == 1 && report.dave.key_packages == 2
        })
        .await
        .unwrap();
    assert_eq!(report.gateway.protocol_errors.len(), 2);
    assert!(report.violations().len() >= 3, "{:?}", report.violations());
    assert_eq!(discord.faults(), Vec::<String>::new());
}

/// A session with a sender key from a group the server knows nothing of.
fn davey_group_of_two() -> davey::DaveSession {
    use openmls::prelude::tls_codec::Serialize;
    use openmls::prelude::{BasicCredential, Ciphersuite, ExternalSender};
    let suite = Ciphersuite::MLS_128_DHKEMP256_AES128GCM_SHA256_P256;
    let signer = openmls_basic_credential::SignatureKeyPair::new(suite.signature_algorithm()).unwrap();
    let sender = ExternalSender::new(signer.public().into(), BasicCredential::new(vec![1]).into());
    let sender = sender.tls_serialize_detached().unwrap();
    let session = |user: u64| {
        let mut session = davey::DaveSession::new(std::num::NonZeroU16::MIN, user, 5, None).unwrap();
        session.set_external_sender(&sender).unwrap();
        session
    };
    let (mut one, mut two) = (session(1), session(2));
    let package = two.create_key_package().unwrap();
    let package = {
        use openmls::prelude::tls_codec::DeserializeBytes;
        use openmls::prelude::{KeyPackageIn, OpenMlsProvider, ProtocolVersion};
        KeyPackageIn::tls_deserialize_exact_bytes(&package)
            .unwrap()
            .validate(
                openmls_rust_crypto::OpenMlsRustCrypto::default().crypto(),
                ProtocolVersion::Mls10,
            )
            .unwrap()
    };
    let proposal = openmls::prelude::ExternalProposal::new_add::<openmls_rust_crypto::OpenMlsRustCrypto>(
        package,
        openmls::prelude::GroupId::from_slice(&5u64.to_be_bytes()),
        0u64.into(),
        &signer,
        openmls::prelude::SenderExtensionIndex::new(0),
    )
    .unwrap();
    let proposals = openmls::prelude::tls_codec::VLBytes::new(proposal.tls_serialize_detached().unwrap())
        .tls_serialize_detached()
        .unwrap();
    let made = one
        .process_proposals(davey::ProposalsOperationType::APPEND, &proposals, None)
        .unwrap()
        .unwrap();
    two.process_welcome(&made.welcome.unwrap(), None).unwrap();
    two.prepare_transition(0, 1).unwrap();
    two
}

#[tokio::test]
async fn resume_keeps_encryption_and_replays_an_epoch() {
    let discord = FakeDiscord::start(Config {
        listeners: 2,
        ..Config::default()
    })
    .await
    .unwrap();
    let mut client = joined(&discord, 1, 2).await;
    client.until_json(22).await;
    heard(&discord, &mut client, 5).await;
    discord.drop_tcp(1).unwrap();
    client.until(|seen| matches!(seen, Seen::Lost)).await;
    discord
        .wait_for(1, "the loss", PATIENCE, |report| !report.connected)
        .await
        .unwrap();
    let (added, ()) = tokio::join!(discord.add_listener(1), async {
        // Audio goes on during the outage, under the old key.
        heard(&discord, &mut client, 5).await;
        client.resume(&discord).await;
        client.until_json(9).await;
        client.until_json(22).await;
    });
    added.unwrap();
    let report = heard(&discord, &mut client, 5).await;
    assert_eq!(
        (report.gateway.resumes, report.dave.epochs.as_slice()),
        (1, &[2, 3][..])
    );
    assert_eq!(report.dave.decrypted, 15);
    assert_clean(&discord, &report);
}

#[tokio::test]
async fn early_external_sender_and_cheaper_contents() {
    let quirks = Quirks {
        external_sender_before_description: true,
        roster_before_description: true,
        ..Quirks::default()
    };
    let config = Config {
        quirks,
        content_of: [(1, Content::Decrypt), (2, Content::TransportOnly)].into(),
        ..Config::default()
    };
    let discord = FakeDiscord::start(config).await.unwrap();
    let mut client = joined(&discord, 1, 2).await;
    let seen = client.ops_seen();
    let position = |code: u8| seen.iter().position(|op| *op == code);
    assert!(position(25) < position(4) && position(25).is_some() && position(11) < position(4));
    client.until_binary(30).await;
    let report = heard(&discord, &mut client, 10).await;
    assert_eq!((report.dave.decrypted, report.frames.decoded), (10, 0));
    assert_eq!((discord.opus_packets(1).len(), discord.pcm(1).len()), (10, 0));
    assert_clean(&discord, &report);

    let mut client = joined(&discord, 2, 2).await;
    client.until_binary(30).await;
    let report = heard(&discord, &mut client, 10).await;
    assert_eq!((report.dave.unopened, report.dave.decrypted), (10, 0));
    assert!(discord.opus_packets(2).is_empty());
    assert_clean(&discord, &report);
}
