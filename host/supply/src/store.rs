//! The offline cache: fetched files, named by their hash, in a directory of the node's own.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lavalink_plugins::Sha256;
use ring::digest::{Context, SHA256};
use tempfile::NamedTempFile;

use crate::platform::Kind;

/// Bytes kept of the beginning, to tell what a file is.
const HEAD: usize = 8;

/// See the module.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// A store in this directory, which is made when something is put into it.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The absolute path of the file of this hash, when it is there and still hashes to it. Blocks.
    pub fn get(&self, sha256: Sha256) -> Option<PathBuf> {
        for kind in [Kind::Wasm, Kind::Native] {
            let path = self.path_of(sha256, kind);
            let Ok(file) = File::open(&path) else { continue };
            match Sha256::of(&file) {
                Ok(found) if found == sha256 => return path.canonicalize().ok(),
                Ok(_) => tracing::warn!("{} is damaged and will be fetched again", path.display()),
                Err(error) => tracing::warn!("{} cannot be read: {error}", path.display()),
            }
        }
        None
    }

    fn path_of(&self, sha256: Sha256, kind: Kind) -> PathBuf {
        self.folder.join(format!("{sha256}.{}", kind.extension()))
    }

    /// Begins a file. Nothing of it is seen under a name that counts before [`Incoming::keep`]; dropped, it is gone.
    pub(crate) fn begin(&self) -> io::Result<Incoming> {
        make_private(&self.folder)?;
        Ok(Incoming {
            store: self.clone(),
            file: NamedTempFile::with_prefix_in(".incoming-", &self.folder)?,
            context: Context::new(&SHA256),
            head: Vec::with_capacity(HEAD),
        })
    }

    /// Removes the files whose hash `keep` does not know, and what interrupted downloads left. Returns how many.
    ///
    /// # Errors
    /// When the directory cannot be read or a file not be removed.
    pub fn retain(&self, keep: impl Fn(Sha256) -> bool) -> io::Result<usize> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut removed = 0;
        for entry in entries {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let is_kept = stem.and_then(|stem| stem.parse().ok()).is_some_and(&keep);
            if !is_kept {
                fs::remove_file(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// A file that is being fetched.
pub(crate) struct Incoming {
    store: Store,
    file: NamedTempFile,
    context: Context,
    head: Vec<u8>,
}

impl Incoming {
    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let missing = HEAD - self.head.len();
        self.head.extend(bytes.iter().take(missing));
        self.context.update(bytes);
        self.file.write_all(bytes)
    }

    /// What the file is and hashes to.
    pub(crate) fn finish(self) -> io::Result<Complete> {
        self.file.as_file().sync_all()?;
        let mut sum = String::with_capacity(64);
        for byte in self.context.finish().as_ref() {
            sum.push_str(&format!("{byte:02x}"));
        }
        Ok(Complete {
            store: self.store,
            file: self.file,
            sha256: sum.parse().map_err(io::Error::other)?,
            kind: Kind::of(&self.head),
        })
    }
}

/// A file that was fetched whole and has not been judged yet.
pub(crate) struct Complete {
    store: Store,
    file: NamedTempFile,
    pub(crate) sha256: Sha256,
    pub(crate) kind: Option<Kind>,
}

impl Complete {
    /// Keeps it under its hash.
    pub(crate) fn keep(self, kind: Kind) -> io::Result<PathBuf> {
        let path = self.store.path_of(self.sha256, kind);
        self.file.persist(&path)?;
        path.canonicalize()
    }
}

/// Makes the directory, for its owner alone.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &Store, content: &[u8]) -> (Sha256, PathBuf) {
        let mut incoming = store.begin().unwrap();
        for piece in content.chunks(3) {
            incoming.write(piece).unwrap();
        }
        let complete = incoming.finish().unwrap();
        let kind = complete.kind.unwrap();
        (complete.sha256, complete.keep(kind).unwrap())
    }

    #[test]
    fn files_are_found_by_their_hash_as_long_as_they_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().canonicalize().unwrap().join("a/b"));
        let content = b"\0asm and more";
        assert_eq!(store.get(Sha256::of_bytes(content)), None);
        let (sha256, path) = put(&store, content);
        assert_eq!(sha256, Sha256::of_bytes(content));
        assert_eq!(
            path.file_name().unwrap().to_str().unwrap(),
            format!("{sha256}.wasm")
        );
        assert_eq!(store.get(sha256), Some(path.clone()));
        fs::write(&path, b"\0asm and other").unwrap();
        assert_eq!(store.get(sha256), None);
    }

    #[test]
    fn what_is_not_kept_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        let mut incoming = store.begin().unwrap();
        incoming.write(b"half").unwrap();
        drop(incoming);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let (kept, _) = put(&store, b"\x7fELF one");
        put(&store, b"\x7fELF two");
        fs::write(folder.path().join(".incoming-x"), b"half").unwrap();
        assert_eq!(store.retain(|sha256| sha256 == kept).unwrap(), 2);
        assert!(store.get(kept).is_some());
    }
}
