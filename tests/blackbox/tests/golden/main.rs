//! Each example payload in Java's exact form is produced or accepted by the running node.
//!
//! The payloads are those of the protocol crate, which checks that they are read and written byte for byte. Here they
//! are compared with what the node really says: same members in the same order, same kinds of values, same values
//! wherever they do not depend on the moment.

mod answers;
mod compare;
mod errors;
mod messages;
mod requests;
mod route_planner;
mod scene;

use std::collections::BTreeMap;
use std::path::Path;

/// Payloads the node never sends and no client sends either, with the reason. They are read by the protocol crate.
const NEITHER: &[(&str, &str)] = &[
    (
        "rest-info-prerelease.json",
        "the release a binary claims is fixed",
    ),
    ("rest-info-snapshot.json", "the release a binary claims is fixed"),
    (
        "rest-stats-as-documented.json",
        "the documented form, for readers; what runs is rest-stats.json",
    ),
];

/// Text of an example payload.
fn payload(name: &str) -> String {
    std::fs::read_to_string(directory().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn directory() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../host/protocol/tests/golden/payloads"
    ))
}

/// The tests check that they used exactly the payloads of their lists; this checks that the lists hold all of them.
#[test]
fn every_payload_has_exactly_one_entry() {
    let mut entries: BTreeMap<String, usize> = BTreeMap::new();
    let lists = [
        requests::ACCEPTED,
        answers::PRODUCED,
        errors::PRODUCED,
        messages::PRODUCED,
        route_planner::PRODUCED,
    ];
    let neither = NEITHER.iter().map(|(name, _)| *name);
    for name in lists.into_iter().flatten().copied().chain(neither) {
        *entries.entry(name.to_owned()).or_default() += 1;
    }
    let files = std::fs::read_dir(directory())
        .expect("the payloads are there")
        .map(|entry| entry.expect("an entry").file_name());
    let files: BTreeMap<String, usize> = files
        .map(|name| (name.into_string().expect("a name"), 1))
        .collect();
    assert!(files.len() >= 86, "{} payloads", files.len());
    assert_eq!(entries, files);
}
