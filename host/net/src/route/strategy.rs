//! The four ways to choose a source address (Lavalink's route planners).

use std::net::IpAddr;
use std::time::Instant;

use rand::RngExt;

use super::block::{Blocks, Family};
use super::error::{NoRoute, RouteError};

/// Addresses of a /64.
const BLOCK_64: u128 = 1 << 64;
/// Blocks larger than this are crossed in random steps.
const SMALL_BLOCK: u128 = 128;
/// Tries before `RotateOnBan` leaves a /64 and `RotatingNanoSwitch` its block.
const TRIES_PER_BLOCK: u32 = 128;
/// Most tries of one choice: twice the addresses of an IPv4 /16. Larger blocks are never exhausted.
const MAX_TRIES: u128 = 1 << 17;

/// A strategy by its name in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// One address until it is refused.
    RotateOnBan,
    /// A random address per request.
    LoadBalance,
    /// The nanoseconds since the start as the address within a /64.
    NanoSwitch,
    /// The same within the current /64; the next /64 after a refusal.
    RotatingNanoSwitch,
}

impl Strategy {
    /// The strategy of this name, in any case.
    ///
    /// # Errors
    /// [`RouteError::Strategy`].
    pub fn parse(name: &str) -> Result<Self, RouteError> {
        match name.trim().to_lowercase().as_str() {
            "rotateonban" => Ok(Self::RotateOnBan),
            "loadbalance" => Ok(Self::LoadBalance),
            "nanoswitch" => Ok(Self::NanoSwitch),
            "rotatingnanoswitch" => Ok(Self::RotatingNanoSwitch),
            _ => Err(RouteError::Strategy),
        }
    }
}

/// Where a strategy stands.
#[derive(Debug, Clone)]
pub(super) enum State {
    Rotating {
        /// Rotations asked for.
        rotations: u128,
        /// Index of the address in use plus one; 0 before the first.
        index: u128,
        /// The next request takes another address.
        is_due: bool,
    },
    Balancing,
    Nano {
        start: Instant,
    },
    RotatingNano {
        /// Number of the /64 in use.
        block: u128,
        start: Instant,
    },
}

impl State {
    pub(super) fn new(strategy: Strategy, blocks: &Blocks, now: Instant) -> Result<Self, RouteError> {
        let holds_nanos = blocks.family() == Family::V6 && blocks.size().saturating() >= BLOCK_64;
        match strategy {
            Strategy::RotateOnBan => Ok(Self::Rotating {
                rotations: 0,
                index: 0,
                is_due: false,
            }),
            Strategy::LoadBalance => Ok(Self::Balancing),
            Strategy::NanoSwitch if holds_nanos => Ok(Self::Nano { start: now }),
            Strategy::NanoSwitch => Err(RouteError::NanoTooSmall),
            Strategy::RotatingNanoSwitch if holds_nanos => Ok(Self::RotatingNano { block: 0, start: now }),
            Strategy::RotatingNanoSwitch => Err(RouteError::RotatingNanoTooSmall),
        }
    }

    /// The address for the next request. `is_usable` says which are neither excluded nor failing.
    pub(super) fn choose(
        &mut self,
        blocks: &Blocks,
        now: Instant,
        mut is_usable: impl FnMut(IpAddr) -> bool,
    ) -> Result<IpAddr, NoRoute> {
        let size = blocks.size().saturating();
        let tries = size.saturating_mul(2).min(MAX_TRIES);
        match self {
            Self::Rotating { index, is_due, .. } => {
                if *index > 0
                    && !*is_due
                    && let Some(address) = blocks.at(*index - 1)
                {
                    return Ok(address);
                }
                let mut tries_in_block = 0;
                for _ in 0..=tries {
                    let step = if size > SMALL_BLOCK {
                        rand::rng().random_range(10..20)
                    } else {
                        1
                    };
                    *index = index.saturating_add(step);
                    tries_in_block += 1;
                    if size > BLOCK_64 && tries_in_block > TRIES_PER_BLOCK {
                        tries_in_block = 0;
                        *index = index.saturating_add(BLOCK_64 + u128::from(rand::rng().random::<u64>()));
                    }
                    match blocks.at(*index - 1) {
                        None => *index = 0,
                        Some(address) if is_usable(address) => {
                            *is_due = false;
                            tracing::info!("Selected /{address} as new outgoing ip");
                            return Ok(address);
                        }
                        Some(_) => {}
                    }
                }
                Err(NoRoute::NoFreeAddress)
            }
            Self::Balancing => (0..=tries)
                .filter_map(|_| blocks.at(rand::rng().random_range(0..size)))
                .find(|address| is_usable(*address))
                .ok_or(NoRoute::NoFreeAddress),
            Self::Nano { start } => {
                // Blocks larger than a /64: the part above it is random.
                let upper = rand::rng().random_range(0..size / BLOCK_64);
                blocks
                    .at(upper * BLOCK_64 + nanos(*start, now))
                    .ok_or(NoRoute::NoFreeAddress)
            }
            Self::RotatingNano { block, start } => {
                // The clock stands still during a choice, so an unusable address is left by hand.
                let mut offset = nanos(*start, now);
                for attempt in 0..=tries {
                    if attempt >= u128::from(TRIES_PER_BLOCK) {
                        *block = block.saturating_add(1);
                    }
                    let index = block
                        .checked_mul(BLOCK_64)
                        .and_then(|base| base.checked_add(offset));
                    match index.and_then(|index| blocks.at(index)) {
                        None => *block = 0,
                        Some(address) if is_usable(address) => return Ok(address),
                        Some(_) => offset = offset.saturating_add(1),
                    }
                }
                Err(NoRoute::NoFreeAddress)
            }
        }
    }

    /// A service refused `address`.
    pub(super) fn refused(&mut self, blocks: &Blocks, address: IpAddr, now: Instant) {
        match self {
            Self::Rotating {
                rotations,
                index,
                is_due,
            } => {
                // Requests under way when the address was left may still be refused; they ask for no further rotation.
                let current = index.checked_sub(1).and_then(|index| blocks.at(index));
                if *is_due || current != Some(address) {
                    tracing::debug!("Address /{address} was already failing, no further rotation");
                    return;
                }
                *rotations = rotations.saturating_add(1);
                *is_due = true;
            }
            Self::Balancing | Self::Nano { .. } => {}
            Self::RotatingNano { block, start } => {
                *block = block.saturating_add(1);
                *start = now;
            }
        }
    }
}

/// Nanoseconds between two moments.
pub(super) fn nanos(start: Instant, now: Instant) -> u128 {
    now.saturating_duration_since(start).as_nanos()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn blocks(texts: &[&str]) -> Blocks {
        Blocks::parse(texts.iter().copied()).unwrap()
    }

    fn state(strategy: Strategy, blocks: &Blocks) -> (State, Instant) {
        let now = Instant::now();
        (State::new(strategy, blocks, now).unwrap(), now)
    }

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!(Strategy::parse(" rotateonban "), Ok(Strategy::RotateOnBan));
        assert_eq!(Strategy::parse("LoadBalance"), Ok(Strategy::LoadBalance));
        assert_eq!(Strategy::parse("NANOSWITCH"), Ok(Strategy::NanoSwitch));
        assert_eq!(
            Strategy::parse("RotatingNanoSwitch"),
            Ok(Strategy::RotatingNanoSwitch)
        );
        assert_eq!(
            Strategy::parse("Rotate").unwrap_err().to_string(),
            "Unknown strategy!"
        );
    }

    #[test]
    fn an_address_is_kept_until_it_is_refused_and_refusals_of_one_address_count_once() {
        let blocks = blocks(&["10.0.0.0/30"]);
        let (mut state, now) = state(Strategy::RotateOnBan, &blocks);
        let choose = |state: &mut State| state.choose(&blocks, now, |_| true).unwrap().to_string();
        assert_eq!(choose(&mut state), "10.0.0.0");
        assert_eq!(choose(&mut state), "10.0.0.0");
        for _ in 0..3 {
            state.refused(&blocks, "10.0.0.0".parse().unwrap(), now);
        }
        assert_eq!(choose(&mut state), "10.0.0.1");
        assert_eq!(choose(&mut state), "10.0.0.1");
        // A late answer to a request of the address that was left.
        state.refused(&blocks, "10.0.0.0".parse().unwrap(), now);
        assert_eq!(choose(&mut state), "10.0.0.1");
        let State::Rotating { rotations, index, .. } = state else {
            panic!("{state:?}")
        };
        assert_eq!((rotations, index), (1, 2));
    }

    #[test]
    fn rotation_passes_over_unusable_addresses_and_begins_anew_at_the_end() {
        let blocks = blocks(&["10.0.0.0/31", "10.0.1.0/31"]);
        let (mut state, now) = state(Strategy::RotateOnBan, &blocks);
        let mut seen = Vec::new();
        for _ in 0..5 {
            let address = state
                .choose(&blocks, now, |a| a.to_string() != "10.0.1.0")
                .unwrap();
            seen.push(address.to_string());
            state.refused(&blocks, address, now);
        }
        assert_eq!(seen, ["10.0.0.0", "10.0.0.1", "10.0.1.1", "10.0.0.0", "10.0.0.1"]);
        assert_eq!(state.choose(&blocks, now, |_| false), Err(NoRoute::NoFreeAddress));
    }

    #[test]
    fn large_blocks_are_crossed_in_steps_of_ten_to_nineteen() {
        let blocks = blocks(&["10.0.0.0/24"]);
        let (mut state, now) = state(Strategy::RotateOnBan, &blocks);
        let mut last: u32 = 0;
        for round in 0..200 {
            let IpAddr::V4(address) = state.choose(&blocks, now, |_| true).unwrap() else {
                panic!("v4")
            };
            let offset = u32::from(address) & 0xff;
            let step = (offset + 1).wrapping_sub(last);
            assert!(
                (10..20).contains(&step) || (offset < 19 && round > 0),
                "{last} -> {offset}"
            );
            last = offset + 1;
            state.refused(&blocks, address.into(), now);
        }
    }

    #[test]
    fn a_huge_block_is_left_when_one_part_of_it_fails() {
        let blocks = blocks(&["2001:db8::/48"]);
        let (mut state, now) = state(Strategy::RotateOnBan, &blocks);
        let is_beyond = |address: IpAddr| !address.to_string().starts_with("2001:db8::");
        let address = state.choose(&blocks, now, is_beyond).unwrap();
        assert!(is_beyond(address), "{address}");
    }

    #[test]
    fn balancing_uses_everything_usable() {
        let blocks = blocks(&["10.0.0.0/30", "10.0.1.0/32"]);
        let (mut state, now) = state(Strategy::LoadBalance, &blocks);
        let mut choose = || state.choose(&blocks, now, |a| a.to_string() != "10.0.0.2");
        let seen: HashSet<String> = (0..500).map(|_| choose().unwrap().to_string()).collect();
        let expected = ["10.0.0.0", "10.0.0.1", "10.0.0.3", "10.0.1.0"].map(str::to_owned);
        assert_eq!(seen, HashSet::from(expected));
        assert_eq!(state.choose(&blocks, now, |_| false), Err(NoRoute::NoFreeAddress));
    }

    #[test]
    fn nanoseconds_are_the_address() {
        let blocks = blocks(&["2001:db8::/64"]);
        let (mut state, start) = state(Strategy::NanoSwitch, &blocks);
        let now = start + Duration::from_nanos(0x1_2345_6789);
        let address = state.choose(&blocks, now, |_| false).unwrap();
        assert_eq!(
            address.to_string(),
            "2001:db8::1:2345:6789",
            "NanoSwitch looks at nothing else"
        );
    }

    #[test]
    fn above_a_64_the_nano_strategy_is_random() {
        let blocks = blocks(&["2001:db8::/60"]);
        let (mut state, now) = state(Strategy::NanoSwitch, &blocks);
        let seen: HashSet<IpAddr> = (0..500)
            .map(|_| state.choose(&blocks, now, |_| true).unwrap())
            .collect();
        assert_eq!(seen.len(), 16, "one per /64");
    }

    #[test]
    fn rotating_nano_takes_the_next_64_and_begins_anew_at_the_end() {
        let blocks = blocks(&["2001:db8::/63"]);
        let (mut state, mut now) = state(Strategy::RotatingNanoSwitch, &blocks);
        let mut seen = Vec::new();
        for _ in 0..3 {
            let address = state
                .choose(&blocks, now + Duration::from_nanos(7), |_| true)
                .unwrap();
            seen.push(address.to_string());
            now += Duration::from_secs(1);
            state.refused(&blocks, address, now);
        }
        assert_eq!(seen, ["2001:db8::7", "2001:db8:0:1::7", "2001:db8::7"]);
    }

    #[test]
    fn blocks_too_small_for_nanoseconds_are_refused() {
        let now = Instant::now();
        let of = |strategy, block| {
            State::new(strategy, &blocks(&[block]), now)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            of(Strategy::NanoSwitch, "10.0.0.0/8"),
            "Nano IP Route planner requires an IPv6Block which is greater or equal to a /64"
        );
        assert!(of(Strategy::NanoSwitch, "::/65").starts_with("Nano IP"));
        assert_eq!(
            of(Strategy::RotatingNanoSwitch, "0.0.0.0/0"),
            "Please use a bigger IPv6 Block!"
        );
    }

    proptest! {
        #[test]
        fn every_choice_is_usable_and_inside(
            prefix in 20_u32..=32, v6_prefix in 40_u32..=128, is_v6: bool, strategy in 0..2_usize, refusals in 1..60_usize, odd: bool,
        ) {
            let text = if is_v6 { format!("2001:db8:1:2:3:4:5:0/{v6_prefix}") } else { format!("10.9.0.0/{prefix}") };
            let blocks = blocks(&[&text, if is_v6 { "2001:db9::/126" } else { "11.0.0.0/30" }]);
            let strategy = [Strategy::RotateOnBan, Strategy::LoadBalance][strategy];
            let (mut state, now) = state(strategy, &blocks);
            let mut failing = HashSet::new();
            for _ in 0..refusals {
                let parity = |address: IpAddr| match address {
                    IpAddr::V4(a) => u32::from(a) % 2 == u32::from(odd),
                    IpAddr::V6(a) => u128::from(a) % 2 == u128::from(odd),
                };
                match state.choose(&blocks, now, |a| parity(a) && !failing.contains(&a)) {
                    Ok(address) => {
                        prop_assert!(parity(address) && !failing.contains(&address));
                        prop_assert!((0..4).any(|i| blocks.at(i) == Some(address)) || blocks.size().saturating() > 4);
                        failing.insert(address);
                        state.refused(&blocks, address, now);
                    }
                    Err(error) => {
                        prop_assert_eq!(error, NoRoute::NoFreeAddress);
                        prop_assert!(!failing.is_empty() || blocks.size().saturating() < 10);
                    }
                }
            }
        }
    }
}
