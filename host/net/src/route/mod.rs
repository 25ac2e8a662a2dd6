//! Rotation of the address requests come from, so that a service that refuses one address can be asked from another.
//!
//! A [`RoutePlanner`] knows the blocks, chooses the address of each request by one of four strategies and remembers which
//! addresses were refused. It makes no connection itself; `routed` does.

mod block;
mod error;
mod failing;
mod strategy;

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

pub use block::{Blocks, Family};
pub use error::{NoRoute, RouteError};
pub use strategy::Strategy;

use failing::Failing;
use strategy::{State, nanos};

/// Retries of a request whose answers are 429, when none are configured.
const DEFAULT_RETRIES: u32 = 10;

/// How often a refused request is made again.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Retries {
    /// Ten times.
    #[default]
    Default,
    /// Until it succeeds, or a minute has passed.
    Unlimited,
    /// That many times.
    Times(u32),
}

impl Retries {
    /// The number; `None` without a limit.
    pub fn limit(self) -> Option<u32> {
        match self {
            Self::Default => Some(DEFAULT_RETRIES),
            Self::Unlimited => None,
            Self::Times(times) => Some(times),
        }
    }
}

/// What a planner is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteConfig {
    /// Blocks of one family in CIDR notation.
    pub blocks: Vec<String>,
    /// Addresses never used; `NanoSwitch` does not look at them.
    pub excluded: Vec<String>,
    /// Name of the strategy, in any case.
    pub strategy: String,
    /// How often a refused request is made again.
    pub retries: Retries,
    /// Whether a search that is answered 429 marks its address.
    pub search_triggers_fail: bool,
}

/// The route of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The source address; `None` leaves it to the system.
    pub(crate) local: Option<IpAddr>,
    /// The family of the host's address to connect to.
    pub(crate) family: Family,
}

/// See the module. Shared by all requests; locked for a choice only.
#[derive(Debug)]
pub struct RoutePlanner {
    blocks: Blocks,
    strategy: Strategy,
    excluded: HashSet<IpAddr>,
    retries: Retries,
    search_triggers_fail: bool,
    state: Mutex<(State, Failing)>,
}

impl RoutePlanner {
    /// A planner that has planned nothing yet.
    ///
    /// # Errors
    /// [`RouteError`] with the reason the node cannot start with these settings.
    pub fn new(config: &RouteConfig) -> Result<Self, RouteError> {
        let blocks = Blocks::parse(config.blocks.iter().map(String::as_str))?;
        let excluded = config
            .excluded
            .iter()
            .map(|text| {
                text.trim()
                    .parse()
                    .map_err(|_| RouteError::Excluded { text: text.clone() })
            })
            .collect::<Result<_, _>>()?;
        let strategy = Strategy::parse(&config.strategy)?;
        let state = State::new(strategy, &blocks, Instant::now())?;
        Ok(Self {
            blocks,
            strategy,
            excluded,
            retries: config.retries,
            search_triggers_fail: config.search_triggers_fail,
            state: Mutex::new((state, Failing::default())),
        })
    }

    /// The strategy.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// The blocks.
    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// How often a refused request is made again.
    pub(crate) fn retries(&self) -> Retries {
        self.retries
    }

    /// Whether an address serves more than one request, so that its connections are worth keeping.
    pub(crate) fn keeps_addresses(&self) -> bool {
        matches!(self.strategy, Strategy::RotateOnBan | Strategy::LoadBalance)
    }

    /// Plans a request to a host with these addresses.
    ///
    /// # Errors
    /// [`NoRoute`].
    pub(crate) fn plan(&self, remotes: &[IpAddr]) -> Result<Plan, NoRoute> {
        let has = |family| remotes.iter().any(|address| Family::of(*address) == family);
        let family = self.blocks.family();
        if !has(family) {
            if family == Family::V6 && has(Family::V4) {
                tracing::warn!("Could not look up AAAA record for host. Falling back to unbalanced IPv4.");
                return Ok(Plan {
                    local: None,
                    family: Family::V4,
                });
            }
            return Err(NoRoute::Unreachable);
        }
        let now = now_ms();
        let mut state = self.state.lock();
        let (state, failing) = &mut *state;
        let local = state.choose(&self.blocks, Instant::now(), |address| {
            !self.excluded.contains(&address) && failing.is_free(address, now)
        })?;
        Ok(Plan {
            local: Some(local),
            family,
        })
    }

    /// A service answered 429 to `address`.
    pub(crate) fn rate_limited(&self, address: IpAddr, is_search: bool) {
        if is_search && !self.search_triggers_fail {
            return;
        }
        let what = if is_search { "Search rate" } else { "Rate" };
        tracing::warn!("{what} limit reached, marking address /{address} as failing and retry");
        self.mark(address);
    }

    /// The system does not let us use `address`.
    pub(crate) fn cannot_bind(&self, address: IpAddr, reason: &str) {
        tracing::warn!(
            "Cannot assign requested address /{address}, marking address as failing and retry! ({reason})"
        );
        self.mark(address);
    }

    fn mark(&self, address: IpAddr) {
        let mut state = self.state.lock();
        state.1.mark(address, now_ms());
        state.0.refused(&self.blocks, address, Instant::now());
    }

    /// Frees one address.
    pub fn free(&self, address: IpAddr) {
        self.state.lock().1.free(address);
    }

    /// Frees all addresses.
    pub fn free_all(&self) {
        self.state.lock().1.clear();
    }

    /// What the planner is about.
    pub fn status(&self) -> PlannerStatus {
        let mut state = self.state.lock();
        let (state, failing) = &mut *state;
        let nanos_since = |start| nanos(start, Instant::now());
        PlannerStatus {
            failing: failing.list(now_ms()),
            position: match state {
                State::Rotating { rotations, index, .. } => Position::Rotating {
                    rotations: *rotations,
                    index: *index,
                    current: index.checked_sub(1).and_then(|index| self.blocks.at(index)),
                },
                State::Balancing => Position::Balancing,
                State::Nano { start } => Position::Nano {
                    nanos: nanos_since(*start),
                },
                State::RotatingNano { block, start } => Position::RotatingNano {
                    block: *block,
                    nanos: nanos_since(*start),
                },
            },
        }
    }
}

/// A planner at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannerStatus {
    /// Refused addresses with the time of the refusal in ms since 1970, oldest first.
    pub failing: Vec<(IpAddr, i64)>,
    /// Where the strategy stands.
    pub position: Position,
}

/// Where a strategy stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// `RotateOnBan`
    Rotating {
        /// Rotations so far.
        rotations: u128,
        /// Index of the address in use plus one; 0 before the first request.
        index: u128,
        /// The address in use.
        current: Option<IpAddr>,
    },
    /// `LoadBalance`
    Balancing,
    /// `NanoSwitch`
    Nano {
        /// Nanoseconds since the start.
        nanos: u128,
    },
    /// `RotatingNanoSwitch`
    RotatingNano {
        /// Number of the /64 in use.
        block: u128,
        /// Nanoseconds since it is in use.
        nanos: u128,
    },
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planner(block: &str, strategy: &str, excluded: &[&str]) -> RoutePlanner {
        RoutePlanner::new(&RouteConfig {
            blocks: vec![block.to_owned()],
            excluded: excluded.iter().map(|&text| text.to_owned()).collect(),
            strategy: strategy.to_owned(),
            retries: Retries::Default,
            search_triggers_fail: false,
        })
        .unwrap()
    }

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_family_of_the_block_decides() {
        let v4 = planner("10.0.0.0/24", "LoadBalance", &[]);
        assert!(
            v4.plan(&ips(&["1.1.1.1", "::1"]))
                .unwrap()
                .local
                .unwrap()
                .is_ipv4()
        );
        assert_eq!(
            v4.plan(&ips(&["::1"])).unwrap_err().to_string(),
            "Could not resolve host"
        );
        assert_eq!(v4.plan(&[]), Err(NoRoute::Unreachable));
        let v6 = planner("2001:db8::/64", "LoadBalance", &[]);
        assert!(
            v6.plan(&ips(&["1.1.1.1", "::1"]))
                .unwrap()
                .local
                .unwrap()
                .is_ipv6()
        );
        let plain = Plan {
            local: None,
            family: Family::V4,
        };
        assert_eq!(v6.plan(&ips(&["1.1.1.1"])), Ok(plain));
        assert_eq!(v6.plan(&[]), Err(NoRoute::Unreachable));
    }

    #[test]
    fn excluded_and_refused_addresses_are_not_used() {
        let planner = planner("10.0.0.0/30", "RotateOnBan", &["10.0.0.0", "10.0.0.2"]);
        assert_eq!(
            planner.status().position,
            Position::Rotating {
                rotations: 0,
                index: 0,
                current: None
            }
        );
        let remotes = ips(&["1.1.1.1"]);
        let chosen = || planner.plan(&remotes).map(|plan| plan.local.unwrap().to_string());
        assert_eq!(chosen().as_deref(), Ok("10.0.0.1"));
        planner.rate_limited("10.0.0.1".parse().unwrap(), true);
        assert!(planner.status().failing.is_empty(), "searches do not count here");
        planner.rate_limited("10.0.0.1".parse().unwrap(), false);
        assert_eq!(chosen().as_deref(), Ok("10.0.0.3"));
        planner.cannot_bind("10.0.0.3".parse().unwrap(), "no");
        assert_eq!(chosen(), Err(NoRoute::NoFreeAddress));
        let status = planner.status();
        assert_eq!(status.failing.len(), 2);
        planner.free("10.0.0.3".parse().unwrap());
        assert_eq!(chosen().as_deref(), Ok("10.0.0.3"));
        planner.free_all();
        assert!(planner.status().failing.is_empty());
        let Position::Rotating {
            rotations,
            index,
            current,
        } = planner.status().position
        else {
            panic!("{status:?}")
        };
        assert_eq!(
            (rotations, index, current),
            (2, 4, Some("10.0.0.3".parse().unwrap()))
        );
    }

    #[test]
    fn retries_have_javas_meaning() {
        let limits = [Retries::Default, Retries::Unlimited, Retries::Times(3)].map(Retries::limit);
        assert_eq!(limits, [Some(10), None, Some(3)]);
    }

    #[test]
    fn what_is_no_address_cannot_be_excluded() {
        let config = RouteConfig {
            blocks: vec!["10.0.0.0/8".to_owned()],
            excluded: vec!["x".to_owned()],
            strategy: "LoadBalance".to_owned(),
            retries: Retries::Default,
            search_triggers_fail: true,
        };
        let error = RoutePlanner::new(&config).unwrap_err();
        assert!(error.to_string().contains("'x'"), "{error}");
    }
}
