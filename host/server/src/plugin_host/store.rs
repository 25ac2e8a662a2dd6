//! What plugins keep for good: a directory per plugin, a file per key. Only called from threads that may block.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use lavalink_plugin_api::Failure;
use parking_lot::Mutex;

/// Longest key, bytes.
const MAX_KEY: usize = 128;
/// Longest value, bytes.
const MAX_VALUE: usize = 64 * 1024;
/// Most bytes of the values of one plugin.
const MAX_TOTAL: u64 = 1024 * 1024;
/// Most keys of one plugin.
const MAX_KEYS: usize = 1024;
/// Ending of a file that is being written; no encoded key ends so.
const UNFINISHED: &str = ".new";

/// The values of all plugins. Plugins do not see each other's.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    /// One change at a time, so that the bounds hold.
    change: Mutex<()>,
}

impl Store {
    /// A store in this directory, which is made when the first value is kept.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            change: Mutex::new(()),
        }
    }

    /// A value kept.
    ///
    /// # Errors
    /// When the key is too long or the file cannot be read.
    pub fn get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let file = self.file(plugin, key)?;
        match fs::read(&file) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(broken("read", &file, &error)),
        }
    }

    /// Keeps a value. After a crash there is the old one or the new one.
    ///
    /// # Errors
    /// When a bound is passed or the file cannot be written.
    pub fn set(&self, plugin: &str, key: &str, value: &[u8]) -> Result<(), Failure> {
        let file = self.file(plugin, key)?;
        if value.len() > MAX_VALUE {
            return Err(too_much(format!(
                "a value of {} bytes, {MAX_VALUE} may be kept",
                value.len()
            )));
        }
        let _one_at_a_time = self.change.lock();
        let directory = self.directory.join(plugin);
        let (count, bytes) = usage(&directory, &file).map_err(|error| broken("read", &directory, &error))?;
        if count >= MAX_KEYS || bytes + value.len() as u64 > MAX_TOTAL {
            return Err(too_much(format!(
                "{count} other values of {bytes} bytes, and {} more; {MAX_KEYS} values of {MAX_TOTAL} bytes may be kept",
                value.len()
            )));
        }
        let unfinished = file.with_extension(&UNFINISHED[1..]);
        fs::create_dir_all(&directory)
            .and_then(|()| fs::write(&unfinished, value))
            .and_then(|()| fs::rename(&unfinished, &file))
            .map_err(|error| broken("written", &file, &error))
    }

    /// Forgets a value; one that is not there is no error.
    ///
    /// # Errors
    /// When the key is too long or the file cannot be removed.
    pub fn delete(&self, plugin: &str, key: &str) -> Result<(), Failure> {
        let file = self.file(plugin, key)?;
        let _one_at_a_time = self.change.lock();
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(broken("removed", &file, &error)),
            _ => Ok(()),
        }
    }

    /// Names of plugins are checked when they are loaded; keys may be any text, so they are encoded.
    fn file(&self, plugin: &str, key: &str) -> Result<PathBuf, Failure> {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(too_much(format!(
                "a key of {} bytes, 1 to {MAX_KEY} may be used",
                key.len()
            )));
        }
        if plugin.chars().all(|c| c == '.') {
            return Err(
                Failure::fault("This plugin cannot keep values.").because(format!("its name is {plugin:?}"))
            );
        }
        let name = BASE64_URL_SAFE_NO_PAD.encode(key);
        Ok(self.directory.join(plugin).join(name))
    }
}

/// How many values there are beside `file`, and their bytes.
fn usage(directory: &Path, file: &Path) -> io::Result<(usize, u64)> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        entries => entries?,
    };
    let (mut count, mut bytes) = (0, 0);
    for entry in entries {
        let entry = entry?;
        if entry.path() != file {
            count += 1;
            bytes += entry.metadata()?.len();
        }
    }
    Ok((count, bytes))
}

fn too_much(what: String) -> Failure {
    Failure::fault("The value cannot be kept.").because(what)
}

fn broken(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::suspicious("The values of this plugin are out of reach.")
        .because(format!("{} cannot be {what}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::new(directory.path().join("data"));
        (directory, store)
    }

    #[test]
    fn values_outlive_the_store_and_belong_to_their_plugin() {
        let (directory, store) = store();
        let key = "any/../text \u{0} \u{1f3b5}";
        assert_eq!(store.get("a", key), Ok(None));
        store.set("a", key, b"one").expect("kept");
        store.set("a", key, b"two").expect("kept");
        let again = Store::new(directory.path().join("data"));
        assert_eq!(again.get("a", key), Ok(Some(b"two".to_vec())));
        assert_eq!(again.get("b", key), Ok(None));
        again.delete("a", key).expect("gone");
        again.delete("a", key).expect("nothing to do");
        assert_eq!(store.get("a", key), Ok(None));
        let left = fs::read_dir(directory.path().join("data/a"))
            .expect("a directory")
            .count();
        assert_eq!(left, 0);
    }

    #[test]
    fn the_bounds_hold() {
        let (_directory, store) = store();
        assert!(store.set("a", "", b"x").is_err());
        assert!(store.set("a", &"k".repeat(129), b"x").is_err());
        assert!(store.set("..", "k", b"x").is_err());
        assert!(store.set("a", "k", &vec![0; MAX_VALUE + 1]).is_err());
        for index in 0..16 {
            store
                .set("a", &format!("{index:0>128}"), &vec![7; MAX_VALUE])
                .expect("within the bounds");
        }
        let failure = store.set("a", "one more", b"x").expect_err("too much");
        assert!(failure.cause.contains("1048576"), "{failure}");
        store
            .set("a", &format!("{:0>128}", 3), &vec![8; MAX_VALUE])
            .expect("in place of another");
        store.set("b", "one more", b"x").expect("another plugin");
    }
}
