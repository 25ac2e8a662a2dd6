//! The node in one call with Discord's own libdave: both are members of one MLS group, and libdave opens the node's frames.

use std::{
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use fake_discord::{CommitRace, Config, ConnectionReport, InitialTransition};
use lavalink_blackbox::{Stage, media, node::build_directory};
use serde::Deserialize;
use tokio::{sync::watch, time::timeout};

const GUILD: u64 = 1;
const LISTENER: u64 = 104_694_319_306_248_192;
const LIMIT: Duration = Duration::from_secs(60);

/// What the listener counted so far.
#[derive(Debug, Clone, Default, Deserialize)]
struct Totals {
    /// MLS epochs it has prepared keys of.
    epochs: u64,
    /// Commits it made.
    commits: u64,
    /// Commits and welcomes it could not use.
    recoveries: u64,
    /// Frames libdave opened.
    #[serde(default)]
    opened: u64,
    /// Frames libdave did not open.
    #[serde(default)]
    failed: u64,
    /// Frames without end-to-end encryption, silence apart.
    #[serde(default)]
    plain: u64,
    /// Encrypted frames that came before there was a key.
    #[serde(default)]
    no_key: u64,
}

/// The listener's process; killed when the test ends early.
struct Libdave {
    child: Child,
    totals: watch::Receiver<Totals>,
    files: tempfile::TempDir,
}

/// The Python that `deployment/setup.sh --tests` equipped.
fn python() -> PathBuf {
    let target = build_directory();
    let target = target.parent().expect("profiles lie in the target folder");
    let path = target.join("libdave/bin/python");
    assert!(
        path.is_file(),
        "{} is missing: run deployment/setup.sh --tests first",
        path.display()
    );
    path
}

impl Libdave {
    fn join(stage: &Stage) -> Self {
        let files = tempfile::tempdir().expect("a temp dir can be made");
        let bundle = files.path().join("ca.pem");
        stage
            .discord
            .write_ca_bundle(&bundle)
            .expect("the CA can be written");
        let mut child = Command::new(python())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/libdave/listener.py"))
            .arg(stage.discord.endpoint())
            .args([GUILD, stage.discord.channel_of(GUILD), LISTENER].map(|id| id.to_string()))
            .env("SSL_CERT_FILE", &bundle)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the listener can be started");
        let (sender, totals) = watch::channel(Totals::default());
        let output = child.stdout.take().expect("its output is piped");
        std::thread::spawn(move || read(output, &sender));
        Self { child, totals, files }
    }

    async fn until(&mut self, what: &str, enough: impl Fn(&Totals) -> bool) -> Totals {
        let waited = timeout(LIMIT, self.totals.wait_for(|totals| enough(totals))).await;
        match waited.map(|found| found.map(|totals| totals.clone())) {
            Ok(Ok(totals)) => totals,
            Ok(Err(_)) => panic!("libdave's listener ended while waited for {what}"),
            Err(_) => panic!("no {what} within {LIMIT:?}: {:?}", self.totals.borrow()),
        }
    }

    /// Waits until it opened so many more frames.
    async fn hears(&mut self, what: &str, frames: u64) -> Totals {
        let before = self.totals.borrow().opened;
        self.until(what, |totals| totals.opened >= before + frames).await
    }

    /// Lets it leave the call.
    fn leave(mut self) {
        drop(self.child.stdin.take());
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "{status}");
        assert!(self.files.path().is_dir());
    }
}

impl Drop for Libdave {
    fn drop(&mut self) {
        // Fails when it has already ended, which is what should have happened.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(output: ChildStdout, sender: &watch::Sender<Totals>) {
    for line in std::io::BufRead::lines(std::io::BufReader::new(output)) {
        let totals = line.map(|line| serde_json::from_str(&line));
        match totals {
            Ok(Ok(totals)) => drop(sender.send(totals)),
            _ => return,
        }
    }
}

fn config() -> Config {
    Config {
        forward: true,
        udp_sockets: 1,
        commit_race: CommitRace::ClientsWin,
        initial_transition: InitialTransition::TwoStep,
        ..Config::default()
    }
}

async fn play(stage: &Stage) {
    let encoder = ["-c:a", "libopus", "-b:a", "96k"];
    let directory = stage.node.directory();
    let path = media::tone(directory, "tone.webm", &encoder, 48_000, 120.0, 440, 660);
    stage.play(GUILD, path.to_str().expect("text")).await;
}

fn node_report(stage: &Stage) -> ConnectionReport {
    let ours = |report: &ConnectionReport| report.user_id != LISTENER;
    stage
        .discord
        .reports()
        .into_iter()
        .rfind(ours)
        .expect("the node is in the call")
}

/// Changes the call in every way there is and checks that libdave opens every frame meanwhile.
async fn through_epochs(stage: &Stage, libdave: &mut Libdave) -> Totals {
    let start = libdave.hears("frames under the first common key", 50).await;
    for change in 0..3 {
        stage
            .discord
            .add_listener(GUILD)
            .await
            .expect("the group follows");
        libdave.hears(&format!("frames after join {change}"), 25).await;
    }
    stage
        .discord
        .set_listeners(GUILD, 12)
        .await
        .expect("the group follows");
    libdave.hears("frames in a group of fourteen", 25).await;
    for _ in 0..5 {
        stage
            .discord
            .remove_listener(GUILD)
            .await
            .expect("the group follows");
        stage
            .discord
            .add_listener(GUILD)
            .await
            .expect("the group follows");
    }
    stage.discord.reannounce(GUILD).await.expect("both confirm");
    stage
        .discord
        .set_listeners(GUILD, 1)
        .await
        .expect("the group follows");
    let end = libdave.hears("frames after all changes", 50).await;
    assert!(end.epochs >= start.epochs + 15, "{end:?}");
    assert_eq!(
        (end.failed, end.plain, end.no_key, end.recoveries),
        (start.failed, start.plain, start.no_key, start.recoveries),
        "from {start:?} to {end:?}"
    );
    end
}

#[tokio::test]
async fn libdave_joins_a_call_the_node_plays_in() {
    let mut stage = Stage::start(config()).await;
    stage.join(GUILD).await;
    play(&stage).await;
    stage
        .heard(GUILD, "encrypted audio", |r| r.dave.decrypted > 25)
        .await;
    let mut libdave = Libdave::join(&stage);
    let end = through_epochs(&stage, &mut libdave).await;
    let report = node_report(&stage);
    assert!(
        end.commits > 0 && report.dave.commits_valid > 0,
        "both commit: {end:?}"
    );
    assert_eq!(report.violations(), Vec::<String>::new(), "{report:#?}");
    libdave.leave();
    assert_eq!(stage.discord.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn the_node_joins_a_call_libdave_is_in() {
    let mut stage = Stage::start(config()).await;
    let mut libdave = Libdave::join(&stage);
    libdave.until("a first group", |totals| totals.epochs > 0).await;
    play(&stage).await;
    stage.join(GUILD).await;
    let end = through_epochs(&stage, &mut libdave).await;
    // The node was welcomed by libdave's commit, the only one there could be.
    assert!(end.commits > 0, "{end:?}");
    assert_eq!(end.plain, 0, "nothing unencrypted into a call with a group");
    let report = node_report(&stage);
    assert_eq!(report.dave.recoveries, 0);
    assert_eq!(report.violations(), Vec::<String>::new(), "{report:#?}");
    // Recovery: the node is removed and added again, by libdave's or our commit.
    stage
        .discord
        .send_bad_commit(GUILD)
        .await
        .expect("the node recovers");
    libdave.hears("frames after the recovery", 50).await;
    assert_eq!(node_report(&stage).dave.recoveries, 1);
    libdave.leave();
    assert_eq!(stage.discord.faults(), Vec::<String>::new());
}
