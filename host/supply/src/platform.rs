//! How files for this node are called and recognised.

/// The platform this node is built for, such as `x86_64-unknown-linux-gnu`.
const TARGET: &str = env!("BUILD_TARGET");

/// What a file is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A WebAssembly component, or at least WebAssembly.
    Wasm,
    /// A library of some system.
    Native,
    /// A jar or another zip archive.
    Archive,
}

impl Kind {
    /// Looks at the first bytes; `None` for what can be no plugin, such as a web page.
    pub fn of(head: &[u8]) -> Option<Self> {
        const NATIVE: [&[u8]; 6] = [
            b"\x7fELF",
            b"MZ",
            b"\xfe\xed\xfa\xcf",
            b"\xcf\xfa\xed\xfe",
            b"\xfe\xed\xfa\xce",
            b"\xca\xfe\xba\xbe",
        ];
        if head.starts_with(b"\0asm") {
            Some(Self::Wasm)
        } else if head.starts_with(b"PK\x03\x04") {
            Some(Self::Archive)
        } else {
            NATIVE
                .iter()
                .any(|magic| head.starts_with(magic))
                .then_some(Self::Native)
        }
    }

    /// The ending the loader knows it by.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Native => std::env::consts::DLL_EXTENSION,
            Self::Archive => "jar",
        }
    }
}

/// Names of the files a repository may have of this artefact for this node, the preferred one first.
pub(crate) fn file_names(artifact: &str, version: &str) -> [String; 2] {
    let library = std::env::consts::DLL_EXTENSION;
    [
        format!("{artifact}-{version}.wasm"),
        format!("{artifact}-{version}-{TARGET}.{library}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_beginning() {
        assert_eq!(Kind::of(b"\0asm\x0d\0\x01\0"), Some(Kind::Wasm));
        assert_eq!(Kind::of(b"\x7fELF\x02"), Some(Kind::Native));
        assert_eq!(Kind::of(b"PK\x03\x04..."), Some(Kind::Archive));
        for other in [&b""[..], b"<!doctype html>", b"PK", b"\0as"] {
            assert_eq!(Kind::of(other), None, "{other:?}");
        }
    }

    #[test]
    fn native_files_are_named_after_the_platform() {
        let [component, library] = file_names("x", "1.0");
        assert_eq!(component, "x-1.0.wasm");
        assert!(
            library.starts_with("x-1.0-") && library.contains(std::env::consts::ARCH),
            "{library}"
        );
    }
}
