//! What the table of keys says about each key, and how a value is converted by it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::path::{Segment, relaxed};
use super::tree::{Node, Value};

/// One key, or all keys below one.
#[derive(Debug)]
pub struct Key {
    /// In Java Lavalink's spelling. `[]` stands for a list index, `*` for a name the operator chooses, `**` at the
    /// end for everything below.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// The value when none is given, as it would be written; empty for none.
    pub default: &'static str,
    /// Whether it does something here.
    pub effect: Effect,
    /// One line for people.
    pub meaning: &'static str,
}

/// What values a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// true, on, yes, 1 or false, off, no, 0, in any case.
    Boolean,
    /// A whole number in a range.
    Integer {
        /// Smallest.
        least: i64,
        /// Largest.
        most: i64,
        /// What happens to others.
        beyond: Beyond,
    },
    /// Any text.
    Text,
    /// A text that must not be shown.
    Secret,
    /// One of these names, in any case, `-` and `_` ignored.
    Choice(&'static [&'static str]),
    /// An IP address, or `localhost`.
    Address,
    /// A log level.
    Level,
    /// Bytes, such as `10MB`.
    Size,
    /// A time, such as `30s`; a bare number is milliseconds.
    Time,
    /// A list of texts, or one text with commas.
    Texts,
    /// Whatever there is.
    Anything,
}

/// What becomes of a number outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// The node does not start.
    Refused,
    /// A warning, and the default is used.
    Replaced,
}

/// Whether a key does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does.
    Used,
    /// It is accepted, and this is why nothing happens.
    Nothing(&'static str),
}

/// A value after conversion.
#[derive(Debug, Clone, PartialEq)]
pub enum Converted {
    /// Of [`Kind::Boolean`].
    Boolean(bool),
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Text`] and [`Kind::Secret`].
    Text(String),
    /// Of [`Kind::Choice`]: the name as the table has it.
    Choice(&'static str),
    /// Of [`Kind::Address`].
    Address(IpAddr),
    /// Of [`Kind::Level`].
    Level(LevelFilter),
    /// Of [`Kind::Size`], bytes.
    Size(u64),
    /// Of [`Kind::Time`].
    Time(Duration),
    /// Of [`Kind::Texts`], blank ones left out.
    Texts(Vec<String>),
    /// Of [`Kind::Anything`].
    Anything,
}

/// Why a value was not converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// It is no such value at all.
    Wrong,
    /// It is a number outside the range.
    Beyond,
}

impl Key {
    /// Converts a value; `None` when there is none (absent, null or blank), and then the default counts.
    ///
    /// # Errors
    /// When the value is not one of this kind.
    pub fn convert(&self, node: &Node) -> Result<Option<Converted>, Mismatch> {
        self.kind.convert(node)
    }

    /// The default, converted; `None` when there is none.
    pub fn default(&self) -> Option<Converted> {
        let default = Node::text_at(self.default, Default::default());
        self.kind.convert(&default).ok().flatten()
    }

    /// Whether the value must not be shown.
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    /// Whether this key speaks for the value at this path.
    pub fn covers(&self, path: &[Segment]) -> bool {
        let mut rest = path;
        for step in self.steps() {
            if step == Step::Rest {
                return true;
            }
            let Some((segment, after)) = rest.split_first() else {
                return false;
            };
            let fits = match (&step, segment) {
                (Step::Name(name), Segment::Key(key)) => relaxed(name) == relaxed(key),
                (Step::Entry, Segment::Key(_)) | (Step::Index, Segment::Index(_)) => true,
                _ => false,
            };
            if !fits {
                return false;
            }
            rest = after;
        }
        match self.kind {
            // The items of a list of texts.
            Kind::Texts => matches!(rest, [] | [Segment::Index(_)]),
            _ => rest.is_empty(),
        }
    }

    /// The parts of the name.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        self.name
            .split('.')
            .flat_map(|part| match part {
                "*" => [Some(Step::Entry), None],
                "**" => [Some(Step::Rest), None],
                _ => match part.strip_suffix("[]") {
                    Some(name) => [Some(Step::Name(name)), Some(Step::Index)],
                    None => [Some(Step::Name(part)), None],
                },
            })
            .flatten()
    }
}

/// A part of a key's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// This name.
    Name(&'static str),
    /// A list index.
    Index,
    /// A name the operator chooses.
    Entry,
    /// Everything below.
    Rest,
}

impl Kind {
    /// See [`Key::convert`].
    pub fn convert(self, node: &Node) -> Result<Option<Converted>, Mismatch> {
        if self == Self::Anything {
            return Ok(Some(Converted::Anything));
        }
        if self == Self::Texts {
            return texts(node).map(|texts| Some(Converted::Texts(texts)));
        }
        let text = match &node.value {
            Value::Null => return Ok(None),
            Value::List(_) => return Err(Mismatch::Wrong),
            // `{}` holds nothing.
            Value::Map(entries) if entries.is_empty() => return Ok(None),
            Value::Map(_) => return Err(Mismatch::Wrong),
            _ => node.text().unwrap_or_default(),
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Ok(None);
        }
        let converted = match self {
            Self::Boolean => boolean(trimmed).map(Converted::Boolean),
            Self::Integer { least, most, .. } => {
                let number = integer(trimmed).ok_or(Mismatch::Wrong)?;
                if !(least..=most).contains(&number) {
                    return Err(Mismatch::Beyond);
                }
                Some(Converted::Integer(number))
            }
            Self::Text | Self::Secret => Some(Converted::Text(text)),
            Self::Choice(names) => {
                let wanted = relaxed(trimmed);
                names
                    .iter()
                    .find(|name| relaxed(name) == wanted)
                    .map(|name| Converted::Choice(name))
            }
            Self::Address => match trimmed {
                "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                _ => trimmed.trim_matches(['[', ']']).parse().ok(),
            }
            .map(Converted::Address),
            Self::Level => level(trimmed).map(Converted::Level),
            Self::Size => size(trimmed).map(Converted::Size),
            Self::Time => time(trimmed).map(Converted::Time),
            Self::Texts | Self::Anything => None,
        };
        converted.map(Some).ok_or(Mismatch::Wrong)
    }

    /// What would do, for messages: "… must be {}".
    pub fn expected(self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Integer {
                least: i64::MIN..=-2_147_483_648,
                most: 2_147_483_647..,
                ..
            } => "a whole number".to_owned(),
            Self::Integer {
                least,
                most: 2_147_483_647..,
                ..
            } => format!("a whole number, at least {least}"),
            Self::Integer { least, most, .. } => format!("a whole number from {least} to {most}"),
            Self::Text | Self::Secret => "text".to_owned(),
            Self::Choice(names) => format!("one of {}", names.join(", ")),
            Self::Address => "an IP address such as 0.0.0.0 or ::".to_owned(),
            Self::Level => "one of OFF, ERROR, WARN, INFO, DEBUG, TRACE".to_owned(),
            Self::Size => "a size such as 500KB, 10MB or 1GB".to_owned(),
            Self::Time => "a time such as 500ms, 30s or 5m".to_owned(),
            Self::Texts => "a list of texts, or one text with commas".to_owned(),
            Self::Anything => "anything".to_owned(),
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Decimal, or hexadecimal with `0x`; `_` between digits as in YAML 1.1.
fn integer(text: &str) -> Option<i64> {
    let text = text.replace('_', "");
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn level(text: &str) -> Option<LevelFilter> {
    Some(match text.to_ascii_uppercase().as_str() {
        // YAML reads a bare OFF as the boolean false, so false means off here, as in Spring Boot.
        "OFF" | "FALSE" => LevelFilter::OFF,
        "FATAL" | "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        "TRACE" | "ALL" => LevelFilter::TRACE,
        _ => return None,
    })
}

/// Parts a number from its unit.
fn with_unit(text: &str) -> Option<(u64, String)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim().to_ascii_lowercase()))
}

/// Spring's data sizes: powers of 1024; a bare number is bytes.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = with_unit(text)?;
    let factor: u64 = match unit.as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        "t" | "tb" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Spring's simple durations, and ISO 8601 ones of hours, minutes and seconds (`PT30S`).
fn time(text: &str) -> Option<Duration> {
    let upper = text.to_ascii_uppercase();
    if let Some(mut rest) = upper.strip_prefix("PT") {
        let mut seconds = 0_u64;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let number: u64 = rest[..end].parse().ok()?;
            let factor = match rest.as_bytes()[end] {
                b'H' => 3600,
                b'M' => 60,
                b'S' => 1,
                _ => return None,
            };
            seconds = seconds.checked_add(number.checked_mul(factor)?)?;
            rest = &rest[end + 1..];
        }
        return Some(Duration::from_secs(seconds));
    }
    let (number, unit) = with_unit(text)?;
    let seconds = |factor: u64| number.checked_mul(factor).map(Duration::from_secs);
    match unit.as_str() {
        "ns" => Some(Duration::from_nanos(number)),
        "us" => Some(Duration::from_micros(number)),
        "" | "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        _ => None,
    }
}

fn texts(node: &Node) -> Result<Vec<String>, Mismatch> {
    let texts = match &node.value {
        Value::Null => Vec::new(),
        Value::Map(entries) if entries.is_empty() => Vec::new(),
        Value::Map(_) => return Err(Mismatch::Wrong),
        Value::List(items) => items
            .iter()
            .filter(|item| !item.is_null())
            .map(|item| item.text().ok_or(Mismatch::Wrong))
            .collect::<Result<Vec<_>, _>>()?,
        _ => node
            .text()
            .unwrap_or_default()
            .split(',')
            .map(str::to_owned)
            .collect(),
    };
    Ok(texts
        .iter()
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(kind: Kind, text: &str) -> Result<Option<Converted>, Mismatch> {
        kind.convert(&Node::text_at(text, Default::default()))
    }

    #[test]
    fn booleans_and_numbers_are_read_as_spring_reads_them() {
        for text in ["true", "ON", " yes ", "1"] {
            assert_eq!(
                convert(Kind::Boolean, text),
                Ok(Some(Converted::Boolean(true))),
                "{text}"
            );
        }
        for text in ["False", "off", "NO", "0"] {
            assert_eq!(
                convert(Kind::Boolean, text),
                Ok(Some(Converted::Boolean(false))),
                "{text}"
            );
        }
        assert_eq!(convert(Kind::Boolean, "maybe"), Err(Mismatch::Wrong));
        let kind = Kind::Integer {
            least: 0,
            most: 10,
            beyond: Beyond::Replaced,
        };
        for (text, expected) in [
            ("7", Ok(Some(Converted::Integer(7)))),
            ("0xA", Ok(Some(Converted::Integer(10)))),
            ("", Ok(None)),
            ("11", Err(Mismatch::Beyond)),
            ("high", Err(Mismatch::Wrong)),
            ("1.5", Err(Mismatch::Wrong)),
        ] {
            assert_eq!(convert(kind, text), expected, "{text}");
        }
    }

    #[test]
    fn sizes_and_times_have_units() {
        for (text, bytes) in [("10MB", 10 << 20), ("1gb", 1 << 30), ("512", 512), ("3 KB", 3072)] {
            assert_eq!(
                convert(Kind::Size, text),
                Ok(Some(Converted::Size(bytes))),
                "{text}"
            );
        }
        for (text, ms) in [
            ("30s", 30_000),
            ("5m", 300_000),
            ("250", 250),
            ("PT1M30S", 90_000),
        ] {
            let time = Duration::from_millis(ms);
            assert_eq!(
                convert(Kind::Time, text),
                Ok(Some(Converted::Time(time))),
                "{text}"
            );
        }
        for (kind, text) in [
            (Kind::Size, "MB"),
            (Kind::Size, "10 bits"),
            (Kind::Size, "99999999999TB"),
            (Kind::Time, "soon"),
            (Kind::Time, "PT5"),
            (Kind::Time, "PT5Q"),
        ] {
            assert_eq!(convert(kind, text), Err(Mismatch::Wrong), "{text}");
        }
    }

    #[test]
    fn choices_ignore_case_and_separators() {
        let kind = Kind::Choice(&["LOW", "VERY_HIGH"]);
        assert_eq!(
            convert(kind, "very-high"),
            Ok(Some(Converted::Choice("VERY_HIGH")))
        );
        assert_eq!(convert(kind, "best"), Err(Mismatch::Wrong));
    }

    #[test]
    fn a_list_may_be_one_text() {
        let expected = Ok(Some(Converted::Texts(vec!["a".into(), "b".into()])));
        assert_eq!(convert(Kind::Texts, "a, b,"), expected);
        let list = Node::from_json(serde_json::json!(["a", null, " b"]), &Default::default());
        assert_eq!(Kind::Texts.convert(&list), expected);
        let wrong = Node::from_json(serde_json::json!([["a"]]), &Default::default());
        assert_eq!(Kind::Texts.convert(&wrong), Err(Mismatch::Wrong));
    }
}
