//! From the core module a compiler makes to the component a node loads.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::AuthoringError;

/// Name of the custom section with the manifest.
const MANIFEST: &str = "lavalink-plugin";

/// Makes a component of a core module that was built with `export!`, which describes the interfaces it has.
///
/// # Errors
/// When it is no module, has no manifest, or lacks what it says it exports.
pub fn component_of(module: &[u8]) -> Result<Vec<u8>, AuthoringError> {
    if !has_manifest(module)? {
        return Err(AuthoringError::NotAPlugin {
            folder: "the crate".to_owned(),
            reason: "it has no manifest; it must call lavalink_plugin_api::export! or export_source!",
        });
    }
    let unfit = |error: &dyn std::fmt::Display| AuthoringError::Component(error.to_string());
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .map_err(|error| unfit(&format!("{error:#}")))?;
    encoder.encode().map_err(|error| unfit(&format!("{error:#}")))
}

fn has_manifest(module: &[u8]) -> Result<bool, AuthoringError> {
    for payload in Parser::new(0).parse_all(module) {
        match payload {
            Ok(Payload::CustomSection(section)) if section.name() == MANIFEST => return Ok(true),
            Ok(_) => {}
            Err(error) => return Err(AuthoringError::Component(error.to_string())),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_a_manifest_is_no_plugin() {
        let module = wat::parse_str("(module)").unwrap();
        let error = component_of(&module).unwrap_err().to_string();
        assert!(error.contains("export!"), "{error}");
    }

    #[test]
    fn what_is_no_module_is_refused() {
        for bytes in [&b""[..], b"not wasm", b"\0asm\x01\0\0\0\x07"] {
            assert!(component_of(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn an_import_nobody_described_is_named() {
        let module =
            wat::parse_str(r#"(module (import "env" "magic" (func)) (@custom "lavalink-plugin" "{}"))"#)
                .unwrap();
        let error = component_of(&module).unwrap_err().to_string();
        assert!(error.contains("env"), "{error}");
    }
}
