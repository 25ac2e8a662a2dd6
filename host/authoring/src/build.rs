//! Builds the plugin in a folder: cargo compiles a crate, zig what is written in C, and for a component what they made is
//! wrapped.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::AuthoringError;
use crate::c;
use crate::component::component_of;
use crate::package::{Kind, Package};
use crate::toolchain::Toolchain;

/// The profile of components: small code, whatever the workspace around the crate says. With one profile for all, cargo can
/// use the standard library it built for one in the same target folder for the next.
const COMPONENT_PROFILE: [&str; 5] = [
    "profile.release.opt-level='s'",
    "profile.release.lto=false",
    "profile.release.codegen-units=16",
    "profile.release.debug=false",
    "profile.release.strip=true",
];

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildOptions {
    /// The folder of the plugin.
    pub folder: PathBuf,
    /// What to build it as; otherwise what its Cargo.toml says, or else a component.
    pub kind: Option<Kind>,
    /// Where it is built; cargo's own choice otherwise, or `target` in the folder.
    pub target: Option<PathBuf>,
    /// Whether a library is built without optimisation. Components always are optimised.
    pub is_debug: bool,
}

/// A plugin that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The file to put into the node's plugin folder.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// Builds a plugin. Cargo's messages go to standard error.
///
/// # Errors
/// When it does not compile, there is no compiler for it, or it is no plugin.
pub fn build(options: &BuildOptions) -> Result<Built, AuthoringError> {
    if c::is_in(&options.folder) {
        return build_c(options);
    }
    let package = Package::in_folder(&options.folder)?;
    let kind = options.kind.or(package.kind).unwrap_or(Kind::Wasm);
    let mut cargo = match kind {
        Kind::Native => {
            let mut cargo = Command::new("cargo");
            cargo.arg("build");
            cargo
        }
        Kind::Wasm => {
            let mut cargo = Toolchain::find()?.cargo();
            for line in COMPONENT_PROFILE {
                cargo.args(["--config", line]);
            }
            cargo
        }
    };
    if kind == Kind::Wasm || !options.is_debug {
        cargo.arg("--release");
    }
    if let Some(target) = &options.target {
        cargo.arg("--target-dir").arg(target);
    }
    let artefact = run(cargo, &package)?;
    let ending = match kind {
        Kind::Wasm => "wasm".as_ref(),
        Kind::Native => artefact.extension().unwrap_or_default(),
    };
    let bytes = std::fs::read(&artefact).map_err(AuthoringError::file("read", &artefact))?;
    let bytes = match kind {
        Kind::Wasm => component_of(&bytes)?,
        Kind::Native => bytes,
    };
    let target = options.target.as_ref().unwrap_or(&package.target);
    let path = place(target, &package.name, ending, &bytes)?;
    Ok(Built { path, kind })
}

fn build_c(options: &BuildOptions) -> Result<Built, AuthoringError> {
    if options.kind == Some(Kind::Native) {
        return Err(AuthoringError::NotAPlugin {
            folder: options.folder.display().to_string(),
            reason: "it is written in C, which becomes components only; leave --kind out",
        });
    }
    let own = options.folder.join("target");
    let target = options.target.as_ref().unwrap_or(&own);
    let (name, bytes) = c::build(&options.folder, target)?;
    let path = place(target, &name, "wasm".as_ref(), &bytes)?;
    Ok(Built {
        path,
        kind: Kind::Wasm,
    })
}

/// Puts a plugin where its author finds it, below the folder of what is built.
fn place(target: &Path, name: &str, ending: &OsStr, bytes: &[u8]) -> Result<PathBuf, AuthoringError> {
    let folder = target.join("lavalink");
    std::fs::create_dir_all(&folder).map_err(AuthoringError::file("make", &folder))?;
    let path = folder.join(name).with_extension(ending);
    replace(&path, bytes)?;
    Ok(path)
}

/// Runs cargo and returns the one file it was for.
fn run(mut cargo: Command, package: &Package) -> Result<PathBuf, AuthoringError> {
    cargo
        .args([
            "--lib",
            "--message-format",
            "json-render-diagnostics",
            "--manifest-path",
        ])
        .arg(&package.manifest)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let program = cargo.get_program().to_string_lossy().into_owned();
    let output = cargo
        .output()
        .map_err(|error| AuthoringError::Program { program, error })?;
    if !output.status.success() {
        return Err(AuthoringError::Cargo {
            status: output.status.to_string(),
            said: String::new(),
        });
    }
    artefact(&String::from_utf8_lossy(&output.stdout), &package.manifest).ok_or_else(|| {
        AuthoringError::NotAPlugin {
            folder: package.name.clone(),
            reason: "its library has to be of `crate-type = [\"cdylib\"]`",
        }
    })
}

/// A message of cargo, as far as it is about files it made.
#[derive(Deserialize)]
struct Message {
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

/// The shared library, or core module, of a package among cargo's messages.
fn artefact(messages: &str, manifest: &Path) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.manifest_path == manifest)
        .filter(|message| message.target.crate_types.iter().any(|kind| kind == "cdylib"))
        .flat_map(|message| message.filenames)
        .find(|file| {
            let ending = file.extension().and_then(|ending| ending.to_str());
            matches!(ending, Some("wasm" | "so" | "dylib" | "dll"))
        })
}

/// Replaces a file as a whole: a running node may have the old one mapped.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), AuthoringError> {
    let partial = path.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&partial, bytes).map_err(AuthoringError::file("write", &partial))?;
    std::fs::rename(&partial, path).map_err(AuthoringError::file("replace", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_file_among_the_messages() {
        let message = |manifest: &str, kind: &str, files: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"{manifest}","target":{{"crate_types":["{kind}"]}},"filenames":[{files}]}}"#
            )
        };
        let messages = [
            message("/api/Cargo.toml", "cdylib", "\"/t/api.so\""),
            message("/x/Cargo.toml", "bin", "\"/t/build-script\""),
            "{\"reason\":\"build-finished\",\"success\":true}".to_owned(),
            "no json".to_owned(),
            message("/x/Cargo.toml", "cdylib", "\"/t/x.d\",\"/t/x.wasm\""),
        ]
        .join("\n");
        assert_eq!(
            artefact(&messages, Path::new("/x/Cargo.toml")),
            Some(PathBuf::from("/t/x.wasm"))
        );
        assert_eq!(artefact(&messages, Path::new("/y/Cargo.toml")), None);
    }
}
