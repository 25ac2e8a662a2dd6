//! JSON as the Java server writes and reads it.

mod number;
mod object;
mod parse_error;
pub(crate) mod reader;
mod reader_number;
mod writer;

use serde::Serialize;

use writer::Writer;

pub use object::{InvalidObject, JsonObject};
pub use parse_error::{ParseError, ParseErrorKind};

/// Writes compact JSON with Java's float text.
///
/// Meant for the types of this crate and for lists of them. A value that cannot be JSON (a map whose keys are no
/// strings) gives an empty string; no type of this crate is one.
#[must_use]
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(to_vec(value)).unwrap_or_default()
}

/// As [`to_string`], as UTF-8 bytes.
#[must_use]
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Most messages are a few hundred bytes.
    let mut out = Vec::with_capacity(512);
    append(&mut out, value);
    out
}

/// Appends what [`to_vec`] gives; nothing when the value cannot be JSON.
pub fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    if value.serialize(Writer::new(out)).is_err() {
        out.truncate(start);
    }
}
