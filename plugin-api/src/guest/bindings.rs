//! What every component imports, and the conversions of its values.

// Generated from the WIT text, which has the documentation.
#![allow(unsafe_code, missing_docs, clippy::all)]

wit_bindgen::generate!({
    path: "wit",
    world: "guest",
    generate_unused_types: true,
});

use self::lavalink::plugin::types as wit;

crate::__carry!();
