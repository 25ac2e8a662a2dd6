//! Drives lavalink-rs. Commands and answers are described in `tests/clients/README.md`.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use lavalink_rs::client::LavalinkClient;
use lavalink_rs::model::events::Events;
use lavalink_rs::model::http::ResumingState;
use lavalink_rs::model::player::{Filters, Timescale};
use lavalink_rs::model::track::{TrackData, TrackLoadData, TrackLoadType};
use lavalink_rs::model::{BoxFuture, ChannelId, GuildId, UserId};
use lavalink_rs::node::{Node, NodeBuilder};
use lavalink_rs::player_context::PlayerContext;
use lavalink_rs::prelude::NodeDistributionStrategy;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Longest wait for the voice updates, which are given by this program.
const VOICE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
enum Command {
    Connect,
    Load { identifier: String },
    Join,
    Play,
    Pitch { pitch: f64 },
    Clear,
    Seek { position: u64 },
    Pause,
    Resume,
    Volume { volume: u16 },
    Stop,
    Destroy,
    Resuming { timeout: u32 },
    Reconnect,
}

/// What the environment tells.
struct Settings {
    node: String,
    password: String,
    user: UserId,
    guild: GuildId,
    channel: ChannelId,
    voice_endpoint: String,
}

impl Settings {
    fn read() -> Result<Self> {
        let text = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
        let number =
            |name: &str| -> Result<u64> { text(name)?.parse().with_context(|| format!("{name} is no id")) };
        Ok(Self {
            node: format!("{}:{}", text("NODE_HOST")?, text("NODE_PORT")?),
            password: text("NODE_PASSWORD")?,
            user: UserId(number("USER_ID")?),
            guild: GuildId(number("GUILD_ID")?),
            channel: ChannelId(number("CHANNEL_ID")?),
            voice_endpoint: text("VOICE_ENDPOINT")?,
        })
    }
}

/// One line of standard output. Without a reader there is no test left to tell.
fn say(message: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{message}").and_then(|()| out.flush());
}

fn on_message(_: LavalinkClient, _: String, message: &Value) -> BoxFuture<'_, ()> {
    let event = match (message["op"].as_str(), message["type"].as_str()) {
        (Some("ready"), _) => {
            json!({"event": "ready", "session": message["sessionId"], "resumed": message["resumed"]})
        }
        (Some("playerUpdate"), _) => json!({
            "event": "update", "position": message["state"]["position"], "connected": message["state"]["connected"],
        }),
        (_, Some("TrackStartEvent")) => json!({"event": "start"}),
        (_, Some("TrackEndEvent")) => json!({"event": "end", "reason": message["reason"]}),
        (_, Some("TrackExceptionEvent")) => json!({"event": "error", "error": message["exception"]}),
        _ => Value::Null,
    };
    Box::pin(async move {
        if !event.is_null() {
            say(&event);
        }
    })
}

struct Bot {
    settings: Settings,
    client: LavalinkClient,
    node: Arc<Node>,
    player: Option<PlayerContext>,
    track: Option<TrackData>,
}

impl Bot {
    async fn connect(settings: Settings) -> Result<Self> {
        let node = NodeBuilder {
            hostname: settings.node.clone(),
            password: settings.password.clone(),
            user_id: settings.user,
            ..NodeBuilder::default()
        };
        let events = Events {
            raw: Some(on_message),
            ..Events::default()
        };
        let client = LavalinkClient::new(events, vec![node], NodeDistributionStrategy::sharded()).await;
        let node = client
            .get_node_by_index(0)
            .context("the client has lost its node")?;
        // Before the ready message the session is named by the node's number.
        while node.session_id.load().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Self {
            settings,
            client,
            node,
            player: None,
            track: None,
        })
    }

    fn session(&self) -> String {
        self.node.session_id.load().to_string()
    }

    fn player(&self) -> Result<&PlayerContext> {
        self.player.as_ref().context("no channel was joined")
    }

    async fn load(&mut self, identifier: &str) -> Result<Value> {
        let result = self.client.load_tracks(self.settings.guild, identifier).await?;
        let kind = match result.load_type {
            TrackLoadType::Track => "track",
            TrackLoadType::Playlist => "playlist",
            TrackLoadType::Search => "search",
            TrackLoadType::Empty => "empty",
            TrackLoadType::Error => "error",
        };
        let Some(TrackLoadData::Track(track)) = result.data else {
            return Ok(json!({ "type": kind }));
        };
        let info = track.info.clone();
        self.track = Some(track);
        Ok(json!({"type": kind, "title": info.title, "length": info.length, "source": info.source_name}))
    }

    async fn join(&mut self) -> Result<()> {
        let Settings {
            guild, channel, user, ..
        } = self.settings;
        let endpoint = Some(self.settings.voice_endpoint.clone());
        self.client
            .handle_voice_state_update(guild, Some(channel), user, "voice-session-1".to_owned());
        self.client
            .handle_voice_server_update(guild, "voice-token-1".to_owned(), endpoint);
        let voice = self.client.get_connection_info(guild, VOICE_TIMEOUT).await?;
        self.player = Some(self.client.create_player_context(guild, voice).await?);
        Ok(())
    }

    async fn carry_out(&mut self, command: Command) -> Result<Value> {
        match command {
            Command::Connect => return Ok(json!({"session": self.session()})),
            Command::Load { identifier } => return self.load(&identifier).await,
            Command::Join => self.join().await?,
            Command::Play => {
                let track = self.track.clone().context("nothing was loaded")?;
                self.player()?.play_now(&track).await.map(drop)?;
            }
            Command::Pitch { pitch } => {
                let timescale = Timescale {
                    speed: Some(1.0),
                    pitch: Some(pitch),
                    rate: Some(1.0),
                };
                let filters = Filters {
                    timescale: Some(timescale),
                    ..Filters::default()
                };
                self.player()?.set_filters(filters).await.map(drop)?;
            }
            Command::Clear => self.player()?.set_filters(Filters::default()).await.map(drop)?,
            Command::Seek { position } => {
                let position = Duration::from_millis(position);
                self.player()?.set_position(position).await.map(drop)?;
            }
            Command::Pause => self.player()?.set_pause(true).await.map(drop)?,
            Command::Resume => self.player()?.set_pause(false).await.map(drop)?,
            Command::Volume { volume } => self.player()?.set_volume(volume).await.map(drop)?,
            Command::Stop => self.player()?.stop_now().await.map(drop)?,
            Command::Destroy => self.client.delete_player(self.settings.guild).await?,
            Command::Resuming { timeout } => {
                let state = ResumingState {
                    resuming: Some(true),
                    timeout: Some(timeout),
                };
                let session = self.session();
                self.node
                    .http
                    .set_resuming_state(&session, &state)
                    .await
                    .map(drop)?;
            }
            // It does so by itself: every 15 s it looks whether it is still connected.
            Command::Reconnect => {}
        }
        Ok(json!({}))
    }
}

/// The answer to one line of standard input.
async fn answer(bot: &mut Option<Bot>, line: &str) -> Value {
    let name = serde_json::from_str::<Value>(line).map_or(Value::Null, |mut line| line["do"].take());
    let outcome = async {
        let command: Command = serde_json::from_str(line)?;
        if matches!(command, Command::Connect) {
            *bot = Some(Bot::connect(Settings::read()?).await?);
        }
        bot.as_mut().context("not connected")?.carry_out(command).await
    };
    match outcome.await {
        Ok(mut facts) => {
            facts["done"] = name;
            facts
        }
        Err(error) => json!({"failed": name, "error": format!("{error:#}")}),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    // Waiting for a line takes a thread of its own; it ends with the process.
    let (commands, mut lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if commands.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let mut bot = None;
    while let Some(line) = lines.recv().await {
        let answer = answer(&mut bot, &line).await;
        say(&answer);
    }
    Ok(())
}
