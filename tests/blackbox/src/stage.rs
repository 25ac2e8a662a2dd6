//! A node, a fake Discord it trusts, and one bot session: what most playback tests begin with.

use fake_discord::{Config, ConnectionReport, FakeDiscord};
use serde_json::{Value, json};

use crate::{
    client::{PATIENCE, Rest, Socket},
    node::{Node, NodeOptions},
};

/// Causes of gaps that a busy machine adds to any test.
const MACHINE: [&str; 2] = ["cpuOverrun", "hostStolen"];

/// A running scene.
pub struct Stage {
    /// The voice server.
    pub discord: FakeDiscord,
    /// The node.
    pub node: Node,
    /// Its REST interface.
    pub rest: Rest,
    /// The bot's session.
    pub socket: Socket,
}

impl Stage {
    /// Starts all parts.
    pub async fn start(config: Config) -> Self {
        Self::start_with(config, NodeOptions::default()).await
    }

    /// Starts all parts, the node with these options; its trust in the fake is added.
    pub async fn start_with(config: Config, mut options: NodeOptions) -> Self {
        let discord = FakeDiscord::start(config).await.expect("the fake Discord starts");
        let trust = tempfile::NamedTempFile::new().expect("a temp file can be made");
        discord
            .write_ca_bundle(trust.path())
            .expect("the CA can be written");
        let (_, path) = trust.keep().expect("a temp file can be kept");
        options.ca_file = Some(path);
        let node = Node::start(options).await;
        let rest = node.rest();
        let socket = node.socket().await;
        Self {
            discord,
            node,
            rest,
            socket,
        }
    }

    /// The voice state a bot would send for this guild.
    pub fn voice(&self, guild: u64) -> Value {
        json!({
            "token": format!("token-{guild}"),
            "endpoint": self.discord.endpoint(),
            "sessionId": format!("session-{guild}"),
            "channelId": self.discord.channel_of(guild).to_string(),
        })
    }

    /// Joins the guild's channel and waits until voice is ready.
    pub async fn join(&mut self, guild: u64) {
        let answer = self
            .rest
            .patch(&self.socket.player(guild), &json!({"voice": self.voice(guild)}))
            .await;
        assert_eq!(answer.status, 200, "voice: {}", answer.text);
        let name = guild.to_string();
        self.socket
            .wait(|m| {
                m["op"] == "playerUpdate" && m["guildId"] == name.as_str() && m["state"]["connected"] == true
            })
            .await;
    }

    /// Plays an identifier and checks that the node took it.
    pub async fn play(&self, guild: u64, identifier: &str) -> Value {
        self.update(guild, &json!({"track": {"identifier": identifier}}))
            .await
    }

    /// PATCHes the player and checks that the node took it.
    pub async fn update(&self, guild: u64, body: &Value) -> Value {
        let answer = self.rest.patch(&self.socket.player(guild), body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        answer.json()
    }

    /// The player as the node shows it.
    pub async fn player(&self, guild: u64) -> Value {
        self.rest.get(&self.socket.player(guild)).await.json()
    }

    /// Position of the player, ms.
    pub async fn position(&self, guild: u64) -> i64 {
        self.player(guild).await["state"]["position"]
            .as_i64()
            .expect("a number")
    }

    /// Waits until the voice server has seen enough of a guild.
    pub async fn heard(
        &self,
        guild: u64,
        what: &str,
        enough: impl Fn(&ConnectionReport) -> bool,
    ) -> ConnectionReport {
        match self.discord.wait_for(guild, what, PATIENCE, enough).await {
            Ok(report) => report,
            Err(error) => panic!("{error}; report: {:#?}", self.discord.report(guild)),
        }
    }

    /// Fails unless a guild was heard clean: nothing wrong on the wire, and no gap but those of a busy machine, which the
    /// node tells apart (many players in a debug build, beside other tests).
    ///
    /// # Panics
    /// With what was wrong.
    pub async fn assert_clean_of(&self, guild: u64, name: &str, report: &ConnectionReport) {
        assert_eq!(report.violations(), Vec::<String>::new(), "{name}");
        assert_eq!(report.rtp.lost, 0, "{name}: packets were lost");
        if report.timing.gap_count == 0 {
            return;
        }
        let path = format!("{}/diagnosis", self.socket.player(guild));
        let diagnosis = self.rest.get(&path).await.json();
        let gaps = diagnosis["gaps"].as_array().expect("a list");
        let own: Vec<&Value> = gaps
            .iter()
            .filter(|gap| !MACHINE.iter().any(|cause| gap["cause"] == *cause))
            .collect();
        eprintln!(
            "{name}: a busy machine made gaps: {gaps:?}; heard: {:?}",
            report.timing.gaps
        );
        assert!(own.is_empty(), "{name}: {own:?}; heard: {:?}", report.timing.gaps);
    }

    /// Waits for the end of a guild's track and returns the reason.
    pub async fn end_of(&mut self, guild: u64) -> String {
        self.socket.event("TrackEndEvent", guild).await["reason"]
            .as_str()
            .expect("a reason")
            .to_owned()
    }
}

/// Fails unless the connection was clean: nothing wrong on the wire and no gap over 60 ms.
///
/// # Panics
/// With what was wrong.
pub fn assert_clean(name: &str, report: &ConnectionReport) {
    assert_eq!(report.violations(), Vec::<String>::new(), "{name}");
    assert_eq!(report.rtp.lost, 0, "{name}: packets were lost");
    assert_eq!(
        report.timing.gap_count, 0,
        "{name}: gaps {:?}",
        report.timing.gaps
    );
}
