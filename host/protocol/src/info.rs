//! `GET /v4/info`.

use serde::{Deserialize, Serialize};

/// What the node is and what it can do; computed once at start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// API version the node claims.
    pub version: Version,
    /// Build time in ms since the epoch; -1 if unknown.
    pub build_time: i64,
    /// Commit the node was built from.
    pub git: Git,
    /// Runtime note; Java's `java.version`.
    pub jvm: String,
    /// Audio engine note; Java's lavaplayer version.
    pub lavaplayer: String,
    /// Source names in registration order.
    pub source_managers: Vec<String>,
    /// Enabled filter names in table order, plugin filters last.
    pub filters: Vec<String>,
    /// Loaded plugins.
    pub plugins: Vec<Plugin>,
}

/// A semantic version taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The whole text.
    pub semver: String,
    /// Major number, 0 if the text is no release version.
    pub major: i32,
    /// Minor number.
    pub minor: i32,
    /// Patch number.
    pub patch: i32,
    /// Text after `-`; `""` for a plain release, `None` if the text is no release version.
    pub pre_release: Option<String>,
}

impl Version {
    /// Takes a version text apart as Java does: semver without build metadata; anything else is 0.0.0 with no
    /// pre-release (spec section 1.6).
    #[must_use]
    pub fn parse(semver: &str) -> Self {
        let (major, minor, patch, pre_release) = match split(semver) {
            Some((major, minor, patch, pre)) => (major, minor, patch, Some(pre.to_owned())),
            None => (0, 0, 0, None),
        };
        Self {
            semver: semver.to_owned(),
            major,
            minor,
            patch,
            pre_release,
        }
    }
}

/// Numbers and pre-release of a strict semver text without build metadata.
fn split(semver: &str) -> Option<(i32, i32, i32, &str)> {
    let (numbers, pre) = match semver.split_once('-') {
        Some((numbers, pre)) => (numbers, Some(pre)),
        None => (semver, None),
    };
    if pre.is_some_and(|pre| !pre.split('.').all(is_pre_release_part)) {
        return None;
    }
    let mut parts = numbers.split('.').map(number);
    let version = (
        parts.next()??,
        parts.next()??,
        parts.next()??,
        pre.unwrap_or_default(),
    );
    parts.next().is_none().then_some(version)
}

/// A number without sign or leading zero.
fn number(part: &str) -> Option<i32> {
    is_plain_number(part).then(|| part.parse().ok())?
}

/// Digits without a leading zero.
fn is_plain_number(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(|b| b.is_ascii_digit())
        && (part.len() == 1 || !part.starts_with('0'))
}

/// One dot-separated piece of a pre-release: numbers have no leading zero, others hold `[0-9A-Za-z-]`.
fn is_pre_release_part(part: &str) -> bool {
    let all_digits = part.bytes().all(|b| b.is_ascii_digit());
    is_plain_number(part)
        || (!part.is_empty() && !all_digits && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// Commit of the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Git {
    /// Branch name.
    pub branch: String,
    /// Abbreviated commit hash.
    pub commit: String,
    /// Commit time in ms since the epoch; 0 if unknown.
    pub commit_time: i64,
}

/// A loaded plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// Name from its manifest.
    pub name: String,
    /// Version from its manifest.
    pub version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(semver: &str) -> (i32, i32, i32, Option<String>) {
        let version = Version::parse(semver);
        (version.major, version.minor, version.patch, version.pre_release)
    }

    #[test]
    fn release_has_empty_pre_release() {
        assert_eq!(parts("4.2.2"), (4, 2, 2, Some(String::new())));
    }

    #[test]
    fn pre_release_is_kept_whole() {
        assert_eq!(parts("4.2.0-rc.1"), (4, 2, 0, Some("rc.1".into())));
        assert_eq!(parts("4.0.0-beta-2.x"), (4, 0, 0, Some("beta-2.x".into())));
    }

    #[test]
    fn anything_else_is_zero() {
        for text in [
            "abc-SNAPSHOT",
            "4.2",
            "4.2.2+1",
            "4.2.2.1",
            "04.2.2",
            "4.2.2-",
            "4.2.2-01",
            "+4.2.2",
            "",
            "4.2.2-é",
        ] {
            assert_eq!(parts(text), (0, 0, 0, None), "{text}");
        }
    }
}
