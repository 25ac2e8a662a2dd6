//! Java's modified UTF-8: a 16-bit length, then UTF-16 code units in 1 to 3 bytes each, U+0000 as `C0 80`.

use std::borrow::Cow;

use super::error::{DecodeError, EncodeError, TextError};

/// Appends a text with its length. `field` names it in the error.
///
/// # Errors
/// [`EncodeError::TextTooLong`] above 65535 bytes; `out` is then unchanged.
pub fn write_utf(out: &mut Vec<u8>, field: &'static str, text: &str) -> Result<(), EncodeError> {
    let bytes = encoded_len(text);
    let Ok(length) = u16::try_from(bytes) else {
        return Err(EncodeError::TextTooLong { field, bytes });
    };
    out.extend_from_slice(&length.to_be_bytes());
    if bytes == text.len() {
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    for character in text.chars() {
        match character {
            '\0' => out.extend_from_slice(&[0xC0, 0x80]),
            '\u{10000}'.. => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let [high, middle, low] =
                        [*unit >> 12, *unit >> 6 & 0x3F, *unit & 0x3F].map(|bits| bits as u8);
                    out.extend_from_slice(&[0xE0 | high, 0x80 | middle, 0x80 | low]);
                }
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok(())
}

/// Size in modified UTF-8. Equal to the size in UTF-8 exactly when both forms are the same bytes: each U+0000 adds one
/// byte and each character above U+FFFF two.
fn encoded_len(text: &str) -> usize {
    let longer = |byte: &u8| match byte {
        0 => 1,
        0xF0.. => 2,
        _ => 0,
    };
    text.len() + text.as_bytes().iter().map(longer).sum::<usize>()
}

/// Takes a text with its length off the front of `input`. `field` names it in the error.
///
/// Lone surrogates, which Java can hold and Rust cannot, become U+FFFD.
///
/// # Errors
/// [`DecodeError::EndOfData`] when `input` is too short, [`DecodeError::Text`] when the bytes are broken.
pub fn read_utf<'a>(input: &mut &'a [u8], field: &'static str) -> Result<Cow<'a, str>, DecodeError> {
    let (length, rest) = input
        .split_first_chunk()
        .ok_or(DecodeError::EndOfData { field })?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (bytes, rest) = rest
        .split_at_checked(length)
        .ok_or(DecodeError::EndOfData { field })?;
    *input = rest;
    match std::str::from_utf8(bytes) {
        // A 4-byte lead is valid UTF-8 but not valid here; the slow path refuses it.
        Ok(text) if bytes.is_ascii() || !bytes.iter().any(|byte| *byte >= 0xF0) => Ok(Cow::Borrowed(text)),
        _ => decode_units(bytes)
            .map(Cow::Owned)
            .map_err(|error| DecodeError::Text { field, error }),
    }
}

/// Decodes unit by unit, with the checks of `DataInputStream.readUTF` in its order.
fn decode_units(bytes: &[u8]) -> Result<String, TextError> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut at = 0;
    let continuation = |at: usize| {
        bytes
            .get(at)
            .map(|byte| (byte & 0xC0 == 0x80, u16::from(byte & 0x3F)))
    };
    while let Some(&lead) = bytes.get(at) {
        let bits = u16::from(lead);
        match lead >> 4 {
            0..=7 => {
                units.push(bits);
                at += 1;
            }
            12 | 13 => {
                let (valid, low) = continuation(at + 1).ok_or(TextError::PartialCharacter)?;
                at += 2;
                if !valid {
                    return Err(TextError::Malformed(at));
                }
                units.push((bits & 0x1F) << 6 | low);
            }
            14 => {
                let (low_valid, low) = continuation(at + 2).ok_or(TextError::PartialCharacter)?;
                let (middle_valid, middle) = continuation(at + 1).ok_or(TextError::PartialCharacter)?;
                at += 3;
                if !(middle_valid && low_valid) {
                    return Err(TextError::Malformed(at - 1));
                }
                units.push((bits & 0x0F) << 12 | middle << 6 | low);
            }
            _ => return Err(TextError::Malformed(at)),
        }
    }
    Ok(String::from_utf16_lossy(&units))
}
