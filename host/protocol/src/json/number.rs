//! Java's text for floating point numbers.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

/// Writes a finite number, given as its shortest scientific text (`-1.25e-5`, Rust's `{:e}`), as `Float.toString` and
/// `Double.toString` write it: always a point, and `E` notation below 1e-3 and from 1e7 (spec section 0.1).
///
/// # Errors
/// When the text is not such a number.
pub(super) fn write_java(out: &mut Vec<u8>, scientific: fmt::Arguments<'_>) -> io::Result<()> {
    let mut text = Text::default();
    text.write_fmt(scientific).map_err(io::Error::other)?;
    let malformed = || io::Error::other("not a finite number");
    let (mantissa, exponent) = text.as_str().split_once('e').ok_or_else(malformed)?;
    let exponent: i32 = exponent.parse().map_err(io::Error::other)?;
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    out.extend_from_slice(sign.as_bytes());
    match exponent {
        -3..=-1 => {
            let zeros = &"00"[..(-exponent - 1) as usize];
            write!(out, "0.{zeros}{first}{rest}")
        }
        0..=6 => {
            let moved = exponent as usize;
            if rest.len() > moved {
                write!(out, "{first}{}.{}", &rest[..moved], &rest[moved..])
            } else {
                let zeros = &"000000"[..moved - rest.len()];
                write!(out, "{first}{rest}{zeros}.0")
            }
        }
        _ => {
            let rest = if rest.is_empty() { "0" } else { rest };
            write!(out, "{first}.{rest}E{exponent}")
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
