//! Base64 with the acceptance and the error texts of `java.util.Base64`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig as Config};

use super::error::Base64Error;

/// Java ignores the unused bits of the last character.
const LENIENT: Config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const PADDED: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    LENIENT.with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);
const UNPADDED: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    LENIENT.with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Decodes to the end of an empty buffer; padding may be complete or missing, not half.
pub(super) fn decode_onto(text: &str, out: &mut Vec<u8>) -> Result<(), Base64Error> {
    // Takes only what is encoded to the letter, which is nearly everything, in a fraction of the time.
    if base64_simd::STANDARD.decode_append(text, out).is_ok() {
        return Ok(());
    }
    let engine = if text.ends_with('=') { PADDED } else { UNPADDED };
    *out = engine.decode(text).map_err(|_| classify(&latin1(text)))?;
    Ok(())
}

/// The bytes Java sees: it turns the text into Latin-1 first, with `?` for every other character.
fn latin1(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text.as_bytes());
    }
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?'))
        .collect()
}

/// The first error Java's decoder would meet in bytes that are known to be bad.
fn classify(bytes: &[u8]) -> Base64Error {
    if bytes.len() == 1 {
        return Base64Error::TooShort;
    }
    let is_symbol = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let symbols = bytes.iter().position(|b| !is_symbol(*b)).unwrap_or(bytes.len());
    let in_unit = symbols % 4;
    let end = match bytes.get(symbols) {
        None => symbols,
        Some(b'=') if in_unit == 0 => return Base64Error::WrongEndingUnit,
        Some(b'=') if in_unit == 2 => match bytes.get(symbols + 1) {
            Some(b'=') => symbols + 2,
            _ => return Base64Error::WrongEndingUnit,
        },
        Some(b'=') => symbols + 1,
        Some(other) => return Base64Error::IllegalCharacter(other.cast_signed()),
    };
    if in_unit == 1 {
        Base64Error::NotEnoughBits
    } else {
        Base64Error::IncorrectEndingByte(end)
    }
}
