//! Checks against example payloads in Java's exact form: what is parsed and written again must be the same bytes.

mod errors;
mod filters;
mod requests;
mod responses;
mod tracks;
mod vectors;

use std::collections::BTreeSet;
use std::path::Path;

/// Text of an example payload.
fn payload(name: &str) -> String {
    std::fs::read_to_string(directory().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/payloads"))
}

/// Names of all example payloads that begin with one of `prefixes`.
fn names(prefixes: &[&str]) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.into_string().unwrap());
    names
        .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect()
}

/// Fails when `checked` is not exactly the set of payloads with one of `prefixes`.
fn assert_complete<'a>(checked: impl IntoIterator<Item = &'a str>, prefixes: &[&str]) {
    let checked: BTreeSet<String> = checked.into_iter().map(str::to_owned).collect();
    assert!(!checked.is_empty());
    assert_eq!(checked, names(prefixes));
}
