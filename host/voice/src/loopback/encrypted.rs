//! Connections with end-to-end encryption against the fake voice server, which runs real MLS groups.

use std::{sync::Arc, time::Duration};

use fake_discord::{
    CommitRace, Config, ConnectionReport, Content, FakeDiscord, InitialTransition, Mode, Quirks,
    default_channel,
};
use lavalink_protocol::ids::{ChannelId, GuildId};
use parking_lot::Mutex;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::sync::mpsc;

use super::{Numbers, info};
use crate::{VoiceConfig, VoiceConnection, VoiceEngine, VoiceEvent, gateway::tls::TlsSettings};

const GUILD: u64 = 7;
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that plays for ever, and the server it plays to.
struct Call {
    discord: FakeDiscord,
    connection: VoiceConnection,
    events: mpsc::Receiver<VoiceEvent>,
}

impl Call {
    async fn start(config: Config) -> Self {
        let discord = FakeDiscord::start(Config {
            content: Content::Decrypt,
            ..config
        })
        .await
        .unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(discord.ca_pem().as_bytes()).unwrap())
            .unwrap();
        let config = VoiceConfig {
            pacers: 1,
            mls_threads: 1,
        };
        let engine = VoiceEngine::with_tls(&config, TlsSettings::trusting(roots)).unwrap();
        let (sender, events) = mpsc::channel(8);
        let source = Arc::new(Mutex::new(Numbers {
            left: u32::MAX,
            given: 0,
        }));
        let mut info = info(discord.endpoint());
        info.guild_id = GuildId(GUILD as i64);
        info.channel_id = ChannelId(default_channel(GUILD));
        let connection = engine.connect(info, source, sender).await.unwrap();
        Self {
            discord,
            connection,
            events,
        }
    }

    async fn wait(&self, what: &str, predicate: impl Fn(&ConnectionReport) -> bool) -> ConnectionReport {
        match self.discord.wait_for(GUILD, what, PATIENCE, predicate).await {
            Ok(report) => report,
            Err(error) => panic!("{error}: {:#?}", self.discord.report(GUILD)),
        }
    }

    /// Waits for `count` more frames that the listeners can decrypt.
    async fn hear(&self, count: u64) -> ConnectionReport {
        let heard = self
            .discord
            .report(GUILD)
            .map_or(0, |report| report.dave.decrypted);
        self.wait("encrypted frames", |report| {
            report.dave.decrypted >= heard + count
        })
        .await
    }

    /// Ends the call; everything that went over the wire must have been as it should.
    async fn finish(self) -> ConnectionReport {
        let Self {
            discord, connection, ..
        } = self;
        let errors = connection.counters().send_errors();
        connection.close().await;
        let report = discord
            .wait_for(GUILD, "the close", PATIENCE, |report| !report.connected)
            .await
            .expect("the client closes");
        assert_eq!(report.violations(), Vec::<String>::new());
        assert_eq!((errors, discord.faults()), (0, Vec::new()));
        assert_eq!(report.dave.nonce_not_increasing, 0);
        report
    }
}

#[tokio::test]
async fn encrypts_from_the_first_frame_on() {
    let call = Call::start(Config::default()).await;
    call.hear(50).await;
    let report = call.finish().await;
    assert_eq!(report.dave.plain_before_group, 0, "the audio waits for the group");
    assert_eq!(report.gateway.media_sink_any, Some(0));
    assert_eq!(
        (
            report.max_dave_protocol_version,
            report.video,
            report.gateway_version
        ),
        (1, true, 8)
    );
    let speaking: Vec<_> = report.speaking.iter().map(|event| event.speaking).collect();
    assert_eq!(speaking, [0, 1, 0]);
    assert_eq!(
        report.speaking[1].after_packets, 0,
        "announced before the first packet"
    );
    assert_eq!(report.frames.silence_runs, [5]);
    let close = report.gateway.close.expect("a close frame");
    assert_eq!((close.code, close.by_client), (1000, true));
}

#[tokio::test]
async fn commits_first_and_follows_numbered_transitions() {
    let quirks = Quirks {
        lost_discoveries: 1,
        roster_before_description: true,
        external_sender_before_description: true,
        ..Quirks::default()
    };
    let call = Call::start(Config {
        commit_race: CommitRace::ClientsWin,
        initial_transition: InitialTransition::TwoStep,
        modes: vec![Mode::XChaCha20Poly1305],
        quirks,
        ..Config::default()
    })
    .await;
    call.hear(20).await;
    call.discord.add_listener(GUILD).await.unwrap();
    call.hear(20).await;
    let report = call.finish().await;
    assert_eq!(report.dave.plain_before_group, 0);
    assert_eq!(report.mode, Some(Mode::XChaCha20Poly1305));
    assert!(
        report.dave.commits_won > 0 && report.dave.commits_invalid == 0,
        "{:?}",
        report.dave
    );
    assert!(
        report.dave.transitions_ready > 0 && report.dave.transitions_missed == 0,
        "{:?}",
        report.dave
    );
}

#[tokio::test]
async fn keys_change_while_people_come_and_go() {
    let call = Call::start(Config::default()).await;
    call.hear(10).await;
    for _ in 0..3 {
        call.discord.add_listener(GUILD).await.unwrap();
        call.hear(10).await;
    }
    for _ in 0..3 {
        call.discord.remove_listener(GUILD).await.unwrap();
        call.hear(10).await;
    }
    let report = call.finish().await;
    assert_eq!(report.dave.epochs.len(), 7, "{:?}", report.dave.epochs);
    assert_eq!(report.dave.transitions_missed, 0);
}

#[tokio::test]
async fn alone_it_plays_in_the_clear_until_somebody_comes() {
    let call = Call::start(Config {
        listeners: 0,
        ..Config::default()
    })
    .await;
    call.wait("plain frames", |report| report.dave.plain_before_group > 10)
        .await;
    call.discord.add_listener(GUILD).await.unwrap();
    call.hear(20).await;
    call.discord.remove_listener(GUILD).await.unwrap();
    let before = call.connection.counters().frames_sent();
    call.wait("plain frames again", |report| !report.dave.encrypted)
        .await;
    call.wait("more frames", |_| {
        call.connection.counters().frames_sent() > before + 20
    })
    .await;
    call.finish().await;
}

#[tokio::test]
async fn downgrade_upgrade_and_a_bad_commit() {
    let call = Call::start(Config::default()).await;
    call.hear(10).await;
    call.discord.downgrade(GUILD).await.unwrap();
    call.wait("plain frames", |report| report.dave.plain > 10).await;
    call.discord.upgrade(GUILD).await.unwrap();
    call.hear(10).await;
    call.discord.send_bad_commit(GUILD).await.unwrap();
    let report = call.hear(10).await;
    assert_eq!(report.dave.recoveries, 1);
    call.finish().await;
}

#[tokio::test]
async fn a_channel_without_encryption() {
    let call = Call::start(Config {
        dave_version: 0,
        ..Config::default()
    })
    .await;
    call.wait("plain frames", |report| report.dave.plain > 20).await;
    let report = call.finish().await;
    assert_eq!(report.dave.key_packages, 0);
}

#[tokio::test]
async fn a_lost_socket_is_resumed_and_the_keys_live_on() {
    let mut call = Call::start(Config {
        first_sequence: 65_533,
        ..Config::default()
    })
    .await;
    assert_eq!(call.events.recv().await, Some(VoiceEvent::Ready));
    call.hear(10).await;
    for resumes in 1..3 {
        call.discord.drop_tcp(GUILD).unwrap();
        call.wait("the resume", |report| {
            report.gateway.resumes == resumes && report.connected
        })
        .await;
        call.hear(10).await;
        call.discord.add_listener(GUILD).await.unwrap();
        call.hear(10).await;
    }
    call.discord.close(GUILD, 4014, "disconnected").unwrap();
    let closed = VoiceEvent::Closed {
        code: 4014,
        reason: "disconnected".into(),
        by_remote: true,
    };
    assert_eq!(call.events.recv().await, Some(closed));
    assert!(!call.connection.is_open());
    let report = call.finish().await;
    assert_eq!((report.rtp.lost, report.rtp.nonce_reuse), (0, 0));
}
