//! Many players that play while something else happens in their node, and what the node itself says of their audio.

use std::collections::{BTreeMap, HashMap};

use fake_discord::{Config, Content};
use serde_json::{Value, json};

use crate::{client::Rest, stage::Stage};

/// Lines of the configuration that switch the node's figures on.
pub const WITH_METRICS: &str = "metrics:\n  prometheus:\n    enabled: true\n";

/// Causes a machine that others use adds to any test.
const MACHINE: [&str; 2] = ["cpuOverrun", "hostStolen"];

/// A voice server for many players: key exchanges and decoding in a debug build would be what is measured.
pub fn voice_server() -> Config {
    Config {
        dave_version: 0,
        content: Content::TransportOnly,
        ..Config::default()
    }
}

/// The exception of a look-up that has to fail: message and cause.
///
/// # Panics
/// When it did not.
pub fn exception(loaded: &Value) -> String {
    assert_eq!(loaded["loadType"], "error", "{loaded}");
    format!("{} {}", loaded["data"]["message"], loaded["data"]["cause"])
}

/// Players that play.
#[derive(Debug, Clone)]
pub struct Audience(Vec<u64>);

impl Audience {
    /// Has a player in each of these guilds play, and waits until all of them are heard.
    pub async fn seat(stage: &Stage, guilds: impl IntoIterator<Item = u64>, identifier: &str) -> Self {
        let guilds: Vec<u64> = guilds.into_iter().collect();
        for guild in &guilds {
            let body = json!({ "voice": stage.voice(*guild), "track": { "identifier": identifier } });
            stage.update(*guild, &body).await;
        }
        let audience = Self(guilds);
        audience.listen(stage, 25).await;
        audience
    }

    /// Waits until each of them has been sent `frames` of 20 ms more.
    pub async fn listen(&self, stage: &Stage, frames: u64) {
        let heard = |guild: &u64| {
            stage
                .discord
                .report(*guild)
                .map_or(0, |report| report.frames.media)
        };
        let before: Vec<u64> = self.0.iter().map(heard).collect();
        for (guild, before) in self.0.iter().zip(before) {
            stage
                .heard(*guild, "more audio", |report| {
                    report.frames.media >= before + frames
                })
                .await;
        }
    }

    /// Fails when one of them has ended, was sent something wrong, or has lost a packet on the way. (A frame that was not
    /// ready is in the [`Figures`], with its cause.)
    ///
    /// # Panics
    /// With what was wrong.
    pub async fn assert_whole(&self, stage: &mut Stage) {
        stage.socket.drain(std::time::Duration::from_millis(200)).await;
        for guild in &self.0 {
            assert_eq!(
                stage.socket.events_of(*guild),
                ["TrackStartEvent"],
                "guild {guild}"
            );
            let report = stage.discord.report(*guild).expect("a connection");
            assert_eq!(report.violations(), Vec::<String>::new(), "guild {guild}");
            assert_eq!(report.rtp.lost, 0, "guild {guild}: packets were lost");
        }
    }

    /// Ends what they play.
    pub async fn leave(&self, stage: &Stage) {
        for guild in &self.0 {
            stage
                .update(*guild, &json!({ "track": { "encoded": null } }))
                .await;
        }
    }
}

/// What the node counts, as its Prometheus page has it; or how much of it came in some time.
#[derive(Debug, Clone)]
pub struct Figures(HashMap<String, f64>);

impl Figures {
    /// Those of this moment.
    pub async fn of(rest: &Rest) -> Self {
        let answer = rest.get("/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let lines = answer.text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        });
        Self(samples.collect())
    }

    /// What came since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let grown = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), value - earlier.get(name)));
        Self(grown.collect())
    }

    /// A sample by its name with labels; 0 when there is none.
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Frames that were due and not sent, by cause; causes that did not occur are left out.
    pub fn missed(&self) -> BTreeMap<&str, f64> {
        let prefix = "lavalink_audio_missed_frames_total{cause=\"";
        let by_cause = self.0.iter().filter_map(|(name, count)| {
            let cause = name.strip_prefix(prefix)?.strip_suffix("\"}")?;
            (*count > 0.0).then_some((cause, *count))
        });
        by_cause.collect()
    }

    /// The same without those a busy machine is the cause of: what the node itself has done wrong.
    pub fn missed_by_the_node(&self) -> BTreeMap<&str, f64> {
        let mut missed = self.missed();
        missed.retain(|cause, _| !MACHINE.contains(cause));
        missed
    }

    /// Share of the slots of all connections that were run later than this, seconds, which is a bound of the histogram.
    pub fn share_later_than(&self, bound: &str) -> f64 {
        let name = "lavalink_audio_send_lateness_seconds";
        let all = self.get(&format!("{name}_count"));
        let in_time = self.get(&format!("{name}_bucket{{le=\"{bound}\"}}"));
        (all - in_time) / all.max(1.0)
    }

    /// Share of the frames that were due and not sent, whatever the cause.
    pub fn share_missed(&self) -> f64 {
        let sent = self.get("lavalink_audio_frames_total{result=\"sent\"}");
        let missed = self.missed().values().fold(0.0, |sum, count| sum + count);
        missed / (sent + missed).max(1.0)
    }
}

/// Fails when the audio was worse in a time with something else than in the worst of the times without: more of it late,
/// or missing, by more than `margin` of all frames.
///
/// # Panics
/// With the shares.
pub fn assert_no_worse(busy: &Figures, calm: &[&Figures], margin: f64) {
    let whats = [
        "run more than 20 ms late",
        "run more than 60 ms late",
        "due and not sent",
    ];
    let shares = |figures: &Figures| {
        [
            figures.share_later_than("0.02"),
            figures.share_later_than("0.06"),
            figures.share_missed(),
        ]
    };
    for (at, what) in whats.into_iter().enumerate() {
        let usual = calm.iter().map(|figures| shares(figures)[at]).fold(0.0, f64::max);
        let found = shares(busy)[at];
        eprintln!(
            "{what}: {:.3} %, else {:.3} % at most",
            found * 100.0,
            usual * 100.0
        );
        assert!(
            found <= usual + margin,
            "{what}: {found}, else {usual}; {:?}",
            busy.missed()
        );
    }
}
