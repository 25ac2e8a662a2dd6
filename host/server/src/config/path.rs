//! Paths into the configuration, such as `lavalink.plugins[0].dependency`.

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A map key.
    Key(String),
    /// A list index.
    Index(usize),
}

/// Maps whose keys have dots in them: everything behind these steps is one key.
const DOTTED: &[[&str; 2]] = &[["logging", "level"], ["sentry", "tags"]];

/// The form in which keys are compared: lower case, without `-` and `_`.
pub fn relaxed(key: &str) -> String {
    key.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Splits a written path into its steps; `None` when it is empty somewhere or the brackets do not match up.
pub fn parse(path: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = path;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() {
            segments.push(Segment::Key(name.to_owned()));
        } else if !after.starts_with('[') {
            return None;
        }
        rest = after;
        // Brackets hold an index, or a key that may contain dots.
        while let Some(inside) = rest.strip_prefix('[') {
            let (inside, after) = inside.split_once(']')?;
            segments.push(match inside.parse::<usize>() {
                Ok(index) => Segment::Index(index),
                Err(_) if inside.is_empty() => return None,
                Err(_) => Segment::Key(inside.to_owned()),
            });
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Some(segments),
            None => return None,
        }
    }
}

/// Joins the steps that are one key in the maps whose keys have dots, such as the logger `lavalink.server.io`.
pub fn with_dotted_keys(mut path: Vec<Segment>) -> Vec<Segment> {
    let is_below = |path: &[Segment], root: &[&str; 2]| {
        path.len() > root.len() + 1
            && root
                .iter()
                .zip(path)
                .all(|(name, segment)| matches!(segment, Segment::Key(key) if relaxed(key) == *name))
    };
    if DOTTED.iter().any(|root| is_below(&path, root)) {
        let name = join(&path[2..]);
        path.truncate(2);
        path.push(Segment::Key(name));
    }
    path
}

/// Whether the keys below this path are left as they are written: plugins choose their own.
pub fn is_verbatim(path: &[Segment]) -> bool {
    matches!(path.first(), Some(Segment::Key(key)) if relaxed(key) == "plugins")
}

/// The dotted form, indices as `[0]`.
pub fn join(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Segment::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(name: &str) -> Segment {
        Segment::Key(name.to_owned())
    }

    #[test]
    fn paths_have_keys_and_indices() {
        assert_eq!(
            parse("lavalink.plugins[1].dependency"),
            Some(vec![
                key("lavalink"),
                key("plugins"),
                Segment::Index(1),
                key("dependency")
            ])
        );
        assert_eq!(
            parse("a[b.c][2]"),
            Some(vec![key("a"), key("b.c"), Segment::Index(2)])
        );
        for wrong in ["", "a..b", ".a", "a.", "a[0", "a[]", "a[0]b"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn logger_names_are_one_key() {
        let path = parse("Logging.level.lavalink.server.io").expect("a path");
        assert_eq!(
            with_dotted_keys(path),
            vec![key("Logging"), key("level"), key("lavalink.server.io")]
        );
        let path = parse("logging.level.root").expect("a path");
        assert_eq!(with_dotted_keys(path.clone()), path);
    }

    proptest! {
        #[test]
        fn what_is_joined_is_parsed_back(names in prop::collection::vec("[a-zA-Z][a-zA-Z0-9_-]{0,8}", 1..5), index in 0_usize..50) {
            let mut path: Vec<Segment> = names.into_iter().map(Segment::Key).collect();
            path.push(Segment::Index(index));
            prop_assert_eq!(parse(&join(&path)), Some(path));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _either = parse(&text);
        }
    }
}
