//! How far plugins may go.

use std::time::Duration;

use crate::breaker::BreakerPolicy;
use crate::trial::TrialPolicy;

/// Bounds on what plugins may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardLimits {
    /// Time for a plugin to be loaded and to construct its sources.
    pub start: Duration,
    /// Time for one source to look an identifier up.
    pub load: Duration,
    /// Time for a whole look-up: all sources, all redirects.
    pub resolve: Duration,
    /// Time for a source to say where a track's bytes are.
    pub open: Duration,
    /// Time for a source to check the tails of encoded tracks.
    pub decode: Duration,
    /// Time for a filter to be built, or to say whether it is on.
    pub filter_build: Duration,
    /// Time for a filter to work on some 20 ms of audio; beyond it the filter is given up.
    pub filter: Duration,
    /// Time for an endpoint to answer.
    pub route: Duration,
    /// Time for an interceptor to look at a request.
    pub intercept: Duration,
    /// Time for a listener to take an event.
    pub event: Duration,
    /// Time for a modifier of `pluginInfo`.
    pub info: Duration,
    /// Time for a container probe.
    pub probe: Duration,
    /// Time for a search, or for lyrics.
    pub search: Duration,
    /// Calls one plugin may be in at once; further ones wait for their turn within their deadline.
    pub in_flight: usize,
    /// When a plugin is left alone for a while.
    pub breaker: BreakerPolicy,
    /// How a new version of a plugin is tried.
    pub trial: TrialPolicy,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(10),
            load: Duration::from_secs(15),
            resolve: Duration::from_secs(30),
            open: Duration::from_secs(15),
            decode: Duration::from_secs(5),
            filter_build: Duration::from_secs(2),
            filter: Duration::from_millis(300),
            route: Duration::from_secs(15),
            intercept: Duration::from_secs(1),
            event: Duration::from_secs(5),
            info: Duration::from_secs(2),
            probe: Duration::from_secs(5),
            search: Duration::from_secs(15),
            in_flight: 64,
            breaker: BreakerPolicy::default(),
            trial: TrialPolicy::default(),
        }
    }
}
