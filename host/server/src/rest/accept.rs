//! What the client accepts as an answer, decided as Spring decides it.

use axum::http::{HeaderMap, HeaderValue, header};

use super::media_type::{MediaType, split};

/// Type of most answers.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Java's charset for text that asks for none.
const TEXT_CHARSET: &str = "charset=ISO-8859-1";

/// The types of the `Accept` headers, the dearest first.
#[derive(Debug, Clone)]
pub struct Accept(Option<Vec<MediaType>>);

impl Accept {
    /// Reads the headers. Without any, everything is accepted; when one cannot be read, nothing is.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut ranges = Vec::new();
        for value in headers.get_all(header::ACCEPT) {
            let Ok(text) = value.to_str() else {
                return Self(None);
            };
            for part in split(text, ',')
                .into_iter()
                .filter(|part| !part.trim().is_empty())
            {
                let Some(weighted) = MediaType::parse(part).and_then(weigh) else {
                    return Self(None);
                };
                ranges.push(weighted);
            }
        }
        if ranges.is_empty() {
            ranges.extend(MediaType::parse("*/*").and_then(weigh));
        }
        ranges.sort_by(|(a, weight_a), (b, weight_b)| {
            weight_b
                .total_cmp(weight_a)
                .then_with(|| openness(a).cmp(&openness(b)))
        });
        Self(Some(ranges.into_iter().map(|(range, _)| range).collect()))
    }

    fn ranges(&self) -> &[MediaType] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The type to give a JSON answer; `None` when the client takes no JSON. Weights of 0 do not exclude, as in Java.
    pub fn json(&self) -> Option<HeaderValue> {
        self.ranges().iter().find_map(|range| {
            if takes_any_json(range) {
                return Some(JSON);
            }
            range
                .is_json()
                .then(|| HeaderValue::from_str(&range.to_string()).unwrap_or(JSON))
        })
    }

    /// The type to give an answer of bare text; `None` when the client takes none.
    pub fn text(&self) -> Option<HeaderValue> {
        self.ranges().iter().find_map(|range| {
            let text = if range.kind == "*" || (range.kind == "text" && range.subtype == "*") {
                format!("text/plain;{TEXT_CHARSET}")
            } else if takes_any_json(range) {
                return Some(JSON);
            } else if range.is_wildcard() {
                return None;
            } else if range.is_json() || range.parameter("charset").is_some() {
                range.to_string()
            } else {
                format!("{range};{TEXT_CHARSET}")
            };
            HeaderValue::from_str(&text).ok()
        })
    }

    /// Whether an error is to be shown as a page, as for a browser.
    pub fn prefers_html(&self) -> bool {
        self.ranges()
            .iter()
            .take_while(|range| range.kind != "*")
            .any(|range| range.kind == "text" && matches!(range.subtype.as_str(), "html" | "*"))
    }
}

/// Whether `application/json` fits this open range.
fn takes_any_json(range: &MediaType) -> bool {
    range.kind == "*" || (range.kind == "application" && matches!(range.subtype.as_str(), "*" | "*+json"))
}

/// Takes the weight out of the parameters.
fn weigh(mut range: MediaType) -> Option<(MediaType, f32)> {
    let weight = match range.parameter("q") {
        Some(text) => text.parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?,
        None => 1.0,
    };
    range.parameters.retain(|(name, _)| name != "q");
    Some((range, weight))
}

fn openness(range: &MediaType) -> u8 {
    u8::from(range.is_wildcard()) + u8::from(range.kind == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(values: &[&'static str]) -> Accept {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        Accept::of(&headers)
    }

    #[test]
    fn json_is_found_among_other_types() {
        for (values, kind) in [
            (&[][..], "application/json"),
            (&[""], "application/json"),
            (&["*/*"], "application/json"),
            (&["application/json"], "application/json"),
            (&["text/html, APPLICATION/JSON;q=0.9"], "application/json"),
            (&["text/html", "application/*"], "application/json"),
            (&["application/*+json"], "application/json"),
            (&["application/problem+json"], "application/problem+json"),
            (
                &["application/problem+json;q=0.5, application/json"],
                "application/json",
            ),
            (
                &["application/json; charset=utf-8"],
                "application/json;charset=utf-8",
            ),
            (&["text/html, image/gif, *; q=.2"], "application/json"),
            (&["application/json;q=0"], "application/json"),
        ] {
            assert_eq!(
                accept(values).json(),
                Some(HeaderValue::from_static(kind)),
                "{values:?}"
            );
        }
        for values in [
            &["text/plain"][..],
            &["text/*, image/png"],
            &["nonsense"],
            &["application/json, nonsense"],
            &["application/json;q=2"],
            &["application/jsonx"],
        ] {
            assert_eq!(accept(values).json(), None, "{values:?}");
        }
    }

    #[test]
    fn text_takes_any_type() {
        for (value, kind) in [
            ("*/*", "text/plain;charset=ISO-8859-1"),
            ("text/*", "text/plain;charset=ISO-8859-1"),
            ("text/html", "text/html;charset=ISO-8859-1"),
            ("text/html;charset=utf-8", "text/html;charset=utf-8"),
            ("application/json, text/plain", "application/json"),
            ("text/plain, application/json", "text/plain;charset=ISO-8859-1"),
        ] {
            assert_eq!(
                accept(&[value]).text(),
                Some(HeaderValue::from_static(kind)),
                "{value}"
            );
        }
        assert_eq!(accept(&["image/*"]).text(), None);
    }

    #[test]
    fn browsers_get_pages_and_others_do_not() {
        for value in [
            "text/html",
            "text/*",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json, text/html",
        ] {
            assert!(accept(&[value]).prefers_html(), "{value}");
        }
        for value in [
            "*/*",
            "application/json",
            "text/plain",
            "*/*, text/html;q=0.5",
            "nonsense",
        ] {
            assert!(!accept(&[value]).prefers_html(), "{value}");
        }
    }
}
