//! The sources of all plugins, in the order they are asked.

use std::sync::Arc;
use std::time::Instant;

use lavalink_plugin_api::{Details, Failure, Source, SourceDescriptor};
use parking_lot::Mutex;

use crate::checked_tails::CheckedTails;
use crate::guard::Guard;
use crate::plugins::Tail;
use crate::trial::Trial;

/// A source of one artefact, and that artefact's guard.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) guard: Arc<Guard>,
    /// What it has made of tails of encoded tracks.
    checked: Arc<CheckedTails>,
}

impl Version {
    pub(crate) fn new(source: Arc<dyn Source>, guard: Arc<Guard>) -> Self {
        Self {
            source,
            guard,
            checked: Arc::default(),
        }
    }

    /// Lets it check tails of encoded tracks, unless it has seen them all before.
    pub(crate) async fn decode_details(
        &self,
        tails: Vec<Tail>,
        deadline: Instant,
    ) -> Result<Vec<Details>, Failure> {
        if let Some(answers) = self.checked.get(&tails) {
            return Ok(answers);
        }
        let (source, checked) = (Arc::clone(&self.source), Arc::clone(&self.checked));
        self.guard
            .call("decode_details", deadline, move || {
                let answers = tails
                    .iter()
                    .map(|tail| source.decode_details(tail.version, &tail.details))
                    .collect::<Result<Vec<_>, _>>()?;
                checked.put(tails, &answers);
                Ok(answers)
            })
            .await
    }
}

/// A newer version of a source, which is on trial.
#[derive(Clone)]
pub(crate) struct Rival {
    pub(crate) version: Version,
    pub(crate) trial: Arc<Mutex<Trial>>,
}

/// One source by its name.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) descriptor: SourceDescriptor,
    /// The version in use.
    pub(crate) version: Version,
    pub(crate) rival: Option<Rival>,
}

impl Registered {
    /// What the version in use made of a tail before.
    pub(crate) fn known_details(&self, tail: &Tail) -> Option<Details> {
        self.version.checked.get(std::slice::from_ref(tail))?.pop()
    }
}

/// All sources: in the order of registration, those that claim whatever is left at the end.
#[derive(Default)]
pub(crate) struct Registry {
    sources: Vec<Registered>,
}

impl Registry {
    /// Adds a source, unless its name is taken: then the plugin that has it is returned.
    pub(crate) fn add(&mut self, registered: Registered) -> Result<(), String> {
        if let Some(first) = self.get(&registered.descriptor.name) {
            return Err(first.version.guard.plugin().to_owned());
        }
        let rank = |source: &Registered| source.descriptor.is_fallback;
        let at = self
            .sources
            .partition_point(|other| rank(other) <= rank(&registered));
        self.sources.insert(at, registered);
        Ok(())
    }

    /// The source of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Registered> {
        self.sources.iter().find(|source| source.descriptor.name == name)
    }

    /// Names in the order the sources are asked.
    pub(crate) fn names(&self) -> Vec<String> {
        self.sources
            .iter()
            .map(|source| source.descriptor.name.clone())
            .collect()
    }

    /// Who is to be asked for an identifier: the owner of its search prefix alone, otherwise everyone.
    pub(crate) fn responsible(&self, identifier: &str) -> &[Registered] {
        let owns = |source: &Registered| {
            source
                .descriptor
                .search_prefixes
                .iter()
                .any(|p| !p.is_empty() && identifier.starts_with(p.as_str()))
        };
        match self.sources.iter().position(owns) {
            Some(at) => &self.sources[at..=at],
            None => &self.sources,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lavalink_plugin_api::{Details, Failure, Host, Loaded, Media, Track};

    use super::*;
    use crate::admission::Grants;
    use crate::guard::GuardLimits;
    use crate::plugins::HostFactory;

    struct Hostless;

    impl HostFactory for Hostless {
        fn host_for(&self, _: &str, _: &Arc<Grants>, _: std::time::Instant) -> Arc<dyn Host> {
            unreachable!("nothing is called")
        }
    }

    struct Silent;

    impl Source for Silent {
        fn describe(&self) -> SourceDescriptor {
            SourceDescriptor {
                name: String::new(),
                search_prefixes: Vec::new(),
                is_fallback: false,
            }
        }
        fn load(&self, _: &dyn Host, _: &str) -> Result<Loaded, Failure> {
            Ok(Loaded::NotMine)
        }
        fn decode_details(&self, _: u8, details: &[u8]) -> Result<Details, Failure> {
            Ok(Details {
                details: details.to_vec(),
                plugin_info: None,
            })
        }
        fn open(&self, _: &dyn Host, _: &Track, _: Duration) -> Result<Media, Failure> {
            Err(Failure::common("silent"))
        }
    }

    fn source(name: &str, plugin: &str, prefixes: &[&str], is_fallback: bool) -> Registered {
        Registered {
            descriptor: SourceDescriptor {
                name: name.to_owned(),
                search_prefixes: prefixes.iter().map(|&p| p.to_owned()).collect(),
                is_fallback,
            },
            version: Version::new(
                Arc::new(Silent),
                Arc::new(Guard::new(
                    plugin,
                    Arc::new(Grants::none()),
                    &GuardLimits::default(),
                    Arc::new(Hostless),
                    crate::PluginThreads::new(),
                )),
            ),
            rival: None,
        }
    }

    #[test]
    fn keeps_the_order_of_registration_and_puts_fallbacks_last() {
        let mut registry = Registry::default();
        for (name, is_fallback) in [("http", true), ("b", false), ("late", true), ("a", false)] {
            registry.add(source(name, "p", &[], is_fallback)).unwrap();
        }
        assert_eq!(registry.names(), ["b", "a", "http", "late"]);
    }

    #[test]
    fn the_first_of_a_name_wins() {
        let mut registry = Registry::default();
        registry.add(source("x", "one", &[], false)).unwrap();
        assert_eq!(
            registry.add(source("x", "two", &[], false)),
            Err("one".to_owned())
        );
        assert_eq!(registry.names(), ["x"]);
    }

    #[test]
    fn a_search_prefix_is_answered_by_its_owner_alone() {
        let mut registry = Registry::default();
        registry.add(source("x", "p", &["", "xsearch:"], false)).unwrap();
        registry.add(source("y", "p", &["ysearch:"], false)).unwrap();
        let asked = |identifier: &str| {
            registry
                .responsible(identifier)
                .iter()
                .map(|s| s.descriptor.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(asked("ysearch:abc"), ["y"]);
        assert_eq!(asked("zsearch:abc"), ["x", "y"]);
    }
}
