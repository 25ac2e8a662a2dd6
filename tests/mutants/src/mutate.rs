//! How bytes are damaged: as transfers, bugs and attackers do it.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Most bytes a mutant has beyond those it was made from.
const MAX_GROWTH: usize = 64 * 1024;

/// Values that counts and lengths lie with.
const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    1_000_000_000,
    0x7fff_ffff,
    0xffff_ffff,
    i64::MAX as u64,
    u64::MAX,
];

/// The same in text.
const TEXTS: [&str; 14] = [
    "0",
    "-1",
    "1e308",
    "NaN",
    "99999999999999999999",
    "4294967296",
    "\"",
    "\r\n",
    "\n",
    ":",
    "=",
    ",",
    "\u{fffd}",
    "\0",
];

/// Damaged copy number `number` of `seed`; the same for the same number. `other` is another good input to take parts of.
pub fn mutant(seed: &[u8], other: &[u8], number: u64) -> Vec<u8> {
    let mut random = SmallRng::seed_from_u64(number);
    let mut bytes = seed.to_vec();
    for _ in 0..random.random_range(1..=5) {
        damage(&mut bytes, other, &mut random);
        bytes.truncate(seed.len() + MAX_GROWTH);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut SmallRng) {
    let length = bytes.len();
    // Headers are the interesting part.
    let reach = if random.random() { length } else { length.min(300) };
    let at = random.random_range(0..=reach.saturating_sub(1));
    let count = random.random_range(0..=(length - at).min(600));
    match random.random_range(0..10) {
        0 => {
            let flipped = bytes.get(at).copied().unwrap_or_default() ^ 1 << random.random_range(0..8);
            overwrite(bytes, at, &[flipped]);
        }
        1 => overwrite(bytes, at, &[random.random()]),
        2 | 3 => {
            let number = NUMBERS[random.random_range(0..NUMBERS.len())];
            let width = [1, 2, 3, 4, 8][random.random_range(0..5)];
            if random.random() {
                overwrite(bytes, at, &number.to_be_bytes()[8 - width..]);
            } else {
                overwrite(bytes, at, &number.to_le_bytes()[..width]);
            }
        }
        4 => bytes.truncate(at),
        5 => drop(bytes.drain(at..at + count)),
        6 => {
            // A part once or many times more.
            let part = bytes[at..at + count].to_vec();
            let times = if random.random_range(0..8) == 0 { 200 } else { 1 };
            insert(bytes, at, &part.repeat(times));
        }
        7 => {
            let text = TEXTS[random.random_range(0..TEXTS.len())];
            insert(bytes, at, text.as_bytes());
        }
        8 => {
            let run = vec![random.random(); random.random_range(1..2_000)];
            insert(bytes, at, &run);
        }
        _ => {
            let from = random.random_range(0..=other.len());
            let part = &other[from..(from + count).min(other.len())];
            insert(bytes, at, part);
        }
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(with) {
        *byte = *new;
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    let at = at.min(bytes.len());
    bytes.splice(at..at, part[..part.len().min(MAX_GROWTH)].iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_are_the_same_in_every_run_and_differ_from_each_other() {
        let seed: Vec<u8> = (0..=255).collect();
        let mutants: Vec<_> = (0..300).map(|number| mutant(&seed, b"other", number)).collect();
        let again: Vec<_> = (0..300).map(|number| mutant(&seed, b"other", number)).collect();
        assert!(mutants == again);
        let unchanged = mutants.iter().filter(|mutant| **mutant == seed).count();
        assert!(unchanged < 15, "{unchanged} of 300 are as they were");
        assert!(
            mutants
                .iter()
                .all(|mutant| mutant.len() <= seed.len() + MAX_GROWTH)
        );
    }

    #[test]
    fn nothing_can_be_damaged_too() {
        for number in 0..200 {
            mutant(&[], &[], number);
        }
    }
}
