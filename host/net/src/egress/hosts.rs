//! Lists of hosts a plugin may reach.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;
use url::Host;

/// Which hosts a plugin may reach.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct HostList {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// `*`
    Any,
    /// A name, lower case.
    Name(String),
    /// All names below this one, which begins with its dot.
    Below(String),
    /// An address.
    Address(IpAddr),
}

/// A text that is no pattern of hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host; write a name, `*.` and a name for all names below it, an address, or `*` for any host"
)]
pub struct BadHostPattern(String);

impl HostList {
    /// A list that holds every host.
    pub fn any() -> Self {
        Self {
            patterns: vec![Pattern::Any],
        }
    }

    /// Reads patterns: `example.org`, `*.example.org` (all names below it, not itself), an address, or `*`.
    ///
    /// # Errors
    /// The first text that is none of these.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, BadHostPattern> {
        let patterns = texts.into_iter().map(Pattern::parse).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// The hosts that are in this list and in the other.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        let mut patterns = Vec::new();
        for one in &self.patterns {
            for two in &other.patterns {
                patterns.extend(one.both(two).filter(|both| !patterns.contains(both)));
            }
        }
        Self { patterns }
    }

    /// The patterns as [`HostList::parse`] reads them.
    pub fn patterns(&self) -> Vec<String> {
        self.patterns.iter().map(Pattern::to_string).collect()
    }

    /// Whether the host of this URL is in the list.
    pub fn holds(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        self.patterns.iter().any(|pattern| pattern.fits(&host))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Name(name) => f.write_str(name),
            Self::Below(end) => write!(f, "*{end}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, BadHostPattern> {
        let trimmed = text.trim();
        let bad = || BadHostPattern(text.chars().take(80).collect());
        if trimmed == "*" {
            return Ok(Self::Any);
        }
        if let Ok(address) = trimmed.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        let (name, is_below) = match trimmed.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (trimmed, false),
        };
        match Host::parse(name).map_err(|_| bad())? {
            Host::Domain(name) if !name.contains('*') => {
                let name = name.trim_end_matches('.');
                Ok(if is_below {
                    Self::Below(format!(".{name}"))
                } else {
                    Self::Name(name.to_owned())
                })
            }
            Host::Ipv4(address) if !is_below => Ok(Self::Address(address.into())),
            _ => Err(bad()),
        }
    }

    /// What fits both; `None` when nothing does.
    fn both(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, narrow) | (narrow, Self::Any) => Some(narrow.clone()),
            (Self::Below(one), Self::Below(two)) if one.ends_with(two.as_str()) => Some(self.clone()),
            (Self::Below(one), Self::Below(two)) if two.ends_with(one.as_str()) => Some(other.clone()),
            (Self::Name(name), Self::Below(end)) | (Self::Below(end), Self::Name(name)) => {
                let is_below = name.len() > end.len() && name.ends_with(end.as_str());
                is_below.then(|| Self::Name(name.clone()))
            }
            (one, two) => (one == two).then(|| one.clone()),
        }
    }

    fn fits(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            // The URL parser has brought the name into lower case and ASCII.
            (Self::Name(name), Host::Domain(host)) => host.trim_end_matches('.') == name,
            (Self::Below(end), Host::Domain(host)) => {
                let host = host.trim_end_matches('.');
                host.len() > end.len() && host.ends_with(end.as_str())
            }
            (Self::Address(address), Host::Ipv4(host)) => *address == IpAddr::V4(*host),
            (Self::Address(address), Host::Ipv6(host)) => *address == IpAddr::V6(*host).to_canonical(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(patterns: &[&str], url: &str) -> bool {
        let list = HostList::parse(patterns.iter().copied()).unwrap();
        list.holds(&Url::parse(url).unwrap())
    }

    #[test]
    fn names_below_a_name_are_not_the_name() {
        let list = ["a.test", "*.b.test", "Bücher.test", "192.0.2.1", "2001:db8::1"];
        for url in [
            "http://a.test/",
            "https://A.TEST.:8443/",
            "http://x.b.test/",
            "http://x.y.b.test./",
            "http://xn--bcher-kva.test/",
            "http://3221225985/",
            "http://[2001:db8::1]/",
            "http://[::ffff:192.0.2.1]/",
        ] {
            assert!(holds(&list, url), "{url}");
        }
        for url in [
            "http://x.a.test/",
            "http://b.test/",
            "http://xb.test/",
            "http://a.test.evil.test/",
            "http://evil.test/?a.test",
            "http://a.test@evil.test/",
            "http://192.0.2.2/",
        ] {
            assert!(!holds(&list, url), "{url}");
        }
        assert!(holds(&["*"], "http://anything.test/") && !holds(&[], "http://anything.test/"));
    }

    #[test]
    fn two_lists_share_what_both_name() {
        let list = |patterns: &[&str]| HostList::parse(patterns.iter().copied()).unwrap();
        for (one, two, both) in [
            (
                &["*"][..],
                &["a.test", "*.b.test"][..],
                &["a.test", "*.b.test"][..],
            ),
            (
                &["*.a.test"],
                &["*.x.a.test", "y.a.test", "a.test", "xa.test"],
                &["*.x.a.test", "y.a.test"],
            ),
            (
                &["a.test", "192.0.2.1", "2001:db8::1"],
                &["A.test", "192.0.2.2", "2001:DB8:0::1"],
                &["a.test", "2001:db8::1"],
            ),
            (&["*.a.test"], &["*.b.test"], &[]),
            (&[], &["*"], &[]),
        ] {
            assert_eq!(list(one).both(&list(two)).patterns(), both, "{one:?} {two:?}");
            assert_eq!(list(two).both(&list(one)).patterns(), both, "{two:?} {one:?}");
            assert_eq!(
                list(
                    &list(one)
                        .patterns()
                        .iter()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                ),
                list(one)
            );
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "",
            "*.",
            "**",
            "a.*",
            "http://a",
            "a/b",
            "a:80",
            "*.1.2.3.4",
            "a b",
        ] {
            assert!(HostList::parse([bad]).is_err(), "{bad}");
        }
    }
}
