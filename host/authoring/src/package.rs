//! What cargo knows about the folder of a plugin.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use serde::Deserialize;

use crate::AuthoringError;

/// What a plugin is built as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A shared library for this machine.
    Native,
    /// A WebAssembly component.
    Wasm,
}

impl FromStr for Kind {
    type Err = AuthoringError;

    fn from_str(text: &str) -> Result<Self, AuthoringError> {
        match text {
            "native" => Ok(Self::Native),
            "wasm" => Ok(Self::Wasm),
            other => Err(AuthoringError::Kind(other.to_owned())),
        }
    }
}

impl Kind {
    /// As on the command line and in `package.metadata.lavalink`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Wasm => "wasm",
        }
    }
}

/// The package in a folder.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its Cargo.toml.
    pub(crate) manifest: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// `package.metadata.lavalink.kind`.
    pub(crate) kind: Option<Kind>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Described>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    manifest_path: PathBuf,
    #[serde(default)]
    metadata: serde_json::Value,
}

impl Package {
    /// Asks cargo about the package in `folder`.
    ///
    /// # Errors
    /// When there is none, or cargo cannot tell.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, AuthoringError> {
        let manifest = folder.join("Cargo.toml");
        let manifest = manifest
            .canonicalize()
            .map_err(AuthoringError::file("read", &manifest))?;
        let mut cargo = Command::new("cargo");
        cargo.args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
        ]);
        let output = cargo
            .arg(&manifest)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| AuthoringError::Program {
                program: "cargo".to_owned(),
                error,
            })?;
        if !output.status.success() {
            return Err(AuthoringError::Cargo {
                status: output.status.to_string(),
                said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        Self::parse(&output.stdout, manifest)
    }

    fn parse(metadata: &[u8], manifest: PathBuf) -> Result<Self, AuthoringError> {
        let Metadata {
            packages,
            target_directory,
        } = serde_json::from_slice(metadata).map_err(AuthoringError::Answer)?;
        let own = packages
            .into_iter()
            .find(|package| package.manifest_path == manifest);
        let own = own.ok_or_else(|| AuthoringError::NotAPlugin {
            folder: manifest.display().to_string(),
            reason: "it is no package of its own; name the folder of the plugin's crate",
        })?;
        let kind = own.metadata["lavalink"]["kind"].as_str();
        Ok(Self {
            name: own.name,
            manifest,
            target: target_directory,
            kind: kind.map(str::parse).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(metadata: &str) -> Result<Package, AuthoringError> {
        Package::parse(metadata.as_bytes(), PathBuf::from("/x/Cargo.toml"))
    }

    #[test]
    fn finds_the_package_of_the_folder_among_others() {
        let package = parse(
            r#"{"packages":[{"name":"o","manifest_path":"/o/Cargo.toml","metadata":null},
                {"name":"x","manifest_path":"/x/Cargo.toml","metadata":{"lavalink":{"kind":"wasm"}}}],
                "target_directory":"/t"}"#,
        )
        .unwrap();
        assert_eq!((package.name.as_str(), package.kind), ("x", Some(Kind::Wasm)));
    }

    #[test]
    fn says_what_is_wrong() {
        let of = |kind: &str| {
            parse(&format!(
                r#"{{"packages":[{{"name":"x","manifest_path":"/x/Cargo.toml","metadata":{kind}}}],"target_directory":"/t"}}"#
            ))
        };
        assert_eq!(of("null").unwrap().kind, None);
        assert!(matches!(
            of(r#"{"lavalink":{"kind":"jar"}}"#),
            Err(AuthoringError::Kind(kind)) if kind == "jar"
        ));
        assert!(matches!(
            parse(r#"{"packages":[],"target_directory":"/t"}"#),
            Err(AuthoringError::NotAPlugin { .. })
        ));
        assert!(matches!(parse("error"), Err(AuthoringError::Answer(_))));
    }
}
