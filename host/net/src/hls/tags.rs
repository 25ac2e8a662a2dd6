//! The lines of a playlist: tags with their values, and addresses (RFC 8216, section 4.1).
//!
//! Read leniently, because what servers send differs from the standard: titles have commas, whole numbers have fractions,
//! quotes are missing or too many, and most tags are nobody's business here.

/// A line that says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `#EXT…` up to the colon, and what is behind it.
    Tag(&'a str, &'a str),
    /// Where something is.
    Address(&'a str),
}

/// The lines of a playlist without comments and empty ones.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.split(['\n', '\r'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .filter_map(|line| match line.strip_prefix('#') {
            None => Some(Line::Address(line)),
            Some(tag) if tag.starts_with("EXT") => {
                let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
                Some(Line::Tag(name.trim_end(), value.trim()))
            }
            Some(_) => None,
        })
}

/// The value of the attribute `name` in an attribute list (RFC 8216, section 4.2), without quotes; `None` when it is not
/// there or empty.
pub(super) fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, behind) = quoted.split_once('"').unwrap_or((quoted, ""));
                (value, behind.split_once(',').map_or("", |(_, tail)| tail))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.trim()).filter(|value| !value.is_empty());
        }
        rest = tail;
    }
}

/// Whether an attribute says yes.
pub(super) fn is_yes(list: &str, name: &str) -> bool {
    attribute(list, name).is_some_and(|value| value.eq_ignore_ascii_case("YES"))
}

/// The whole number a value begins with.
pub(super) fn number(value: &str) -> Option<u64> {
    let end = value
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(value.len());
    value.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_tags_or_addresses() {
        let text = "#EXTM3U\r\n\r\n# a remark\n#EXTINF: 10,One, two: three\r #EXT-X-ENDLIST \na b.ts";
        let found: Vec<Line<'_>> = lines(text).collect();
        assert_eq!(
            found,
            [
                Line::Tag("EXTM3U", ""),
                Line::Tag("EXTINF", "10,One, two: three"),
                Line::Tag("EXT-X-ENDLIST", ""),
                Line::Address("a b.ts"),
            ]
        );
    }

    #[test]
    fn attributes_with_and_without_quotes() {
        let list = "TYPE=AUDIO, NAME=\"a, b=c\",URI=x.m3u8?a=b,DEFAULT=yes,EMPTY=\"\",LAST=\"open";
        assert_eq!(attribute(list, "TYPE"), Some("AUDIO"));
        assert_eq!(attribute(list, "NAME"), Some("a, b=c"));
        assert_eq!(attribute(list, "URI"), Some("x.m3u8?a=b"));
        assert!(is_yes(list, "DEFAULT"));
        assert_eq!(attribute(list, "EMPTY"), None);
        assert_eq!(attribute(list, "LAST"), Some("open"));
        assert_eq!(attribute(list, "b"), None, "inside quotes");
        assert_eq!(attribute("", "A"), None);
    }

    #[test]
    fn numbers_end_where_digits_do() {
        assert_eq!(number("9.6"), Some(9));
        assert_eq!(number("x"), None);
        assert_eq!(number("99999999999999999999"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(#EXT)?[ -~\n\u{e9}]{0,60}", name in "[A-Z]{0,3}") {
            for line in lines(&text) {
                if let Line::Tag(_, value) = line {
                    let _ = (attribute(value, &name), number(value));
                }
            }
        }
    }
}
