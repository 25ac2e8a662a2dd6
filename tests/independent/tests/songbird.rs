//! The fake voice server against songbird: its audio arrives, is opened with our own decryption, and is the right tone.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fake_discord::{CommitRace, Config, ConnectionReport, FakeDiscord, InitialTransition, Mode, analysis};

const GUILD: u64 = 41_771_983_423_143_937;
const USER: u64 = 104_694_319_306_248_192;
const LIMIT: Duration = Duration::from_secs(60);

/// The client process; killed when the test ends early.
struct Songbird(Child);

impl Songbird {
    fn start(discord: &FakeDiscord, bundle: &Path, hz: f64) -> Self {
        discord.write_ca_bundle(bundle).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_songbird-client"))
            .arg(discord.endpoint())
            .args([GUILD, discord.channel_of(GUILD), USER].map(|id| id.to_string()))
            .args([hz.to_string(), "120".to_owned()])
            .env("SSL_CERT_FILE", bundle)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Lets the client leave the call and waits for its end.
    fn finish(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Songbird {
    fn drop(&mut self) {
        // Fails when the client has already ended, which is what should have happened.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn assert_tone(discord: &FakeDiscord, hz: f64) {
    for side in analysis::stereo(&discord.pcm(GUILD), 48_000).unwrap() {
        assert!((side.peak_hz - hz).abs() < 0.5, "{side:?}");
        assert!(side.peak_share > 0.98, "{side:?}");
        assert!((side.rms_dbfs + 9.03).abs() < 0.5, "{side:?}");
    }
}

/// What songbird 0.6.1 is known to do: it encrypts with a new epoch's key before op 22, and may send plain frames
/// until its first group.
fn unexpected(report: &ConnectionReport) -> Vec<String> {
    report
        .violations()
        .into_iter()
        .filter(|line| !line.contains("a key that was not yet in force"))
        .collect()
}

#[tokio::test]
async fn tone_through_dave_and_aes() {
    let discord = FakeDiscord::start(Config::default()).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let songbird = Songbird::start(&discord, &files.path().join("ca.pem"), 440.0);
    discord
        .wait_for(GUILD, "encrypted audio", LIMIT, |report| {
            report.dave.decrypted > 10
        })
        .await
        .unwrap();
    discord.clear_recording(GUILD).unwrap();
    let report = discord
        .wait_for(GUILD, "3 s of encrypted audio", LIMIT, |report| {
            report.dave.decrypted > 160
        })
        .await
        .unwrap();
    assert_tone(&discord, 440.0);
    assert_eq!(report.mode, Some(Mode::Aes256Gcm));
    assert_eq!(
        (
            report.gateway_version,
            report.dave.version,
            report.max_dave_protocol_version
        ),
        (4, 1, 1)
    );
    assert_eq!((report.guild_id, report.user_id), (GUILD, USER));
    assert_eq!(report.dave.epochs, [1]);
    songbird.finish();
    let report = discord
        .wait_for(GUILD, "the end of the session", LIMIT, |report| !report.connected)
        .await
        .unwrap();
    assert_eq!(unexpected(&report), Vec::<String>::new(), "{report:#?}");
    assert_eq!(discord.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn tone_through_xchacha_without_dave() {
    let config = Config {
        modes: vec![Mode::XChaCha20Poly1305],
        dave_version: 0,
        ..Config::default()
    };
    let discord = FakeDiscord::start(config).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let songbird = Songbird::start(&discord, &files.path().join("ca.pem"), 587.33);
    let report = discord
        .wait_for(GUILD, "3 s of audio", LIMIT, |report| report.dave.plain > 150)
        .await
        .unwrap();
    assert_tone(&discord, 587.33);
    assert_eq!(report.mode, Some(Mode::XChaCha20Poly1305));
    assert_eq!((report.dave.decrypted, report.dave.version), (0, 0));
    songbird.finish();
    assert_eq!(unexpected(&discord.report(GUILD).unwrap()), Vec::<String>::new());
    assert_eq!(discord.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn epochs_downgrade_upgrade_recovery_and_resume() {
    let config = Config {
        listeners: 2,
        commit_race: CommitRace::ClientsWin,
        initial_transition: InitialTransition::TwoStep,
        ..Config::default()
    };
    let discord = FakeDiscord::start(config).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let songbird = Songbird::start(&discord, &files.path().join("ca.pem"), 440.0);
    // Two listeners have a group before the client comes, so it is welcomed into epoch 2.
    let mut decrypted = 0;
    let mut heard = async |what: &str, epochs: &[u64]| {
        let report = discord
            .wait_for(GUILD, what, LIMIT, |report| {
                report.dave.decrypted > decrypted + 25 && report.dave.epochs.last() == epochs.last()
            })
            .await
            .unwrap();
        decrypted = report.dave.decrypted;
        assert_eq!(report.dave.epochs, epochs, "{what}");
        report
    };
    heard("audio after the welcome", &[2]).await;
    discord.add_listener(GUILD).await.unwrap();
    let report = heard("audio with a third listener", &[2, 3]).await;
    assert_eq!(report.dave.commits_won, 1, "{report:#?}");
    discord.remove_listener(GUILD).await.unwrap();
    heard("audio without it", &[2, 3, 4]).await;
    discord.send_bad_commit(GUILD).await.unwrap();
    let report = heard("audio after recovery", &[2, 3, 4, 5]).await;
    assert_eq!(report.dave.recoveries, 1);

    discord.downgrade(GUILD).await.unwrap();
    let plain = discord.report(GUILD).unwrap().dave.plain;
    discord
        .wait_for(GUILD, "plain audio after the downgrade", LIMIT, |report| {
            report.dave.plain > plain + 25
        })
        .await
        .unwrap();
    discord.upgrade(GUILD).await.unwrap();
    heard("audio after the upgrade", &[2, 3, 4, 5, 1]).await;

    discord.close(GUILD, 4015, "Voice server crashed.").unwrap();
    discord
        .wait_for(GUILD, "a resume after 4015", LIMIT, |report| {
            report.gateway.resumes == 1 && report.connected
        })
        .await
        .unwrap();
    discord.drop_tcp(GUILD).unwrap();
    discord
        .wait_for(GUILD, "a resume after TCP loss", LIMIT, |report| {
            report.gateway.resumes == 2
        })
        .await
        .unwrap();
    let report = heard("audio after the resumes", &[2, 3, 4, 5, 1]).await;
    songbird.finish();
    assert_eq!(report.dave.transitions_missed, 0, "{report:#?}");
    assert_eq!(
        (
            report.dave.failed,
            report.frames.transport_failed,
            report.rtp.nonce_reuse
        ),
        (0, 0, 0)
    );
    assert_eq!(discord.faults(), Vec::<String>::new());
}
