//! Java's text for floating point numbers.

use std::fmt::{self, Write as _};
use std::io;

use serde_json::ser::Formatter;

/// Compact formatter whose floats read as `Float.toString` and `Double.toString` write them: always a point, and
/// `E` notation below 1e-3 and from 1e7 (spec section 0.1).
pub(super) struct JavaFormatter;

impl Formatter for JavaFormatter {
    fn write_f32<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        let mut digits = Text::default();
        write!(digits, "{value:e}").map_err(io::Error::other)?;
        write_java(writer, digits.as_str())
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let mut digits = Text::default();
        write!(digits, "{value:e}").map_err(io::Error::other)?;
        write_java(writer, digits.as_str())
    }
}

/// Lays out Rust's shortest scientific text (`-1.25e-5`) the way Java does.
fn write_java<W: ?Sized + io::Write>(writer: &mut W, scientific: &str) -> io::Result<()> {
    let malformed = || io::Error::other("not a finite number");
    let (mantissa, exponent) = scientific.split_once('e').ok_or_else(malformed)?;
    let exponent: i32 = exponent.parse().map_err(io::Error::other)?;
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    writer.write_all(sign.as_bytes())?;
    match exponent {
        -3..=-1 => {
            let zeros = &"00"[..(-exponent - 1) as usize];
            write!(writer, "0.{zeros}{first}{rest}")
        }
        0..=6 => {
            let moved = exponent as usize;
            if rest.len() > moved {
                write!(writer, "{first}{}.{}", &rest[..moved], &rest[moved..])
            } else {
                let zeros = &"000000"[..moved - rest.len()];
                write!(writer, "{first}{rest}{zeros}.0")
            }
        }
        _ => {
            let rest = if rest.is_empty() { "0" } else { rest };
            write!(writer, "{first}.{rest}E{exponent}")
        }
    }
}

/// Room for the longest `{:e}` text of an `f64` (24 bytes), without allocating.
#[derive(Default)]
struct Text {
    bytes: [u8; 32],
    length: usize,
}

impl Text {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes
            .get_mut(self.length..end)
            .ok_or(fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::json::to_string;

    #[test]
    fn doubles_read_like_java() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.2, "0.2"),
            (-12.5, "-12.5"),
            (0.001, "0.001"),
            (0.012, "0.012"),
            (0.00099, "9.9E-4"),
            (3.497090420769919e-5, "3.497090420769919E-5"),
            (9_999_999.0, "9999999.0"),
            (1234567.25, "1234567.25"),
            (1.0e7, "1.0E7"),
            (12_345_678.0, "1.2345678E7"),
            (1.0e300, "1.0E300"),
            (f64::MAX, "1.7976931348623157E308"),
            (100.0, "100.0"),
        ];
        for (value, text) in cases {
            assert_eq!(to_string(&value), text);
        }
    }

    #[test]
    fn floats_use_their_own_shortest_form() {
        let cases = [
            (0.2_f32, "0.2"),
            (2.5e-4, "2.5E-4"),
            (16_777_216.0, "1.6777216E7"),
            (220.0, "220.0"),
        ];
        for (value, text) in cases {
            assert_eq!(to_string(&value), text);
        }
    }

    proptest! {
        #[test]
        fn text_parses_back(double in proptest::num::f64::NORMAL, float in proptest::num::f32::NORMAL) {
            prop_assert_eq!(to_string(&double).parse::<f64>().unwrap(), double);
            prop_assert_eq!(to_string(&float).parse::<f32>().unwrap(), float);
        }
    }
}
