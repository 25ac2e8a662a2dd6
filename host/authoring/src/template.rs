//! What an author begins with: the example `tone`, in C `arpeggio`, under another name. It compiles and plays as it is.

use std::path::{Path, PathBuf};

use crate::AuthoringError;
use crate::package::Kind;

/// The example's files, which the workspace builds and tests.
const RUST: [(&str, &str); 3] = [
    (
        "src/lib.rs",
        include_str!("../../../plugins/examples/tone/src/lib.rs"),
    ),
    (
        "src/tests.rs",
        include_str!("../../../plugins/examples/tone/src/tests.rs"),
    ),
    (
        "src/wave.rs",
        include_str!("../../../plugins/examples/tone/src/wave.rs"),
    ),
];

/// The example in C, which the tests build and play.
const C: [(&str, &str); 2] = [
    (
        "plugin.json",
        include_str!("../../../plugins/examples/arpeggio/plugin.json"),
    ),
    (
        "src/arpeggio.c",
        include_str!("../../../plugins/examples/arpeggio/src/arpeggio.c"),
    ),
];

/// The language of a new plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Language {
    /// A crate.
    Rust {
        /// What `plugin build` builds it as.
        kind: Kind,
        /// The folder of the crate `lavalink-plugin-api`, which is not published yet.
        api: PathBuf,
    },
    /// A component in C.
    C,
}

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOptions {
    /// Name of the plugin, its crate, its source and its folder.
    pub name: String,
    /// What it is written in.
    pub language: Language,
    /// Where the new folder goes.
    pub parent: PathBuf,
}

/// Writes a new plugin and returns its folder.
///
/// # Errors
/// When the name is none, the folder exists, or `api` is not what it should be.
pub fn create(options: &NewOptions) -> Result<PathBuf, AuthoringError> {
    let NewOptions {
        name,
        language,
        parent,
    } = options;
    if !is_name(name) {
        return Err(AuthoringError::Name(name.clone()));
    }
    let (files, cargo) = match language {
        Language::Rust { kind, api } => (&RUST[..], Some(manifest(name, *kind, &checked(api)?))),
        Language::C => (&C[..], None),
    };
    let folder = parent.join(name);
    if folder.exists() {
        return Err(AuthoringError::Exists(folder));
    }
    std::fs::create_dir_all(folder.join("src")).map_err(AuthoringError::file("make", &folder))?;
    if let Some(cargo) = cargo {
        write(&folder.join("Cargo.toml"), &cargo)?;
    }
    write(&folder.join(".gitignore"), "/target\n")?;
    for (file, text) in files {
        write(&folder.join(named(file, name)), &named(text, name))?;
    }
    Ok(folder)
}

/// The folder of the crate plugins depend on, from the root.
fn checked(api: &Path) -> Result<PathBuf, AuthoringError> {
    let is_api = api.join("wit/lavalink-plugin.wit").is_file() && api.join("Cargo.toml").is_file();
    let whole = api.canonicalize().ok().filter(|_| is_api);
    whole.ok_or_else(|| AuthoringError::Api(api.to_owned()))
}

fn write(path: &Path, text: &str) -> Result<(), AuthoringError> {
    std::fs::write(path, text).map_err(AuthoringError::file("write", path))
}

/// Whether a crate and a source may be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    begins_well && !name.ends_with('-') && name.len() <= 40 && name.chars().all(plain)
}

/// The example's text with the plugin's name in place of its own.
fn named(text: &str, name: &str) -> String {
    text.replace("tone:", &format!("{name}:"))
        .replace("\"tone\"", &format!("\"{name}\""))
        .replace("arpeggio", name)
}

fn manifest(name: &str, kind: Kind, api: &Path) -> String {
    let testkit = api.with_file_name("plugin-testkit");
    let [api, testkit] = [api, &testkit].map(|path| quoted(&path.display().to_string()));
    let kind = kind.as_str();
    format!(
        "[package]\n\
         name = \"{name}\"\n\
         version = \"0.1.0\"\n\
         edition = \"2024\"\n\
         license = \"MIT\"\n\
         publish = false\n\
         \n\
         # What `lavalink-rust plugin build` makes of it: wasm or native.\n\
         [package.metadata.lavalink]\n\
         kind = \"{kind}\"\n\
         \n\
         [lib]\n\
         crate-type = [\"cdylib\"]\n\
         \n\
         [dependencies]\n\
         lavalink-plugin-api = {{ path = {api} }}\n\
         \n\
         [dev-dependencies]\n\
         lavalink-plugin-testkit = {{ path = {testkit} }}\n\
         \n\
         # A crate of its own, even in a folder of another workspace.\n\
         [workspace]\n"
    )
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &str, parent: &Path) -> NewOptions {
        NewOptions {
            name: name.to_owned(),
            language: Language::Rust {
                kind: Kind::Native,
                api: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin-api"),
            },
            parent: parent.to_owned(),
        }
    }

    #[test]
    fn the_example_takes_another_name_everywhere() {
        let parent = tempfile::tempdir().unwrap();
        let folder = create(&options("my-hymns", parent.path())).unwrap();
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
        let source = read("src/lib.rs");
        assert!(
            !source.contains("tone:") && !source.contains("\"tone\""),
            "{source}"
        );
        assert_eq!(
            source.matches("\"my-hymns\"").count(),
            2,
            "name of plugin and source"
        );
        let manifest = read("Cargo.toml");
        assert!(manifest.contains("kind = \"native\"") && manifest.contains("name = \"my-hymns\""));
        assert!(matches!(
            create(&options("my-hymns", parent.path())),
            Err(AuthoringError::Exists(_))
        ));
    }

    #[test]
    fn the_example_in_c_does_too() {
        let parent = tempfile::tempdir().unwrap();
        let options = NewOptions {
            language: Language::C,
            ..options("carols", parent.path())
        };
        let folder = create(&options).unwrap();
        for file in ["plugin.json", "src/carols.c"] {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            assert!(text.contains("carols") && !text.contains("arpeggio"), "{text}");
        }
        assert!(crate::c::is_in(&folder));
    }

    #[test]
    fn refuses_what_is_no_name_and_what_is_no_api() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["", "A", "1a", "a_b", "a/b", "..", "a-", "-a", &"a".repeat(41)] {
            assert!(
                matches!(
                    create(&options(name, parent.path())),
                    Err(AuthoringError::Name(_))
                ),
                "{name:?}"
            );
        }
        let elsewhere = NewOptions {
            language: Language::Rust {
                kind: Kind::Wasm,
                api: parent.path().to_owned(),
            },
            ..options("a", parent.path())
        };
        assert!(matches!(create(&elsewhere), Err(AuthoringError::Api(_))));
    }

    #[test]
    fn paths_are_quoted() {
        assert_eq!(quoted("a\"\\b\n"), "\"a\\\"\\\\b\\u000a\"");
    }
}
