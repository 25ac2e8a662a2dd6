//! How many guests compute at once: half as many as there are processors, whatever is asked of plugins; the other half is
//! left to audio and network. Guests take turns: one that has computed for a tick lets those go first that have not yet, so
//! that a call that needs a millisecond does not wait for ten that never end.
//!
//! A guest that waits for the host (for an answer from the network, for another plugin) has no place.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::state::Overdue;
use super::ticker::TICK;
use crate::scope::CallScope;

/// How often one who waits looks whether it is still waited for.
const LOOK: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(super) struct Gate(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    /// Places nobody has. While there are any, nobody waits.
    free: usize,
    /// Calls that have not had a turn yet.
    fresh: VecDeque<Arc<Condvar>>,
    /// Calls that have had one.
    worn: VecDeque<Arc<Condvar>>,
}

impl Queue {
    fn line(&mut self, is_worn: bool) -> &mut VecDeque<Arc<Condvar>> {
        if is_worn { &mut self.worn } else { &mut self.fresh }
    }

    /// Takes one out of the line; `false` when it stands there no more: its place was handed over.
    fn withdraw(&mut self, is_worn: bool, who: &Arc<Condvar>) -> bool {
        let line = self.line(is_worn);
        let at = line.iter().position(|other| Arc::ptr_eq(other, who));
        at.and_then(|at| line.remove(at)).is_some()
    }
}

/// The right to compute.
#[derive(Debug)]
pub(super) struct Place {
    gate: Arc<Gate>,
    since: Instant,
}

impl Gate {
    /// A gate for this machine.
    pub(super) fn of_machine() -> Arc<Self> {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with(processors / 2)
    }

    /// A gate with this many places, one at least.
    fn with(places: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Queue {
            free: places.max(1),
            fresh: VecDeque::new(),
            worn: VecDeque::new(),
        })))
    }

    /// Waits for a place. Calls that had a turn, which are `is_worn`, come after those that had none.
    ///
    /// # Errors
    /// When the call is over first.
    pub(super) fn enter(self: &Arc<Self>, scope: &CallScope, is_worn: bool) -> Result<Place, Overdue> {
        let mut queue = self.0.lock();
        if queue.free > 0 {
            queue.free -= 1;
        } else {
            let turn = Arc::new(Condvar::new());
            queue.line(is_worn).push_back(Arc::clone(&turn));
            loop {
                let until = scope.deadline().min(Instant::now() + LOOK);
                turn.wait_until(&mut queue, until);
                let waits = queue.line(is_worn).iter().any(|other| Arc::ptr_eq(other, &turn));
                if !waits {
                    break;
                }
                if scope.is_over() && queue.withdraw(is_worn, &turn) {
                    return Err(Overdue);
                }
            }
        }
        drop(queue);
        Ok(Place {
            gate: Arc::clone(self),
            since: Instant::now(),
        })
    }
}

impl Place {
    /// Whether it is somebody else's turn.
    pub(super) fn is_wanted(&self) -> bool {
        let queue = self.gate.0.lock();
        let is_waited_for = !queue.fresh.is_empty() || !queue.worn.is_empty();
        is_waited_for && self.since.elapsed() >= TICK
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.gate.0.lock();
        match queue.fresh.pop_front().or_else(|| queue.worn.pop_front()) {
            Some(next) => {
                next.notify_one();
            }
            None => queue.free += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn long() -> CallScope {
        CallScope::until(Instant::now() + Duration::from_secs(60))
    }

    fn waiting(gate: &Gate) -> usize {
        let queue = gate.0.lock();
        queue.fresh.len() + queue.worn.len()
    }

    #[test]
    fn fresh_calls_go_before_worn_ones_and_each_in_its_order() {
        let gate = Gate::with(1);
        let place = gate.enter(&long(), false).unwrap();
        assert!(!place.is_wanted());
        let (told, order) = mpsc::channel();
        let callers: Vec<_> = [("a", true), ("b", true), ("c", false), ("d", false)]
            .into_iter()
            .enumerate()
            .map(|(count, (name, is_worn))| {
                let (own, told) = (Arc::clone(&gate), told.clone());
                let caller = std::thread::spawn(move || {
                    let _place = own.enter(&long(), is_worn).unwrap();
                    told.send(name).unwrap();
                });
                while waiting(&gate) <= count {
                    std::thread::yield_now();
                }
                caller
            })
            .collect();
        drop(place);
        assert_eq!(order.iter().take(4).collect::<Vec<_>>(), ["c", "d", "a", "b"]);
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!(gate.0.lock().free, 1);
    }

    #[test]
    fn no_more_are_inside_than_there_are_places() {
        let gate = Gate::with(2);
        let (_first, _second) = (gate.enter(&long(), false), gate.enter(&long(), false));
        assert_eq!(gate.0.lock().free, 0);
        let soon = CallScope::until(Instant::now() + Duration::from_millis(20));
        gate.enter(&soon, false).unwrap_err();
        let left = long();
        drop(left.abandon_on_drop());
        gate.enter(&left, true).unwrap_err();
        assert_eq!(waiting(&gate), 0);
        assert_eq!(Gate::with(0).0.lock().free, 1);
    }
}
