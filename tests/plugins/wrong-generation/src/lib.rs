//! A plugin of a generation no host speaks. Loading it would be a mistake: it ends the process.

lavalink_plugin_api::__export_manifest!("wrong-generation", "[99]");

/// Proof that no code of a refused plugin runs.
// SAFETY: the name belongs to this interface; the signature is the one the host would call.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn lavalink_source_v1_layout() -> lavalink_plugin_api::v1::Layout {
    std::process::abort()
}
