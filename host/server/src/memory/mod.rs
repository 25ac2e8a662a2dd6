//! Keeps the allocator's share of the memory small, and gives what sessions and players have freed back to the system.
//!
//! glibc returns by itself only what lies at the end of an arena. A node that once had thousands of players would keep
//! their memory for good.

mod code_pages;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::session::Registry;

/// How often the sessions and players are counted: a crowd that came and left in between is not seen.
const PERIOD: Duration = Duration::from_secs(1);

/// Returns memory once the start is over, and whenever enough sessions and players are gone. Runs until it is dropped.
pub async fn give_back(registry: Arc<Registry>) {
    let mut crowd = Crowd::default();
    let mut interval = interval(PERIOD);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once.
    interval.tick().await;
    let mut has_started = false;
    loop {
        interval.tick().await;
        let there = registry.population();
        let thinned_out = crowd.has_thinned_out(there);
        // While somebody plays, the code that plays is in use.
        let is_quiet = there == 0 && (thinned_out || !has_started);
        has_started = true;
        if thinned_out || is_quiet {
            // Takes each arena's lock for up to some milliseconds, so not on a worker. It cannot panic.
            let _cannot_fail = tokio::task::spawn_blocking(move || {
                trim();
                if is_quiet {
                    code_pages::drop_unused();
                }
            })
            .await;
        }
    }
}

/// How many there have been.
#[derive(Debug, Default)]
struct Crowd {
    /// The most since memory was given back.
    most: usize,
}

impl Crowd {
    /// Whether more than an eighth of the largest crowd is gone; then `there` is the new one. So nodes whose players come
    /// and go do not return memory over and over that they need again at once.
    fn has_thinned_out(&mut self, there: usize) -> bool {
        self.most = self.most.max(there);
        let thinned_out = self.most - there > self.most / 8;
        if thinned_out {
            self.most = there;
        }
        thinned_out
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn trim() {
    // SAFETY: has no preconditions and touches only memory that nobody has allocated.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// At most two arenas for each of `cores`, unless the operator's `MALLOC_ARENA_MAX` says something else. To be called before
/// the first thread is started.
///
/// glibc makes eight for each core, and gives every thread that does a little work its own; what is freed in one is not
/// used by the others.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub fn limit_arenas(cores: usize) {
    if std::env::var_os("MALLOC_ARENA_MAX").is_some() {
        return;
    }
    let arenas = cores.saturating_mul(2).clamp(2, 64);
    // SAFETY: has no preconditions; a value that does not suit it is refused.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, libc::c_int::try_from(arenas).unwrap_or(64));
    }
}

/// Other allocators have no such thing.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn limit_arenas(_: usize) {}

/// Other allocators return memory by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_when_a_crowd_has_left_and_not_for_every_single_one() {
        let mut crowd = Crowd::default();
        assert!(!crowd.has_thinned_out(0));
        assert!(!crowd.has_thinned_out(800));
        assert!(!crowd.has_thinned_out(700));
        assert!(crowd.has_thinned_out(699));
        assert!(!crowd.has_thinned_out(690));
        assert!(crowd.has_thinned_out(0));
        assert!(!crowd.has_thinned_out(0));
        assert!(!crowd.has_thinned_out(1));
        assert!(crowd.has_thinned_out(0), "the last one counts");
    }

    #[test]
    fn giving_back_nothing_is_harmless() {
        trim();
    }
}
