//! Turns what the operator asks for into a file that was checked.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lavalink_net::HttpClient;
use lavalink_plugins::{Sha256, java_dependency};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use url::Url;

use crate::coordinates::Coordinates;
use crate::declared::{Declared, Wanted, without_credentials};
use crate::error::SupplyError;
use crate::fetch;
use crate::lock::{LockFile, Locked};
use crate::metadata;
use crate::platform::{self, Kind};
use crate::store::{Complete, Store};

/// Gives the HTTP client when the first file has to be fetched; the error is for people.
pub type ClientSource = Arc<dyn Fn() -> Result<HttpClient, String> + Send + Sync>;

/// Whether what was fetched before binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The file has to be the one in the lock file. Snapshots may change.
    No,
    /// Whatever is there now is taken and noted, unless the operator's hash is against it.
    Yes,
}

/// A file that may be loaded as far as its origin goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The file.
    pub path: PathBuf,
    /// Of the file.
    pub sha256: Sha256,
    /// Where it came from, without credentials.
    pub from: String,
}

/// See the module. Clones are the same supply.
#[derive(Clone)]
pub struct Supply(Arc<Inner>);

struct Inner {
    store: Store,
    lock: Mutex<LockFile>,
    client: ClientSource,
}

impl Supply {
    /// A supply that keeps files in `store` and notes them in `lock`. Makes no connection.
    pub fn new(store: Store, lock: LockFile, client: ClientSource) -> Self {
        Self(Arc::new(Inner {
            store,
            lock: Mutex::new(lock),
            client,
        }))
    }

    /// The offline cache.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Works on the lock file; not to be kept over waiting for anything.
    pub fn with_lock<T>(&self, work: impl FnOnce(&mut LockFile) -> T) -> T {
        work(&mut self.0.lock.lock())
    }

    /// What is there without asking anybody: a file of this machine, or the one in the offline cache that the hash or the lock
    /// file names. `None` when it has to be fetched. Blocks for as long as hashing the file takes.
    ///
    /// # Errors
    /// When fetching would not help.
    pub fn at_hand(&self, declared: &Declared) -> Result<Option<Resolved>, SupplyError> {
        if let Wanted::Dependency { coordinates, .. } = &declared.wanted {
            refuse_java(coordinates)?;
        }
        if let Wanted::File(path) = &declared.wanted {
            return local(path, declared.sha256).map(Some);
        }
        let locked = self.with_lock(|lock| lock.get(&declared.key()).cloned());
        let known = declared.sha256.or(locked.as_ref().map(|locked| locked.sha256));
        let Some((sha256, path)) = known.and_then(|sha256| Some((sha256, self.0.store.get(sha256)?))) else {
            return Ok(None);
        };
        let from = match locked.filter(|locked| locked.sha256 == sha256) {
            Some(locked) => locked.from,
            None => declared.key(),
        };
        let is_native = path
            .extension()
            .is_some_and(|extension| extension != Kind::Wasm.extension());
        if is_native && declared.sha256.is_none() {
            return Err(SupplyError::NativeUnpinned { from, found: sha256 });
        }
        Ok(Some(Resolved { path, sha256, from }))
    }

    /// Fetches a plugin, checks it, keeps it and notes it. Every step has a deadline; five minutes are the longest a file may
    /// take.
    ///
    /// # Errors
    /// Why it is not used. Nothing has changed then.
    pub async fn obtain(&self, declared: &Declared, refresh: Refresh) -> Result<Resolved, SupplyError> {
        let (found, from, checksum) = match &declared.wanted {
            Wanted::File(path) => {
                let (path, pin) = (path.clone(), declared.sha256);
                let name = path.display().to_string();
                let found = spawn_blocking(move || local(&path, pin)).await;
                return found.map_err(|error| SupplyError::File {
                    path: name,
                    error: io::Error::other(error),
                })?;
            }
            Wanted::Dependency {
                coordinates,
                repository,
            } => {
                refuse_java(coordinates)?;
                self.fetch_dependency(coordinates, repository).await?
            }
            Wanted::Url(url) => self.fetch_url(url).await?,
        };
        let shown = without_credentials(&from);
        if let Some(wanted) = declared.sha256.filter(|wanted| *wanted != found.sha256) {
            return Err(SupplyError::Pin {
                from: shown,
                found: found.sha256,
                wanted,
            });
        }
        if let Some(wanted) = checksum.filter(|wanted| *wanted != found.sha256) {
            return Err(SupplyError::Checksum {
                from: shown,
                found: found.sha256,
                wanted,
            });
        }
        let locked = self.with_lock(|lock| lock.get(&declared.key()).map(|locked| locked.sha256));
        let binds = refresh == Refresh::No && !declared.is_snapshot && declared.sha256.is_none();
        if let Some(wanted) = locked.filter(|wanted| binds && *wanted != found.sha256) {
            return Err(SupplyError::Changed {
                from: shown,
                found: found.sha256,
                wanted,
            });
        }
        let kind = match found.kind {
            Some(Kind::Wasm) => Kind::Wasm,
            Some(Kind::Native) if declared.sha256.is_some() => Kind::Native,
            Some(Kind::Native) => {
                return Err(SupplyError::NativeUnpinned {
                    from: shown,
                    found: found.sha256,
                });
            }
            Some(Kind::Archive) => return Err(SupplyError::Archive { from: shown }),
            None => return Err(SupplyError::NotAPlugin { from: shown }),
        };
        self.keep(declared.key(), found, kind, shown).await
    }

    /// Puts a file that was judged into the cache and the lock file.
    async fn keep(
        &self,
        plugin: String,
        found: Complete,
        kind: Kind,
        from: String,
    ) -> Result<Resolved, SupplyError> {
        let folder = self.0.store.folder().display().to_string();
        let failed = |error| SupplyError::Store { folder, error };
        let this = self.clone();
        let work = move || {
            let sha256 = found.sha256;
            let path = found.keep(kind)?;
            let locked = Locked {
                plugin,
                from: from.clone(),
                sha256,
            };
            this.with_lock(|lock| {
                if let Err(error) = lock.put(locked) {
                    tracing::warn!(
                        "{} cannot be written, so that the next start needs the network: {error}; lavalink.pluginsLock \
                         can name another file",
                        lock.path().display()
                    );
                }
            });
            Ok(Resolved { path, sha256, from })
        };
        match spawn_blocking(work).await {
            Ok(outcome) => outcome.map_err(failed),
            Err(error) => Err(failed(io::Error::other(error))),
        }
    }

    async fn fetch_dependency(
        &self,
        coordinates: &Coordinates,
        repository: &Url,
    ) -> Result<(Complete, Url, Option<Sha256>), SupplyError> {
        let client = self.client()?;
        let folder = coordinates.folder();
        let mut tried = Vec::new();
        for name in platform::file_names(&coordinates.artifact, &coordinates.version) {
            let url = below(repository, &format!("{folder}/{name}"));
            if let Some(file) = fetch::file(&client, &self.0.store, &url).await? {
                let checksum = fetch::checksum(&client, &url).await?;
                return Ok((file, url, checksum));
            }
            tried.push(without_credentials(&url));
        }
        let Coordinates {
            artifact, version, ..
        } = coordinates;
        let jar = below(repository, &format!("{folder}/{artifact}-{version}.jar"));
        Err(SupplyError::NotThere {
            tried: tried.join(" and "),
            has_jar: fetch::is_there(&client, &jar).await,
        })
    }

    async fn fetch_url(&self, url: &Url) -> Result<(Complete, Url, Option<Sha256>), SupplyError> {
        let client = self.client()?;
        let Some(file) = fetch::file(&client, &self.0.store, url).await? else {
            return Err(SupplyError::Status {
                from: without_credentials(url),
                status: 404,
            });
        };
        let checksum = fetch::checksum(&client, url).await?;
        Ok((file, url.clone(), checksum))
    }

    /// The version a repository has that is newer than the one asked for, if there is one. Only dependencies have versions.
    ///
    /// # Errors
    /// When the repository cannot be asked.
    pub async fn newer(&self, declared: &Declared) -> Result<Option<String>, SupplyError> {
        let Wanted::Dependency {
            coordinates,
            repository,
        } = &declared.wanted
        else {
            return Ok(None);
        };
        let client = self.client()?;
        let url = below(
            repository,
            &format!("{}/maven-metadata.xml", coordinates.artifact_folder()),
        );
        let document = fetch::text(&client, &url).await?.unwrap_or_default();
        Ok(metadata::newest(&document).filter(|newest| metadata::is_newer(newest, &coordinates.version)))
    }

    fn client(&self) -> Result<HttpClient, SupplyError> {
        (self.0.client)().map_err(SupplyError::Client)
    }
}

fn refuse_java(coordinates: &Coordinates) -> Result<(), SupplyError> {
    match java_dependency(&coordinates.group, &coordinates.artifact) {
        Some(what) => Err(SupplyError::JavaPlugin { what }),
        None => Ok(()),
    }
}

/// A file of this machine.
fn local(path: &Path, pin: Option<Sha256>) -> Result<Resolved, SupplyError> {
    let from = path.display().to_string();
    let failed = |error| SupplyError::File {
        path: from.clone(),
        error,
    };
    let path = path.canonicalize().map_err(failed)?;
    // A pipe would wait for its other end.
    if !std::fs::metadata(&path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no file",
        )));
    }
    let file = File::open(&path).map_err(failed)?;
    let sha256 = Sha256::of(&file).map_err(failed)?;
    match pin.filter(|pin| *pin != sha256) {
        Some(wanted) => Err(SupplyError::Pin {
            from,
            found: sha256,
            wanted,
        }),
        None => Ok(Resolved { path, sha256, from }),
    }
}

/// The address of a path below a repository. The path is made of checked names.
fn below(repository: &Url, path: &str) -> Url {
    let mut url = repository.clone();
    url.set_path(&format!("{}/{path}", repository.path().trim_end_matches('/')));
    url
}
