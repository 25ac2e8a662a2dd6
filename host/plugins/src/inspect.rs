//! What a file says about itself, without loading it.

use std::path::Path;

use crate::admission::{Form, Sha256};
use crate::discovery;
use crate::error::LoadError;
use crate::manifest::Manifest;

/// A file that looks like a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// What it says about itself.
    pub manifest: Manifest,
    /// What it is made of.
    pub form: Form,
    /// Of the file.
    pub sha256: Sha256,
}

/// Reads the manifest of a file. None of its code runs. Blocks.
///
/// # Errors
/// Why it is no plugin.
pub fn inspect(path: &Path) -> Result<Inspected, LoadError> {
    let candidate = discovery::candidate(path)?;
    let manifest = match candidate.form {
        #[cfg(feature = "wasm")]
        Form::Wasm => crate::wasm::manifest_of(&candidate.file)?,
        #[cfg(not(feature = "wasm"))]
        Form::Wasm => return Err(LoadError::WebAssembly),
        Form::Native | Form::BuiltIn => Manifest::read(&candidate.file)?,
    };
    Ok(Inspected {
        manifest,
        form: candidate.form,
        sha256: Sha256::of(&candidate.file).map_err(LoadError::Unreadable)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "wasm")]
    #[test]
    fn manifests_are_read_without_loading() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        let bytes = lavalink_test_guests::parrot("parrot");
        std::fs::write(&path, &bytes).unwrap();
        let found = inspect(&path).unwrap();
        assert_eq!((found.manifest.name.as_str(), found.form), ("parrot", Form::Wasm));
        assert_eq!(found.sha256, Sha256::of_bytes(&bytes));
        assert!(matches!(
            inspect(&folder.path().join("b.wasm")),
            Err(LoadError::Unreadable(_))
        ));
        std::fs::write(&path, "text").unwrap();
        assert!(matches!(inspect(&path), Err(LoadError::Component(_))));
    }
}
