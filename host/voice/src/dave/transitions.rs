//! Transitions the voice gateway announced and has not executed yet.

use std::collections::VecDeque;

/// Most transitions remembered; a server that announces more without executing any is broken, and the oldest go.
const MAX_PREPARED: usize = 16;

/// Transition ids and what each switches the sender to, in the order they were prepared.
pub(crate) struct Transitions<T> {
    prepared: VecDeque<(u16, T)>,
}

impl<T> Default for Transitions<T> {
    fn default() -> Self {
        Self {
            prepared: VecDeque::with_capacity(MAX_PREPARED),
        }
    }
}

impl<T> Transitions<T> {
    /// Remembers what `id` switches to; an id prepared before is replaced.
    pub(crate) fn prepare(&mut self, id: u16, target: T) {
        self.prepared.retain(|(known, _)| *known != id);
        if self.prepared.len() == MAX_PREPARED {
            self.prepared.pop_front();
        }
        self.prepared.push_back((id, target));
    }

    /// Takes what `id` switches to. Whatever was prepared before it is void: the sender never goes back in time.
    pub(crate) fn execute(&mut self, id: u16) -> Option<T> {
        let at = self.prepared.iter().position(|(known, _)| *known == id)?;
        self.prepared.drain(..=at).last().map(|(_, target)| target)
    }

    /// Forgets everything prepared.
    pub(crate) fn clear(&mut self) {
        self.prepared.clear();
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
        assert_eq!(transitions.execute(2), Some('b'));
        assert_eq!(transitions.execute(1), None);
        assert_eq!(transitions.execute(2), None);
        assert_eq!(transitions.execute(3), Some('c'));
    }

    #[test]
    fn preparing_an_id_again_replaces_it() {
        let mut transitions = Transitions::default();
        transitions.prepare(1, 'a');
        transitions.prepare(2, 'b');
        transitions.prepare(1, 'c');
        assert_eq!(transitions.execute(1), Some('c'));
        assert_eq!(transitions.execute(2), None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut transitions = Transitions::default();
        for id in 0..1000 {
            transitions.prepare(id, id);
        }
        assert_eq!(transitions.prepared.len(), MAX_PREPARED);
        assert_eq!(transitions.execute(0), None);
        assert_eq!(transitions.execute(999), Some(999));
    }
}
