//! Reads a plugin's manifest from the file, before any of its code can run.

use std::fs::File;

use object::read::{Object, ObjectSection, ReadCache, ReadRef};
use serde::Deserialize;

/// Largest manifest accepted, bytes.
const MAX_MANIFEST: u64 = 64 * 1024;

/// Section names the export macro uses: ELF, Mach-O, PE (at most eight characters there).
const SECTIONS: [&str; 3] = lavalink_plugin_api::v1::MANIFEST_SECTIONS;

/// What a plugin says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// Name of the plugin; its configuration is `plugins.<name>`.
    pub name: String,
    /// Version of the plugin.
    pub version: String,
    /// Interface generations it exports.
    pub generations: Vec<u32>,
    /// Release line of the type vocabulary it was built with.
    pub abi: String,
    /// Licence expression.
    #[serde(default)]
    pub licence: String,
}

/// Why no manifest could be had from a file.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not a library at all.
    #[error("the file is not a shared library of a system this node knows: {0}")]
    NotALibrary(object::Error),
    /// A library, but not a plugin.
    #[error(
        "the file is a library without a plugin manifest; it is no plugin of this node, or was built without export_source!"
    )]
    Missing,
    /// The manifest is larger than any real one.
    #[error("the plugin manifest has {0} bytes, at most {MAX_MANIFEST} are read; the file is damaged")]
    TooLong(u64),
    /// The section could not be read.
    #[error("the plugin manifest cannot be read: {0}; the file is damaged")]
    Unreadable(object::Error),
    /// Not the JSON it should be.
    #[error("the plugin manifest is malformed: {0}; rebuild the plugin with export_source!")]
    Malformed(#[source] serde_json::Error),
    /// A name that cannot stand in a configuration.
    #[error("the plugin manifest gives the name {0:?}; a name is 1 to 64 letters, digits, `-`, `_` or `.`")]
    BadName(String),
}

impl Manifest {
    /// Reads the manifest of a library file.
    pub(crate) fn read(file: File) -> Result<Self, ManifestError> {
        let cache = ReadCache::new(file);
        Self::find(&cache)
    }

    /// Finds the manifest in the bytes of a library.
    pub(crate) fn find<'data>(data: impl ReadRef<'data>) -> Result<Self, ManifestError> {
        let library = object::File::parse(data).map_err(ManifestError::NotALibrary)?;
        let section = SECTIONS
            .iter()
            .find_map(|name| library.section_by_name(name))
            .ok_or(ManifestError::Missing)?;
        if section.size() > MAX_MANIFEST {
            return Err(ManifestError::TooLong(section.size()));
        }
        Self::parse(section.data().map_err(ManifestError::Unreadable)?)
    }

    /// Parses the bytes of the section; linkers may pad them with zeros.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        let manifest: Self = serde_json::from_slice(text).map_err(ManifestError::Malformed)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if manifest.name.is_empty() || manifest.name.len() > 64 || !manifest.name.chars().all(plain) {
            return Err(ManifestError::BadName(manifest.name));
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &[u8] =
        br#"{"name":"x","version":"1","generations":[1],"abi":"a","licence":"MIT","future":[]}"#;

    #[test]
    fn reads_a_padded_manifest_and_ignores_unknown_fields() {
        let mut padded = GOOD.to_vec();
        padded.extend([0; 7]);
        let manifest = Manifest::parse(&padded).unwrap();
        assert_eq!(manifest.name, "x");
        assert_eq!(manifest.generations, [1]);
        assert_eq!(manifest.licence, "MIT");
    }

    #[test]
    fn refuses_names_that_break_out_of_configuration_or_logs() {
        for name in ["", "a b", "../x", "a\\n", &"x".repeat(65)] {
            let text = format!(r#"{{"name":"{name}","version":"1","generations":[],"abi":""}}"#);
            assert!(
                matches!(Manifest::parse(text.as_bytes()), Err(ManifestError::BadName(_))),
                "{name:?}"
            );
        }
    }

    #[test]
    fn text_is_not_a_library() {
        assert!(matches!(
            Manifest::find(&b"just some text, long enough for a header"[..]),
            Err(ManifestError::NotALibrary(_))
        ));
    }

    proptest! {
        #[test]
        fn random_sections_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = Manifest::parse(&bytes);
        }

        #[test]
        fn random_files_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..2048), elf in any::<bool>()) {
            if elf && bytes.len() > 16 {
                bytes[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
            }
            prop_assert!(Manifest::find(&bytes[..]).is_err());
        }

        #[test]
        fn a_damaged_library_never_panics(cut in 0usize..400_000, at in 0usize..4096, with in any::<u8>()) {
            let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
            bytes[at] = with;
            bytes.truncate(cut);
            let _ = Manifest::find(&bytes[..]);
        }
    }
}
