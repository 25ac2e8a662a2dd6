//! Asks one source: the version in use, or of two versions the one whose turn it is. What the new one of two cannot
//! answer is asked of the old one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lavalink_plugin_api::{Details, Failure, Loaded, Severity, Track};

use super::{OpenedMedia, Plugins, Tail};
use crate::bounds::bounded;
use crate::breaker::Sign;
use crate::call::{CallOutcome, CallReport};
use crate::registry::{Registered, Rival, Version};
use crate::trial::{Evidence, Lane, Verdict};

impl Plugins {
    /// Lets a source look an identifier up, by `end` or its own deadline.
    pub(super) async fn ask_one(
        &self,
        registered: &Registered,
        identifier: &str,
        end: Instant,
    ) -> Result<Loaded, Failure> {
        let now = Instant::now();
        let deadline = end.min(now + self.limits.load);
        let name = &registered.descriptor.name;
        match self.turn(registered) {
            (Lane::New, Some(rival)) => {
                let answer = self
                    .load_from(&rival.version, name, identifier, half(now, deadline))
                    .await;
                if is_found(&answer) {
                    self.learn(rival, Evidence::NewAnswered);
                    return answer;
                }
                let old = self
                    .load_from(&registered.version, name, identifier, deadline)
                    .await;
                if is_found(&old) {
                    self.learn(rival, Evidence::NewLost);
                }
                old
            }
            (_, rival) => {
                let answer = self
                    .load_from(&registered.version, name, identifier, deadline)
                    .await;
                if let Some(rival) = rival {
                    match &answer {
                        Err(failure) => self.learn_of_old(rival, failure),
                        Ok(_) if is_found(&answer) => self.learn(rival, Evidence::OldAnswered),
                        Ok(_) => {}
                    }
                }
                answer
            }
        }
    }

    /// Lets a source check the tails of its tracks, all in one call. One that the version in use does not know may have
    /// been written by its rival.
    pub(super) async fn decode_with(
        &self,
        registered: &Registered,
        tails: Vec<Tail>,
    ) -> Result<Vec<Details>, Failure> {
        let begun = Instant::now();
        let deadline = begun + self.limits.decode;
        let Some(rival) = &registered.rival else {
            return registered.version.decode_details(tails, deadline).await;
        };
        match registered
            .version
            .decode_details(tails.clone(), half(begun, deadline))
            .await
        {
            Ok(details) => Ok(details),
            Err(failure) => rival
                .version
                .decode_details(tails, deadline)
                .await
                .map_err(|_| failure),
        }
    }

    /// Asks a source where the bytes of a track are. The track may have been loaded by either of two versions.
    pub(super) async fn open_with(
        &self,
        registered: &Registered,
        track: &Track,
        position: Duration,
    ) -> Result<OpenedMedia, Failure> {
        let now = Instant::now();
        let deadline = now + self.limits.open;
        let name = &registered.descriptor.name;
        match self.turn(registered) {
            (Lane::New, Some(rival)) => {
                let first = half(now, deadline);
                let answer = self.open_from(&rival.version, name, track, position, first).await;
                if answer.is_ok() {
                    self.learn(rival, Evidence::NewAnswered);
                    return answer;
                }
                let old = self
                    .open_from(&registered.version, name, track, position, deadline)
                    .await;
                if old.is_ok() {
                    self.learn(rival, Evidence::NewLost);
                }
                old
            }
            (Lane::Old, Some(rival)) => {
                let first = half(now, deadline);
                match self
                    .open_from(&registered.version, name, track, position, first)
                    .await
                {
                    Ok(media) => {
                        self.learn(rival, Evidence::OldAnswered);
                        Ok(media)
                    }
                    Err(failure) => {
                        let new = self
                            .open_from(&rival.version, name, track, position, deadline)
                            .await;
                        if new.is_err() {
                            self.learn_of_old(rival, &failure);
                        }
                        new.map_err(|_| failure)
                    }
                }
            }
            (_, None) => {
                self.open_from(&registered.version, name, track, position, deadline)
                    .await
            }
        }
    }

    /// Whose turn it is, and the rival when there is one that can be asked.
    fn turn<'a>(&self, registered: &'a Registered) -> (Lane, Option<&'a Rival>) {
        let Some(rival) = &registered.rival else {
            return (Lane::Old, None);
        };
        if rival.version.guard.suspended().is_some() {
            let verdict = rival.trial.lock().end(Verdict::RolledBack);
            self.settle(rival, verdict);
            return (Lane::Old, None);
        }
        if registered.version.guard.suspended().is_some() {
            return (Lane::New, Some(rival));
        }
        (rival.trial.lock().lane(), Some(rival))
    }

    fn learn(&self, rival: &Rival, evidence: Evidence) {
        let verdict = rival.trial.lock().record(evidence);
        self.settle(rival, verdict);
    }

    /// The old version failed. What is the user's mistake, and would be any version's, says nothing.
    fn learn_of_old(&self, rival: &Rival, failure: &Failure) {
        if failure.severity != Severity::Common {
            self.learn(rival, Evidence::OldFailed);
        }
    }

    fn settle(&self, rival: &Rival, verdict: Option<Verdict>) {
        if let Some(verdict) = verdict {
            self.conclude(rival.version.guard.plugin(), &rival.trial, verdict);
        }
    }

    async fn load_from(
        &self,
        version: &Version,
        name: &str,
        identifier: &str,
        deadline: Instant,
    ) -> Result<Loaded, Failure> {
        let Version { source, guard, .. } = version.clone();
        let host = self.factory.host_for(guard.plugin(), guard.grants(), deadline);
        let (identifier, plugin) = (identifier.to_owned(), guard.plugin().to_owned());
        let begun = Instant::now();
        let judge = |answer: &Loaded| match answer {
            Loaded::NotMine => Sign::Neutral,
            _ => Sign::Good,
        };
        let answer = guard
            .call_judged("load", deadline, judge, move || {
                bounded(&plugin, source.load(&*host, &identifier)?)
            })
            .await;
        self.factory.called(&CallReport {
            plugin: guard.plugin(),
            source: name,
            call: "load",
            outcome: CallOutcome::of_load(&answer),
            elapsed: begun.elapsed(),
        });
        answer
    }

    async fn open_from(
        &self,
        version: &Version,
        name: &str,
        track: &Track,
        position: Duration,
        deadline: Instant,
    ) -> Result<OpenedMedia, Failure> {
        let Version { source, guard, .. } = version.clone();
        let host = self.factory.host_for(guard.plugin(), guard.grants(), deadline);
        let track = track.clone();
        let begun = Instant::now();
        let answer = guard
            .call("open", deadline, move || source.open(&*host, &track, position))
            .await;
        self.factory.called(&CallReport {
            plugin: guard.plugin(),
            source: name,
            call: "open",
            outcome: CallOutcome::of_open(&answer),
            elapsed: begun.elapsed(),
        });
        let grants = Arc::clone(guard.grants());
        answer.map(|media| OpenedMedia { media, grants })
    }
}

/// The moment by which the first of two has to answer, so that the second has time as well.
fn half(now: Instant, deadline: Instant) -> Instant {
    now + deadline.saturating_duration_since(now) / 2
}

/// Whether a look-up brought something.
fn is_found(answer: &Result<Loaded, Failure>) -> bool {
    !matches!(answer, Err(_) | Ok(Loaded::NotMine | Loaded::Nothing))
}
