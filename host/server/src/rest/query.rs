//! Query parameters, decoded as Java's server does: `+` is a space.

/// First value of a parameter.
pub fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// A text: the values of a parameter that is given several times are joined with commas, as Spring turns a list into a text.
pub fn text(query: Option<&str>, name: &str) -> Option<String> {
    let values = url::form_urlencoded::parse(query?.as_bytes()).filter(|(key, _)| key == name);
    values
        .map(|(_, value)| value.into_owned())
        .reduce(|before, value| before + "," + &value)
}

/// A boolean: `true/on/yes/1` or `false/off/no/0` in any case, empty or absent is false; `None` for anything else.
pub fn boolean(query: Option<&str>, name: &str) -> Option<bool> {
    match parameter(query, name)
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "true" | "on" | "yes" | "1" => Some(true),
        "" | "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Whether the client asked for a trace in error answers.
pub fn wants_trace(query: Option<&str>) -> bool {
    parameter(query, "trace").is_some_and(|value| !value.eq_ignore_ascii_case("false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_percent_decoded() {
        let query = Some("identifier=ytsearch%3Afoo+bar%2B&identifier=second&empty=");
        assert_eq!(
            parameter(query, "identifier").as_deref(),
            Some("ytsearch:foo bar+")
        );
        assert_eq!(
            text(query, "identifier").as_deref(),
            Some("ytsearch:foo bar+,second")
        );
        assert_eq!(text(query, "empty").as_deref(), Some(""));
        assert_eq!((text(query, "none"), text(None, "none")), (None, None));
        assert_eq!(parameter(query, "empty").as_deref(), Some(""));
        assert_eq!(parameter(query, "none"), None);
        assert_eq!(parameter(None, "none"), None);
    }

    #[test]
    fn booleans_have_four_spellings() {
        for (query, expected) in [
            (None, Some(false)),
            (Some("noReplace="), Some(false)),
            (Some("noReplace=TRUE"), Some(true)),
            (Some("noReplace=on"), Some(true)),
            (Some("noReplace=0"), Some(false)),
            (Some("noReplace=2"), None),
        ] {
            assert_eq!(boolean(query, "noReplace"), expected, "{query:?}");
        }
    }

    #[test]
    fn trace_is_on_unless_false() {
        assert!(
            wants_trace(Some("trace")) && wants_trace(Some("a=1&trace=1")) && wants_trace(Some("trace=true"))
        );
        assert!(!wants_trace(Some("trace=False")) && !wants_trace(Some("notrace=1")) && !wants_trace(None));
    }
}
