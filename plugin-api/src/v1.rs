//! Generation 1 of the native ABI: frozen types, host and source objects, and the export macro.

use std::any::Any;

/// Section the manifest is in: ELF, Mach-O, PE.
pub const MANIFEST_SECTIONS: [&str; 3] = [".lavalink_manifest", "__lavalink_mf", ".lavalnk"];

/// The text of a panic.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a panic without text",
    }
}
