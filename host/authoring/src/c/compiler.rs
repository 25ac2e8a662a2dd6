//! Zig as a C compiler: one archive, or one package of pip, with clang, a linker, and a C library for WebAssembly.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::AuthoringError;
use crate::toolchain::answer;

/// Where it may be.
const PLACES: [&[&str]; 2] = [&["zig"], &["python3", "-m", "ziglang"]];

/// A compiler that works.
pub(crate) struct Zig {
    command: &'static [&'static str],
}

impl Zig {
    /// Looks for one.
    ///
    /// # Errors
    /// When there is none; the message says how to get one.
    pub(crate) fn find() -> Result<Self, AuthoringError> {
        let works = |command: &&[&str]| answer(command_of(command).arg("version")).is_some();
        let command = PLACES.into_iter().find(works).ok_or(AuthoringError::NoZig)?;
        Ok(Self { command })
    }

    /// Compiles sources, with the bindings in `folder`, to a core module. What the compiler says goes to standard error.
    ///
    /// # Errors
    /// When that fails.
    pub(crate) fn compile(
        &self,
        sources: &[PathBuf],
        folder: &Path,
        module: &Path,
    ) -> Result<(), AuthoringError> {
        let mut zig = command_of(self.command);
        // The target has a C library. Functions of it that need a system would be imports; none may be left.
        zig.args([
            "cc",
            "--target=wasm32-wasi",
            "-mexec-model=reactor",
            "-std=c17",
            "-Os",
            "-s",
            "-Wall",
            "-Wextra",
        ]);
        zig.arg("-I").arg(folder).args(sources);
        zig.arg(folder.join("plugin.c"))
            .arg(folder.join("plugin_component_type.o"))
            .arg("-o")
            .arg(module)
            .env("ZIG_LOCAL_CACHE_DIR", folder.join("zig-cache"))
            .stdin(Stdio::null())
            // Standard output is for the path of the plugin.
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let status = zig.status().map_err(|error| AuthoringError::Program {
            program: self.command.join(" "),
            error,
        })?;
        if status.success() {
            Ok(())
        } else {
            Err(AuthoringError::Compiler {
                status: status.to_string(),
            })
        }
    }
}

fn command_of(words: &[&str]) -> Command {
    let (program, arguments) = words.split_first().unwrap_or((&"zig", &[]));
    let mut command = Command::new(program);
    command.args(arguments);
    command
}
