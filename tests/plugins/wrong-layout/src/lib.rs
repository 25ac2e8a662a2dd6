//! A plugin of the right generation whose types are others. Calling its entry would be a mistake: it ends the process.

use lavalink_plugin_api::v1;

lavalink_plugin_api::__export_manifest!("wrong-layout", "[1]");

/// The layout of something else.
// SAFETY: the name belongs to this interface; the signature is the one the host calls.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn lavalink_source_v1_layout() -> v1::Layout {
    v1::layout_of::<v1::abi::TrackInfo>()
}

/// Proof that the layout is compared first.
// SAFETY: as above.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn lavalink_source_v1() -> v1::interface::entries::SourceEntry {
    std::process::abort()
}
