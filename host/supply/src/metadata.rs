//! What versions a repository has: `maven-metadata.xml`.

/// The newest version the document speaks of: `latest`, else `release`, else the last `version`, as Java's node reads it.
pub(crate) fn newest(document: &str) -> Option<String> {
    let newest = contents(document, "latest")
        .next()
        .or_else(|| contents(document, "release").next())
        .or_else(|| contents(document, "version").last())?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    (newest.len() <= 200 && newest.chars().all(is_plain)).then(|| newest.to_owned())
}

/// What stands between the tags of this name. The documents are written by tools and hold neither attributes nor
/// entities in these places; anything else is not found, which costs a hint.
fn contents<'a>(document: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = document;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once(&open)?;
            let (content, behind) = after.split_once(&close)?;
            rest = behind;
            let content = content.trim();
            if !content.is_empty() {
                return Some(content);
            }
        }
    })
}

/// Whether `other` is a newer version than `known`: numbers are compared as numbers, part by part, and what has a `-` is
/// older than the same without.
pub(crate) fn is_newer(other: &str, known: &str) -> bool {
    let split = |text: &str| {
        let text = text.split('+').next().unwrap_or_default();
        let (main, pre) = match text.split_once('-') {
            Some((main, pre)) => (main.to_owned(), Some(pre.to_owned())),
            None => (text.to_owned(), None),
        };
        let parts: Vec<u64> = main.split('.').map(|part| part.parse().unwrap_or(0)).collect();
        (parts, pre)
    };
    let ((a, a_pre), (b, b_pre)) = (split(other), split(known));
    let length = a.len().max(b.len());
    let padded = |parts: &[u64]| -> Vec<u64> {
        let zeros = std::iter::repeat(0);
        parts.iter().copied().chain(zeros).take(length).collect()
    };
    match padded(&a).cmp(&padded(&b)) {
        std::cmp::Ordering::Equal => match (a_pre, b_pre) {
            (None, Some(_)) => true,
            (Some(_), None) | (None, None) => false,
            (Some(a), Some(b)) => a > b,
        },
        order => order.is_gt(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_newest_version_is_found_as_java_finds_it() {
        let versions = "<metadata><versioning>{}<versions><version>1.0</version><version> 1.2 </version></versions></versioning>";
        assert_eq!(newest(&versions.replace("{}", "")).as_deref(), Some("1.2"));
        assert_eq!(
            newest(&versions.replace("{}", "<release>1.1</release>")).as_deref(),
            Some("1.1")
        );
        assert_eq!(
            newest(&versions.replace("{}", "<release>1.1</release><latest>2.0-b</latest>")).as_deref(),
            Some("2.0-b")
        );
        for none in [
            "",
            "<latest>",
            "<latest></latest>",
            "<latest>../x</latest>",
            "<html>404</html>",
        ] {
            assert_eq!(newest(none), None, "{none}");
        }
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (newer, older) in [
            ("1.10.0", "1.9.3"),
            ("2", "1.9"),
            ("1.0.1", "1.0"),
            ("1.0", "1.0-rc.1"),
            ("1.0-b", "1.0-a"),
        ] {
            assert!(
                is_newer(newer, older) && !is_newer(older, newer),
                "{newer} {older}"
            );
        }
        assert!(!is_newer("1.0", "1.0.0") && !is_newer("1.0.0+b", "1.0.0"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_passed_over(text in "(<|>|/|latest|version|[a-z]){0,60}") {
            let _ = newest(&text);
            let _ = is_newer(&text, "1.0");
        }
    }
}
