//! Live lyrics: the lines of the playing track as events of the LavaLyrics plugin of the Java server, for the players a
//! client has subscribed to.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use lavalink_plugin_api::{Lyrics, LyricsLine};
use lavalink_protocol::ids::{GuildId, SessionId};
use lavalink_protocol::json::{self, JsonObject};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::task::AbortHandle;

use crate::node::Node;
use crate::player::{PlayerHandle, plugin_info};
use crate::session::Session;

/// How often a subscribed player is looked at.
const PERIOD: Duration = Duration::from_millis(100);
/// A line that is told later than this was jumped over.
const LATE: Duration = Duration::from_secs(1);

/// The lyrics object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LyricsObject {
    source_name: String,
    provider: String,
    text: Option<String>,
    lines: Option<Vec<LineObject>>,
    plugin: JsonObject,
}

/// One line of it; times in milliseconds.
#[derive(Debug, Clone, Serialize)]
struct LineObject {
    timestamp: u64,
    duration: Option<u64>,
    line: String,
    plugin: JsonObject,
}

impl From<&Lyrics> for LyricsObject {
    fn from(lyrics: &Lyrics) -> Self {
        let lines = lyrics.lines.as_ref();
        Self {
            source_name: lyrics.source_name.clone(),
            provider: lyrics.provider.clone(),
            text: lyrics.text.clone(),
            lines: lines.map(|lines| lines.iter().map(LineObject::from).collect()),
            plugin: plugin_info(lyrics.plugin_info.as_deref()),
        }
    }
}

impl From<&LyricsLine> for LineObject {
    fn from(line: &LyricsLine) -> Self {
        Self {
            timestamp: ms(line.timestamp),
            duration: line.duration.map(ms),
            line: line.line.clone(),
            plugin: plugin_info(line.plugin_info.as_deref()),
        }
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The events, all with `op` `event`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
enum LyricsEvent<'a> {
    #[serde(rename = "LyricsFoundEvent")]
    Found {
        op: &'static str,
        guild_id: GuildId,
        lyrics: &'a LyricsObject,
    },
    #[serde(rename = "LyricsNotFoundEvent")]
    NotFound { op: &'static str, guild_id: GuildId },
    #[serde(rename = "LyricsLineEvent")]
    Line {
        op: &'static str,
        guild_id: GuildId,
        line_index: usize,
        line: &'a LineObject,
        skipped: bool,
    },
}

const OP: &str = "event";

/// The players subscribed to.
#[derive(Default)]
pub struct LiveLyrics {
    tasks: Mutex<HashMap<(SessionId, GuildId), AbortHandle>>,
}

impl LiveLyrics {
    /// Ends a subscription, if there is one.
    pub fn unsubscribe(&self, session: &Session, guild_id: GuildId) {
        if let Some(task) = self.tasks.lock().remove(&(session.id.clone(), guild_id)) {
            task.abort();
        }
    }
}

/// Subscribes to a player for as long as it lives; does nothing when that is so already.
pub fn subscribe(node: &Arc<Node>, session: &Arc<Session>, guild_id: GuildId, skip_own: bool) {
    let mut tasks = node.live_lyrics.tasks.lock();
    tasks.retain(|_, task| !task.is_finished());
    tasks.entry((session.id.clone(), guild_id)).or_insert_with(|| {
        let follower = Follower {
            node: Arc::downgrade(node),
            session: Arc::downgrade(session),
            guild_id,
            skip_own,
        };
        tokio::spawn(follower.follow()).abort_handle()
    });
}

/// Follows one player.
struct Follower {
    node: Weak<Node>,
    session: Weak<Session>,
    guild_id: GuildId,
    skip_own: bool,
}

/// The lines of the track that plays, and which comes next.
struct Lines {
    lines: Vec<LineObject>,
    next: usize,
}

impl Follower {
    async fn follow(self) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut playing = None;
        loop {
            period.tick().await;
            let Some((session, player)) = self.player() else {
                return;
            };
            let Some(play) = player.shared().play() else {
                playing = None;
                continue;
            };
            let is_same = playing
                .as_ref()
                .is_some_and(|(known, _)| Arc::ptr_eq(known, &play.clock));
            if !is_same {
                let lines = self.lines(&session, &play.track.to_sourced()).await;
                playing = Some((Arc::clone(&play.clock), lines));
            }
            if let Some((clock, Some(lines))) = &mut playing {
                let position = u64::try_from(clock.position()).unwrap_or(0);
                self.tell_lines(&session, lines, position);
            }
        }
    }

    fn player(&self) -> Option<(Arc<Session>, PlayerHandle)> {
        let session = self.session.upgrade()?;
        let player = session.player(self.guild_id)?;
        Some((session, player))
    }

    /// Looks the lyrics of a track up, and tells the client whether there are any.
    async fn lines(&self, session: &Session, track: &lavalink_plugin_api::SourcedTrack) -> Option<Lines> {
        let node = self.node.upgrade()?;
        let found = node.services.plugins.lyrics(track.clone(), self.skip_own).await;
        let lyrics = found.unwrap_or_else(|failure| {
            tracing::warn!("No lyrics for {:?}: {failure}", track.track.info.title);
            None
        });
        let guild_id = self.guild_id;
        let object = lyrics.as_ref().map(LyricsObject::from);
        let timed = object.filter(|object| object.lines.as_ref().is_some_and(|lines| !lines.is_empty()));
        let Some(lyrics) = timed else {
            self.send(session, &LyricsEvent::NotFound { op: OP, guild_id });
            return None;
        };
        self.send(
            session,
            &LyricsEvent::Found {
                op: OP,
                guild_id,
                lyrics: &lyrics,
            },
        );
        Some(Lines {
            lines: lyrics.lines.unwrap_or_default(),
            next: 0,
        })
    }

    /// Tells the lines whose time has come.
    fn tell_lines(&self, session: &Session, lines: &mut Lines, position: u64) {
        while let Some(line) = lines
            .lines
            .get(lines.next)
            .filter(|line| line.timestamp <= position)
        {
            self.send(
                session,
                &LyricsEvent::Line {
                    op: OP,
                    guild_id: self.guild_id,
                    line_index: lines.next,
                    line,
                    skipped: position - line.timestamp > ms(LATE),
                },
            );
            lines.next += 1;
        }
    }

    fn send(&self, session: &Session, event: &LyricsEvent<'_>) {
        session.outbox.send_text(json::to_string(event));
    }
}
