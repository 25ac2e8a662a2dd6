//! Addresses a service has refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// How long a refused address is not used again.
const FAILING_TIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// Addresses remembered; beyond that the oldest is forgotten. The strategies that change the address with each request
/// would fill any memory.
const MAX_FAILING: usize = 10_000;

/// The refused addresses with the time of the refusal, ms since 1970.
#[derive(Debug, Default)]
pub(super) struct Failing(HashMap<IpAddr, i64>);

impl Failing {
    /// Marks an address.
    pub(super) fn mark(&mut self, address: IpAddr, now_ms: i64) {
        if self.0.len() >= MAX_FAILING && !self.0.contains_key(&address) {
            self.forget_expired(now_ms);
            let oldest = self
                .0
                .iter()
                .min_by_key(|(_, marked)| **marked)
                .map(|(address, _)| *address);
            if let Some(oldest) = oldest.filter(|_| self.0.len() >= MAX_FAILING) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(address, now_ms);
    }

    /// Whether an address may be used; forgets it once its time is over.
    pub(super) fn is_free(&mut self, address: IpAddr, now_ms: i64) -> bool {
        match self.0.get(&address) {
            None => true,
            Some(marked) if is_over(*marked, now_ms) => {
                self.0.remove(&address);
                true
            }
            Some(_) => false,
        }
    }

    /// Frees an address.
    pub(super) fn free(&mut self, address: IpAddr) {
        self.0.remove(&address);
    }

    /// Frees all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// All marked addresses, oldest first.
    pub(super) fn list(&mut self, now_ms: i64) -> Vec<(IpAddr, i64)> {
        self.forget_expired(now_ms);
        let mut list: Vec<_> = self
            .0
            .iter()
            .map(|(address, marked)| (*address, *marked))
            .collect();
        list.sort_by_key(|(address, marked)| (*marked, *address));
        list
    }

    fn forget_expired(&mut self, now_ms: i64) {
        self.0.retain(|_, marked| !is_over(*marked, now_ms));
    }
}

fn is_over(marked_ms: i64, now_ms: i64) -> bool {
    let limit = i64::try_from(FAILING_TIME.as_millis()).unwrap_or(i64::MAX);
    marked_ms.saturating_add(limit) < now_ms
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn an_address_is_free_again_after_seven_days() {
        let (mut failing, week) = (Failing::default(), 604_800_000);
        failing.mark(address(1), 1_000);
        assert!(failing.is_free(address(2), 1_000) && !failing.is_free(address(1), 1_000 + week));
        assert_eq!(failing.list(1_000 + week), [(address(1), 1_000)]);
        assert!(failing.is_free(address(1), 1_001 + week));
        assert!(failing.list(1_000).is_empty());
    }

    #[test]
    fn the_memory_is_bounded_and_the_oldest_go_first() {
        let mut failing = Failing::default();
        for number in 0..MAX_FAILING as u32 + 5 {
            failing.mark(address(number), i64::from(number));
        }
        let list = failing.list(0);
        assert_eq!(list.len(), MAX_FAILING);
        assert_eq!(list[0], (address(5), 5));
        failing.free(address(5));
        assert_eq!(failing.list(0).len(), MAX_FAILING - 1);
        failing.clear();
        assert!(failing.list(0).is_empty());
    }
}
