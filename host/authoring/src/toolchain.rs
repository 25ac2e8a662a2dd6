//! Finds a compiler for WebAssembly.
//!
//! A toolchain of rustup has one once its target is installed. Debian's web packages bring a compiler with the sources of
//! the standard library, which is then built along: nothing has to be downloaded but crates.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::AuthoringError;

/// The target components are built for: no system interface at all.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Where Debian installs.
const DEBIAN: &str = "/usr/bin";

/// A compiler that makes WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// The one in `PATH`, which has the standard library for the target.
    Installed,
    /// Debian's, which builds the standard library from its sources.
    FromSources {
        /// The folder of `cargo` and `rustc`.
        folder: PathBuf,
        /// The linker.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Looks for one.
    ///
    /// # Errors
    /// When there is none; the message says how to get one.
    pub fn find() -> Result<Self, AuthoringError> {
        if libraries(Path::new("rustc")).is_some_and(|folder| has_core(&folder)) {
            return Ok(Self::Installed);
        }
        Self::from_sources(Path::new(DEBIAN)).ok_or(AuthoringError::NoToolchain)
    }

    fn from_sources(folder: &Path) -> Option<Self> {
        let rustc = folder.join("rustc");
        if !rustc.is_file() || !folder.join("cargo").is_file() {
            return None;
        }
        let sysroot = answer(Command::new(&rustc).args(["--print", "sysroot"]))?;
        let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library/Cargo.toml");
        let linker = linker(folder)?;
        sources.is_file().then(|| Self::FromSources {
            folder: folder.to_owned(),
            linker,
        })
    }

    /// `cargo build` for the target, without a package yet.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = match self {
            Self::Installed => {
                let mut command = Command::new("cargo");
                command.arg("build");
                command
            }
            Self::FromSources { folder, linker } => {
                let mut command = Command::new(folder.join("cargo"));
                command
                    .args(["build", "-Zbuild-std=std,panic_abort", "--config"])
                    .arg(format!("target.{TARGET}.linker='{}'", linker.display()))
                    .env("RUSTC", folder.join("rustc"))
                    // Building the standard library is an unstable ability of a stable cargo.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env_remove("RUSTC_WRAPPER")
                    .env_remove("RUSTC_WORKSPACE_WRAPPER");
                command
            }
        };
        // Flags for this machine's processor are none for WebAssembly.
        command
            .args(["--target", TARGET])
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }
}

/// Where a compiler looks for the libraries of the target.
fn libraries(rustc: &Path) -> Option<PathBuf> {
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    answer(Command::new(rustc).args(arguments)).map(PathBuf::from)
}

fn has_core(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

/// `wasm-ld`, or the newest of `wasm-ld-19` and the like.
fn linker(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join("wasm-ld");
    if plain.is_file() {
        return Some(plain);
    }
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let versions = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_prefix("wasm-ld-")?.parse::<u32>().ok()
    });
    let newest = versions.max()?;
    Some(folder.join(format!("wasm-ld-{newest}")))
}

/// The first line a program prints when it ends well.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_newest_linker() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(linker(folder.path()), None);
        for name in ["wasm-ld-9", "wasm-ld-19", "wasm-ld-x", "ld"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(linker(folder.path()), Some(folder.path().join("wasm-ld-19")));
        std::fs::write(folder.path().join("wasm-ld"), "").unwrap();
        assert_eq!(linker(folder.path()), Some(folder.path().join("wasm-ld")));
    }

    #[test]
    fn a_folder_without_a_compiler_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Toolchain::from_sources(folder.path()), None);
        assert!(!has_core(folder.path()));
        std::fs::write(folder.path().join("libcore-1.rlib"), "").unwrap();
        assert!(has_core(folder.path()));
    }
}
