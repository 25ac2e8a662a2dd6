//! Transitions the voice gateway announced and has not executed yet.

use std::collections::VecDeque;

/// Most transitions remembered; a server that announces more without executing any is broken, and the oldest go.
const MAX_ANNOUNCED: usize = 64;

/// What the execution of a transition finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Execution<T> {
    /// It was prepared and switches the sender to this.
    Ready(T),
    /// It was announced, but this side could not prepare for it.
    Unprepared,
    /// Never announced, executed before, or voided by a later one.
    Unknown,
}

/// Transition ids and what each switches the sender to (`None` if that could not be prepared), in the order they were
/// announced.
pub(crate) struct Transitions<T> {
    announced: VecDeque<(u16, Option<T>)>,
}

impl<T> Default for Transitions<T> {
    fn default() -> Self {
        Self {
            announced: VecDeque::new(),
        }
    }
}

impl<T> Transitions<T> {
    /// Remembers what `id` switches to; an id announced before is replaced.
    pub(crate) fn prepare(&mut self, id: u16, target: T) {
        self.remember(id, Some(target));
    }

    /// Remembers that `id` was announced and could not be prepared.
    pub(crate) fn miss(&mut self, id: u16) {
        self.remember(id, None);
    }

    fn remember(&mut self, id: u16, target: Option<T>) {
        self.announced.retain(|(known, _)| *known != id);
        if self.announced.len() == MAX_ANNOUNCED {
            self.announced.pop_front();
        }
        self.announced.push_back((id, target));
    }

    /// Takes what `id` switches to. Whatever was announced before it is void: the sender never goes back in time.
    pub(crate) fn execute(&mut self, id: u16) -> Execution<T> {
        let Some(at) = self.announced.iter().position(|(known, _)| *known == id) else {
            return Execution::Unknown;
        };
        match self.announced.drain(..=at).last() {
            Some((_, Some(target))) => Execution::Ready(target),
            _ => Execution::Unprepared,
        }
    }

    /// Forgets everything announced.
    pub(crate) fn clear(&mut self) {
        self.announced.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executing_one_voids_the_earlier_ones_only() {
        let mut transitions = Transitions::default();
        for (id, target) in [(1, 'a'), (2, 'b'), (3, 'c')] {
            transitions.prepare(id, target);
        }
        assert_eq!(transitions.execute(2), Execution::Ready('b'));
        assert_eq!(transitions.execute(1), Execution::Unknown);
        assert_eq!(transitions.execute(2), Execution::Unknown);
        assert_eq!(transitions.execute(3), Execution::Ready('c'));
    }

    #[test]
    fn preparing_an_id_again_replaces_it() {
        let mut transitions = Transitions::default();
        transitions.prepare(1, 'a');
        transitions.prepare(2, 'b');
        transitions.prepare(1, 'c');
        assert_eq!(transitions.execute(1), Execution::Ready('c'));
        assert_eq!(transitions.execute(2), Execution::Unknown);
    }

    #[test]
    fn a_missed_one_is_told_from_an_unknown_one_once() {
        let mut transitions = Transitions::default();
        transitions.prepare(1, 'a');
        transitions.miss(2);
        assert_eq!(transitions.execute(2), Execution::Unprepared);
        assert_eq!(transitions.execute(2), Execution::Unknown);
        transitions.miss(3);
        transitions.prepare(3, 'b');
        assert_eq!(transitions.execute(3), Execution::Ready('b'));
    }

    #[test]
    fn memory_is_bounded() {
        let mut transitions = Transitions::default();
        for id in 0..1000 {
            transitions.prepare(id, id);
        }
        assert_eq!(transitions.announced.len(), MAX_ANNOUNCED);
        assert_eq!(transitions.execute(0), Execution::Unknown);
        assert_eq!(transitions.execute(999), Execution::Ready(999));
    }
}
