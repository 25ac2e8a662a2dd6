//! Many players on one node: each test takes a seat of its own, while a witness in another guild plays on.

use std::{
    collections::HashMap,
    future::Future,
    path::Path,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use fake_discord::{Config, ConnectionReport, FakeDiscord};
use serde_json::{Value, json};

use crate::{
    client::{Answer, PATIENCE, Rest, Socket},
    media,
    node::{Node, NodeOptions},
};

/// Time between the beginnings of two rows.
const STAGGER: Duration = Duration::from_millis(100);

/// Guild of the witness.
const WITNESS: u64 = 1;

/// A node, two voice servers it trusts, and a witness that plays from the beginning to the end.
pub struct Hall {
    /// The voice server.
    pub discord: FakeDiscord,
    /// Another one, in another region so to speak: its channels have other ids.
    pub elsewhere: FakeDiscord,
    /// The node.
    pub node: Node,
    /// Its REST interface.
    pub rest: Rest,
    /// A file of 120 s that is sent as it is.
    pub tone: String,
    witness: OnceLock<Socket>,
}

/// One player of a hall, with a bot session of its own.
pub struct Seat {
    /// Where it is.
    pub hall: Arc<Hall>,
    /// The bot's session.
    pub socket: Socket,
    /// The player's guild.
    pub guild: u64,
}

/// A test that runs in a seat.
pub type Row = fn(Seat) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// What became of each row: the text of its panic, if it did.
pub type Outcomes = HashMap<&'static str, Option<String>>;

impl Hall {
    /// Opens a hall; the witness plays when this returns.
    pub async fn open(config: Config) -> Arc<Self> {
        let channels = (0..1000).map(|guild| (guild, 5_000_000 + guild)).collect();
        let elsewhere = Config {
            channels,
            ..config.clone()
        };
        let discord = FakeDiscord::start(config).await.expect("the fake Discord starts");
        let elsewhere = FakeDiscord::start(elsewhere)
            .await
            .expect("the other one as well");
        let trust = tempfile::NamedTempFile::new().expect("a temp file can be made");
        let (_, path) = trust.keep().expect("a temp file can be kept");
        let authorities = format!("{}{}", discord.ca_pem(), elsewhere.ca_pem());
        std::fs::write(&path, authorities).expect("the authorities can be written");
        let node = Node::start(NodeOptions {
            ca_file: Some(path),
            ..NodeOptions::default()
        })
        .await;
        let tone = tone(node.directory());
        let rest = node.rest();
        let hall = Arc::new(Self {
            discord,
            elsewhere,
            node,
            rest,
            tone,
            witness: OnceLock::new(),
        });
        let mut seat = hall.clone().seat(WITNESS).await;
        seat.play().await;
        // Its session lives as long as its socket.
        hall.witness.get_or_init(|| seat.socket);
        hall
    }

    /// A seat for this guild.
    pub async fn seat(self: Arc<Self>, guild: u64) -> Seat {
        let socket = self.node.socket().await;
        Seat {
            hall: self,
            socket,
            guild,
        }
    }

    /// Runs all rows at the same time and says what became of them. The hall is closed afterwards.
    pub async fn run(config: Config, rows: &[(&'static str, Row)]) -> Outcomes {
        let hall = Self::open(config).await;
        let mut running = Vec::new();
        for (index, (name, row)) in rows.iter().enumerate() {
            let seat = hall.clone().seat(10 + index as u64).await;
            running.push((*name, tokio::spawn(row(seat))));
            // All at once would measure how fast a debug build makes key pairs.
            tokio::time::sleep(STAGGER).await;
        }
        let mut outcomes = Outcomes::new();
        for (name, row) in running {
            let panic = row.await.err().map(|error| {
                let payload = error.into_panic();
                let text = payload.downcast_ref::<String>().cloned();
                text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
                    .unwrap_or_else(|| "it panicked".to_owned())
            });
            outcomes.insert(name, panic);
        }
        if outcomes.values().any(Option::is_some) {
            let log = hall.node.log();
            let from = log.len().saturating_sub(20_000);
            eprintln!("---- log of the node ----\n{}", log.get(from..).unwrap_or(&log));
        }
        hall.assert_witness().await;
        outcomes
    }

    /// The witness has heard nothing of what goes on around it, and plays on.
    pub async fn assert_witness(&self) {
        let before = self
            .discord
            .report(WITNESS)
            .expect("the witness has a connection");
        let report = self
            .discord
            .wait_for(WITNESS, "the witness playing on", PATIENCE, |r| {
                r.frames.media > before.frames.media + 20
            })
            .await
            .expect("the witness plays on");
        assert_eq!(report.violations(), Vec::<String>::new(), "the witness");
        assert_eq!((report.rtp.lost, report.gateway.resumes), (0, 0), "the witness");
        assert_eq!(
            report.timing.gap_count, 0,
            "the witness: {:?}",
            report.timing.gaps
        );
    }
}

fn tone(directory: &Path) -> String {
    let encoder = ["-c:a", "libopus", "-b:a", "96k"];
    let path = media::tone(directory, "witness.webm", &encoder, 48_000, 120.0, 440, 660);
    path.to_str().expect("temp paths are text").to_owned()
}

impl Seat {
    /// Path of the player.
    pub fn path(&self) -> String {
        self.socket.player(self.guild)
    }

    /// Voice data for the hall's voice server.
    pub fn voice(&self) -> Value {
        let guild = self.guild;
        json!({
            "token": format!("token-{guild}"),
            "endpoint": self.hall.discord.endpoint(),
            "sessionId": format!("session-{guild}"),
            "channelId": self.hall.discord.channel_of(guild).to_string(),
        })
    }

    /// PATCHes this voice data.
    pub async fn connect(&self, voice: &Value) -> Answer {
        self.hall.rest.patch(&self.path(), &json!({"voice": voice})).await
    }

    /// PATCHes voice data with this endpoint.
    pub async fn connect_to(&self, endpoint: &Value) -> Answer {
        let mut voice = self.voice();
        voice["endpoint"] = endpoint.clone();
        self.connect(&voice).await
    }

    /// Joins and plays until audio is heard.
    pub async fn play(&mut self) -> ConnectionReport {
        let answer = self.connect(&self.voice()).await;
        assert_eq!(answer.status, 200, "voice: {}", answer.text);
        self.play_track().await;
        self.heard("audio", |r| r.frames.media > 20).await
    }

    /// Plays the tone.
    pub async fn play_track(&self) {
        let body = json!({"track": {"identifier": self.hall.tone}});
        let answer = self.hall.rest.patch(&self.path(), &body).await;
        assert_eq!(answer.status, 200, "track: {}", answer.text);
    }

    /// Waits until the voice server has seen enough.
    ///
    /// # Panics
    /// When it does not come to that.
    pub async fn heard(&self, what: &str, enough: impl Fn(&ConnectionReport) -> bool) -> ConnectionReport {
        self.heard_by(&self.hall.discord, what, enough).await
    }

    /// As [`Seat::heard`], asked of that voice server.
    pub async fn heard_by(
        &self,
        discord: &FakeDiscord,
        what: &str,
        enough: impl Fn(&ConnectionReport) -> bool,
    ) -> ConnectionReport {
        match discord.wait_for(self.guild, what, 2 * PATIENCE, enough).await {
            Ok(report) => report,
            Err(error) => panic!("{error}; report: {:#?}", discord.report(self.guild)),
        }
    }

    /// Waits for more audio on the newest connection.
    pub async fn plays_on(&self) -> ConnectionReport {
        let before = self.report().frames.media;
        self.heard("more audio", |r| r.connected && r.frames.media > before + 20)
            .await
    }

    /// What the voice server knows of the newest connection.
    pub fn report(&self) -> ConnectionReport {
        self.hall.discord.report(self.guild).expect("a connection")
    }

    /// Waits for WebSocketClosedEvent.
    pub async fn closed(&mut self) -> (i64, String, bool) {
        let guild = self.guild.to_string();
        let event = self
            .socket
            .wait_for(3 * PATIENCE, |m| {
                m["type"] == "WebSocketClosedEvent" && m["guildId"] == guild.as_str()
            })
            .await;
        let code = event["code"].as_i64().expect("a number");
        let reason = event["reason"].as_str().expect("never null").to_owned();
        (code, reason, event["byRemote"].as_bool().expect("a flag"))
    }

    /// The next playerUpdate's `state`.
    pub async fn update(&mut self) -> Value {
        self.socket.wait(|m| m["op"] == "playerUpdate").await["state"].clone()
    }

    /// Fails when there has been a WebSocketClosedEvent.
    pub async fn assert_not_closed(&mut self) {
        self.socket.drain(Duration::from_millis(100)).await;
        let events = self.socket.events_of(self.guild);
        assert!(!events.contains(&"WebSocketClosedEvent".to_owned()), "{events:?}");
    }
}

/// Names the functions of module `rows` as tests: all run at once in one hall, each test reports its own.
#[macro_export]
macro_rules! hall_tests {
    ($config:expr; $($name:ident)+) => {
        static OUTCOMES: std::sync::LazyLock<Result<$crate::seat::Outcomes, String>> = std::sync::LazyLock::new(|| {
            let all: &[(&'static str, $crate::seat::Row)] =
                &[$((stringify!($name), |seat| Box::pin(rows::$name(seat)))),+];
            let run = || {
                tokio::runtime::Runtime::new()
                    .expect("a runtime can be made")
                    .block_on($crate::seat::Hall::run($config, all))
            };
            std::panic::catch_unwind(run).map_err(|_| "the hall itself failed, see above".to_owned())
        });
        $(
            #[test]
            fn $name() {
                let outcomes = OUTCOMES.as_ref().unwrap_or_else(|error| panic!("{error}"));
                if let Some(Some(panic)) = outcomes.get(stringify!($name)) {
                    panic!("{panic}");
                }
            }
        )+
    };
}
