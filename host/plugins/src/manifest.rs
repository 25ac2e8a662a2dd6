//! What a plugin says about itself, read from the file before any of its code can run.
//!
//! The JSON is the same in every form of plugin: in the section of a library, in the custom section
//! [`CUSTOM_SECTION`] of a WebAssembly component.

use std::fs::File;

use object::read::{Object, ObjectSection, ReadCache, ReadRef};
use serde::Deserialize;
use serde_json::Value;

/// Largest manifest accepted, bytes.
pub(crate) const MAX_MANIFEST: u64 = 64 * 1024;

/// Name of the custom section of a WebAssembly component that holds the manifest.
pub const CUSTOM_SECTION: &str = "lavalink-plugin";

/// Most host patterns in a manifest.
const MAX_HOSTS: usize = 128;

/// Longest host pattern, bytes: a domain name has 253 at most, and `*.` may come before it.
const MAX_HOST: usize = 255;

/// Most memory a manifest may ask for, MiB: all a 32-bit guest can address.
const MAX_MEMORY: u32 = 4096;

/// Section names the export macro uses: ELF, Mach-O, PE (at most eight characters there).
const SECTIONS: [&str; 3] = lavalink_plugin_api::v1::MANIFEST_SECTIONS;

/// What a plugin says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// Name of the plugin; its configuration is `plugins.<name>`.
    pub name: String,
    /// Version of the plugin.
    pub version: String,
    /// Interface generations it exports.
    pub generations: Vec<u32>,
    /// Release line of the type vocabulary it was built with; empty in a WebAssembly component, which needs none.
    #[serde(default)]
    pub abi: String,
    /// Licence expression.
    #[serde(default)]
    pub licence: String,
    /// Hosts it wants to reach: names, `*.example.org` for all names below one, `*` for any host. `None` when the
    /// manifest is silent, see [`crate::Grants::wanted_by`].
    #[serde(default)]
    pub hosts: Option<Vec<String>>,
    /// Memory of an instance it wants, MiB, 1 to 4096; `None` leaves it to the node. Bounds WebAssembly only.
    #[serde(default)]
    pub memory: Option<u32>,
    /// JSON Schema of `plugins.<name>`, as an object of the manifest.
    #[serde(default, rename = "configSchema")]
    pub config_schema: Option<Value>,
}

/// Why no manifest could be had from a file.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not a library at all.
    #[error("the file is not a shared library of a system this node knows: {0}")]
    NotALibrary(object::Error),
    /// A library, but not a plugin.
    #[error(
        "the file is a library without a plugin manifest; it is no plugin of this node, or was built without export!"
    )]
    Missing,
    /// The manifest is larger than any real one.
    #[error("the plugin manifest has {0} bytes, at most {MAX_MANIFEST} are read; the file is damaged")]
    TooLong(u64),
    /// The section could not be read.
    #[error("the plugin manifest cannot be read: {0}; the file is damaged")]
    Unreadable(object::Error),
    /// Not the JSON it should be.
    #[error("the plugin manifest is malformed: {0}; rebuild the plugin with export!")]
    Malformed(#[source] serde_json::Error),
    /// A name that cannot stand in a configuration.
    #[error("the plugin manifest gives the name {0:?}; a name is 1 to 64 letters, digits, `-`, `_` or `.`")]
    BadName(String),
    /// A host that is no pattern.
    #[error(
        "the plugin manifest names the host {0:?}; a host is a name, `*.` and a name, or `*`, without scheme, port or path"
    )]
    BadHost(String),
    /// More hosts than any plugin needs.
    #[error(
        "the plugin manifest names {0} hosts, at most {MAX_HOSTS} are read; name whole domains as `*.example.org`"
    )]
    TooManyHosts(usize),
    /// An amount of memory no instance can have.
    #[error("the plugin manifest asks for {0} MiB of memory; it may ask for 1 to {MAX_MEMORY}")]
    BadMemory(u32),
    /// A schema that is no schema.
    #[error("the plugin manifest has a configSchema that is no JSON object; a schema is an object")]
    BadSchema,
}

impl Manifest {
    /// Reads the manifest of a library file.
    pub(crate) fn read(file: &File) -> Result<Self, ManifestError> {
        let cache = ReadCache::new(file);
        Self::find(&cache)
    }

    /// Finds the manifest in the bytes of a library.
    pub(crate) fn find<'data>(data: impl ReadRef<'data>) -> Result<Self, ManifestError> {
        let library = object::File::parse(data).map_err(ManifestError::NotALibrary)?;
        let section = SECTIONS
            .iter()
            .find_map(|name| library.section_by_name(name))
            .ok_or(ManifestError::Missing)?;
        if section.size() > MAX_MANIFEST {
            return Err(ManifestError::TooLong(section.size()));
        }
        Self::parse(section.data().map_err(ManifestError::Unreadable)?)
    }

    /// Parses the bytes of the section; linkers may pad them with zeros.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        let manifest: Self = serde_json::from_slice(text).map_err(ManifestError::Malformed)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if manifest.name.is_empty() || manifest.name.len() > 64 || !manifest.name.chars().all(plain) {
            return Err(ManifestError::BadName(manifest.name));
        }
        let hosts = manifest.hosts.as_deref().unwrap_or_default();
        if hosts.len() > MAX_HOSTS {
            return Err(ManifestError::TooManyHosts(hosts.len()));
        }
        if let Some(bad) = hosts.iter().find(|host| !is_host_pattern(host)) {
            return Err(ManifestError::BadHost(bad.chars().take(MAX_HOST).collect()));
        }
        if let Some(memory) = manifest
            .memory
            .filter(|memory| !(1..=MAX_MEMORY).contains(memory))
        {
            return Err(ManifestError::BadMemory(memory));
        }
        if manifest
            .config_schema
            .as_ref()
            .is_some_and(|schema| !schema.is_object())
        {
            return Err(ManifestError::BadSchema);
        }
        Ok(manifest)
    }
}

/// Whether this is `*`, a host name, an address, or `*.` and a name.
fn is_host_pattern(pattern: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = !name.is_empty() && !name.starts_with('.') && name.chars().all(plain);
    pattern.len() <= MAX_HOST && (is_name || pattern.parse::<std::net::IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &[u8] =
        br#"{"name":"x","version":"1","generations":[1],"abi":"a","licence":"MIT","future":[]}"#;

    #[test]
    fn reads_a_padded_manifest_and_ignores_unknown_fields() {
        let mut padded = GOOD.to_vec();
        padded.extend([0; 7]);
        let manifest = Manifest::parse(&padded).unwrap();
        assert_eq!(manifest.name, "x");
        assert_eq!(manifest.generations, [1]);
        assert_eq!(manifest.licence, "MIT");
        assert_eq!(
            (manifest.hosts, manifest.memory, manifest.config_schema),
            (None, None, None)
        );
    }

    fn with(field: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(format!(r#"{{"name":"x","version":"1","generations":[1],{field}}}"#).as_bytes())
    }

    #[test]
    fn reads_what_the_plugin_wants() {
        let manifest = with(
            r#""hosts":["*.example.org","a-b.test","2001:db8::1"],"memory":32,"configSchema":{"type":"object"}"#,
        )
        .unwrap();
        assert_eq!(
            manifest.hosts.unwrap(),
            ["*.example.org", "a-b.test", "2001:db8::1"]
        );
        assert_eq!(manifest.memory, Some(32));
        assert_eq!(manifest.config_schema.unwrap()["type"], "object");
        assert_eq!(with(r#""hosts":["*"]"#).unwrap().hosts.unwrap(), ["*"]);
    }

    #[test]
    fn refuses_wants_that_make_no_sense() {
        for host in [
            "",
            "*.",
            "**",
            "a.*",
            "http://a",
            "a/b",
            "a:80",
            ".a",
            "a b",
            &"a".repeat(256),
        ] {
            let error = with(&format!(r#""hosts":["{host}"]"#)).unwrap_err();
            assert!(matches!(error, ManifestError::BadHost(_)), "{host}: {error}");
        }
        let many = vec![r#""a.test""#; MAX_HOSTS + 1].join(",");
        assert!(matches!(
            with(&format!(r#""hosts":[{many}]"#)),
            Err(ManifestError::TooManyHosts(129))
        ));
        for memory in [0, 4097] {
            assert!(matches!(
                with(&format!(r#""memory":{memory}"#)),
                Err(ManifestError::BadMemory(_))
            ));
        }
        assert!(matches!(
            with(r#""configSchema":"{}""#),
            Err(ManifestError::BadSchema)
        ));
    }

    #[test]
    fn refuses_names_that_break_out_of_configuration_or_logs() {
        for name in ["", "a b", "../x", "a\\n", &"x".repeat(65)] {
            let text = format!(r#"{{"name":"{name}","version":"1","generations":[],"abi":""}}"#);
            assert!(
                matches!(Manifest::parse(text.as_bytes()), Err(ManifestError::BadName(_))),
                "{name:?}"
            );
        }
    }

    #[test]
    fn text_is_not_a_library() {
        assert!(matches!(
            Manifest::find(&b"just some text, long enough for a header"[..]),
            Err(ManifestError::NotALibrary(_))
        ));
    }

    proptest! {
        #[test]
        fn random_sections_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = Manifest::parse(&bytes);
        }

        #[test]
        fn random_files_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..2048), elf in any::<bool>()) {
            if elf && bytes.len() > 16 {
                bytes[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
            }
            prop_assert!(Manifest::find(&bytes[..]).is_err());
        }

        #[test]
        fn a_damaged_library_never_panics(cut in 0usize..400_000, at in 0usize..4096, with in any::<u8>()) {
            let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
            bytes[at] = with;
            bytes.truncate(cut);
            let _ = Manifest::find(&bytes[..]);
        }
    }
}
