//! How the rest of the node talks to a player.

use std::sync::Arc;
use std::time::Duration;

use lavalink_plugin_api::Event as Occurrence;
use lavalink_plugins::Topic;
use lavalink_protocol::ids::{GuildId, UserId};
use tokio::sync::{mpsc, oneshot, watch};

use super::command::{Applied, Command, Controls, Play, VoiceRefused, VoiceTarget};
use super::markers::{Marker, MarkerRefused};
use super::source::SourceHandle;
use super::task::{PlayerTask, player_ref};
use super::track::to_ms;
use super::view::PlayerShared;
use crate::services::Services;
use crate::session::Outbox;

/// Commands that may wait in a player's mailbox. Each is worked off in microseconds.
const MAILBOX: usize = 64;

/// Longest time a request waits for a voice connection, also when later requests keep changing where to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// The player was destroyed while the request was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The player was destroyed")]
pub struct Destroyed;

/// A reference to a player's task. Clones are references to the same player.
#[derive(Clone)]
pub struct PlayerHandle {
    shared: Arc<PlayerShared>,
    mailbox: mpsc::Sender<Command>,
    /// Never changes; loses its sender with the end of the task.
    running: watch::Receiver<()>,
}

impl PlayerHandle {
    /// Starts a fresh player.
    pub fn spawn(guild_id: GuildId, user_id: UserId, services: Arc<Services>, outbox: Arc<Outbox>) -> Self {
        let (mailbox, commands) = mpsc::channel(MAILBOX);
        let source = SourceHandle::new();
        let shared = Arc::new(PlayerShared::new(guild_id, Arc::clone(source.state())));
        let player = player_ref(&outbox, user_id, guild_id);
        outbox
            .events()
            .emit(Topic::Players, || Occurrence::NewPlayer { player });
        let task = PlayerTask::new(Arc::clone(&shared), services, outbox, user_id, source, commands);
        let (alive, running) = watch::channel(());
        tokio::spawn(async move {
            task.run().await;
            drop(alive);
        });
        Self {
            shared,
            mailbox,
            running,
        }
    }

    /// What may be read without asking the task.
    pub fn shared(&self) -> &Arc<PlayerShared> {
        &self.shared
    }

    /// Whether there is no task behind it any more.
    pub fn is_gone(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// Connects to voice and waits until the gateway's socket is open.
    ///
    /// # Errors
    /// [`Destroyed`]; the inner error is a connection that did not come about.
    pub async fn connect(&self, target: VoiceTarget) -> Result<Result<(), VoiceRefused>, Destroyed> {
        let (reply, answer) = oneshot::channel();
        self.mailbox
            .send(Command::Voice(Box::new(target), reply))
            .await
            .map_err(|_| Destroyed)?;
        // A dropped reply means that too many wait, or that the player is gone.
        match tokio::time::timeout(CONNECT_LIMIT, answer).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) | Err(_) => Ok(Err(VoiceRefused)),
        }
    }

    /// Applies controls.
    ///
    /// # Errors
    /// [`Destroyed`].
    pub async fn control(&self, controls: Controls) -> Result<Applied, Destroyed> {
        self.ask(|reply| Command::Control(Box::new(controls), reply))
            .await
    }

    /// Plays a track.
    ///
    /// # Errors
    /// [`Destroyed`].
    pub async fn play(&self, play: Play) -> Result<(), Destroyed> {
        self.ask(|reply| Command::Play(Box::new(play), reply)).await
    }

    /// Stops the current track.
    ///
    /// # Errors
    /// [`Destroyed`].
    pub async fn stop(&self) -> Result<(), Destroyed> {
        self.ask(Command::Stop).await
    }

    /// Sets a marker in the track that plays.
    ///
    /// # Errors
    /// [`Destroyed`]; the inner error is a marker that was refused.
    pub async fn add_marker(
        &self,
        plugin: &str,
        name: &str,
        position: Duration,
    ) -> Result<Result<(), MarkerRefused>, Destroyed> {
        let marker = Marker {
            plugin: plugin.to_owned(),
            name: name.to_owned(),
            position: to_ms(position),
        };
        self.ask(|reply| Command::Marker(marker, reply)).await
    }

    /// Sends one playerUpdate.
    pub async fn announce(&self) {
        // A destroyed player has nothing to announce.
        let _destroyed = self.mailbox.send(Command::Announce).await;
    }

    /// Stops the track and drops the voice connection; the events are out when this returns.
    pub async fn destroy(&self) {
        let _already_destroyed = self.ask(Command::Destroy).await;
    }

    /// Waits until the player's task has ended, its voice connection closed.
    pub async fn ended(&self) {
        // The mailbox closes as soon as the end begins, which is too early.
        let mut running = self.running.clone();
        while running.changed().await.is_ok() {}
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Destroyed> {
        let (reply, answer) = oneshot::channel();
        self.mailbox.send(command(reply)).await.map_err(|_| Destroyed)?;
        answer.await.map_err(|_| Destroyed)
    }
}
