//! Maven coordinates, as `lavalink.plugins[].dependency` has them.

use std::fmt;
use std::str::FromStr;

/// Longest part of coordinates, bytes.
const MAX_PART: usize = 200;

/// `group:artifact:version`. Its parts can stand in URLs and messages as they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Coordinates {
    /// Such as `com.example`.
    pub group: String,
    /// Such as `my-plugin`.
    pub artifact: String,
    /// Such as `1.2.3`.
    pub version: String,
}

/// A text that is no coordinates. The text begins as Java's does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Invalid dependency \"{0}\"; write `group:artifact:version`, of letters, digits, `.`, `-`, `_` and `+`"
)]
pub struct BadCoordinates(String);

impl Coordinates {
    /// The folder of the version below a repository, without slashes at its ends.
    pub(crate) fn folder(&self) -> String {
        format!("{}/{}", self.artifact_folder(), self.version)
    }

    /// The folder of all versions.
    pub(crate) fn artifact_folder(&self) -> String {
        format!("{}/{}", self.group.replace('.', "/"), self.artifact)
    }

    /// Whether the version is one whose content may change.
    pub fn is_snapshot(&self) -> bool {
        self.version.ends_with("-SNAPSHOT")
    }
}

impl FromStr for Coordinates {
    type Err = BadCoordinates;

    fn from_str(text: &str) -> Result<Self, BadCoordinates> {
        let bad = || BadCoordinates(text.chars().take(120).collect());
        let mut parts = text.trim().split(':');
        let (Some(group), Some(artifact), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let is_group = group.len() <= MAX_PART && group.split('.').all(is_name);
        if !is_group || !is_name(artifact) || !is_name(version) {
            return Err(bad());
        }
        Ok(Self {
            group: group.to_owned(),
            artifact: artifact.to_owned(),
            version: version.to_owned(),
        })
    }
}

/// Whether this can be one step of a path that leads nowhere else.
fn is_name(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    !part.is_empty() && part.len() <= MAX_PART && !part.starts_with('.') && part.chars().all(plain)
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.group, self.artifact, self.version)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_parts_make_a_folder() {
        let parsed: Coordinates = " com.example.x:my-plugin_2:1.0.0+b.1-SNAPSHOT ".parse().unwrap();
        assert_eq!(parsed.folder(), "com/example/x/my-plugin_2/1.0.0+b.1-SNAPSHOT");
        assert_eq!(parsed.artifact_folder(), "com/example/x/my-plugin_2");
        assert!(parsed.is_snapshot());
        assert_eq!(parsed.to_string(), "com.example.x:my-plugin_2:1.0.0+b.1-SNAPSHOT");
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for bad in [
            "",
            "a",
            "a:b",
            "a:b:c:d",
            "a::c",
            ":b:c",
            "a:b:",
            "a..b:b:c",
            ".a:b:c",
            "a.:b:c",
            "a:..:c",
            "a:b:..",
            "a/b:c:d",
            "a:b/../c:d",
            "a:b:c/d",
            "a:b:c?d",
            "a:b:c#d",
            "a:b:%2e%2e",
            "a:b:c\\d",
            "a:b:c d",
            "a:b:ä",
            "a:b:c\0",
        ] {
            let error = bad.parse::<Coordinates>().unwrap_err();
            assert!(
                error.to_string().starts_with("Invalid dependency \""),
                "{bad}: {error}"
            );
        }
        assert!(
            format!("a:{}:c", "b".repeat(MAX_PART + 1))
                .parse::<Coordinates>()
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn folders_never_climb(text in "[a-z.:/\\\\%-]{0,40}") {
            if let Ok(parsed) = text.parse::<Coordinates>() {
                let folder = parsed.folder();
                prop_assert!(folder.split('/').all(|step| !step.is_empty() && step != "." && step != ".."));
                prop_assert!(!folder.contains(['\\', '%', ':']));
            }
        }
    }
}
