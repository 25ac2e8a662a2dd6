//! Whether a plugin may be loaded and what it may do: asked after its manifest was read, before any of its code runs.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use ring::digest::{Context, SHA256};

use crate::manifest::Manifest;

/// Memory of an instance when manifest and operator say nothing, MiB.
pub const DEFAULT_MEMORY_MIB: u32 = 64;

/// What a plugin is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A library of the system, with all rights of the node's process.
    Native,
    /// A WebAssembly component, which can do nothing but what the host lends it.
    Wasm,
    /// Part of the node's binary.
    BuiltIn,
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Wasm => "wasm",
            Self::BuiltIn => "built-in",
        })
    }
}

/// A plugin that is about to be loaded.
#[derive(Debug)]
pub struct Applicant<'a> {
    /// What it says about itself.
    pub manifest: &'a Manifest,
    /// What it is made of.
    pub form: Form,
    /// Where it lies; empty when it is built in.
    pub path: &'a Path,
    /// The file, opened; `None` when it is built in.
    pub file: Option<&'a File>,
}

impl Applicant<'_> {
    /// SHA-256 of the file.
    ///
    /// # Errors
    /// When it cannot be read, or there is none.
    pub fn sha256(&self) -> io::Result<Sha256> {
        match self.file {
            Some(file) => Sha256::of(file),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "a built-in plugin has no file",
            )),
        }
    }
}

/// What a plugin may do: no more than its manifest asks for, no more than the operator gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// Hosts it may reach, as patterns of the manifest's form.
    pub hosts: Vec<String>,
    /// Memory of one instance, MiB. Bounds WebAssembly only.
    pub memory_mib: u32,
}

impl Grants {
    /// Nothing beyond the memory every instance has.
    pub fn none() -> Self {
        Self {
            hosts: Vec::new(),
            memory_mib: DEFAULT_MEMORY_MIB,
        }
    }

    /// All a plugin asks for. One that does not speak of hosts gets none when it is WebAssembly, and any when it is
    /// native or built in: such a one could open sockets of its own anyway.
    pub fn wanted_by(manifest: &Manifest, form: Form) -> Self {
        let silent = || match form {
            Form::Wasm => Vec::new(),
            Form::Native | Form::BuiltIn => vec!["*".to_owned()],
        };
        Self {
            hosts: manifest.hosts.clone().unwrap_or_else(silent),
            memory_mib: manifest.memory.unwrap_or(DEFAULT_MEMORY_MIB),
        }
    }
}

/// Decides about plugins on the operator's behalf.
pub trait Admission: Send + Sync {
    /// What this plugin is granted.
    ///
    /// # Errors
    /// Why it is not to be loaded, and what the operator can do about it, in one sentence.
    fn admit(&self, applicant: &Applicant<'_>) -> Result<Grants, String>;
}

/// Loads everything and grants what is asked for; for tests and tools.
#[derive(Debug, Default, Clone, Copy)]
pub struct AdmitAll;

impl Admission for AdmitAll {
    fn admit(&self, applicant: &Applicant<'_>) -> Result<Grants, String> {
        Ok(Grants::wanted_by(applicant.manifest, applicant.form))
    }
}

/// SHA-256 of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Of a file, from its beginning.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(mut file: &File) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut context = Context::new(&SHA256);
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            context.update(buffer.get(..count).unwrap_or_default());
        }
        Ok(Self::finished(context))
    }

    /// Of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(bytes);
        Self::finished(context)
    }

    fn finished(context: Context) -> Self {
        let mut sum = [0; 32];
        sum.copy_from_slice(context.finish().as_ref());
        Self(sum)
    }
}

impl std::fmt::Display for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is no SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no SHA-256; one has 64 hexadecimal digits, as `sha256sum FILE` prints")]
pub struct BadSha256(String);

impl std::str::FromStr for Sha256 {
    type Err = BadSha256;

    fn from_str(text: &str) -> Result<Self, BadSha256> {
        let bad = || BadSha256(text.chars().take(80).collect());
        let digits = text.trim();
        let digits = digits.strip_prefix("sha256:").unwrap_or(digits).as_bytes();
        let mut sum = [0; 32];
        if digits.len() != 64 {
            return Err(bad());
        }
        for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| pair.get(at).and_then(|c| char::from(*c).to_digit(16));
            let (high, low) = (digit(0).ok_or_else(bad)?, digit(1).ok_or_else(bad)?);
            *byte = (high * 16 + low) as u8;
        }
        Ok(Self(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn sums_of_files_are_those_of_their_bytes() {
        assert_eq!(Sha256::of_bytes(b"").to_string(), EMPTY);
        let mut file = tempfile::tempfile().unwrap();
        let bytes = vec![7; 100_000];
        file.write_all(&bytes).unwrap();
        assert_eq!(Sha256::of(&file).unwrap(), Sha256::of_bytes(&bytes));
    }

    #[test]
    fn sums_are_read_as_they_are_written() {
        let sum = Sha256::of_bytes(b"abc");
        assert_eq!(sum.to_string().parse(), Ok(sum));
        assert_eq!(
            format!(" sha256:{}\n", sum.to_string().to_uppercase()).parse(),
            Ok(sum)
        );
        for bad in ["", "abc", &EMPTY[1..], &EMPTY.replace('e', "g"), &"ä".repeat(32)] {
            assert!(bad.parse::<Sha256>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_what_can_open_sockets_anyway_gets_hosts_without_asking() {
        let silent = Manifest::default();
        assert_eq!(Grants::wanted_by(&silent, Form::Wasm).hosts, Vec::<String>::new());
        assert_eq!(Grants::wanted_by(&silent, Form::Native).hosts, ["*"]);
        let modest = Manifest {
            hosts: Some(vec![]),
            memory: Some(8),
            ..Manifest::default()
        };
        assert_eq!(
            Grants::wanted_by(&modest, Form::Native),
            Grants {
                hosts: vec![],
                memory_mib: 8
            }
        );
    }
}
