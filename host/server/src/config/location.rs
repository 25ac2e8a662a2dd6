//! Places configuration is read from, as `spring.config.location` and `spring.config.import` name them.

use std::path::{Path, PathBuf};

/// One place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Whether the start goes on without it.
    pub is_optional: bool,
    /// Where.
    pub place: Place,
    /// As written, for messages.
    pub text: String,
}

/// The kinds of places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file, or a file name with the format in brackets (`config[.yml]`).
    File {
        /// The file.
        path: PathBuf,
        /// The format when the name does not say it.
        format: Option<String>,
    },
    /// A directory that is searched for `application.yml` and the like.
    Directory(PathBuf),
    /// All directories in a directory (`config/*/`), by name.
    Subdirectories(PathBuf),
    /// A directory whose files are values (`configtree:`).
    Tree(PathBuf),
    /// An environment variable whose value is a file (`env:`).
    Variable {
        /// Its name.
        name: String,
        /// The format when it is not properties.
        format: Option<String>,
    },
    /// Inside the jar of Java Lavalink: nothing is there.
    ClassPath,
    /// A kind the node cannot read.
    Unsupported,
}

/// Reads a comma list of places; places joined by `;` form one group, within which profile files come last.
pub fn groups(list: &str, base: &Path) -> Vec<Vec<Location>> {
    list.split(',')
        .map(|group| {
            group
                .split(';')
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(|text| Location::parse(text, base))
                .collect::<Vec<_>>()
        })
        .filter(|group| !group.is_empty())
        .collect()
}

impl Location {
    /// Reads one place; relative ones start from `base`.
    pub fn parse(text: &str, base: &Path) -> Self {
        let (is_optional, rest) = match text.strip_prefix("optional:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        Self {
            is_optional,
            place: Place::parse(rest, base),
            text: text.to_owned(),
        }
    }
}

impl Place {
    fn parse(text: &str, base: &Path) -> Self {
        if text.starts_with("classpath:") || text.starts_with("classpath*:") {
            return Self::ClassPath;
        }
        if let Some(directory) = text.strip_prefix("configtree:") {
            return Self::Tree(join(base, without_scheme(directory)));
        }
        if let Some(name) = text.strip_prefix("env:") {
            let (name, format) = with_format(name);
            return Self::Variable {
                name: name.to_owned(),
                format,
            };
        }
        let path = without_scheme(text);
        if path.len() == text.len() && has_scheme(text) {
            return Self::Unsupported;
        }
        if let Some(directory) = path.strip_suffix("*/") {
            return Self::Subdirectories(join(base, directory));
        }
        let (name, format) = with_format(path);
        let full = join(base, name);
        if format.is_none() && (path.ends_with('/') || full.is_dir()) {
            Self::Directory(full)
        } else {
            Self::File { path: full, format }
        }
    }
}

/// `file:./x`, `file:/x` and `file:///x` are paths.
fn without_scheme(text: &str) -> &str {
    match text.strip_prefix("file:") {
        Some(path) => path.strip_prefix("//").unwrap_or(path),
        None => text,
    }
}

/// Whether the text begins like `configserver:` or `https:`; a drive letter is no scheme.
fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// Parts `name[.yml]`.
fn with_format(text: &str) -> (&str, Option<String>) {
    match text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
        Some((name, format)) => (name, Some(format.trim_start_matches('.').to_owned())),
        None => (text, None),
    }
}

/// The path below `base`, without a `./` that says nothing.
pub fn join(base: &Path, path: &str) -> PathBuf {
    let path = path.strip_prefix("./").unwrap_or(path);
    if base == Path::new(".") && !path.is_empty() {
        PathBuf::from(path)
    } else {
        base.join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart() {
        let base = Path::new("/base");
        let file = |path: &str, format: Option<&str>| Place::File {
            path: path.into(),
            format: format.map(str::to_owned),
        };
        for (text, is_optional, place) in [
            ("a.yml", false, file("/base/a.yml", None)),
            ("optional:file:./a.yml", true, file("/base/a.yml", None)),
            ("file:///etc/a.yml", false, file("/etc/a.yml", None)),
            ("/etc/a[.yaml]", false, file("/etc/a", Some("yaml"))),
            ("config/", false, Place::Directory("/base/config/".into())),
            (
                "optional:file:./config/*/",
                true,
                Place::Subdirectories("/base/config/".into()),
            ),
            (
                "configtree:/run/secrets/",
                false,
                Place::Tree("/run/secrets/".into()),
            ),
            ("classpath:/", false, Place::ClassPath),
            ("optional:configserver:http://x", true, Place::Unsupported),
            ("configserver:", false, Place::Unsupported),
            ("https://x/a.yml", false, Place::Unsupported),
            (
                "env:CONFIG[.yml]",
                false,
                Place::Variable {
                    name: "CONFIG".into(),
                    format: Some("yml".into()),
                },
            ),
        ] {
            let location = Location::parse(text, base);
            assert_eq!(
                (location.is_optional, location.place),
                (is_optional, place),
                "{text}"
            );
        }
    }

    #[test]
    fn commas_part_groups_and_semicolons_places() {
        let found = groups(" a.yml; b.yml , ,c.yml", Path::new("."));
        let texts: Vec<Vec<&str>> = found
            .iter()
            .map(|group| group.iter().map(|location| location.text.as_str()).collect())
            .collect();
        assert_eq!(texts, [vec!["a.yml", "b.yml"], vec!["c.yml"]]);
    }
}
