//! Brings all sources of configuration together: files, environment, JSON from the environment, command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check;
use super::command_line;
use super::environment::{self, APPLICATION_JSON};
use super::files::{self, Search};
use super::findings::Findings;
use super::origin::Origin;
use super::path;
use super::placeholders;
use super::profiles::Profiles;
use super::tree::Node;
use super::{ConfigError, EMBEDDED, yaml};

/// Where values come from; a plain struct so that tests can make their own.
#[derive(Debug)]
pub struct Sources {
    /// Directory the standard files are looked for in.
    pub directory: PathBuf,
    /// Environment variables.
    pub variables: Vec<(String, String)>,
    /// Command line arguments without the program name.
    pub arguments: Vec<String>,
}

/// The merged tree.
#[derive(Debug)]
pub struct Merged {
    /// All sources laid over each other, placeholders replaced.
    pub tree: Node,
    /// The files that were read; empty means the embedded configuration is in use.
    pub files: Vec<PathBuf>,
    /// The active profiles the operator chose.
    pub profiles: Vec<String>,
    /// What is wrong with it.
    pub findings: Findings,
    /// Settings without effect that are no keys.
    pub ignored: Vec<String>,
}

impl Sources {
    /// What this process was given.
    pub fn of_process(arguments: Vec<String>) -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            directory: PathBuf::from("."),
            variables,
            arguments,
        }
    }

    /// Reads and merges everything; the command line wins over JSON, environment and files, in this order.
    ///
    /// # Errors
    /// Whatever makes one of the sources unreadable.
    pub fn merge(&self) -> Result<Merged, ConfigError> {
        let arguments = command_line::layers(&self.arguments)?;
        let json = self.application_json(&arguments.options, &arguments.properties)?;
        let over_files = |files: &Node| {
            let variables = environment::layer(&self.variables, files);
            let tree = variables
                .tree
                .overlaid(arguments.properties.clone())
                .overlaid(json.clone())
                .overlaid(arguments.options.clone());
            (tree, variables.unknown)
        };
        // A first look without the files: it may say which files to read.
        let (mut early, _) = over_files(&Node::empty());
        let mut findings = Findings::default();
        self.resolve(&mut early, &Node::empty(), &mut Findings::default());
        let search = Search {
            directory: &self.directory,
            variables: &self.variables,
            early: &early,
            resolve: &|text, files| placeholders::resolve(text, &|name| self.lookup(files, &early, name)),
        };
        // The files may name the profiles that decide what in the files counts.
        let general = files::load(&search, None)?;
        let mut named = general.tree.overlaid(early.clone());
        self.resolve(&mut named, &early, &mut Findings::default());
        let profiles = Profiles::of(&named);
        let found = files::load(&search, Some(&profiles))?;
        findings.append(found.findings);
        let base = if found.read.is_empty() {
            embedded()?
        } else {
            found.tree
        };
        let (above, unknown) = over_files(&base);
        for name in unknown {
            check::unknown_variable(&name, &mut findings);
        }
        let mut tree = base.overlaid(above.clone());
        self.resolve(&mut tree, &above, &mut findings);
        Ok(Merged {
            tree,
            files: found.read,
            profiles: profiles.chosen().map(str::to_owned).collect(),
            findings,
            ignored: arguments.ignored,
        })
    }

    /// Replaces the placeholders of a tree; `above` are the sources that outrank the environment.
    fn resolve(&self, tree: &mut Node, above: &Node, findings: &mut Findings) {
        let lookup_in = tree.clone();
        tree.for_each_text(&mut |path, origin, text| {
            if !text.contains("${") {
                return;
            }
            match placeholders::resolve(text, &|name| self.lookup(&lookup_in, above, name)) {
                Ok(new) => *text = new,
                Err(reason) if check::is_read(path) => {
                    findings.error(origin, format!("{}: {reason}", path::join(path)));
                }
                // Nobody reads it, so Java would not stumble over it either.
                Err(_) => {}
            }
        });
    }

    /// The value behind a placeholder's name.
    fn lookup(&self, tree: &Node, above: &Node, name: &str) -> Option<String> {
        let variable = |wanted: &str| {
            self.variables
                .iter()
                .find(|(known, _)| known == wanted)
                .map(|(_, value)| value.clone())
        };
        above
            .at(name)
            .and_then(Node::text)
            .or_else(|| variable(name))
            .or_else(|| tree.at(name).and_then(Node::text))
            .or_else(|| variable(&name.replace('.', "_").replace('-', "").to_uppercase()))
            .or_else(|| variable(&name.replace(['.', '-'], "_").to_uppercase()))
    }

    fn application_json(&self, options: &Node, properties: &Node) -> Result<Node, ConfigError> {
        let property = |tree: &Node| tree.at("spring.application.json").and_then(Node::text);
        let variable = || {
            let found = self.variables.iter().find(|(name, _)| name == APPLICATION_JSON);
            found.map(|(_, value)| value.clone())
        };
        let text = property(options)
            .or_else(|| property(properties))
            .or_else(variable);
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            return Ok(Node::empty());
        };
        match serde_json::from_str(&text) {
            Ok(value @ serde_json::Value::Object(_)) => {
                Ok(Node::from_json(value, &Origin::ApplicationJson).expanded())
            }
            Ok(_) => Err(ConfigError::Json {
                reason: "it is another kind of JSON value".to_owned(),
            }),
            Err(error) => Err(ConfigError::Json {
                reason: error.to_string(),
            }),
        }
    }
}

/// The configuration of a start without any file.
fn embedded() -> Result<Node, ConfigError> {
    let path: Arc<Path> = Arc::from(Path::new("built-in configuration"));
    let documents = yaml::parse(EMBEDDED, &path)?;
    Ok(documents.into_iter().fold(Node::empty(), Node::overlaid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Sources {
        Sources {
            directory: directory.to_path_buf(),
            variables: variables
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            arguments: arguments.iter().map(|a| (*a).to_owned()).collect(),
        }
    }

    fn text(merged: &Merged, path: &str) -> Option<String> {
        merged.tree.at(path).and_then(Node::text)
    }

    /// A directory with these files.
    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, content) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("mkdir");
            std::fs::write(path, content).expect("write");
        }
        directory
    }

    #[test]
    fn higher_sources_win() {
        let directory = directory(&[("application.yml", "a: file\nb: file\nc: file\nd: file\ne: file\n")]);
        let merged = sources(
            directory.path(),
            &[
                ("SPRING_PROFILES_ACTIVE", "x"),
                ("SERVER_PORT", "1"),
                ("LAVALINK_SERVER_PASSWORD", "env"),
                (
                    "SPRING_APPLICATION_JSON",
                    r#"{"server.port": 3, "lavalink": {"server": {"password": "json"}}, "b": "json"}"#,
                ),
            ],
            &[
                "-Dserver.port=2",
                "-Db=property",
                "-Dc=property",
                "--server.port=4",
                "--a=option",
            ],
        )
        .merge()
        .expect("merged");
        for (key, value) in [
            ("server.port", "4"),
            ("lavalink.server.password", "json"),
            ("a", "option"),
            ("b", "json"),
            ("c", "property"),
            ("d", "file"),
        ] {
            assert_eq!(text(&merged, key).as_deref(), Some(value), "{key}");
        }
        assert_eq!(merged.profiles, ["x"]);
    }

    #[test]
    fn places_are_searched_in_javas_order() {
        let directory = directory(&[
            (
                "application.yaml",
                "a: yaml\nb: yaml\nc: yaml\nd: yaml\ne: yaml\nf: yaml\n",
            ),
            ("application.yml", "b: yml\nc: yml\nd: yml\ne: yml\nf: yml\n"),
            (
                "application.properties",
                "c=properties\nd=properties\ne=properties\nf=properties\n",
            ),
            ("config/application.yml", "d: config\ne: config\nf: config\n"),
            ("config/sub/application.yml", "e: sub\nf: sub\n"),
            ("application-p.yml", "f: profile\n"),
        ]);
        let merged = sources(directory.path(), &[], &["--spring.profiles.active=p"])
            .merge()
            .expect("merged");
        for (key, value) in [
            ("a", "yaml"),
            ("b", "yml"),
            ("c", "properties"),
            ("d", "config"),
            ("e", "sub"),
            ("f", "profile"),
        ] {
            assert_eq!(text(&merged, key).as_deref(), Some(value), "{key}");
        }
        assert_eq!(merged.files.len(), 6);
    }

    #[test]
    fn locations_names_and_imports() {
        let directory = directory(&[
            ("application.yml", "a: standard\n"),
            (
                "other.yml",
                "a: other\nb: other\nspring.config.import: '${DIR:more}/in.yml, optional:gone.yml'\n",
            ),
            ("more/in.yml", "b: imported\nc: imported\n"),
            ("extra/application.yml", "c: additional\n"),
            ("extra/application-p.yml", "d: of the profile\n"),
            ("named/bot.yml", "a: named\n"),
            ("secrets/lavalink/server/password", "from a tree\n"),
        ]);
        let merged = sources(
            directory.path(),
            &[
                ("SPRING_CONFIG_LOCATION", "optional:nope.yml,other.yml"),
                ("SPRING_CONFIG_ADDITIONAL_LOCATION", "extra/"),
                (
                    "SPRING_CONFIG_IMPORT",
                    "configtree:secrets/,env:MORE,optional:configserver:http://x",
                ),
                ("SPRING_PROFILES_ACTIVE", "p"),
                ("MORE", "e=from a variable\n"),
            ],
            &[],
        )
        .merge()
        .expect("merged");
        for (key, value) in [
            ("a", "other"),
            ("b", "imported"),
            ("c", "additional"),
            ("d", "of the profile"),
            ("e", "from a variable"),
            ("lavalink.server.password", "from a tree"),
        ] {
            assert_eq!(text(&merged, key).as_deref(), Some(value), "{key}");
        }
        let named = sources(
            directory.path(),
            &[],
            &["--spring.config.name=bot", "--spring.config.location=named/"],
        );
        assert_eq!(
            text(&named.merge().expect("merged"), "a").as_deref(),
            Some("named")
        );
    }

    #[test]
    fn places_that_must_be_there_are_missed() {
        let directory = directory(&[
            ("a.yml", "spring.config.import: nope.yml\n"),
            ("b.yml", "x: 1\n\ny: [\n"),
        ]);
        for (location, words) in [
            ("nope.yml", vec!["nope.yml", "spring.config.location"]),
            ("nope/", vec!["nope"]),
            ("a.yml", vec!["nope.yml", "a.yml:1", "spring.config.import"]),
            ("b.yml", vec!["b.yml:", "YAML"]),
            (
                "configserver:http://x",
                vec!["configserver", "remote", "optional:"],
            ),
            ("zookeeper:", vec!["zookeeper"]),
        ] {
            let error = sources(directory.path(), &[("SPRING_CONFIG_LOCATION", location)], &[])
                .merge()
                .expect_err(location)
                .to_string();
            for word in words {
                assert!(error.contains(word), "{location}: {error}");
            }
        }
    }

    #[test]
    fn documents_of_profiles_count_when_the_file_activates_them() {
        let directory = directory(&[(
            "application.yml",
            "spring.profiles.active: ${PROFILE:prod}\na: all\nb: all\n---\nspring.config.activate.on-profile: prod & !test\na: prod\n---\n\
             spring.config.activate.on-profile: default\nb: default\n",
        )]);
        let merged = sources(directory.path(), &[], &[]).merge().expect("merged");
        assert_eq!(text(&merged, "a").as_deref(), Some("prod"));
        assert_eq!(text(&merged, "b").as_deref(), Some("all"));
        let other = sources(directory.path(), &[("SPRING_PROFILES_ACTIVE", "test")], &[]);
        assert_eq!(text(&other.merge().expect("merged"), "a").as_deref(), Some("all"));
    }

    #[test]
    fn placeholders_look_everywhere() {
        let directory = directory(&[(
            "application.yml",
            "port: 99\nserver: {port: '${PORT:1}', address: '${host}'}\n\
             lavalink.server.password: '${lavalink.secret-word}'\nx: '${spare:${server.address}}'\nmanagement.y: ${NOPE}\n",
        )]);
        let merged = sources(
            directory.path(),
            &[("PORT", "7"), ("LAVALINK_SECRETWORD", "env")],
            &["--host=::1"],
        )
        .merge()
        .expect("merged");
        for (key, value) in [
            ("server.port", "7"),
            ("server.address", "::1"),
            ("lavalink.server.password", "env"),
            ("x", "::1"),
        ] {
            assert_eq!(text(&merged, key).as_deref(), Some(value), "{key}");
        }
        assert!(!merged.findings.has_errors(), "{:?}", merged.findings);
    }

    #[test]
    fn a_placeholder_without_value_is_an_error_with_its_line() {
        let directory = directory(&[("application.yml", "server:\n  port: ${NOPE}\n")]);
        let merged = sources(directory.path(), &[], &[]).merge().expect("merged");
        let found = merged.findings.to_string();
        assert!(
            found.contains("application.yml:2") && found.contains("server.port") && found.contains("NOPE"),
            "{found}"
        );
    }

    #[test]
    fn without_a_file_the_embedded_configuration_is_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let merged = sources(directory.path(), &[], &[]).merge().expect("merged");
        assert!(merged.files.is_empty());
        assert_eq!(text(&merged, "server.port").as_deref(), Some("2333"));
        assert_eq!(
            text(&merged, "lavalink.server.sources.local").as_deref(),
            Some("true")
        );
    }
}
