//! Lists the files of the plugin directories.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::admission::Form;
use crate::error::{LoadError, LoadReport};
use crate::java::java_archive;

/// A file that may be a plugin.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// Absolute path, so that the system's loader does not search for it.
    pub(crate) path: PathBuf,
    /// The file, opened for reading.
    pub(crate) file: File,
    /// Which loader it is for.
    pub(crate) form: Form,
}

/// What a file name promises.
enum Kind {
    Library,
    JavaArchive,
    WebAssembly,
    Precompiled,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "so" | "dylib" | "dll" => Some(Self::Library),
            "jar" => Some(Self::JavaArchive),
            "wasm" => Some(Self::WebAssembly),
            "cwasm" => Some(Self::Precompiled),
            _ => None,
        }
    }
}

/// All plugin files of the directories: in the order of the directories, each sorted by file name, and then those named by
/// themselves. A directory that does not exist has no files. Files of other kinds are passed over, and a file that has
/// been met before.
pub(crate) fn candidates(dirs: &[PathBuf], files: &[PathBuf]) -> (Vec<Candidate>, Vec<LoadReport>) {
    let mut found = Vec::new();
    let mut refused = Vec::new();
    for dir in dirs {
        match files_of(dir) {
            Ok(paths) => {
                for path in paths {
                    match examine(&path) {
                        Ok(Some(candidate)) => found.push(candidate),
                        Ok(None) => {}
                        Err(error) => refused.push(LoadReport {
                            path,
                            result: Err(error),
                        }),
                    }
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                refused.push(LoadReport {
                    path: dir.clone(),
                    result: Err(LoadError::Unreadable(error)),
                });
            }
        }
    }
    for path in files {
        match candidate(path) {
            Ok(candidate) if found.iter().any(|other: &Candidate| other.path == candidate.path) => {}
            Ok(candidate) => found.push(candidate),
            Err(error) => refused.push(LoadReport {
                path: path.clone(),
                result: Err(error),
            }),
        }
    }
    (found, refused)
}

fn files_of(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(dir)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// One file that should be a plugin.
pub(crate) fn candidate(path: &Path) -> Result<Candidate, LoadError> {
    examine(path)?.ok_or_else(|| {
        LoadError::Unreadable(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "it is no file of a plugin",
        ))
    })
}

fn examine(path: &Path) -> Result<Option<Candidate>, LoadError> {
    let Some(kind) = Kind::of(path) else {
        return Ok(None);
    };
    // Asked before opening: opening a pipe would wait for its other end.
    let metadata = std::fs::metadata(path).map_err(LoadError::Unreadable)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    if metadata.len() == 0 {
        return Err(LoadError::Empty);
    }
    match kind {
        Kind::JavaArchive => {
            let name = path.file_name().unwrap_or_default();
            Err(LoadError::JavaArchive {
                what: java_archive(&name.to_string_lossy()),
            })
        }
        Kind::Precompiled => Err(LoadError::Precompiled),
        Kind::WebAssembly if !cfg!(feature = "wasm") => Err(LoadError::WebAssembly),
        Kind::WebAssembly => opened(path, Form::Wasm),
        Kind::Library => opened(path, Form::Native),
    }
}

fn opened(path: &Path, form: Form) -> Result<Option<Candidate>, LoadError> {
    let path = path.canonicalize().map_err(LoadError::Unreadable)?;
    let file = File::open(&path).map_err(LoadError::Unreadable)?;
    Ok(Some(Candidate { path, file, form }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_sorts_out() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("b.so", "x"),
            ("a.dylib", "x"),
            ("empty.so", ""),
            ("java.jar", "PK"),
            ("guest.wasm", "x"),
            ("guest.cwasm", "x"),
            ("readme.txt", "x"),
            ("noextension", "x"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        std::fs::create_dir(dir.path().join("folder.so")).unwrap();
        let missing = dir.path().join("missing");

        let (found, refused) = candidates(&[missing, dir.path().to_owned()], &[dir.path().join("b.so")]);

        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            found.iter().map(|c| name(&c.path)).collect::<Vec<_>>(),
            if cfg!(feature = "wasm") {
                &["a.dylib", "b.so", "guest.wasm"][..]
            } else {
                &["a.dylib", "b.so"]
            }
        );
        let refused: Vec<_> = refused
            .iter()
            .map(|r| (name(&r.path), r.result.as_ref().unwrap_err().to_string()))
            .collect();
        for (file, reason) in [
            ("empty.so", "empty"),
            ("guest.cwasm", "compiled"),
            ("java.jar", "Java"),
        ] {
            assert!(
                refused
                    .iter()
                    .any(|(name, text)| name == file && text.contains(reason)),
                "{file}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_file_in_place_of_a_directory_is_reported() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (found, refused) = candidates(&[file.path().to_owned()], &[]);
        assert!(found.is_empty());
        assert!(matches!(refused[0].result, Err(LoadError::Unreadable(_))));
    }
}
