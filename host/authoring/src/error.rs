//! What can go wrong between a folder and a plugin.

use std::io;
use std::path::PathBuf;

/// Why there is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum AuthoringError {
    /// No compiler makes WebAssembly here.
    #[error(
        "no compiler for WebAssembly was found. With rustup: `rustup target add wasm32-unknown-unknown`. On Debian: \
         `apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld-19`"
    )]
    NoToolchain,
    /// No compiler for C makes WebAssembly here.
    #[error(
        "no compiler of C for WebAssembly was found: neither `zig` nor `python3 -m ziglang` can be run. `pip install ziglang` \
         brings it, and so does https://ziglang.org/download"
    )]
    NoZig,
    /// The compiler of C ended with an error, which it has printed.
    #[error("the compiler failed ({status})")]
    Compiler {
        /// How it ended.
        status: String,
    },
    /// The bindings cannot be made.
    #[error("the bindings for C cannot be made: {0}")]
    Bindings(String),
    /// The description of a plugin that is no crate cannot be read.
    #[error("plugin.json cannot be read: {0}")]
    Description(serde_json::Error),
    /// An interface there is not.
    #[error(
        "{0:?} is nothing a plugin can offer; `offers` names some of source, filters, routes, interceptor, events, info, probe, \
         search, lyrics"
    )]
    Offer(String),
    /// A program could not be started.
    #[error("cannot run {program}: {error}")]
    Program {
        /// Its name or path.
        program: String,
        /// Why not.
        error: io::Error,
    },
    /// Cargo ended with an error, which it has printed itself or which is given here.
    #[error("cargo failed ({status}){}", if .said.is_empty() { String::new() } else { format!(": {said}") })]
    Cargo {
        /// How it ended.
        status: String,
        /// What it said, where that was not printed.
        said: String,
    },
    /// Cargo said something that cannot be read.
    #[error("cargo's answer cannot be read: {0}")]
    Answer(serde_json::Error),
    /// The folder is no plugin's.
    #[error("{folder} is no plugin: {reason}")]
    NotAPlugin {
        /// The folder, or the package in it.
        folder: String,
        /// What is missing, and what to do.
        reason: &'static str,
    },
    /// The core module wants functions of an operating system.
    #[error(
        "the plugin uses something that needs an operating system ({0}), which the node does not lend: no files, \
         environment, clocks, or standard output; the functions of the interface `host` are what there is"
    )]
    System(String),
    /// The core module cannot become a component.
    #[error("the compiled module cannot become a component: {0}")]
    Component(String),
    /// A kind of plugin there is not.
    #[error("{0:?} is no kind of plugin; there are native and wasm")]
    Kind(String),
    /// A language without a template.
    #[error("there is no template in {0:?}; there are c and rust")]
    Language(String),
    /// A name that cannot be one.
    #[error(
        "{0:?} cannot be the name of a plugin: a lower-case letter, then letters, digits, `-`, 40 at most"
    )]
    Name(String),
    /// Something of that name is there.
    #[error("{0} exists already; choose another name or folder")]
    Exists(PathBuf),
    /// The folder given for the crate plugins depend on is not its.
    #[error("{0} is not the folder `plugin-api` of a checkout of lavalink-rust")]
    Api(PathBuf),
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {error}")]
    File {
        /// `read`, `write`, …
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl AuthoringError {
    /// For `map_err`: a file that could not be dealt with.
    pub(crate) fn file(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { action, path, error }
    }
}
