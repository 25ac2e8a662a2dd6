//! The one task that owns a player: takes commands from its mailbox and everything that happens to the player, one
//! after the other, so that events leave in the order they come about.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use lavalink_audio::{FrameConsumer, Pipeline};
use lavalink_plugin_api::{Event as Occurrence, PlayerRef, SourcedTrack};
use lavalink_plugins::Topic;
use lavalink_protocol::events::{EndReason, Event};
use lavalink_protocol::filters::Filters;
use lavalink_protocol::ids::{GuildId, UserId};
use lavalink_protocol::message::OutgoingMessage;
use lavalink_voice::VoiceEvent;
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinError;
use tokio::time::{Interval, MissedTickBehavior};

use super::abort::finished;
use super::command::{Applied, Command, Controls};
use super::connecting::{Connecting, Outcome, connected};
use super::effects::PluginEffects;
use super::playback::{Opened, Playback};
use super::source::SourceHandle;
use super::track::LoadedTrack;
use super::view::PlayerShared;
use crate::clock::unix_ms;
use crate::services::Services;
use crate::session::Outbox;

/// Highest volume, percent.
const MAX_VOLUME: i32 = 1000;
/// Longest time to close the voice connection when the player ends.
const CLOSE_DEADLINE: Duration = Duration::from_secs(3);

/// The task's own state.
pub struct PlayerTask {
    pub(super) shared: Arc<PlayerShared>,
    pub(super) services: Arc<Services>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) user_id: UserId,
    pub(super) source: SourceHandle<FrameConsumer>,
    pub(super) playback: Option<Playback>,
    /// The pipeline of a replaced track, which is heard until the new one has audio.
    pub(super) shadow: Option<Pipeline>,
    pub(super) opening: Option<super::abort::Owned<Opened>>,
    pub(super) connecting: Option<Connecting>,
    pub(super) voice_events: Option<mpsc::Receiver<VoiceEvent>>,
    pub(super) updates: Option<Interval>,
    pub(super) checks: Option<Interval>,
    mailbox: mpsc::Receiver<Command>,
}

/// What woke the task.
enum Step {
    Command(Option<Command>),
    Source,
    Voice(Option<VoiceEvent>),
    Connected(Outcome),
    Opened(Result<Opened, JoinError>),
    Update,
    Check,
}

impl PlayerTask {
    /// A task for a fresh player.
    pub fn new(
        shared: Arc<PlayerShared>,
        services: Arc<Services>,
        outbox: Arc<Outbox>,
        user_id: UserId,
        source: SourceHandle<FrameConsumer>,
        mailbox: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            shared,
            services,
            outbox,
            user_id,
            source,
            playback: None,
            shadow: None,
            opening: None,
            connecting: None,
            voice_events: None,
            updates: None,
            checks: None,
            mailbox,
        }
    }

    /// Runs until the player is destroyed.
    pub async fn run(mut self) {
        loop {
            self.source.collect();
            let state = Arc::clone(self.source.state());
            let step = select! {
                biased;
                command = self.mailbox.recv() => Step::Command(command),
                event = next_event(&mut self.voice_events) => Step::Voice(event),
                outcome = connected(&mut self.connecting) => Step::Connected(outcome),
                opened = finished(&mut self.opening) => Step::Opened(opened),
                () = state.changed.notified() => Step::Source,
                () = tick(&mut self.updates) => Step::Update,
                () = tick(&mut self.checks) => Step::Check,
            };
            match step {
                Step::Command(Some(Command::Destroy(done))) => return self.destroy(Some(done)).await,
                // Every handle is gone: nobody can ever ask for anything again.
                Step::Command(None) => return self.destroy(None).await,
                Step::Command(Some(command)) => self.obey(command),
                Step::Source => self.source_changed(),
                Step::Voice(event) => self.voice_event(event),
                Step::Connected(outcome) => self.voice_connected(outcome),
                Step::Opened(opened) => self.opened(opened),
                Step::Update => self.send_update(),
                Step::Check => self.check(),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        // A reply nobody waits for any more is no error: the request was given up.
        match command {
            Command::Voice(target, reply) => self.connect(*target, reply),
            Command::Control(controls, reply) => {
                let applied = self.apply(*controls);
                let _given_up = reply.send(applied);
            }
            Command::Play(play, reply) => {
                self.play(*play);
                let _given_up = reply.send(());
            }
            Command::Stop(reply) => {
                self.end(EndReason::Stopped);
                let _given_up = reply.send(());
            }
            Command::Marker(marker, reply) => {
                let outcome = self.add_marker(marker);
                let _given_up = reply.send(outcome);
            }
            Command::Announce => self.send_update(),
            Command::Destroy(_) => {}
        }
    }

    /// Steps 10 to 16b of section 1.9, in their order.
    fn apply(&mut self, controls: Controls) -> Applied {
        let is_track_request = controls.track.is_some();
        if let Some(paused) = controls.paused
            && !is_track_request
        {
            self.set_paused(paused);
        }
        if !is_track_request
            && let Some(user_data) = controls.user_data
            && let Some(track) = &mut self.shared.view.lock().track
        {
            track.user_data = user_data;
        }
        if let Some(volume) = controls.volume {
            self.set_volume(volume.clamp(0, MAX_VOLUME) as u16);
        }
        if let Some(position) = controls.position
            && !is_track_request
            && self.playback.is_some()
        {
            self.seek(position.max(0));
            self.send_update();
        }
        if let Some(end_time) = controls.end_time
            && !is_track_request
            && let Some(playback) = &self.playback
        {
            playback.clock().set_end_marker(end_time);
        }
        if let Some((filters, effects)) = controls.filters {
            if let Err(error) = filters.check_bands() {
                return Applied::BadBand(error);
            }
            self.set_filters(filters, effects);
            self.send_update();
        }
        let Some(intent) = controls.track else {
            return Applied::Proceed;
        };
        if intent.no_replace && self.playback.is_some() {
            return Applied::KeepTrack;
        }
        self.set_paused(controls.paused.unwrap_or(false));
        Applied::Proceed
    }

    fn set_paused(&mut self, paused: bool) {
        let state = self.source.state();
        if state.is_paused.swap(paused, Relaxed) == paused {
            return;
        }
        if let Some(playback) = &mut self.playback {
            if paused {
                state.counter.ended(unix_ms());
            } else {
                state.counter.started(unix_ms());
                playback.restart_stuck_clock();
            }
        }
    }

    fn set_volume(&mut self, volume: u16) {
        self.shared.view.lock().volume = volume;
        if let Some(pipeline) = self.playback.as_ref().and_then(Playback::pipeline) {
            pipeline.set_volume(volume);
        }
    }

    fn set_filters(&mut self, filters: Filters, effects: Option<Arc<PluginEffects>>) {
        let filters = Arc::new(filters);
        {
            let mut view = self.shared.view.lock();
            view.filters = Arc::clone(&filters);
            view.effects.clone_from(&effects);
        }
        if let Some(pipeline) = self.playback.as_ref().and_then(Playback::pipeline) {
            pipeline.set_filters_and_effects(filters, effects.map(|effects| effects as _));
        }
    }

    /// Sends the player's state; the outbox drops it while the session is disconnected.
    pub(super) fn send_update(&self) {
        let (state, guild_id) = (self.shared.state(), self.shared.guild_id);
        self.outbox
            .send(&OutgoingMessage::PlayerUpdate { state, guild_id });
    }

    pub(super) fn send_event(&self, event: Event) {
        self.outbox.send(&event.into());
    }

    /// The player, for plugins.
    pub(super) fn player_ref(&self) -> PlayerRef {
        player_ref(&self.outbox, self.user_id, self.shared.guild_id)
    }

    /// Tells plugins of something about the current track.
    pub(super) fn emit_track(
        &self,
        make: impl FnOnce(PlayerRef, SourcedTrack) -> Occurrence,
        track: &LoadedTrack,
    ) {
        self.outbox
            .events()
            .emit(Topic::Tracks, || make(self.player_ref(), track.to_sourced()));
    }

    async fn destroy(mut self, done: Option<oneshot::Sender<()>>) {
        // Whoever still waits for an answer learns at once that there is no player any more.
        self.mailbox.close();
        while self.mailbox.try_recv().is_ok() {}
        let player = self.player_ref();
        self.outbox
            .events()
            .emit(Topic::Players, || Occurrence::DestroyPlayer { player });
        self.end(EndReason::Stopped);
        self.connecting = None;
        let connection = self.drop_voice();
        if let Some(done) = done {
            let _given_up = done.send(());
        }
        if let Some(connection) = connection {
            // Dropping the connection closes it as well, only less politely.
            let _too_slow = tokio::time::timeout(CLOSE_DEADLINE, connection.close()).await;
        }
    }
}

/// A player, for plugins.
pub(super) fn player_ref(outbox: &Outbox, user_id: UserId, guild_id: GuildId) -> PlayerRef {
    PlayerRef {
        session_id: outbox.session_id().to_owned(),
        user_id: user_id.0.cast_unsigned(),
        guild_id: guild_id.0.cast_unsigned(),
    }
}

/// A timer at a fixed rate whose first tick is due at once. Ticks that were missed are not made up for.
pub(super) fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

async fn next_event(events: &mut Option<mpsc::Receiver<VoiceEvent>>) -> Option<VoiceEvent> {
    match events {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}
