//! The node's command line as a plugin author uses it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::node::build_directory;

/// The root of the checkout.
pub fn checkout() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.join("../..").canonicalize().expect("the checkout is there")
}

/// Where all tests build guests: the standard library for WebAssembly is built there once.
pub fn guest_target() -> PathBuf {
    let profile = build_directory();
    profile
        .parent()
        .expect("a profile folder lies in the target folder")
        .join("guests")
}

/// Runs `lavalink-rust plugin …` in a folder, with the compiler of C that the set-up for tests brought.
///
/// # Panics
/// When it cannot be run.
pub fn plugin_output(folder: &Path, arguments: &[&str]) -> Output {
    let binary = build_directory().join("lavalink-rust");
    let target = guest_target();
    let zig = target.with_file_name("zig").join("bin");
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(zig).chain(std::env::split_paths(&inherited));
    Command::new(&binary)
        .arg("plugin")
        .args(arguments)
        .current_dir(folder)
        .env(
            "PATH",
            std::env::join_paths(path).expect("folders without a colon"),
        )
        .env("ZIG_GLOBAL_CACHE_DIR", target.join("zig-cache"))
        .output()
        .unwrap_or_else(|error| panic!("{} cannot be run: {error}", binary.display()))
}

/// The same, and returns what it prints.
///
/// # Panics
/// When it fails, with what it said: compilers for WebAssembly are part of the set-up for tests, `deployment/setup.sh
/// --tests`.
pub fn plugin_command(folder: &Path, arguments: &[&str]) -> String {
    let output = plugin_output(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "`lavalink-rust plugin {}` failed:\n{said}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).expect("it prints text")
}

/// Builds the plugin in a folder of the checkout as a component and returns its bytes.
///
/// # Panics
/// As [`plugin_command`].
pub fn component_of(folder: &str) -> Vec<u8> {
    let target = guest_target();
    let target = target.to_str().expect("the target folder's name is text");
    let arguments = ["build", "--kind", "wasm", "--target-dir", target];
    let path = plugin_command(&checkout().join(folder), &arguments);
    std::fs::read(path.trim_end()).expect("the component can be read")
}
