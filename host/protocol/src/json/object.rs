//! Arbitrary JSON objects carried through unchanged: `pluginInfo` and `userData`.

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::ParseError;
use super::reader::Reader;

/// A JSON object kept as compact text: cheap to clone, no memory when empty.
///
/// Numbers keep the form Java echoes: 64-bit integers exactly, all others as the nearest double.
#[derive(Clone, Default)]
pub struct JsonObject(Option<Arc<RawValue>>);

/// Text that was to be a JSON object and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object: {0}")]
pub struct InvalidObject(#[from] ParseError);

impl JsonObject {
    /// Parses and normalises a JSON object.
    ///
    /// # Errors
    /// [`InvalidObject`] when the text is anything else, or nested deeper than 128 levels.
    pub fn parse(text: &str) -> Result<Self, InvalidObject> {
        let mut reader = Reader::over(text);
        let members = reader.members()?;
        reader.end()?;
        Ok(Self::from(members))
    }

    /// The compact text; `{}` when empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().map_or("{}", RawValue::get)
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The members, in order.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        // Not serde_json's own parser: by default it may miss the nearest double by one unit in the last place.
        Reader::over(self.as_str()).members().unwrap_or_default()
    }

    /// Adds the members of `other`; equal names are overwritten in place.
    pub fn merge(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            self.clone_from(other);
            return;
        }
        let mut members = self.to_map();
        members.extend(other.to_map());
        *self = Self::from(members);
    }
}

impl From<Map<String, Value>> for JsonObject {
    fn from(members: Map<String, Value>) -> Self {
        if members.is_empty() {
            return Self(None);
        }
        // A map of JSON values always writes valid JSON, so the fallback to `{}` is never taken.
        Self(
            RawValue::from_string(super::to_string(&members))
                .ok()
                .map(Arc::from),
        )
    }
}

impl PartialEq for JsonObject {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonObject {}

impl fmt::Debug for JsonObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(text) => text.serialize(serializer),
            None => serializer.serialize_map(Some(0))?.end(),
        }
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(members) => Ok(Self::from(members)),
            _ => Err(de::Error::custom("expected a JSON object")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_object_comes_back_as_it_was(value in any_value()) {
            let members = Map::from_iter([("value".to_owned(), value)]);
            let object = JsonObject::parse(&serde_json::to_string_pretty(&members).unwrap()).unwrap();
            prop_assert_eq!(object.to_map(), members);
        }
    }

    #[test]
    fn keeps_order_and_exact_integers() {
        let text =
            r#"{"z":9223372036854775807,"a":[18446744073709551615,-1,1.5,"x",true,null],"é":{"k":{}}}"#;
        let object = JsonObject::parse(text).unwrap();
        assert_eq!(object.as_str(), text);
        assert_eq!(crate::json::to_string(&object), text);
        assert_eq!(JsonObject::from(object.to_map()), object);
    }

    #[test]
    fn normalises_like_java() {
        let object =
            JsonObject::parse(" { \"a\" : 1e10 , \"b\":\"\\u00e9\\/\\u0001\", \"a\":2.50 } ").unwrap();
        assert_eq!(object.as_str(), "{\"a\":2.5,\"b\":\"é/\\u0001\"}");
    }

    #[test]
    fn empty_costs_nothing_and_prints_braces() {
        let object = JsonObject::parse("{ }").unwrap();
        assert!(object.is_empty());
        assert_eq!(crate::json::to_string(&object), "{}");
        assert_eq!(object, JsonObject::default());
    }

    #[test]
    fn refuses_other_values() {
        for text in [
            "",
            "[]",
            "null",
            "1",
            "{",
            "{} x",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
        ] {
            assert!(JsonObject::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn merge_overwrites_in_place() {
        let mut object = JsonObject::parse(r#"{"a":1,"b":2}"#).unwrap();
        object.merge(&JsonObject::parse(r#"{"c":3,"a":4}"#).unwrap());
        assert_eq!(object.as_str(), r#"{"a":4,"b":2,"c":3}"#);
        object.merge(&JsonObject::default());
        assert_eq!(object.as_str(), r#"{"a":4,"b":2,"c":3}"#);
    }
}
