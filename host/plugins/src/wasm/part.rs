//! What the parts of a component have in common, whatever their interface.

use std::sync::Arc;

use lavalink_plugin_api::Failure;

use super::guest::{Call, Guest, Instance};
use crate::GuardLimits;

/// Most parts of one kind a plugin may have.
pub(super) const MAX_PARTS: usize = 64;

/// One part of a component.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) guest: Arc<Guest>,
    pub(super) index: u32,
    pub(super) limits: GuardLimits,
}

impl Part {
    /// Asks a component what parts of a kind it has; nothing when it does not export the `interface`.
    ///
    /// # Errors
    /// When it breaks, or has more than any plugin has.
    pub(super) fn described<D>(
        guest: &Arc<Guest>,
        limits: GuardLimits,
        interface: &str,
        ask: impl FnOnce(&mut Instance) -> wasmtime::Result<Vec<D>>,
    ) -> Result<Vec<(D, Self)>, Failure> {
        if !guest.exports(interface) {
            return Ok(Vec::new());
        }
        let call = Call {
            what: "describe",
            host: None,
            limit: limits.start,
        };
        let descriptions = guest.call(call, |instance| Ok(Ok(ask(instance)?)))?;
        if descriptions.len() > MAX_PARTS {
            return Err(Failure::fault(format!(
                "It has {} parts of the kind {interface}, {MAX_PARTS} at most can be used.",
                descriptions.len()
            )));
        }
        let parts = (0..).zip(descriptions).map(|(index, description)| {
            let guest = Arc::clone(guest);
            (description, Self { guest, index, limits })
        });
        Ok(parts.collect())
    }

    /// The same for parts that say nothing about themselves.
    ///
    /// # Errors
    /// As [`Part::described`].
    pub(super) fn counted(
        guest: &Arc<Guest>,
        limits: GuardLimits,
        interface: &str,
        ask: impl FnOnce(&mut Instance) -> wasmtime::Result<u32>,
    ) -> Result<Vec<Self>, Failure> {
        let parts = Self::described(guest, limits, interface, |instance| {
            // One more than may be is enough to be refused for.
            let count = ask(instance)?.min(MAX_PARTS as u32 + 1);
            Ok((0..count).collect())
        })?;
        Ok(parts.into_iter().map(|(_, part)| part).collect())
    }
}
