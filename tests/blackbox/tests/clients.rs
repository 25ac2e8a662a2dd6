//! Unmodified client libraries, each led through a bot's day: what the library says is compared with what the node says and
//! with what the voice server hears.

use std::sync::OnceLock;
use std::time::Duration;

use fake_discord::{Config, analysis};
use fake_services::{FakeServices, Resource};
use lavalink_blackbox::driver::{Driver, packages, sources};
use lavalink_blackbox::node::{PASSWORD, build_directory};
use lavalink_blackbox::proxy::Proxy;
use lavalink_blackbox::{Stage, client, media};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// Of the guild the bot plays in. Real ids need more than 53 bits.
const GUILD: u64 = 987_654_321_098_765_432;
const USER: &str = "170939974227541168";

/// Length of the track, seconds.
const SECONDS: f64 = 60.0;

/// How a library comes back when its connection is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resumption {
    /// It asks for its old session.
    ByItself,
    /// Left alone it would begin a new session; told to connect it asks for the old one.
    WhenTold,
}

/// A minute of 440 Hz.
fn tone() -> &'static [u8] {
    static TONE: OnceLock<Vec<u8>> = OnceLock::new();
    TONE.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temp dir can be made");
        let encoder = ["-c:a", "libopus", "-b:a", "64k"];
        let path = media::tone(directory.path(), "tone.webm", &encoder, 48_000, SECONDS, 440, 440);
        std::fs::read(path).expect("the file was made")
    })
}

struct Day {
    stage: Stage,
    services: FakeServices,
    proxy: Proxy,
    bot: Driver,
    session: String,
}

impl Day {
    async fn begin(mut command: Command) -> Self {
        let stage = Stage::start(Config::default()).await;
        let services = FakeServices::start().await.expect("a media server");
        services.serve("/tone.webm", Resource::bytes("audio/webm", tone().to_vec()));
        let proxy = Proxy::start(stage.node.address()).await;
        command
            // Some libraries write files where they run.
            .current_dir(stage.node.directory())
            .env("NODE_HOST", proxy.address().ip().to_string())
            .env("NODE_PORT", proxy.address().port().to_string())
            .env("NODE_PASSWORD", PASSWORD)
            .env("USER_ID", USER)
            .env("GUILD_ID", GUILD.to_string())
            .env("CHANNEL_ID", stage.discord.channel_of(GUILD).to_string())
            .env("VOICE_ENDPOINT", stage.discord.endpoint());
        let mut bot = Driver::start(command, stage.node.directory().join("client.log"));
        let answer = bot.ask("connect", json!({})).await;
        let session = answer["session"].as_str().expect("a session id").to_owned();
        let ready = bot.event("ready", |_| true).await;
        assert_eq!(
            (&ready["session"], &ready["resumed"]),
            (&json!(session), &json!(false))
        );
        Self {
            stage,
            services,
            proxy,
            bot,
            session,
        }
    }

    /// The bot's player as the node shows it.
    async fn player(&self) -> Value {
        let path = format!("/v4/sessions/{}/players/{GUILD}", self.session);
        let answer = self.stage.rest.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Waits until the player is as wanted. Libraries may gather changes and send them later.
    async fn player_is(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + client::PATIENCE;
        loop {
            let player = self.player().await;
            if fits(&player) {
                return player;
            }
            assert!(Instant::now() < deadline, "never {what}: {player:#}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the voice server hears this frequency and little else.
    async fn hears(&self, hz: f64) {
        let deadline = Instant::now() + client::PATIENCE;
        loop {
            self.stage.discord.clear_recording(GUILD).expect("a connection");
            sleep(Duration::from_millis(600)).await;
            let heard = analysis::stereo(&self.stage.discord.pcm(GUILD), 48_000);
            if let Some([left, right]) = heard
                && [left, right]
                    .iter()
                    .all(|side| (side.peak_hz - hz).abs() < 10.0 && side.peak_share > 0.9)
            {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{hz} Hz is never heard, but {heard:?}; {:#?}",
                self.stage.discord.report(GUILD)
            );
        }
    }

    /// Waits until the library has changed nothing for a while. Some answer the end of a track with a stop, and one that comes
    /// after the player was destroyed makes a new player.
    async fn falls_silent(&self) {
        let deadline = Instant::now() + client::PATIENCE;
        let changes = || {
            self.stage
                .node
                .log()
                .matches("RequestLoggingFilter: PATCH")
                .count()
        };
        let mut seen = changes();
        loop {
            sleep(Duration::from_millis(500)).await;
            let now = changes();
            if now == seen {
                return;
            }
            assert!(Instant::now() < deadline, "the library never falls silent");
            seen = now;
        }
    }

    async fn load(&mut self) {
        let missing = json!({"identifier": self.services.url("/nothing.mp3")});
        assert_eq!(self.bot.ask("load", missing).await["type"], "empty");
        let there = json!({"identifier": self.services.url("/tone.webm")});
        let loaded = self.bot.ask("load", there).await;
        assert_eq!(
            (&loaded["type"], &loaded["title"], &loaded["source"]),
            (&json!("track"), &json!("Test Tone"), &json!("http"))
        );
        let length = loaded["length"].as_f64().expect("a number");
        assert!((length - SECONDS * 1000.0).abs() < 200.0, "{length} ms");
    }

    async fn play(&mut self) {
        self.bot.tell("join").await;
        self.bot.tell("play").await;
        self.bot.event("start", |_| true).await;
        let player = self
            .player_is("connected and playing", |player| {
                player["state"]["connected"] == true && !player["track"].is_null()
            })
            .await;
        assert_eq!(player["track"]["info"]["title"], "Test Tone");
        assert_eq!(
            player["voice"]["channelId"],
            self.stage.discord.channel_of(GUILD).to_string()
        );
        // The node is connected a moment before the voice server knows whom it talks to.
        self.stage
            .heard(GUILD, "the track", |report| report.frames.media > 10)
            .await;
        self.hears(440.0).await;
        self.bot
            .event("update", |update| update["connected"] == true)
            .await;
    }

    async fn change(&mut self) {
        self.bot.ask("pitch", json!({"pitch": 2})).await;
        self.hears(880.0).await;
        self.bot.tell("clear").await;
        self.hears(440.0).await;

        self.bot.ask("seek", json!({"position": 40_000})).await;
        let at = |player: &Value| player["state"]["position"].as_i64().unwrap_or_default();
        self.player_is("at 40 s", |player| (39_900..50_000).contains(&at(player)))
            .await;
        let arrived = |update: &Value| update["position"].as_i64() >= Some(39_900);
        self.bot.event("update", arrived).await;

        self.bot.tell("pause").await;
        self.player_is("paused", |player| player["paused"] == true).await;
        self.stage
            .heard(GUILD, "silence after pausing", |report| {
                report.frames.silence >= 5
            })
            .await;
        let stands = at(&self.player().await);
        sleep(Duration::from_millis(300)).await;
        assert_eq!(at(&self.player().await), stands, "a paused player stands still");
        self.bot.tell("resume").await;
        self.player_is("playing on", |player| {
            player["paused"] == false && at(player) > stands
        })
        .await;

        self.bot.ask("volume", json!({"volume": 50})).await;
        self.player_is("at volume 50", |player| player["volume"] == 50)
            .await;
        self.hears(440.0).await;
    }

    async fn lose_the_connection(&mut self, resumption: Resumption) {
        self.bot.ask("resuming", json!({"timeout": 60})).await;
        let frames = |day: &Self| {
            day.stage
                .discord
                .report(GUILD)
                .map_or(0, |report| report.frames.media)
        };
        let before = frames(self);
        match resumption {
            Resumption::ByItself => self.proxy.cut(),
            Resumption::WhenTold => self.bot.tell("reconnect").await,
        }
        let ready = self.bot.event("ready", |_| true).await;
        assert_eq!(
            (&ready["session"], &ready["resumed"]),
            (&json!(self.session), &json!(true))
        );
        self.hears(440.0).await;
        assert!(frames(self) > before);
        self.player_is("playing on", |player| !player["track"].is_null())
            .await;
    }

    async fn end(&mut self) {
        self.bot.tell("stop").await;
        assert_eq!(self.bot.event("end", |_| true).await["reason"], "stopped");
        self.player_is("stopped", |player| player["track"].is_null())
            .await;

        self.bot.tell("play").await;
        self.bot.event("start", |_| true).await;
        let near_the_end = SECONDS * 1000.0 - 500.0;
        self.bot
            .ask("seek", json!({"position": near_the_end as u64}))
            .await;
        assert_eq!(self.bot.event("end", |_| true).await["reason"], "finished");

        let report = self.stage.discord.report(GUILD).expect("a report");
        assert_eq!(report.violations(), Vec::<String>::new());
        self.falls_silent().await;
        self.bot.tell("destroy").await;
        let path = format!("/v4/sessions/{}/players/{GUILD}", self.session);
        let deadline = Instant::now() + client::PATIENCE;
        while self.stage.rest.get(&path).await.status != 404 {
            assert!(Instant::now() < deadline, "the player is still there");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn a_bots_day(name: &'static str, command: Command, resumption: Resumption) {
    let started = Instant::now();
    let told = |chapter: &str| eprintln!("{:6.2} s {name}: {chapter}", started.elapsed().as_secs_f64());
    let mut day = Day::begin(command).await;
    told("connected");
    day.load().await;
    day.play().await;
    told("plays");
    day.change().await;
    told("filtered, sought, paused");
    day.lose_the_connection(resumption).await;
    told("resumed");
    day.end().await;
    told("ended");
}

fn javascript(program: &str) -> Command {
    let modules = packages("js/node_modules");
    let mut command = Command::new("node");
    command
        .arg(sources().join("js").join(program))
        .env("PACKAGES", modules.parent().unwrap_or(&modules));
    command
}

fn python(program: &str) -> Command {
    let mut command = Command::new(packages("python/bin/python"));
    command
        .arg(sources().join("python").join(program))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// All at once, each with a node and a voice server of its own: most of a day is waiting.
#[tokio::test(flavor = "multi_thread")]
async fn every_client_library_has_a_good_day() {
    use Resumption::{ByItself, WhenTold};
    let lavalink_rs = Command::new(build_directory().join("lavalink-rs-driver"));
    let clients = [
        ("npm lavalink-client", javascript("lavalink-client.mjs"), ByItself),
        ("npm shoukaku", javascript("shoukaku.mjs"), ByItself),
        ("npm aqualink", javascript("aqualink.mjs"), ByItself),
        ("PyPI lavalink", python("lavalink_py.py"), WhenTold),
        ("PyPI wavelink", python("wavelink_py.py"), ByItself),
        ("crates.io lavalink-rs", lavalink_rs, ByItself),
    ];
    let days = clients
        .map(|(name, command, resumption)| (name, tokio::spawn(a_bots_day(name, command, resumption))));
    let mut failed = Vec::new();
    for (name, day) in days {
        // What went wrong was printed when it did.
        if day.await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "bad days: {failed:?}");
}
