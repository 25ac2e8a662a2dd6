//! Counts how requests ended, for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{NetError, Response};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 1xx and 2xx.
    Success,
    /// 3xx.
    Redirect,
    /// 4xx but 429.
    ClientError,
    /// 429, or a route planner out of retries.
    RateLimited,
    /// 5xx and above.
    ServerError,
    /// No answer in time.
    Timeout,
    /// No connection.
    Connect,
    /// The egress guard did not let it go.
    Refused,
    /// Any other failure.
    Failed,
}

impl Outcome {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Success,
        Self::Redirect,
        Self::ClientError,
        Self::RateLimited,
        Self::ServerError,
        Self::Timeout,
        Self::Connect,
        Self::Refused,
        Self::Failed,
    ];

    fn of(answer: &Result<Response, NetError>) -> Self {
        match answer {
            Ok(response) => match response.status() {
                0..300 => Self::Success,
                300..400 => Self::Redirect,
                429 => Self::RateLimited,
                400..500 => Self::ClientError,
                _ => Self::ServerError,
            },
            Err(NetError::Timeout { .. }) => Self::Timeout,
            Err(NetError::Connect { .. } | NetError::NoRoute { .. }) => Self::Connect,
            Err(NetError::Refused { .. }) => Self::Refused,
            Err(NetError::RateLimited) => Self::RateLimited,
            Err(_) => Self::Failed,
        }
    }
}

/// Requests by outcome; every number only grows.
#[derive(Debug, Default)]
pub struct Outcomes([AtomicU64; Outcome::ALL.len()]);

impl Outcomes {
    pub(crate) fn count(&self, answer: &Result<Response, NetError>) {
        if let Some(counter) = self.0.get(Outcome::of(answer) as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Requests that ended so.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0
            .get(outcome as usize)
            .map_or(0, |counter| counter.load(Relaxed))
    }
}
