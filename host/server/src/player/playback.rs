//! Playing one track: from the TrackStartEvent to the TrackEndEvent.

use std::sync::Arc;
use std::time::Duration;

use lavalink_audio::{MediaHint, Pipeline, PipelineEvent, PipelineSpec};
use lavalink_net::{MediaReader, NetError, ReaderConfig, StreamTitles};
use lavalink_plugin_api::{Event as Occurrence, Failure, MarkerState, Media, Severity, TrackEndReason};
use lavalink_protocol::events::{EndReason, Event};
use tokio::task::JoinError;

use super::abort::Owned;
use super::command::Play;
use super::feedback::Feedback;
use super::markers::{Marker, MarkerRefused, Markers};
use super::task::{PlayerTask, interval};
use super::track::{LoadedTrack, to_ms};
use super::track_clock::{Phase, TrackClock};
use super::view::TrackView;
use crate::clock::{monotonic_ms, unix_ms};
use crate::failure;
use crate::media::PlaybackInput;
use crate::plugin_host::hosts_of;
use crate::services::Services;

/// A player nobody asked for frames for this long loses its track, milliseconds.
const CLEANUP_MS: i64 = 60_000;
/// A source asked for a frame within this time is being polled, milliseconds.
const POLLED_MS: i64 = 1_000;
/// Compressed bytes read ahead where the bitrate is not to be known: 5 s at 200 kbit/s.
const STREAM_READ_AHEAD_BYTES: usize = 128 * 1024;
/// Least and most compressed bytes read ahead.
const READ_AHEAD_BYTES: std::ops::RangeInclusive<usize> = 48 * 1024..=512 * 1024;
/// Compressed bytes a container reader has taken but not used yet: half of the 32 KiB it reads at once.
const CONTAINER_READER_BYTES: usize = 16 * 1024;
/// Compressed bytes kept behind the position; container readers keep as much again themselves.
const KEEP_BEHIND_BYTES: usize = 16 * 1024;

/// A medium ready to be played, or why not.
pub(super) type Opened = Result<(MediaReader, MediaHint), Failure>;

/// The current play of a track.
pub(super) struct Playback {
    clock: Arc<TrackClock>,
    feedback: Arc<Feedback>,
    pipeline: Option<Pipeline>,
    can_seek: bool,
    /// Since when silence counts as being stuck, on the monotonic clock.
    quiet_since: i64,
    is_stuck_reported: bool,
    /// Set once playback failed after frames had come.
    has_failed: bool,
    markers: Markers,
    /// What the station says about its songs.
    titles: Option<Arc<StreamTitles>>,
}

impl Playback {
    pub(super) fn clock(&self) -> &TrackClock {
        &self.clock
    }

    pub(super) fn pipeline(&self) -> Option<&Pipeline> {
        self.pipeline.as_ref()
    }

    pub(super) fn restart_stuck_clock(&mut self) {
        self.quiet_since = monotonic_ms();
    }
}

impl PlayerTask {
    /// Plays a track instead of whatever plays now. What plays now is heard until the new track has audio.
    pub(super) fn play(&mut self, play: Play) {
        let shadow = self
            .playback
            .as_mut()
            .and_then(|playback| playback.pipeline.take());
        self.end(EndReason::Replaced);
        if shadow.is_some() {
            self.shadow = shadow;
        }
        let position = play
            .position
            .unwrap_or_else(|| play.track.stored_position())
            .max(0);
        let clock = Arc::new(TrackClock::starting_at(if play.track.is_seekable() {
            position
        } else {
            0
        }));
        if let Some(end_time) = play.end_time {
            clock.set_end_marker(end_time);
        }
        let state = self.source.state();
        state.counter.started(unix_ms());
        self.playback = Some(Playback {
            clock: Arc::clone(&clock),
            feedback: Feedback::new(Arc::clone(&clock), Arc::clone(&state.changed)),
            pipeline: None,
            can_seek: play.track.is_seekable(),
            quiet_since: monotonic_ms(),
            is_stuck_reported: false,
            has_failed: false,
            markers: Markers::default(),
            titles: None,
        });
        let track = play.track;
        let view = TrackView {
            track: Arc::clone(&track),
            user_data: play.user_data,
            clock,
            exact_length: None,
            stream_title: None,
        };
        let wire = view.to_wire();
        self.shared.view.lock().track = Some(view);
        self.send_event(Event::TrackStart {
            guild_id: self.shared.guild_id,
            track: wire,
        });
        self.emit_track(|player, track| Occurrence::TrackStart { player, track }, &track);
        self.send_update();
        self.updates = self.services.config.player.update_interval.map(interval);
        self.checks = Some(interval(self.check_period()));
        let services = Arc::clone(&self.services);
        let start = Duration::from_millis(u64::try_from(self.position()).unwrap_or(0));
        self.opening = Some(Owned::spawn(async move { open(&services, &track, start).await }));
    }

    fn position(&self) -> i64 {
        self.playback
            .as_ref()
            .map_or(0, |playback| playback.clock.position())
    }

    /// Often enough to report a stuck track within a quarter of its threshold.
    fn check_period(&self) -> Duration {
        Duration::from_millis((self.services.config.player.stuck_threshold_ms / 4).clamp(25, 1000))
    }

    /// Ends the current play, if there is one.
    pub(super) fn end(&mut self, reason: EndReason) {
        let Some(playback) = self.playback.take() else {
            return;
        };
        self.opening = None;
        self.updates = None;
        self.checks = None;
        if reason != EndReason::Replaced {
            self.source.clear();
            self.shadow = None;
        }
        self.source.state().counter.ended(unix_ms());
        let mut playback = playback;
        let dropped = playback.markers.take_all();
        drop(playback);
        self.tell_markers(dropped, MarkerState::Dropped);
        let Some(view) = self.shared.view.lock().track.take() else {
            return;
        };
        self.send_event(Event::TrackEnd {
            guild_id: self.shared.guild_id,
            track: view.to_wire(),
            reason,
        });
        let reason = match reason {
            EndReason::Finished => TrackEndReason::Finished,
            EndReason::LoadFailed => TrackEndReason::LoadFailed,
            EndReason::Stopped => TrackEndReason::Stopped,
            EndReason::Replaced => TrackEndReason::Replaced,
            EndReason::Cleanup => TrackEndReason::Cleanup,
        };
        self.emit_track(
            |player, track| Occurrence::TrackEnd {
                player,
                track,
                reason,
            },
            &view.track,
        );
    }

    /// The source has answered where the bytes are, and the medium is open or is not.
    pub(super) fn opened(&mut self, opened: Result<Opened, JoinError>) {
        let opened = opened.unwrap_or_else(|error| {
            Err(Failure::fault("Something broke when playing the track.").because(error))
        });
        match opened.and_then(|(reader, hint)| self.start_pipeline(reader, hint)) {
            Ok(()) => {}
            Err(failure) => {
                self.report(&failure);
                self.end(EndReason::LoadFailed);
            }
        }
    }

    fn start_pipeline(&mut self, reader: MediaReader, hint: MediaHint) -> Result<(), Failure> {
        let Some(playback) = &mut self.playback else {
            return Ok(());
        };
        let engine = self.services.audio()?;
        let feedback = Arc::clone(&playback.feedback);
        let (volume, filters, effects) = {
            let view = self.shared.view.lock();
            (view.volume, Arc::clone(&view.filters), view.effects.clone())
        };
        playback.titles = reader.titles();
        let start = u64::try_from(playback.clock.position()).unwrap_or(0);
        let (read_ahead, bytes) = (reader.read_ahead(), reader.byte_len());
        let wanted = self.services.config.player.frame_buffer;
        let (pipeline, frames) = engine.start(PipelineSpec {
            input: Box::new(PlaybackInput(reader)),
            hint,
            start: Duration::from_millis(start),
            volume,
            filters,
            effects: effects.map(|effects| effects as _),
            use_seek_ghosting: self.services.config.player.use_seek_ghosting,
            observer: Box::new(move |event| {
                if let PipelineEvent::Ready { length, .. } = &event {
                    read_ahead.set(match (bytes, length) {
                        (Some(bytes), Some(length)) => read_ahead_bytes(bytes, *length, wanted),
                        _ => STREAM_READ_AHEAD_BYTES,
                    });
                }
                feedback.observe(event);
            }),
        });
        playback.pipeline = Some(pipeline);
        let clock = Arc::clone(&playback.clock);
        // A seek that came while the source was being opened is where playback begins.
        clock.seek_done();
        self.source.play(frames, clock);
        self.shadow = None;
        Ok(())
    }

    /// Tells the client that playback failed.
    fn report(&self, failure: &Failure) {
        let Some(view) = self.shared.view.lock().track.clone() else {
            return;
        };
        let (guild, title) = (self.shared.guild_id, view.track.title());
        match failure.severity {
            Severity::Common => tracing::debug!("guild {guild}: {title:?} cannot be played: {failure}"),
            Severity::Suspicious => tracing::warn!("guild {guild}: {title:?} cannot be played: {failure}"),
            Severity::Fault => tracing::error!("guild {guild}: {title:?} cannot be played: {failure}"),
        }
        let exception = failure::to_exception(failure);
        self.send_event(Event::TrackException {
            guild_id: guild,
            track: view.to_wire(),
            exception,
        });
        let failure = failure.clone();
        self.emit_track(
            |player, track| Occurrence::TrackException {
                player,
                track,
                failure,
            },
            &view.track,
        );
    }

    /// Jumps within the current track; streams ignore it.
    pub(super) fn seek(&mut self, target: i64) {
        let Some(playback) = self.playback.as_mut().filter(|playback| playback.can_seek) else {
            return;
        };
        if playback.clock.is_past_marker(target) {
            playback.clock.set_position(target);
            return self.end(EndReason::Finished);
        }
        let bypassed = playback.markers.take_until(target);
        playback.clock.set_next_marker(playback.markers.next());
        playback.clock.seek_started(target);
        if let Some(pipeline) = &playback.pipeline {
            pipeline.seek(Duration::from_millis(u64::try_from(target).unwrap_or(0)));
        }
        self.tell_markers(bypassed, MarkerState::Bypassed);
    }

    /// Sets a marker of a plugin in the current track.
    pub(super) fn add_marker(&mut self, marker: Marker) -> Result<(), MarkerRefused> {
        let playback = self.playback.as_mut().ok_or(MarkerRefused::NothingPlays)?;
        let late = playback.markers.add(marker.clone(), playback.clock.position())?;
        playback.clock.set_next_marker(playback.markers.next());
        if let Some(state) = late {
            self.tell_markers(vec![marker], state);
        }
        Ok(())
    }

    /// Tells plugins of the markers playback has come to.
    fn reach_markers(&mut self) {
        let Some(playback) = &mut self.playback else {
            return;
        };
        if !playback.clock.take_marker_reached() {
            return;
        }
        let reached = playback.markers.take_until(playback.clock.position());
        playback.clock.set_next_marker(playback.markers.next());
        self.tell_markers(reached, MarkerState::Reached);
    }

    fn tell_markers(&self, markers: Vec<Marker>, state: MarkerState) {
        for marker in markers {
            let event = Occurrence::Marker {
                player: self.player_ref(),
                marker: marker.name,
                state,
            };
            self.outbox.events().tell(&marker.plugin, &event);
        }
    }

    /// The pacer or the engine reported something.
    pub(super) fn source_changed(&mut self) {
        self.reach_markers();
        let Some(playback) = &mut self.playback else {
            return;
        };
        let report = playback.feedback.take();
        if let Some((length, is_seekable)) = report.ready {
            playback.can_seek &= is_seekable;
            let exact = length.map(to_ms);
            if let Some(track) = &mut self.shared.view.lock().track {
                track.exact_length = exact.or(track.exact_length);
            }
        }
        if let Some((error, any_frames)) = report.failed {
            playback.has_failed = true;
            self.report(&failure::from_audio(&error));
            // Nothing of the track is left to be heard, or nobody is there to hear it: it ends at once.
            if !any_frames {
                return self.end(EndReason::LoadFailed);
            }
            if !self.is_polled() {
                return self.end(EndReason::Finished);
            }
        }
        let phase = self
            .playback
            .as_ref()
            .map_or(Phase::Running, |playback| playback.clock.phase());
        if phase != Phase::Running {
            self.end(EndReason::Finished);
        }
    }

    fn is_polled(&self) -> bool {
        monotonic_ms() - self.source.state().last_poll() <= POLLED_MS
    }

    /// Takes over the title of a station's song when it has changed.
    fn follow_title(&self) {
        let titles = self
            .playback
            .as_ref()
            .and_then(|playback| playback.titles.as_ref());
        let Some(title) = titles.and_then(|titles| titles.current()) else {
            return;
        };
        let view = {
            let mut view = self.shared.view.lock();
            let Some(track) = view.track.as_mut() else { return };
            if track.stream_title.as_ref() == Some(&title) {
                return;
            }
            track.stream_title = Some(Arc::clone(&title));
            track.clone()
        };
        let guild_id = self.shared.guild_id;
        tracing::debug!("guild {guild_id}: the station plays {title:?}");
        if self.services.config.player.stream_title_events {
            self.send_event(Event::StreamTitle {
                guild_id,
                track: view.to_wire(),
                title: title.to_string(),
            });
        }
    }

    /// Looks for a stuck or an abandoned track, and for a new title.
    pub(super) fn check(&mut self) {
        self.follow_title();
        let now = monotonic_ms();
        let is_polled = self.is_polled();
        let last_poll = self.source.state().last_poll();
        let is_paused = self.shared.is_paused();
        let Some(playback) = &mut self.playback else {
            return;
        };
        if playback.has_failed && !is_polled {
            return self.end(EndReason::Finished);
        }
        if now - last_poll.max(playback.quiet_since) > CLEANUP_MS {
            return self.end(EndReason::Cleanup);
        }
        let threshold = i64::try_from(self.services.config.player.stuck_threshold_ms).unwrap_or(i64::MAX);
        let last_sign = playback
            .clock
            .last_frame_at()
            .unwrap_or(playback.quiet_since)
            .max(playback.quiet_since);
        if is_paused || !is_polled || playback.is_stuck_reported || now - last_sign <= threshold {
            return;
        }
        playback.is_stuck_reported = true;
        let Some(view) = self.shared.view.lock().track.clone() else {
            return;
        };
        let guild_id = self.shared.guild_id;
        tracing::warn!(
            "guild {guild_id}: {:?} is stuck, no audio for {threshold} ms",
            view.track.title()
        );
        self.send_event(Event::TrackStuck {
            guild_id,
            track: view.to_wire(),
            threshold_ms: threshold,
        });
        let threshold = Duration::from_millis(self.services.config.player.stuck_threshold_ms);
        self.emit_track(
            |player, track| Occurrence::TrackStuck {
                player,
                track,
                threshold,
            },
            &view.track,
        );
        self.send_update();
    }
}

/// Asks the source for the medium and opens it.
async fn open(services: &Services, track: &LoadedTrack, start: Duration) -> Opened {
    let opened = services
        .plugins
        .open(track.source(), &track.to_plugin(), start)
        .await?;
    let config = ReaderConfig {
        // Until the container says how long the medium plays: most need no more, and what has been freed stays with us.
        read_ahead_bytes: *READ_AHEAD_BYTES.start(),
        max_read_ahead_bytes: *READ_AHEAD_BYTES.end(),
        // What a plugin makes, or has on its disk, is at hand.
        prompt_bytes: matches!(opened.media, Media::Bytes(..)).then_some(*READ_AHEAD_BYTES.start()),
        keep_behind_bytes: KEEP_BEHIND_BYTES,
        start,
        ..ReaderConfig::default()
    };
    let (mut reader, hint) = services
        .opener
        .open(opened.media, &hosts_of(&opened.grants), config)?;
    reader.ready().await.map_err(|error| unreadable(&error))?;
    Ok((reader, hint))
}

/// Bytes to read ahead so that, with those in the container reader, there are enough to play for `wanted`, in a medium of
/// `bytes` that plays for `length`.
fn read_ahead_bytes(bytes: u64, length: Duration, wanted: Duration) -> usize {
    let share = u128::from(bytes).saturating_mul(wanted.as_millis()) / length.as_millis().max(1);
    usize::try_from(share)
        .unwrap_or(usize::MAX)
        .saturating_sub(CONTAINER_READER_BYTES)
        .clamp(*READ_AHEAD_BYTES.start(), *READ_AHEAD_BYTES.end())
}

fn unreadable(error: &NetError) -> Failure {
    match error {
        NetError::Refused { .. } => Failure::common(error.to_string()),
        _ => Failure::suspicious("Something broke when playing the track.").because(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_read_ahead_follows_the_bitrate() {
        let of = |kbit: u64, wanted_ms| {
            let length = Duration::from_secs(200);
            read_ahead_bytes(kbit * 125 * 200, length, Duration::from_millis(wanted_ms))
        };
        assert_eq!(of(128, 5_000), 80_000 - CONTAINER_READER_BYTES);
        assert_eq!(of(320, 5_000), 200_000 - CONTAINER_READER_BYTES);
        assert_eq!(of(128, 200), *READ_AHEAD_BYTES.start());
        assert_eq!(of(1411, 5_000), *READ_AHEAD_BYTES.end());
        assert_eq!(
            read_ahead_bytes(u64::MAX, Duration::ZERO, Duration::MAX),
            *READ_AHEAD_BYTES.end()
        );
    }
}
