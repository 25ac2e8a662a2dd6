//! Writes compact JSON into a buffer. serde_json's own writer looks at texts byte by byte, which was the largest part of the
//! cost of an answer with many tracks; this one copies what needs no escape in pieces.

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use super::number;

/// Name under which serde_json's `RawValue` hands over text that is JSON already; a test holds it to that.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Bytes looked at together: the compiler makes vector instructions of it.
const PIECE: usize = 32;

/// A serializer whose output is appended to a buffer.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Texts are JSON already.
    is_raw: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, is_raw: false }
    }

    fn again(&mut self) -> Writer<'_> {
        Writer::new(self.out)
    }

    fn word(self, word: &str) {
        self.out.extend_from_slice(word.as_bytes());
    }

    fn open(self, bracket: u8, close: &'static str) -> List<'a> {
        self.out.push(bracket);
        List {
            writer: self,
            is_empty: true,
            close,
        }
    }

    /// `{"variant":`, what follows it, and the brace that belongs to it.
    fn variant(mut self, variant: &str, bracket: u8, close: &'static str) -> List<'a> {
        self.out.push(b'{');
        self.again().text(variant);
        self.out.push(b':');
        self.open(bracket, close)
    }

    fn text(self, text: &str) {
        let mut rest = text.as_bytes();
        self.out.reserve(rest.len() + 2);
        self.out.push(b'"');
        loop {
            let (plain, other) = rest.split_at(plain_length(rest));
            self.out.extend_from_slice(plain);
            let Some((byte, next)) = other.split_first() else {
                break;
            };
            escape(self.out, *byte);
            rest = next;
        }
        self.out.push(b'"');
    }
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// How many bytes at the front can be copied as they are.
fn plain_length(bytes: &[u8]) -> usize {
    let is_plain = |piece: &[u8]| !piece.iter().fold(false, |any, byte| any | needs_escape(*byte));
    let mut plain = 0;
    for piece in bytes.chunks_exact(PIECE) {
        if !is_plain(piece) {
            break;
        }
        plain += PIECE;
    }
    let rest = &bytes[plain..];
    plain
        + rest
            .iter()
            .position(|byte| needs_escape(*byte))
            .unwrap_or(rest.len())
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        _ => {
            let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit & 0xF)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

macro_rules! integers {
    ($($method:ident $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            Ok(())
        })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = List<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = List<'a>;

    integers!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128
    );

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.word(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        if !value.is_finite() {
            return self.serialize_unit();
        }
        number::write_java(self.out, format_args!("{value:e}")).map_err(Error::io)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        if !value.is_finite() {
            return self.serialize_unit();
        }
        number::write_java(self.out, format_args!("{value:e}")).map_err(Error::io)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        if self.is_raw {
            self.word(value);
        } else {
            self.text(value);
        }
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.word("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.out.push(b'{');
        self.again().text(variant);
        self.out.push(b':');
        value.serialize(self.again())?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, Error> {
        Ok(self.open(b'[', "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>, Error> {
        Ok(self.open(b'[', "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Error> {
        Ok(self.open(b'[', "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, Error> {
        Ok(self.variant(variant, b'[', "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<List<'a>, Error> {
        Ok(self.open(b'{', "}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'a>, Error> {
        Ok(if name == RAW_VALUE {
            Fields::Raw(self)
        } else {
            Fields::Members(self.open(b'{', "}"))
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, Error> {
        Ok(self.variant(variant, b'{', "}}"))
    }
}

/// An array or object under way.
pub(super) struct List<'a> {
    writer: Writer<'a>,
    is_empty: bool,
    close: &'static str,
}

impl List<'_> {
    fn separate(&mut self) {
        if !self.is_empty {
            self.writer.out.push(b',');
        }
        self.is_empty = false;
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.separate();
        value.serialize(self.writer.again())
    }

    /// The name of a field of a struct of ours needs no escape.
    fn member<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        debug_assert!(!name.bytes().any(needs_escape), "{name:?} needs escaping");
        let out = &mut *self.writer.out;
        out.reserve(name.len() + 4);
        if !self.is_empty {
            out.push(b',');
        }
        self.is_empty = false;
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        value.serialize(self.writer.again())
    }

    fn close(self) {
        let close = self.close;
        self.writer.word(close);
    }
}

macro_rules! array {
    ($($trait:ident $method:ident),*) => {
        $(impl $trait for List<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        })*
    };
}

array!(
    SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

impl SerializeMap for List<'_> {
    type Ok = ();
    type Error = Error;

    /// A text as it is, a number in quotes, anything else is refused.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.separate();
        let start = self.writer.out.len();
        key.serialize(self.writer.again())?;
        match self.writer.out.get(start) {
            Some(b'"') => Ok(()),
            Some(b'-' | b'0'..=b'9') => {
                self.writer.out.insert(start, b'"');
                self.writer.out.push(b'"');
                Ok(())
            }
            _ => Err(Error::custom("key must be a string")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.out.push(b':');
        value.serialize(self.writer.again())
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeStructVariant for List<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.member(name, value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

/// A struct under way.
pub(super) enum Fields<'a> {
    Members(List<'a>),
    /// Its only field is JSON already.
    Raw(Writer<'a>),
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        match self {
            Self::Members(list) => list.member(name, value),
            Self::Raw(writer) => value.serialize(Writer {
                out: writer.out,
                is_raw: true,
            }),
        }
    }

    fn end(self) -> Result<(), Error> {
        if let Self::Members(list) = self {
            list.close();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use crate::json::to_string;

    #[derive(serde::Serialize)]
    enum Kinds {
        Unit,
        New(u8),
        Pair(i8, String),
        #[serde(rename_all = "camelCase")]
        Named {
            first_part: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            left_out: Option<char>,
        },
    }

    #[derive(serde::Serialize)]
    struct Empty {}

    #[test]
    fn writes_what_serde_json_writes() {
        let value = (
            [
                Kinds::Unit,
                Kinds::New(7),
                Kinds::Pair(-1, "é\"\\\u{8}\t\n\u{c}\r\u{1f}\u{7f}".to_owned()),
            ],
            Kinds::Named {
                first_part: None,
                left_out: None,
            },
            Kinds::Named {
                first_part: Some(true),
                left_out: Some('"'),
            },
            BTreeMap::from([(-3, ()), (4, ())]),
            BTreeMap::from([("a\"", u64::MAX)]),
            Vec::<u8>::new(),
            Empty {},
            i64::MIN,
        );
        assert_eq!(to_string(&value), serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn what_is_json_already_is_not_quoted() {
        let raw = RawValue::from_string(r#"{"a":"\n"}"#.to_owned()).unwrap();
        assert_eq!(to_string(&[("x", raw)]), r#"[["x",{"a":"\n"}]]"#);
    }

    #[test]
    fn a_key_that_is_no_text_and_no_number_gives_nothing() {
        assert_eq!(to_string(&BTreeMap::from([(vec![1], 1)])), "");
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_json_writes_it(plain in "[ -~]{0,80}", text in any::<String>()) {
            let both = format!("{plain}{text}{plain}");
            prop_assert_eq!(to_string(&both), serde_json::to_string(&both).unwrap());
        }
    }
}
