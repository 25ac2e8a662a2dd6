//! Tells the breakdown of a plugin from what it says itself.

use lavalink_plugin_api::{Failure, Severity};

/// Ends of the messages of plugins that broke: a library that panicked, a component that was stopped.
const CRASHES: [&str; 5] = [
    " panicked.",
    " crashed.",
    " ran out of memory.",
    " did not answer in time.",
    " gave an answer that cannot be read.",
];

/// Whether a fault is not the plugin's own word but what its wrapper made of a panic. A fault the plugin reports itself
/// is an answer: the site it asks may have changed, and what does not depend on that goes on working.
pub(super) fn is_crash(failure: &Failure) -> bool {
    failure.severity == Severity::Fault && CRASHES.iter().any(|ending| failure.message.ends_with(ending))
}
