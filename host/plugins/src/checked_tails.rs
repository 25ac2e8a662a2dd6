//! What a source has made of tails before. Most tracks of a source carry one of a few tails, and asking costs two changes of
//! thread; the contract says that the answer depends on nothing else.

use std::collections::HashMap;

use lavalink_plugin_api::Details;
use parking_lot::Mutex;

use crate::plugins::Tail;

/// Most tails remembered per source; when they are all taken, all are forgotten.
const MAX_TAILS: usize = 128;

/// Most bytes of a tail, and of what was made of it, that is remembered.
const MAX_BYTES: usize = 256;

/// Answers of one loaded source. Goes with it, so another version of the plugin is asked anew.
#[derive(Debug, Default)]
pub(crate) struct CheckedTails(Mutex<HashMap<Tail, Details>>);

impl CheckedTails {
    /// The answers, when all of them are known.
    pub(crate) fn get(&self, tails: &[Tail]) -> Option<Vec<Details>> {
        let known = self.0.lock();
        tails.iter().map(|tail| known.get(tail).cloned()).collect()
    }

    /// Remembers answers, in the order of the tails they belong to.
    pub(crate) fn put(&self, tails: Vec<Tail>, answers: &[Details]) {
        let is_short = |tail: &Tail, answer: &Details| {
            let info = answer.plugin_info.as_ref().map_or(0, String::len);
            tail.details.len() <= MAX_BYTES && answer.details.len() + info <= MAX_BYTES
        };
        let mut known = self.0.lock();
        for (tail, answer) in tails.into_iter().zip(answers) {
            if is_short(&tail, answer) {
                if known.len() >= MAX_TAILS {
                    known.clear();
                }
                known.insert(tail, answer.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(number: usize) -> Tail {
        Tail {
            version: 3,
            details: number.to_be_bytes().to_vec(),
        }
    }

    fn answer(details: Vec<u8>) -> Details {
        Details {
            details,
            plugin_info: None,
        }
    }

    #[test]
    fn answers_only_when_it_knows_all() {
        let checked = CheckedTails::default();
        checked.put(vec![tail(1), tail(2)], &[answer(vec![1]), answer(vec![2])]);
        assert_eq!(
            checked.get(&[tail(2), tail(1)]),
            Some(vec![answer(vec![2]), answer(vec![1])])
        );
        assert_eq!(checked.get(&[tail(1), tail(3)]), None);
        let other_version = Tail {
            version: 2,
            ..tail(1)
        };
        assert_eq!(checked.get(&[other_version]), None);
    }

    #[test]
    fn stays_small() {
        let checked = CheckedTails::default();
        checked.put(vec![tail(0)], &[answer(vec![0; MAX_BYTES + 1])]);
        let long = Tail {
            version: 3,
            details: vec![0; MAX_BYTES + 1],
        };
        checked.put(vec![long], &[answer(Vec::new())]);
        assert!(checked.0.lock().is_empty());
        for number in 0..10 * MAX_TAILS {
            checked.put(vec![tail(number)], &[answer(Vec::new())]);
            assert!(checked.0.lock().len() <= MAX_TAILS);
        }
    }
}
