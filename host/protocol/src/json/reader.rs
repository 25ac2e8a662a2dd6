//! A pull reader for request bodies with the leniency of kotlinx-serialization (spec section 0.2).
//!
//! serde_json is not used here because it refuses what Java takes: quoted numbers, `TRUE`, `1e3` as an integer, lone
//! surrogate escapes (which JavaScript writes when it cuts a string inside an emoji).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::reader_number;
use super::{ParseError, ParseErrorKind};

/// Deepest nesting read; bounds the stack.
const MAX_DEPTH: u32 = 128;

/// Position in a text; every method skips leading whitespace.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

type Parsed<T> = Result<T, ParseError>;

impl<'a> Reader<'a> {
    /// Starts at the first byte of a body, which must be UTF-8.
    pub(crate) fn new(body: &'a [u8]) -> Parsed<Self> {
        match std::str::from_utf8(body) {
            Ok(text) => Ok(Self::over(text)),
            Err(error) => Err(ParseError {
                offset: error.valid_up_to(),
                kind: ParseErrorKind::NotUtf8,
            }),
        }
    }

    /// Starts at the first byte of a text.
    pub(crate) fn over(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    fn fail<T>(&self, kind: ParseErrorKind) -> Parsed<T> {
        Err(ParseError {
            offset: self.at,
            kind,
        })
    }

    fn expected<T>(&self, what: &'static str) -> Parsed<T> {
        self.fail(ParseErrorKind::Expected(what))
    }

    /// The error for a required member that did not come.
    pub(crate) fn missing(&self, member: &'static str) -> ParseError {
        ParseError {
            offset: self.at,
            kind: ParseErrorKind::Missing(member),
        }
    }

    /// The next byte that is not whitespace; `None` at the end.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let skipped = rest
            .iter()
            .position(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'))?;
        self.at += skipped;
        Some(rest[skipped])
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn require(&mut self, byte: u8, what: &'static str) -> Parsed<()> {
        if self.take(byte) {
            Ok(())
        } else {
            self.expected(what)
        }
    }

    /// Succeeds when only whitespace is left.
    pub(crate) fn end(&mut self) -> Parsed<()> {
        if self.peek().is_none() {
            Ok(())
        } else {
            self.expected("the end of the body")
        }
    }

    /// Takes a `null` if it is next.
    pub(crate) fn null(&mut self) -> bool {
        self.peek();
        let found = self.text[self.at..].starts_with("null");
        self.at += if found { 4 } else { 0 };
        found
    }

    /// `None` for `null`, else what `read` gives.
    pub(crate) fn nullable<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<Option<T>> {
        if self.null() {
            Ok(None)
        } else {
            read(self).map(Some)
        }
    }

    /// Reads an object; `member` must consume the value of each key.
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Parsed<()>) -> Parsed<()> {
        self.sequence(b'{', b'}', "an object", |reader| {
            let key = reader.string()?;
            reader.require(b':', "':'")?;
            member(reader, &key)
        })
    }

    /// Reads an array; `element` must consume each value.
    pub(crate) fn array(&mut self, element: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        self.sequence(b'[', b']', "an array", element)
    }

    fn sequence(
        &mut self,
        open: u8,
        close: u8,
        what: &'static str,
        mut item: impl FnMut(&mut Self) -> Parsed<()>,
    ) -> Parsed<()> {
        self.require(open, what)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail(ParseErrorKind::TooDeep(MAX_DEPTH));
        }
        if !self.take(close) {
            loop {
                item(self)?;
                if self.take(close) {
                    break;
                }
                self.require(b',', "',' or the end of the list")?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads a string; borrows it when it holds no escape. Lone surrogate escapes become U+FFFD.
    pub(crate) fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.require(b'"', "a string in double quotes")?;
        let start = self.at;
        self.move_to_quote_or_escape()?;
        if self.text.as_bytes()[self.at] == b'"' {
            let text = &self.text[start..self.at];
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut text = self.text[start..self.at].to_owned();
        loop {
            if self.text.as_bytes()[self.at] == b'"' {
                self.at += 1;
                return Ok(Cow::Owned(text));
            }
            text.push(self.escape()?);
            let plain = self.at;
            self.move_to_quote_or_escape()?;
            text.push_str(&self.text[plain..self.at]);
        }
    }

    /// Moves to the next `"` or `\`; both are ASCII, so the position stays on a character boundary.
    fn move_to_quote_or_escape(&mut self) -> Parsed<()> {
        match memchr::memchr2(b'"', b'\\', &self.text.as_bytes()[self.at..]) {
            Some(length) => {
                self.at += length;
                Ok(())
            }
            None => {
                self.at = self.text.len();
                self.expected("the end of a string")
            }
        }
    }

    /// Reads one escape sequence, from its backslash.
    fn escape(&mut self) -> Parsed<char> {
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        let plain = match letter {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return self.expected("a valid escape sequence"),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let Some(first) = self.code_unit() else {
            return self.expected("four hexadecimal digits");
        };
        self.at += 6;
        if let Some(character) = char::from_u32(u32::from(first)) {
            return Ok(character);
        }
        if let Some(second) = self.code_unit()
            && let Some(Ok(character)) = char::decode_utf16([first, second]).next()
        {
            self.at += 6;
            return Ok(character);
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    /// The code unit of a `\uXXXX` at the position, without taking it.
    fn code_unit(&self) -> Option<u16> {
        let digits = self.text.as_bytes()[self.at..].strip_prefix(b"\\u")?.get(..4)?;
        digits.iter().try_fold(0, |unit, digit| {
            let digit = char::from(*digit).to_digit(16)?;
            Some(unit << 4 | digit as u16)
        })
    }

    /// The characters up to the next structural character, quote, backslash, control character or whitespace.
    fn literal(&mut self) -> &'a str {
        self.peek();
        let rest = &self.text[self.at..];
        let ends = |b: u8| b <= b' ' || matches!(b, b'"' | b'\\' | b':' | b',' | b'{' | b'}' | b'[' | b']');
        let length = rest.bytes().position(ends).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Reads a number's text, quoted or not.
    fn number_text(&mut self) -> Parsed<Cow<'a, str>> {
        if self.peek() == Some(b'"') {
            self.string()
        } else {
            Ok(Cow::Borrowed(self.literal()))
        }
    }

    /// Reads a scalar with `parse`, which sees the text without quotes; the error points at its start.
    fn scalar<T>(&mut self, what: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Parsed<T> {
        self.peek();
        let start = self.at;
        let text = self.number_text()?;
        parse(&text).ok_or(ParseError {
            offset: start,
            kind: ParseErrorKind::Expected(what),
        })
    }

    /// Reads a 64-bit integer.
    pub(crate) fn i64(&mut self) -> Parsed<i64> {
        self.scalar("a 64-bit integer", reader_number::integer)
    }

    /// Reads a 32-bit integer.
    pub(crate) fn i32(&mut self) -> Parsed<i32> {
        self.scalar("a 32-bit integer", |text| {
            reader_number::integer(text)?.try_into().ok()
        })
    }

    /// Reads a finite `f64`.
    pub(crate) fn f64(&mut self) -> Parsed<f64> {
        self.scalar("a finite number", reader_number::double)
    }

    /// Reads a finite `f32`.
    pub(crate) fn f32(&mut self) -> Parsed<f32> {
        self.scalar("a finite number", reader_number::float)
    }

    /// Reads a boolean.
    pub(crate) fn bool(&mut self) -> Parsed<bool> {
        self.scalar("true or false", |text| {
            if text.eq_ignore_ascii_case("true") {
                Some(true)
            } else {
                text.eq_ignore_ascii_case("false").then_some(false)
            }
        })
    }

    /// Reads any value.
    pub(crate) fn value(&mut self) -> Parsed<Value> {
        match self.peek() {
            Some(b'{') => self.members().map(Value::Object),
            Some(b'[') => {
                let mut elements = Vec::new();
                self.array(|reader| {
                    elements.push(reader.value()?);
                    Ok(())
                })?;
                Ok(Value::Array(elements))
            }
            Some(b'"') => Ok(Value::String(self.string()?.into_owned())),
            _ => {
                let start = self.at;
                let parsed = match self.literal() {
                    "null" => Some(Value::Null),
                    "true" => Some(Value::Bool(true)),
                    "false" => Some(Value::Bool(false)),
                    text => reader_number::element(text).map(Value::Number),
                };
                parsed.ok_or(ParseError {
                    offset: start,
                    kind: ParseErrorKind::Expected("a value"),
                })
            }
        }
    }

    /// Reads an object as it is; of equal keys the last wins, in the place of the first.
    pub(crate) fn members(&mut self) -> Parsed<Map<String, Value>> {
        let mut members = Map::new();
        self.object(|reader, key| {
            let value = reader.value()?;
            members.insert(key.to_owned(), value);
            Ok(())
        })?;
        Ok(members)
    }

    /// Passes over any value, for unknown keys.
    pub(crate) fn skip(&mut self) -> Parsed<()> {
        match self.peek() {
            Some(b'{') => self.object(|reader, _| reader.skip()),
            Some(b'[') => self.array(Self::skip),
            Some(b'"') => self.string().map(drop),
            _ => self.value().map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_borrow_without_escapes() {
        assert!(matches!(
            Reader::over(" \"aé🎵\"").string(),
            Ok(Cow::Borrowed("aé🎵"))
        ));
        let escaped = Reader::over(r#""\"\\\/\b\f\n\r\té\uD83C\udfb5x""#)
            .string()
            .unwrap();
        assert_eq!(escaped, "\"\\/\u{8}\u{c}\n\r\té🎵x");
    }

    #[test]
    fn lone_surrogate_escapes_become_replacement_characters() {
        for (text, value) in [
            (r#""a\ud83c""#, "a\u{fffd}"),
            (r#""\udfb5b""#, "\u{fffd}b"),
            (r#""\ud83c\ud83c\udfb5""#, "\u{fffd}🎵"),
            (r#""\ud83c\n""#, "\u{fffd}\n"),
        ] {
            assert_eq!(Reader::over(text).string().unwrap(), value);
        }
    }

    #[test]
    fn bad_strings_are_errors() {
        for text in [
            "",
            "\"",
            "\"\\",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u+123\"",
            "'a'",
            "1",
            "null",
        ] {
            assert!(Reader::over(text).string().is_err(), "{text}");
        }
    }

    #[test]
    fn booleans_in_any_case_and_quoted() {
        for (text, value) in [("true", true), ("TRUE", true), ("\"False\"", false)] {
            assert_eq!(Reader::over(text).bool().unwrap(), value);
        }
        for text in ["1", "\"\"", "yes", "null", "truth"] {
            assert!(Reader::over(text).bool().is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Reader::over(&deep(128)).skip().is_ok());
        assert!(Reader::over(&deep(129)).skip().is_err());
        assert!(Reader::over(&format!("[{}0]", "[],".repeat(200))).skip().is_ok());
        assert!(Reader::over(&"[".repeat(1_000_000)).value().is_err());
    }

    #[test]
    fn lists_need_their_commas() {
        for text in [
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1",
            "[",
            "[1}",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{\"a\":1 \"b\":2}",
        ] {
            assert!(Reader::over(text).skip().is_err(), "{text}");
        }
        assert!(Reader::over(" [ 1 , { \"a\" : [ ] } ] ").skip().is_ok());
    }

    #[test]
    fn body_must_be_utf8() {
        let error = Reader::new(b"{\"a\xff").err().unwrap();
        assert_eq!((error.offset, error.kind), (3, ParseErrorKind::NotUtf8));
    }
}
