//! Audio filters of plugins: which of them are on, and their work in one player.
//!
//! A filter that fails, panics, gives what is no sound, hangs, or keeps needing longer than the audio lasts is taken out
//! of its player's chain for good and reported once; the audio goes on without it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lavalink_plugin_api::{AudioFormat, Failure, Filter, FilterFactory};
use tokio::task::JoinHandle;

use crate::parts::Part;
use crate::plugins::Plugins;

/// Samples a filter gets at a time: 20 ms of 48 kHz stereo.
const PIECE: usize = 1920;
/// Format of the node's audio.
const FORMAT: AudioFormat = AudioFormat {
    sample_rate: 48_000,
    channels: 2,
};
/// Most samples a filter may make of a piece, beyond eight times as many: a second of what it held back.
const MAX_HELD: usize = 96_000;
/// Largest sample handed on, 12 dB above full scale.
const HEADROOM: f32 = 4.0;
/// How long audio waits for a filter to be built before it passes without it.
const BUILD_PATIENCE: Duration = Duration::from_millis(100);
/// Calls slower than their audio, less those that were not, after which a filter is too slow.
const MAX_DEBT: u32 = 50;

/// A filter that is on for some player.
#[derive(Clone)]
pub struct ActiveFilter {
    name: String,
    config: String,
    part: Part<dyn FilterFactory>,
}

impl Plugins {
    /// Names of the filters, in the order of the plugins; of two with one name the first counts.
    pub fn filter_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for slot in self.table().slots() {
            for (name, _) in &slot.active.loaded.extensions.filters {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names
    }

    /// Asks which of these filters, name and configuration, change the sound; all within the time of one. One that cannot
    /// say is reported and off.
    pub async fn active_filters(&self, wanted: Vec<(String, String)>) -> Vec<ActiveFilter> {
        let end = Instant::now() + self.limits().filter_build;
        let mut active = Vec::new();
        for (name, config) in wanted {
            let found = self.parts(|extensions| {
                let named = extensions.filters.iter().filter(|(key, _)| *key == name);
                named.map(|(_, factory)| Arc::clone(factory)).collect()
            });
            let Some(part) = found.into_iter().next() else {
                continue;
            };
            let (limit, asked) = (end.saturating_duration_since(Instant::now()), config.clone());
            let is_enabled = part.call("filter_is_enabled", limit, move |factory, _| {
                factory.is_enabled(&asked)
            });
            match is_enabled.await {
                Ok(true) => active.push(ActiveFilter { name, config, part }),
                Ok(false) => {}
                Err(failure) => {
                    part.report(&format!("filter {name} stays off"), &failure);
                }
            }
        }
        active
    }
}

/// The plugin filters of one track, the last one first.
pub struct FilterLine {
    stages: Vec<Stage>,
}

struct Stage {
    active: ActiveFilter,
    state: State,
    debt: u32,
}

enum State {
    New,
    /// The plugin builds it; until then the audio passes unchanged.
    Building(JoinHandle<Result<Box<dyn Filter>, Failure>>),
    Ready(Box<dyn Filter>),
    Out,
}

impl FilterLine {
    /// Filters without history, which are built when they are needed. In the signal the last of them comes first, as in
    /// Java.
    pub fn new(active: &[ActiveFilter]) -> Self {
        let stages = active.iter().rev().map(|active| Stage {
            active: active.clone(),
            state: State::New,
            debt: 0,
        });
        Self {
            stages: stages.collect(),
        }
    }

    /// Filters interleaved stereo at 48 kHz.
    pub async fn process(&mut self, mut samples: Vec<f32>) -> Vec<f32> {
        for stage in &mut self.stages {
            samples = stage.process(samples).await;
        }
        samples
    }

    /// Playback goes on elsewhere.
    pub async fn seeked(&mut self, position: Duration) {
        for stage in &mut self.stages {
            stage.seeked(position).await;
        }
    }

    /// What the filters hold back.
    pub async fn flush(&mut self) -> Vec<f32> {
        let mut samples = Vec::new();
        for stage in &mut self.stages {
            if !samples.is_empty() {
                samples = stage.process(samples).await;
            }
            samples.append(&mut stage.flush().await);
        }
        samples
    }
}

impl Stage {
    /// The filter, out of its place. `None` while it is being built, and when it was given up.
    async fn take(&mut self) -> Option<Box<dyn Filter>> {
        let (mut building, patience) = match std::mem::replace(&mut self.state, State::Out) {
            State::Ready(filter) => return Some(filter),
            State::Out => return None,
            State::New => (self.build(), BUILD_PATIENCE),
            State::Building(building) => (building, Duration::ZERO),
        };
        match tokio::time::timeout(patience, &mut building).await {
            Ok(Ok(Ok(filter))) => Some(filter),
            Ok(Ok(Err(failure))) => {
                self.report(&failure);
                None
            }
            // Only at the shutdown.
            Ok(Err(_)) => None,
            Err(_) => {
                self.state = State::Building(building);
                None
            }
        }
    }

    fn build(&self) -> JoinHandle<Result<Box<dyn Filter>, Failure>> {
        let ActiveFilter { config, part, .. } = self.active.clone();
        tokio::spawn(async move {
            let limit = part.limits.filter_build;
            let built = part.call("filter_build", limit, move |factory, host| {
                factory.build(host, &config, FORMAT)
            });
            built.await
        })
    }

    async fn process(&mut self, samples: Vec<f32>) -> Vec<f32> {
        let Some(mut filter) = self.take().await else {
            return samples;
        };
        let before = samples.clone();
        let limit = self.active.part.limits.filter;
        let lasts = Duration::from_micros(samples.len() as u64 * 1_000_000 / 96_000);
        let work = move || {
            let begun = Instant::now();
            let mut filtered = Vec::with_capacity(samples.len());
            for piece in samples.chunks(PIECE) {
                let mut made = piece.to_vec();
                filter.process(&mut made)?;
                check(&mut made, piece.len())?;
                filtered.append(&mut made);
            }
            Ok((filter, filtered, begun.elapsed()))
        };
        match self.active.part.run_for_audio("filter", limit, work).await {
            Ok((filter, filtered, took)) => {
                self.debt = if took > lasts {
                    self.debt + 1
                } else {
                    self.debt.saturating_sub(1)
                };
                if self.debt < MAX_DEBT {
                    self.state = State::Ready(filter);
                } else {
                    self.report(&Failure::fault("The filter is too slow.").because(format!(
                        "{lasts:?} of audio took it {took:?}, and that {MAX_DEBT} times"
                    )));
                }
                filtered
            }
            Err(failure) => {
                self.report(&failure);
                before
            }
        }
    }

    async fn seeked(&mut self, position: Duration) {
        // One that has not been built has no history either.
        if matches!(self.state, State::New | State::Building(_)) {
            return;
        }
        let Some(mut filter) = self.take().await else {
            return;
        };
        let limit = self.active.part.limits.filter;
        let work = move || filter.seeked(position).map(|()| filter);
        match self.active.part.run_for_audio("filter_seeked", limit, work).await {
            Ok(filter) => self.state = State::Ready(filter),
            Err(failure) => self.report(&failure),
        }
    }

    async fn flush(&mut self) -> Vec<f32> {
        if matches!(self.state, State::New | State::Building(_)) {
            return Vec::new();
        }
        let Some(mut filter) = self.take().await else {
            return Vec::new();
        };
        let limit = self.active.part.limits.filter;
        let work = move || {
            let mut rest = filter.flush()?;
            check(&mut rest, 0)?;
            Ok((filter, rest))
        };
        match self.active.part.run_for_audio("filter_flush", limit, work).await {
            Ok((filter, rest)) => {
                self.state = State::Ready(filter);
                rest
            }
            Err(failure) => {
                self.report(&failure);
                Vec::new()
            }
        }
    }

    fn report(&self, failure: &Failure) {
        let name = &self.active.name;
        let part = &self.active.part;
        part.report(
            &format!("filter {name} is taken out of a player's chain"),
            failure,
        );
    }
}

/// Whether samples may be handed on; too loud ones are limited.
fn check(samples: &mut [f32], given: usize) -> Result<(), Failure> {
    if samples.len() > given * 8 + MAX_HELD {
        return Err(Failure::fault("The filter made too much audio.")
            .because(format!("{} samples of {given}", samples.len())));
    }
    if !samples.len().is_multiple_of(usize::from(FORMAT.channels)) {
        return Err(
            Failure::fault("The filter made half a frame.").because(format!("{} samples", samples.len()))
        );
    }
    if let Some(sample) = samples.iter().find(|sample| !sample.is_finite()) {
        return Err(Failure::fault("The filter made what is no sound.").because(format!("a sample {sample}")));
    }
    for sample in samples {
        *sample = sample.clamp(-HEADROOM, HEADROOM);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sound_is_refused() {
        for bad in [
            vec![0.0, f32::NAN],
            vec![f32::INFINITY, 0.0],
            vec![0.0; 3],
            vec![0.0; 200_000],
        ] {
            assert!(check(&mut bad.clone(), 1920).is_err(), "{} samples", bad.len());
        }
        let mut loud = vec![9.0, -1e30];
        check(&mut loud, 2).unwrap();
        assert_eq!(loud, [4.0, -4.0]);
    }
}
