//! Turns request bodies in other charsets into UTF-8.

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, mem};

/// How the bytes of a body are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// As Java's `ISO-8859-1`: every byte is the character of that number.
    Latin1,
    /// UTF-16 with a byte order mark, big-endian without.
    Utf16,
    /// One of the encodings of the web.
    Web(&'static Encoding),
}

impl Charset {
    /// The charset of this name, UTF-8 for none; `None` when nobody knows it.
    pub fn named(name: Option<&str>) -> Option<Self> {
        let Some(name) = name else {
            return Some(Self::Web(UTF_8));
        };
        Some(match name.to_ascii_lowercase().as_str() {
            "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "us-ascii" | "ascii" => Self::Latin1,
            "utf-16" | "utf16" | "utf_16" => Self::Utf16,
            _ => Self::Web(Encoding::for_label(name.as_bytes())?),
        })
    }

    /// The text in UTF-8; what is no text becomes U+FFFD, as in Java. At most three times as long.
    pub fn to_utf8(self, bytes: Bytes) -> Bytes {
        let text = match self {
            Self::Web(encoding) if encoding == UTF_8 && std::str::from_utf8(&bytes).is_ok() => return bytes,
            Self::Web(encoding) => encoding.decode_without_bom_handling(&bytes).0,
            Self::Latin1 => mem::decode_latin1(&bytes),
            Self::Utf16 => match bytes.strip_prefix(b"\xff\xfe") {
                Some(rest) => UTF_16LE.decode_without_bom_handling(rest).0,
                None => {
                    let rest = bytes.strip_prefix(b"\xfe\xff").unwrap_or(&bytes);
                    UTF_16BE.decode_without_bom_handling(rest).0
                }
            },
        };
        Bytes::from(text.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: Option<&str>, bytes: &'static [u8]) -> String {
        let charset = Charset::named(name).expect("known");
        String::from_utf8(charset.to_utf8(Bytes::from_static(bytes)).to_vec()).expect("UTF-8")
    }

    #[test]
    fn charsets_are_read_as_java_reads_them() {
        assert_eq!(read(None, "\u{fc}".as_bytes()), "\u{fc}");
        assert_eq!(read(Some("UTF-8"), b"a\xffb"), "a\u{fffd}b");
        assert_eq!(read(Some("iso-8859-1"), b"\xfc\x85"), "\u{fc}\u{85}");
        assert_eq!(read(Some("windows-1252"), b"\x80"), "\u{20ac}");
        assert_eq!(read(Some("UTF-16"), b"\xff\xfea\0"), "a");
        assert_eq!(read(Some("UTF-16"), b"\0a"), "a");
        assert_eq!(read(Some("UTF-16LE"), b"a\0"), "a");
        assert_eq!(Charset::named(Some("klingon")), None);
    }
}
