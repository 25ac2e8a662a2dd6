//! `plugins.lock`: what was fetched for each plugin, and what it hashes to.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use lavalink_plugins::Sha256;
use serde::{Deserialize, Serialize};

/// Form of the file.
const VERSION: u32 = 1;

/// Largest file that is read, bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// What was fetched for one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// As the operator asked for it: coordinates, or an address without credentials.
    pub plugin: String,
    /// Where it came from, without credentials.
    pub from: String,
    /// Of the file.
    pub sha256: Sha256,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    plugins: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    plugin: String,
    from: String,
    sha256: String,
}

/// Why the lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockProblem {
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    #[error("it is malformed: {0}; repair or remove it")]
    Malformed(String),
    #[error("it has the form {0}, this node knows {VERSION}; update the node or remove the file")]
    Newer(u32),
}

/// The lock file. Entries are sorted by plugin, so that it does not change without need.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    entries: Vec<Locked>,
    /// False when the file is there and cannot be understood; it is left alone then.
    is_usable: bool,
}

impl LockFile {
    /// Reads the file. One that is not there is empty; one that cannot be used is reported in the log and left alone.
    pub fn open(path: PathBuf) -> Self {
        let (entries, is_usable) = match read(&path) {
            Ok(entries) => (entries, true),
            Err(problem) => {
                tracing::error!("{} is not used: {problem}", path.display());
                (Vec::new(), false)
            }
        };
        Self {
            path,
            entries,
            is_usable,
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was fetched for a plugin.
    pub fn get(&self, plugin: &str) -> Option<&Locked> {
        self.entries.iter().find(|entry| entry.plugin == plugin)
    }

    /// Everything that was fetched.
    pub fn entries(&self) -> &[Locked] {
        &self.entries
    }

    /// Notes what was fetched and writes the file when that is news.
    ///
    /// # Errors
    /// When it cannot be written. What was noted counts for this run all the same.
    pub fn put(&mut self, locked: Locked) -> io::Result<()> {
        match self
            .entries
            .iter_mut()
            .find(|entry| entry.plugin == locked.plugin)
        {
            Some(entry) if *entry == locked => return Ok(()),
            Some(entry) => *entry = locked,
            None => self.entries.push(locked),
        }
        self.entries.sort_by(|a, b| a.plugin.cmp(&b.plugin));
        self.write()
    }

    /// Takes out what `keep` does not know, and returns the plugins that were.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
        let gone = self.entries.extract_if(.., |entry| !keep(&entry.plugin));
        let gone: Vec<String> = gone.map(|entry| entry.plugin).collect();
        if !gone.is_empty() {
            self.write()?;
        }
        Ok(gone)
    }

    fn write(&self) -> io::Result<()> {
        if !self.is_usable {
            return Err(io::Error::other(
                "the file that is there cannot be understood and is left alone",
            ));
        }
        let document = Document {
            version: VERSION,
            plugins: self
                .entries
                .iter()
                .map(|entry| Entry {
                    plugin: entry.plugin.clone(),
                    from: entry.from.clone(),
                    sha256: entry.sha256.to_string(),
                })
                .collect(),
        };
        let mut text = serde_json::to_vec_pretty(&document).map_err(io::Error::other)?;
        text.push(b'\n');
        write_atomically(&self.path, &text)
    }
}

/// Writes beside the file and renames, so that nobody ever sees half of it.
fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    share(file.as_file())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Temporary files are for their owner alone; the lock file is for whoever reads the configuration.
#[cfg(unix)]
fn share(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_: &std::fs::File) -> io::Result<()> {
    Ok(())
}

fn read(path: &Path) -> Result<Vec<Locked>, LockProblem> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LockProblem::Unreadable(error)),
    };
    let mut text = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut text)
        .map_err(LockProblem::Unreadable)?;
    if text.len() as u64 > MAX_FILE {
        return Err(LockProblem::Malformed(format!(
            "it has more than {MAX_FILE} bytes"
        )));
    }
    parse(&text)
}

fn parse(text: &[u8]) -> Result<Vec<Locked>, LockProblem> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let malformed = |error: serde_json::Error| LockProblem::Malformed(error.to_string());
    let Versioned { version } = serde_json::from_slice(text).map_err(malformed)?;
    if version != VERSION {
        return Err(LockProblem::Newer(version));
    }
    let document: Document = serde_json::from_slice(text).map_err(malformed)?;
    document
        .plugins
        .into_iter()
        .map(|entry| {
            Ok(Locked {
                sha256: entry
                    .sha256
                    .parse()
                    .map_err(|error| LockProblem::Malformed(format!("{}: {error}", entry.plugin)))?,
                plugin: entry.plugin,
                from: entry.from,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn locked(plugin: &str, content: &[u8]) -> Locked {
        Locked {
            plugin: plugin.to_owned(),
            from: format!("https://host.test/{plugin}.wasm"),
            sha256: Sha256::of_bytes(content),
        }
    }

    #[test]
    fn what_is_noted_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugins.lock");
        let mut lock = LockFile::open(path.clone());
        assert!(lock.entries().is_empty());
        for plugin in ["b:b:1", "a:a:1"] {
            lock.put(locked(plugin, b"1")).unwrap();
        }
        lock.put(locked("b:b:1", b"2")).unwrap();
        let again = LockFile::open(path.clone());
        assert_eq!(again.entries(), [locked("a:a:1", b"1"), locked("b:b:1", b"2")]);
        assert_eq!(lock.retain(|plugin| plugin == "a:a:1").unwrap(), ["b:b:1"]);
        assert_eq!(LockFile::open(path.clone()).entries(), [locked("a:a:1", b"1")]);
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "no temporary files are left");
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugins.lock");
        for text in [
            "",
            "{",
            "{\"version\":2,\"other\":1}",
            r#"{"version":1,"plugins":[{"plugin":"a","from":"b","sha256":"c"}]}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            let mut lock = LockFile::open(path.clone());
            assert!(lock.entries().is_empty());
            assert!(lock.put(locked("a:a:1", b"1")).is_err());
            assert!(lock.get("a:a:1").is_some(), "it counts for this run");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = parse(&bytes);
        }
    }
}
