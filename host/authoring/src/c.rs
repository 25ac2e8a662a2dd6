//! Plugins in C: a folder with `plugin.json` and `src/*.c`, built with zig.
//!
//! The bindings are made anew at each build, of the contract this program was built with, for the interfaces the plugin
//! offers: an author needs nothing but this program and the compiler.

mod bindings;
mod compiler;
mod project;

use std::path::{Path, PathBuf};

use wasm_encoder::{CustomSection, Section};

use self::compiler::Zig;
use self::project::Description;
use crate::AuthoringError;
use crate::component::{MANIFEST, component_of};

/// Whether a folder holds a plugin in C.
pub(crate) fn is_in(folder: &Path) -> bool {
    folder.join(project::FILE).is_file() && !folder.join("Cargo.toml").exists()
}

/// Builds the plugin in a folder and returns its name and the component. What is made on the way goes below `target`.
///
/// # Errors
/// When it does not compile, there is no compiler for it, or it is no plugin.
pub(crate) fn build(folder: &Path, target: &Path) -> Result<(String, Vec<u8>), AuthoringError> {
    let description = Description::in_folder(folder)?;
    let sources = sources(&folder.join("src"))?;
    let place = target.join("lavalink").join(&description.name);
    std::fs::create_dir_all(&place).map_err(AuthoringError::file("make", &place))?;
    bindings::write(&description.offers, &place)?;
    let module = place.join("module.wasm");
    Zig::find()?.compile(&sources, &place, &module)?;
    let mut bytes = std::fs::read(&module).map_err(AuthoringError::file("read", &module))?;
    let manifest = CustomSection {
        name: MANIFEST.into(),
        data: description.manifest().into(),
    };
    manifest.append_to(&mut bytes);
    Ok((description.name, component_of(&bytes)?))
}

/// All sources, sorted by name so that a build can be repeated.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, AuthoringError> {
    let entries = std::fs::read_dir(folder).map_err(AuthoringError::file("read", folder))?;
    let mut sources = Vec::new();
    for entry in entries {
        let path = entry.map_err(AuthoringError::file("read", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            sources.push(path);
        }
    }
    sources.sort();
    if sources.is_empty() {
        return Err(AuthoringError::NotAPlugin {
            folder: folder.display().to_string(),
            reason: "there is no file of C in it",
        });
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_sources_is_no_plugin() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_in(folder.path()));
        assert!(matches!(
            sources(&folder.path().join("src")),
            Err(AuthoringError::File { action: "read", .. })
        ));
        assert!(matches!(
            sources(folder.path()),
            Err(AuthoringError::NotAPlugin { .. })
        ));
        for name in ["b.c", "a.c", "a.h"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = sources(folder.path()).unwrap();
        assert_eq!(found, [folder.path().join("a.c"), folder.path().join("b.c")]);
        std::fs::write(folder.path().join("plugin.json"), "{}").unwrap();
        assert!(is_in(folder.path()));
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        assert!(!is_in(folder.path()), "a crate is built by cargo");
    }
}
