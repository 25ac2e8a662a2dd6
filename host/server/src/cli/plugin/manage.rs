//! `plugin list`, `add`, `update`, `verify`, `reload`: looks after the plugins of a configuration.

mod fetching;
mod looking;
mod reloading;
mod writing;

use std::io;

use lavalink_net::NetError;
use lavalink_plugin_api::Failure;
use lavalink_plugins::LoadError;
use lavalink_supply::SupplyError;

pub use self::looking::unfit_settings;
use super::Outcome;
use crate::config::{Config, ConfigError, Sources};

/// Their part of `plugin --help`.
pub const HELP: &str =
    "       lavalink-rust plugin list      the plugins a start would have, and what is missing
       lavalink-rust plugin add WHAT [--repository=URL] [--snapshot] [--sha256=HASH] [--print]
           fetch a plugin (group:name:version, a URL, or a file), show what it is, and write it
           into application.yml; with --print show the lines instead
       lavalink-rust plugin update [NAME ...]
           fetch what is declared again, take what there is now, tell of newer versions, and clear
           the cache of what nobody declares any more
       lavalink-rust plugin verify    hold all files against their hashes, read their
           manifests, and hold their settings against those. Exit code 1 when one is missing
           or wrong
       lavalink-rust plugin reload NAME
           have the running node load the plugin again
           These five take configuration as well (--<key>=<value>), as a start does
";

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Show all plugins.
    List,
    /// Fetch one.
    Add(Addition),
    /// Fetch these again; all when there are none.
    Update(Vec<String>),
    /// Check all.
    Verify,
    /// Have the node load one again.
    Reload(String),
}

/// A plugin to be added, as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addition {
    /// Coordinates, a URL, or a path.
    pub what: String,
    /// `--repository`.
    pub repository: Option<String>,
    /// `--sha256`.
    pub sha256: Option<String>,
    /// `--snapshot`.
    pub is_snapshot: bool,
    /// `--print`.
    pub is_shown_only: bool,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system does not let the program work.
    #[error("the system gives no threads to work with: {0}")]
    Runtime(#[source] io::Error),
    /// What is to be added makes no sense.
    #[error("{0}")]
    Declaration(String),
    /// It cannot be had.
    #[error(transparent)]
    Supply(#[from] SupplyError),
    /// It is something else.
    #[error("{from} was fetched, but is no plugin of this node: {error}")]
    NoPlugin {
        /// Where it came from.
        from: String,
        /// Why.
        #[source]
        error: LoadError,
    },
    /// Nobody declares it.
    #[error("lavalink.plugins declares no {0}; `lavalink-rust plugin list` shows what there is")]
    NotDeclared(String),
    /// Lock file or cache.
    #[error("{what} cannot be written: {error}")]
    Write {
        /// The file or directory.
        what: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// No name of a plugin.
    #[error("{0:?} is no name of a plugin; `lavalink-rust plugin list` shows them")]
    Name(String),
    /// The running node cannot be asked.
    #[error(
        "no lavalink.server.password is configured: the running node made one up, so it cannot be asked from here"
    )]
    NoPassword,
    /// There is no HTTP client.
    #[error("{0}")]
    Client(Failure),
    /// The running node does not answer.
    #[error("the node at {address} does not answer: {error}")]
    Node {
        /// Where it should be.
        address: String,
        /// Why.
        #[source]
        error: NetError,
    },
}

/// Whether this is one of the commands here.
pub fn knows(command: &str) -> bool {
    matches!(command, "list" | "add" | "update" | "verify" | "reload")
}

/// Reads what follows the command; returns what is to be done, and the arguments that are configuration.
///
/// # Errors
/// What is wrong with it.
pub fn parse(command: &str, arguments: &[String]) -> Result<(Task, Vec<String>), String> {
    let (mut options, mut words): (Vec<String>, Vec<String>) = arguments
        .iter()
        .cloned()
        .partition(|argument| argument.starts_with('-'));
    let task = match (command, words.len()) {
        ("list", 0) => Task::List,
        ("verify", 0) => Task::Verify,
        ("update", _) => Task::Update(words),
        ("reload", 1) => Task::Reload(words.remove(0)),
        ("add", 1) => Task::Add(addition(words.remove(0), &mut options)),
        ("reload" | "add", _) => return Err(format!("plugin {command} takes one name")),
        _ => return Err(format!("plugin {command} takes no names")),
    };
    Ok((task, options))
}

/// Takes the switches of `add` out of the options.
fn addition(what: String, options: &mut Vec<String>) -> Addition {
    let mut addition = Addition {
        what,
        ..Addition::default()
    };
    options.retain(|option| {
        let value = |name: &str| option.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
        if option == "--snapshot" {
            addition.is_snapshot = true;
        } else if option == "--print" {
            addition.is_shown_only = true;
        } else if let Some(repository) = value("--repository") {
            addition.repository = Some(repository);
        } else if let Some(sha256) = value("--sha256") {
            addition.sha256 = Some(sha256);
        } else {
            return true;
        }
        false
    });
    addition
}

/// Does it. Starts no node.
///
/// # Errors
/// What kept it from being done.
pub fn run(task: Task, arguments: Vec<String>) -> Result<Outcome, ManageError> {
    let config = Config::load(&Sources::of_process(arguments))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ManageError::Runtime)?;
    match task {
        Task::List => Ok(looking::list(&config)),
        Task::Verify => Ok(looking::verify(&config)),
        Task::Add(addition) => runtime.block_on(fetching::add(&config, &addition)),
        Task::Update(names) => runtime.block_on(fetching::update(&config, &names)),
        Task::Reload(name) => runtime.block_on(reloading::reload(&config, &name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Task, Vec<String>), String> {
        let mut words = line.split_whitespace().map(str::to_owned);
        let command = words.next().unwrap_or_default();
        parse(&command, &words.collect::<Vec<_>>())
    }

    #[test]
    fn words_are_names_and_options_the_configuration() {
        assert_eq!(parsed("list").unwrap().0, Task::List);
        let (task, options) = parsed("update --lavalink.pluginsDir=x a b").unwrap();
        assert_eq!(task, Task::Update(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(options, ["--lavalink.pluginsDir=x"]);
        let (task, options) =
            parsed("add a:b:1 --snapshot --sha256=0 --server.port=1 --repository=http://x").unwrap();
        let addition = Addition {
            what: "a:b:1".to_owned(),
            repository: Some("http://x".to_owned()),
            sha256: Some("0".to_owned()),
            is_snapshot: true,
            is_shown_only: false,
        };
        assert_eq!(
            (task, options),
            (Task::Add(addition), vec!["--server.port=1".to_owned()])
        );
        for wrong in ["add", "reload", "list x", "verify x", "reload a b"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
