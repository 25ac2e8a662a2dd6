//! Identifiers as newtypes; all of them are strings in JSON.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Defines a numeric id that is written as a decimal string in JSON.
macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

numeric_id! {
    /// A Discord guild. Signed, because the Java API parses it as a 64-bit `long`.
    GuildId(i64)
}
numeric_id! {
    /// The Discord user (bot) a session belongs to; from the `User-Id` header.
    UserId(i64)
}
numeric_id! {
    /// A Discord voice channel.
    ChannelId(u64)
}

/// `channelId` of a voice update was not a decimal number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("channelId {text:?} is not a number; send the id of the voice channel as a decimal string")]
pub struct InvalidChannelId {
    text: String,
}

impl InvalidChannelId {
    /// The REST `message` the Java server answers, with status 500 (spec section 1.9 step 9).
    #[must_use]
    pub fn java_message(&self) -> String {
        format!(
            "Request processing failed: java.lang.NumberFormatException: For input string: \"{}\"",
            self.text
        )
    }
}

impl ChannelId {
    /// Parses `channelId` of a voice update.
    ///
    /// # Errors
    /// [`InvalidChannelId`] when the text is not an unsigned 64-bit decimal.
    pub fn parse(text: &str) -> Result<Self, InvalidChannelId> {
        text.parse().map_err(|_| InvalidChannelId {
            text: text.to_owned(),
        })
    }
}

/// A WebSocket session of one client; 16 characters of `a-z0-9` when generated here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// Number of characters of a generated id (spec section 2.3).
    pub const LENGTH: usize = 16;

    /// The characters of a generated id.
    const ALPHABET: [u8; 36] = *b"abcdefghijklmnopqrstuvwxyz0123456789";

    /// Generates an id. `random_below(n)` must return a uniformly random number in `0..n`; larger results wrap round.
    pub fn generate(mut random_below: impl FnMut(u32) -> u32) -> Self {
        let count = Self::ALPHABET.len();
        let pick = |_| char::from(Self::ALPHABET[random_below(count as u32) as usize % count]);
        Self((0..Self::LENGTH).map(pick).collect())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for SessionId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SessionId {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::borrow::Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_ids_are_json_strings() {
        let id = GuildId(-5);
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"-5\"");
        assert_eq!(serde_json::from_str::<GuildId>("\"-5\"").unwrap(), id);
        assert!(serde_json::from_str::<GuildId>("5").is_err());
        assert!("9223372036854775808".parse::<GuildId>().is_err());
    }

    #[test]
    fn channel_id_error_has_the_java_text() {
        assert_eq!(
            ChannelId::parse("281904327543816192").unwrap(),
            ChannelId(281904327543816192)
        );
        assert_eq!(
            ChannelId::parse("abc").unwrap_err().java_message(),
            "Request processing failed: java.lang.NumberFormatException: For input string: \"abc\""
        );
    }

    #[test]
    fn generated_session_id_uses_the_whole_alphabet_and_tolerates_a_bad_source() {
        let mut next = 0;
        let id = SessionId::generate(|below| {
            assert_eq!(below, 36);
            next += 3;
            next
        });
        assert_eq!(id.as_str(), "dgjmpsvy147adgjm");
        assert_eq!(
            SessionId::generate(|_| u32::MAX).as_str().len(),
            SessionId::LENGTH
        );
    }
}
