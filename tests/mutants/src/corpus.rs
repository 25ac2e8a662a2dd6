//! Good input from the repository, and reading it and its mutants within bounds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::{allocated, forget_most, most_allocated, mutant};

/// What reading one input may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes; counted only where [`crate::Counting`] is the global allocator.
    pub memory: usize,
    /// Time, with room for a busy machine.
    pub time: Duration,
}

impl Default for Bounds {
    /// 64 MiB and 10 s.
    fn default() -> Self {
        Self {
            memory: 64 * 1024 * 1024,
            time: Duration::from_secs(10),
        }
    }
}

/// The good input of one parser.
#[derive(Debug)]
pub struct Corpus {
    seeds: Vec<(String, Vec<u8>)>,
}

impl Corpus {
    /// The files of `fuzz/corpus/{name}`.
    ///
    /// # Panics
    /// When there are none: a test over nothing would always pass.
    pub fn of(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fuzz/corpus")
            .join(name);
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
        let mut seeds: Vec<_> = entries
            .map(|entry| {
                let path = entry.expect("a readable folder").path();
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                (name, std::fs::read(path).expect("a readable file"))
            })
            .collect();
        assert!(!seeds.is_empty(), "{} is empty", folder.display());
        seeds.sort();
        Self { seeds }
    }

    /// Name and bytes of each seed.
    pub fn seeds(&self) -> &[(String, Vec<u8>)] {
        &self.seeds
    }

    /// Reads every seed and `per_seed` mutants of each.
    ///
    /// # Panics
    /// When reading one panics or exceeds its bounds; says which, so that `mutant` makes it again.
    pub fn check(&self, per_seed: u64, bounds: Bounds, mut read: impl FnMut(&[u8])) {
        for (index, (name, seed)) in self.seeds.iter().enumerate() {
            let (_, other) = &self.seeds[(index + 1) % self.seeds.len()];
            check_one(name, None, seed, bounds, &mut read);
            for number in 0..per_seed {
                let mutant = mutant(seed, other, number);
                check_one(name, Some(number), &mutant, bounds, &mut read);
            }
        }
    }
}

fn check_one(name: &str, number: Option<u64>, bytes: &[u8], bounds: Bounds, read: &mut impl FnMut(&[u8])) {
    let before = allocated();
    forget_most();
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| read(bytes)));
    let time = began.elapsed();
    let memory = most_allocated().saturating_sub(before);
    let what = match number {
        Some(number) => format!("mutant {number} of {name} ({} bytes)", bytes.len()),
        None => format!("{name} itself"),
    };
    assert!(outcome.is_ok(), "{what} panicked, see above");
    assert!(time <= bounds.time, "{what} took {time:?}");
    assert!(memory <= bounds.memory, "{what} took {} KiB", memory / 1024);
}
