//! What the modules of all interfaces share.

use std::sync::Arc;

use crate::Failure;

/// The bindings of a world with one export, over the types and the host all have in common. Its macro `export_component`
/// writes the exports into the author's crate.
macro_rules! exports_of {
    ($world:tt) => {
        wit_bindgen::generate!({
            path: "wit",
            world: $world,
            with: {
                "lavalink:plugin/types@1.0.0": crate::guest::bindings::lavalink::plugin::types,
                "lavalink:plugin/host@1.0.0": crate::guest::bindings::lavalink::plugin::host,
            },
            pub_export_macro: true,
            export_macro_name: "export_component",
        });
    };
}
pub(super) use exports_of;

/// The part of a plugin with this index.
pub(super) fn part<P: ?Sized>(parts: &'static [Arc<P>], index: u32) -> Result<&'static P, Failure> {
    // `as` widens: addresses of a component have 32 bits.
    let part = parts.get(index as usize);
    part.map(|part| &**part)
        .ok_or_else(|| Failure::fault(format!("The plugin has no part {index} of this kind.")))
}

/// How many parts there are.
pub(super) fn count<P: ?Sized>(parts: &[Arc<P>]) -> u32 {
    u32::try_from(parts.len()).unwrap_or(u32::MAX)
}
