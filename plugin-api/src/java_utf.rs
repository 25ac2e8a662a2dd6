//! Java's "modified UTF-8", in which the source-specific tail of encoded tracks holds its texts.
//!
//! A text is its length in bytes (u16, big endian) and then each UTF-16 code unit in one to three bytes: U+0000 in two,
//! characters above U+FFFF as two surrogates of three bytes each (java.io.DataOutput).

/// Most bytes a text may take.
pub const MAX_BYTES: usize = u16::MAX as usize;

/// A text too long to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text takes {0} bytes, at most {MAX_BYTES} can be written")]
pub struct TooLong(pub usize);

/// Bytes that are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Fewer bytes than the length says.
    #[error("the bytes end within a text")]
    Truncated,
    /// A byte that cannot stand where it does.
    #[error("malformed input around byte {0}")]
    Malformed(usize),
}

/// Appends a text.
///
/// # Errors
/// When it takes more than [`MAX_BYTES`]; `out` is as it was then.
pub fn write(out: &mut Vec<u8>, text: &str) -> Result<(), TooLong> {
    let start = out.len();
    out.extend([0; 2]);
    for unit in text.encode_utf16() {
        // `as u8` keeps the low bits meant: every value is masked or shifted below 256.
        match unit {
            0x01..=0x7f => out.push(unit as u8),
            0 | 0x80..=0x7ff => out.extend([0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8]),
            _ => out.extend([
                0xe0 | (unit >> 12) as u8,
                0x80 | ((unit >> 6) & 0x3f) as u8,
                0x80 | (unit & 0x3f) as u8,
            ]),
        }
    }
    let length = out.len() - start - 2;
    match u16::try_from(length) {
        Ok(length) => {
            out[start..start + 2].copy_from_slice(&length.to_be_bytes());
            Ok(())
        }
        Err(_) => {
            out.truncate(start);
            Err(TooLong(length))
        }
    }
}

/// Reads a text; also answers the bytes behind it. A lone surrogate, which Rust cannot hold, becomes U+FFFD.
///
/// # Errors
/// When the bytes end too early or are no modified UTF-8.
pub fn read(bytes: &[u8]) -> Result<(String, &[u8]), ReadError> {
    let (length, rest) = bytes.split_first_chunk::<2>().ok_or(ReadError::Truncated)?;
    let (text, rest) = rest
        .split_at_checked(u16::from_be_bytes(*length).into())
        .ok_or(ReadError::Truncated)?;
    let mut units = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&lead) = text.get(at) {
        let continuation = |offset: usize| match text.get(at + offset) {
            Some(byte) if byte & 0xc0 == 0x80 => Ok(u16::from(byte & 0x3f)),
            _ => Err(ReadError::Malformed(at + offset)),
        };
        let (unit, length) = match lead {
            0..=0x7f => (u16::from(lead), 1),
            0xc0..=0xdf => (u16::from(lead & 0x1f) << 6 | continuation(1)?, 2),
            0xe0..=0xef => (
                u16::from(lead & 0x0f) << 12 | continuation(1)? << 6 | continuation(2)?,
                3,
            ),
            _ => return Err(ReadError::Malformed(at)),
        };
        units.push(unit);
        at += length;
    }
    Ok((String::from_utf16_lossy(&units), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_bytes() {
        let mut out = vec![9];
        write(&mut out, "a\0é€😀").unwrap();
        assert_eq!(
            out,
            [
                9, 0, 14, b'a', 0xc0, 0x80, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80
            ]
        );
        assert_eq!(read(&out[1..]), Ok(("a\0é€😀".to_owned(), &[][..])));
    }

    #[test]
    fn refuses_what_is_too_long_and_leaves_nothing_behind() {
        let mut out = vec![1];
        assert_eq!(write(&mut out, &"x".repeat(65536)), Err(TooLong(65536)));
        assert_eq!(out, [1]);
        write(&mut out, &"x".repeat(65535)).unwrap();
        assert_eq!(out.len(), 1 + 2 + 65535);
    }

    #[test]
    fn refuses_broken_bytes() {
        assert_eq!(read(&[0]), Err(ReadError::Truncated));
        assert_eq!(read(&[0, 2, b'a']), Err(ReadError::Truncated));
        assert_eq!(read(&[0, 2, b'a', 0xc3]), Err(ReadError::Malformed(2)));
        assert_eq!(read(&[0, 2, 0xc3, b'a']), Err(ReadError::Malformed(1)));
        assert_eq!(
            read(&[0, 4, 0xf0, 0x9f, 0x98, 0x80]),
            Err(ReadError::Malformed(0))
        );
        assert_eq!(read(&[0, 1, 0x80]), Err(ReadError::Malformed(0)));
    }

    #[test]
    fn replaces_a_lone_surrogate() {
        assert_eq!(
            read(&[0, 3, 0xed, 0xa0, 0xbd]),
            Ok(("\u{fffd}".to_owned(), &[][..]))
        );
    }

    proptest! {
        #[test]
        fn round_trip(text in any::<String>(), tail in proptest::collection::vec(any::<u8>(), 0..4)) {
            let mut out = Vec::new();
            write(&mut out, &text).unwrap();
            out.extend(&tail);
            prop_assert_eq!(read(&out), Ok((text, &tail[..])));
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&bytes);
        }
    }
}
