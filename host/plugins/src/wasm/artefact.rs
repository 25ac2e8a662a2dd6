//! Looks into a component before anything of it is compiled: its manifest, what it wants, what it offers.

use std::ops::Range;

use wasmparser::{Encoding, Parser, Payload};

use crate::error::ComponentError;
use crate::manifest::{CUSTOM_SECTION, MAX_MANIFEST, Manifest, ManifestError};

/// Package and version of the interfaces.
const PACKAGE: &str = "lavalink:plugin/";
const VERSION: &str = "1.";

/// Interfaces a component may import.
const LENT: [&str; 2] = ["host", "types"];

/// A component as far as it can be known without running it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Artefact {
    pub(super) manifest: Manifest,
    /// Names of the interfaces of generation 1 it exports.
    pub(super) interfaces: Vec<String>,
}

impl Artefact {
    /// Reads what `bytes` say about themselves.
    ///
    /// # Errors
    /// When they are no component, have no usable manifest, or import what the node does not lend.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ComponentError> {
        let mut outline = Outline::default();
        for payload in Parser::new(0).parse_all(bytes) {
            outline.add(payload.map_err(damaged)?)?;
        }
        let range = outline.manifest.ok_or(ComponentError::NoManifest)?;
        let manifest = Manifest::parse(bytes.get(range).unwrap_or_default())?;
        if let Some(import) = outline.imports.into_iter().find(|import| !is_lent(import)) {
            return Err(ComponentError::Import {
                plugin: manifest.name,
                import,
            });
        }
        let interfaces = outline
            .exports
            .iter()
            .filter_map(|export| Some(interface_of(export)?.to_owned()))
            .collect();
        Ok(Self { manifest, interfaces })
    }
}

/// What was met on the way through the file.
#[derive(Default)]
struct Outline {
    depth: usize,
    manifest: Option<Range<usize>>,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Outline {
    fn add(&mut self, payload: Payload<'_>) -> Result<(), ComponentError> {
        match payload {
            Payload::Version { encoding, .. } => {
                if self.depth == 0 && encoding == Encoding::Module {
                    return Err(ComponentError::CoreModule);
                }
                self.depth += 1;
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::CustomSection(section) if section.name() == CUSTOM_SECTION => {
                let length = section.data().len();
                if length as u64 > MAX_MANIFEST {
                    return Err(ManifestError::TooLong(length as u64).into());
                }
                let end = section.data_offset() + length;
                if self.manifest.replace(section.data_offset()..end).is_some() {
                    return Err(ComponentError::ManyManifests);
                }
            }
            Payload::ComponentImportSection(imports) if self.depth == 1 => {
                for import in imports {
                    let name = import.map_err(damaged)?.name;
                    self.imports.push(full_name(name.name, name.version_suffix));
                }
            }
            Payload::ComponentExportSection(exports) if self.depth == 1 => {
                for export in exports {
                    let name = export.map_err(damaged)?.name;
                    self.exports.push(full_name(name.name, name.version_suffix));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn full_name(name: &str, version_suffix: Option<&str>) -> String {
    format!("{name}{}", version_suffix.unwrap_or_default())
}

fn damaged(error: wasmparser::BinaryReaderError) -> ComponentError {
    ComponentError::Damaged(error.to_string())
}

/// The interface behind a name such as `lavalink:plugin/host@1.0.0`, when it is of our package and generation.
fn interface_of(name: &str) -> Option<&str> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    version.starts_with(VERSION).then_some(interface)
}

fn is_lent(import: &str) -> bool {
    interface_of(import).is_some_and(|interface| LENT.contains(&interface))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn component(inside: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {inside})")).unwrap()
    }

    const MANIFEST: &str =
        r#"(@custom "lavalink-plugin" "{\"name\":\"p\",\"version\":\"1\",\"generations\":[1]}")"#;

    #[test]
    fn finds_manifest_imports_and_exports() {
        let bytes = component(&format!(
            r#"(import "lavalink:plugin/host@1.2.0" (instance))
               (import "lavalink:plugin/types@1.0.0" (instance))
               (instance $i) (export "lavalink:plugin/source@1.0.0" (instance $i))
               (export "lavalink:plugin/source@2.0.0" (instance $i))
               (export "something:else/source@1.0.0" (instance $i)) {MANIFEST}"#
        ));
        let artefact = Artefact::read(&bytes).unwrap();
        assert_eq!(artefact.manifest.name, "p");
        assert_eq!(artefact.interfaces, ["source"]);
    }

    #[test]
    fn finds_a_manifest_in_the_module_inside() {
        let bytes = component(&format!("(core module {MANIFEST})"));
        assert_eq!(Artefact::read(&bytes).unwrap().manifest.version, "1");
    }

    #[test]
    fn names_what_is_imported_and_not_lent() {
        for import in [
            "wasi:cli/environment@0.2.0",
            "lavalink:plugin/host@2.0.0",
            "lavalink:plugin/source@1.0.0",
            "lavalink:plugin/host",
        ] {
            let bytes = component(&format!("(import \"{import}\" (instance)) {MANIFEST}"));
            let error = Artefact::read(&bytes).unwrap_err();
            assert!(
                matches!(&error, ComponentError::Import { import: found, .. } if found == import),
                "{error}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_component_or_has_no_single_manifest() {
        let read = |bytes: &[u8]| Artefact::read(bytes).unwrap_err();
        assert!(matches!(read(b"just some text"), ComponentError::Damaged(_)));
        assert!(matches!(
            read(&wat::parse_str(format!("(module {MANIFEST})")).unwrap()),
            ComponentError::CoreModule
        ));
        assert!(matches!(read(&component("")), ComponentError::NoManifest));
        assert!(matches!(
            read(&component(&format!("{MANIFEST} {MANIFEST}"))),
            ComponentError::ManyManifests
        ));
        assert!(matches!(
            read(&component(r#"(@custom "lavalink-plugin" "{}")"#)),
            ComponentError::Manifest(_)
        ));
    }

    proptest! {
        #[test]
        fn damaged_components_never_panic(at in 0usize..400, with in any::<u8>(), cut in 0usize..600) {
            let mut bytes = component(&format!(
                r#"(import "lavalink:plugin/host@1.2.0" (instance)) (core module {MANIFEST})"#
            ));
            let length = bytes.len();
            bytes[at % length] = with;
            bytes.truncate(cut.max(8));
            let _ = Artefact::read(&bytes);
        }
    }
}
