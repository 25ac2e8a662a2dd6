//! From the core module a compiler makes to the component a node loads.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::AuthoringError;

/// Name of the custom section with the manifest.
pub(crate) const MANIFEST: &str = "lavalink-plugin";

/// Module of the imports that an operating system would answer.
const SYSTEM: &str = "wasi_snapshot_preview1";

/// Makes a component of a core module that describes the interfaces it has, as one built with `export!` does.
///
/// # Errors
/// When it is no module, has no manifest, or lacks what it says it exports.
pub fn component_of(module: &[u8]) -> Result<Vec<u8>, AuthoringError> {
    let Contents {
        has_manifest,
        of_the_system,
    } = Contents::of(module)?;
    if !of_the_system.is_empty() {
        return Err(AuthoringError::System(of_the_system.join(", ")));
    }
    if !has_manifest {
        return Err(AuthoringError::NotAPlugin {
            folder: "the crate".to_owned(),
            reason: "it has no manifest; a crate has to call lavalink_plugin_api::export!",
        });
    }
    let unfit = |error: &dyn std::fmt::Display| AuthoringError::Component(error.to_string());
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .map_err(|error| unfit(&format!("{error:#}")))?;
    encoder.encode().map_err(|error| unfit(&format!("{error:#}")))
}

/// What decides whether a module can be a plugin's.
#[derive(Default)]
struct Contents {
    has_manifest: bool,
    /// Names of the functions it wants of an operating system.
    of_the_system: Vec<String>,
}

impl Contents {
    fn of(module: &[u8]) -> Result<Self, AuthoringError> {
        let unreadable = |error: wasmparser::BinaryReaderError| AuthoringError::Component(error.to_string());
        let mut contents = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(unreadable)? {
                Payload::CustomSection(section) if section.name() == MANIFEST => contents.has_manifest = true,
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(unreadable)?;
                        if import.module == SYSTEM {
                            contents.of_the_system.push(import.name.to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(contents)
    }
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
    fn what_needs_a_system_is_named() {
        let module = wat::parse_str(
            r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)) (@custom "lavalink-plugin" "{}"))"#,
        )
        .unwrap();
        let error = component_of(&module).unwrap_err().to_string();
        assert!(error.contains("fd_write"), "{error}");
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
