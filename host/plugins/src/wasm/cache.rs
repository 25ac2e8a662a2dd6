//! Keeps compiled components, so that each is compiled once and not at every start.
//!
//! Loading such a file runs whatever machine code is in it. So the directory belongs to the node alone, and a file counts
//! only when this user wrote it and nobody else can.

use std::fs::{DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::admission::Sha256;

/// Most files kept; the oldest go first.
const MAX_FILES: usize = 64;

/// Permission bits of anybody but the owner.
const OTHERS: u32 = 0o077;

/// A directory of compiled components.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// Opens the directory, making it when it is not there.
    ///
    /// # Errors
    /// When that fails, or others could write there.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let metadata = std::fs::symlink_metadata(dir)?;
        if !metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is no directory"));
        }
        check_owner(&metadata)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The compiled form of `bytes`, when this very engine made it.
    pub(super) fn get(&self, engine: &Engine, bytes: &[u8]) -> Option<Component> {
        let path = self.path(engine, bytes);
        let compiled = match read(&path) {
            Ok(compiled) => compiled,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), "compiled plugin is not used: {error}");
                return None;
            }
        };
        // SAFETY: `read` saw that the file is this user's own and nobody else can write it, and the directory holds only what
        // `put` wrote: output of `Component::serialize`, renamed into place when complete.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, &compiled) };
        component
            .inspect_err(
                |error| tracing::warn!(path = %path.display(), "compiled plugin is not used: {error}"),
            )
            .ok()
    }

    /// Keeps the compiled form of `bytes`.
    ///
    /// # Errors
    /// When it cannot be written; nothing is left behind then.
    pub(super) fn put(&self, engine: &Engine, bytes: &[u8], component: &Component) -> io::Result<()> {
        let compiled = component.serialize().map_err(io::Error::other)?;
        let path = self.path(engine, bytes);
        let partial = path.with_extension(format!("{}.part", std::process::id()));
        let written = write(&partial, &compiled).and_then(|()| std::fs::rename(&partial, &path));
        if written.is_err() {
            // Already failing; a file without the right ending is never read.
            let _ = std::fs::remove_file(&partial);
        }
        written?;
        self.prune()
    }

    fn path(&self, engine: &Engine, bytes: &[u8]) -> PathBuf {
        let hash = Sha256::of_bytes(bytes);
        let mut made_by = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut made_by);
        self.dir.join(format!("{hash}-{:016x}.cwasm", made_by.finish()))
    }

    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        files.sort();
        let surplus = files.len().saturating_sub(MAX_FILES);
        for (_, path) in &files[..surplus] {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn check_owner(metadata: &std::fs::Metadata) -> io::Result<()> {
    let refused = |reason: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return refused("it belongs to another user");
    }
    if metadata.mode() & OTHERS != 0 {
        return refused("others have access to it; set its mode to 0700 (directory) or 0600 (file)");
    }
    Ok(())
}

/// Reads a file whose owner and mode are right. The check is on the open file, so that nobody can swap it in between.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file: File = rustix::fs::open(
        path,
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?
    .into();
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    check_owner(&metadata)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::wasm::engine::engine;

    /// A component with nothing in it.
    const BYTES: &[u8] = b"\0asm\x0d\0\x01\0";

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn gives_back_what_it_was_given_and_nothing_else() {
        let engine = engine().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("a/b")).unwrap();
        assert!(cache.get(&engine, BYTES).is_none());
        let component = Component::new(&engine, BYTES).unwrap();
        cache.put(&engine, BYTES, &component).unwrap();
        assert!(cache.get(&engine, BYTES).is_some());
        assert!(cache.get(&engine, b"something else").is_none());
        let files: Vec<_> = std::fs::read_dir(&cache.dir).unwrap().collect();
        assert_eq!(files.len(), 1);
    }

    #[test]
    fn passes_over_files_others_could_have_written_and_damaged_ones() {
        let engine = engine().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("c")).unwrap();
        let component = Component::new(&engine, BYTES).unwrap();
        cache.put(&engine, BYTES, &component).unwrap();
        let path = cache.path(&engine, BYTES);

        mode(&path, 0o620);
        assert!(cache.get(&engine, BYTES).is_none());
        mode(&path, 0o600);
        assert!(cache.get(&engine, BYTES).is_some());

        let moved = dir.path().join("moved");
        std::fs::rename(&path, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &path).unwrap();
        assert!(cache.get(&engine, BYTES).is_none());
        std::fs::remove_file(&path).unwrap();

        write(&path, b"no machine code").unwrap();
        assert!(cache.get(&engine, BYTES).is_none());
    }

    #[test]
    fn a_directory_open_to_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        mode(dir.path(), 0o755);
        assert_eq!(
            Cache::open(dir.path()).unwrap_err().kind(),
            io::ErrorKind::PermissionDenied
        );
    }

    #[test]
    fn keeps_a_bounded_number_of_files() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("c")).unwrap();
        for n in 0..MAX_FILES + 3 {
            write(&cache.dir.join(format!("{n}.cwasm")), b"x").unwrap();
        }
        cache.prune().unwrap();
        assert_eq!(std::fs::read_dir(&cache.dir).unwrap().count(), MAX_FILES);
    }
}
