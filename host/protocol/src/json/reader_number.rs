//! Numbers as kotlinx-serialization reads them from request bodies.

use serde_json::Number;

/// An integer: optional `-`, digits (leading zeros allowed), optional exponent that must leave a whole number.
pub(super) fn integer(text: &str) -> Option<i64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = mantissa.strip_prefix('-').unwrap_or(mantissa);
    if !is_digits(digits) {
        return None;
    }
    let base: i64 = mantissa.parse().ok()?;
    let Some(exponent) = exponent else {
        return Some(base);
    };
    let negative = exponent.starts_with('-');
    let places = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if !is_digits(places) {
        return None;
    }
    scale(base, negative, places.parse().unwrap_or(u32::MAX))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `base` times or divided by ten to the power of `places`, if that is a whole 64-bit number.
fn scale(base: i64, divide: bool, places: u32) -> Option<i64> {
    if base == 0 {
        return Some(0);
    }
    let factor = 10_i64.checked_pow(places)?;
    if divide {
        (base % factor == 0).then_some(base / factor)
    } else {
        base.checked_mul(factor)
    }
}

/// A finite double.
pub(super) fn double(text: &str) -> Option<f64> {
    decimal(text)?
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
}

/// A finite float, rounded once from the decimal text.
pub(super) fn float(text: &str) -> Option<f32> {
    decimal(text)?
        .parse()
        .ok()
        .filter(|value: &f32| value.is_finite())
}

/// Keeps out what Rust's parser takes beyond decimals: `inf`, `nan`.
fn decimal(text: &str) -> Option<&str> {
    text.bytes()
        .all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        .then_some(text)
}

/// An unquoted literal inside free-form JSON: 64-bit integers exactly, all others as the nearest double.
pub(super) fn element(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if is_digits(unsigned) {
        if let Ok(value) = text.parse::<i64>() {
            return Some(value.into());
        }
        if let Ok(value) = text.parse::<u64>() {
            return Some(value.into());
        }
    }
    unsigned
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| Number::from_f64(double(text)?))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("007", 7),
            ("-12", -12),
            ("1e3", 1000),
            ("5E+2", 500),
            ("1200e-2", 12),
            ("0e999999999999", 0),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(integer(text), Some(value), "{text}");
        }
        for text in [
            "",
            "-",
            "+1",
            "1.0",
            "12.5",
            "1e",
            "e3",
            "1e-1",
            "1e19",
            "1e99999999999",
            "--1",
            "1-",
            "0x10",
            " 1",
            "1e+-2",
            "9223372036854775808",
            "null",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn floats_are_finite_decimals() {
        for (text, value) in [
            ("1", 1.0),
            ("-1.5", -1.5),
            ("1e3", 1000.0),
            (".5", 0.5),
            ("1e-400", 0.0),
        ] {
            assert_eq!(double(text), Some(value), "{text}");
        }
        assert_eq!(float("0.2"), Some(0.2));
        assert_eq!(float("1e39"), None);
        for text in ["", "NaN", "Infinity", "inf", "1e400", "-1e400", "1,5", "e", "."] {
            assert_eq!(double(text), None, "{text}");
        }
    }

    #[test]
    fn elements_keep_integers() {
        assert_eq!(element("18446744073709551615"), Some(u64::MAX.into()));
        assert_eq!(element("-9223372036854775808"), Some(i64::MIN.into()));
        assert_eq!(
            element("18446744073709551616").and_then(|n| n.as_f64()),
            Some(18446744073709551616.0)
        );
        for text in ["", "-", "abc", "TRUE", ".5", "+1", "1e999", "--1"] {
            assert_eq!(element(text), None, "{text}");
        }
    }
}
