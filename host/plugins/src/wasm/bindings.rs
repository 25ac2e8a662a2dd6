//! The WIT package as Rust types of the host side.

// Generated from the WIT text, which has the documentation.
#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "../../plugin-api/wit",
    world: "plugin",
    imports: { default: trappable },
    with: {
        "lavalink:plugin/host.http-response": super::state::OpenResponse,
    },
});
