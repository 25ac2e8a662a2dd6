//! Finds and reads the files of the configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ConfigError;
use super::findings::Findings;
use super::location::{self, Location, Place};
use super::origin::Origin;
use super::profiles::{self, Profiles};
use super::tree::{Node, Value};
use super::{properties, yaml};

/// Largest configuration file, bytes.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Files a `configtree:` may have.
const MAX_TREE_FILES: usize = 4096;
/// Directories a `configtree:` may nest.
const MAX_TREE_DEPTH: usize = 16;
/// Imports that files may nest.
const MAX_IMPORT_DEPTH: usize = 16;

/// The places of a start without `spring.config.location`, one group.
const STANDARD: &str = "optional:file:./;optional:file:./config/;optional:file:./config/*/";

/// File endings in one place, lowest rank first.
const ENDINGS: &[&str] = &["yaml", "yml", "properties"];

/// What to look for; the settings come from the command line and the environment.
pub struct Search<'a> {
    /// Relative places start from here.
    pub directory: &'a Path,
    /// Environment variables, for `env:` places.
    pub variables: &'a [(String, String)],
    /// What is known before any file is read.
    pub early: &'a Node,
    /// Replaces the placeholders of a text, given the files so far.
    pub resolve: &'a dyn Fn(&str, &Node) -> Result<String, String>,
}

/// What the files said.
#[derive(Debug)]
pub struct Files {
    /// All files laid over each other.
    pub tree: Node,
    /// The files that were read, lowest rank first.
    pub read: Vec<PathBuf>,
    /// What is odd about them.
    pub findings: Findings,
}

/// Reads all files. Without `profiles`, only what belongs to no profile.
///
/// # Errors
/// When a place that must be there is not, cannot be read, or is not in its format.
pub fn load(search: &Search<'_>, profiles: Option<&Profiles>) -> Result<Files, ConfigError> {
    let mut loader = Loader {
        search,
        profiles,
        names: match search.text("spring.config.name") {
            Some(names) => profiles::list(&names),
            None => vec!["application".to_owned()],
        },
        files: Files {
            tree: Node::empty(),
            read: Vec::new(),
            findings: Findings::default(),
        },
    };
    let standard = search.early.at("spring.config.location").is_none();
    if standard {
        loader.groups(STANDARD, search.directory, "spring.config.location", 0)?;
    }
    for key in [
        "spring.config.location",
        "spring.config.additional-location",
        "spring.config.import",
    ] {
        if let Some(list) = search.text(key) {
            loader.groups(&list, search.directory, key, 0)?;
        }
    }
    Ok(loader.files)
}

impl Search<'_> {
    /// A text, or a list as a comma list.
    fn text(&self, key: &str) -> Option<String> {
        self.early.at(key).and_then(comma_list)
    }
}

fn comma_list(node: &Node) -> Option<String> {
    match &node.value {
        Value::List(items) => Some(items.iter().filter_map(Node::text).collect::<Vec<_>>().join(",")),
        _ => node.text(),
    }
    .filter(|list| !list.trim().is_empty())
}

struct Loader<'a> {
    search: &'a Search<'a>,
    profiles: Option<&'a Profiles>,
    names: Vec<String>,
    files: Files,
}

impl Loader<'_> {
    fn groups(&mut self, list: &str, base: &Path, named_by: &str, depth: usize) -> Result<(), ConfigError> {
        for group in location::groups(list, base) {
            self.group(&group, named_by, depth)?;
        }
        Ok(())
    }

    /// Reads the files of all places, then those of each profile in all places.
    fn group(&mut self, group: &[Location], named_by: &str, depth: usize) -> Result<(), ConfigError> {
        for location in group {
            self.place(location, named_by, depth)?;
        }
        let active: Vec<String> = self
            .profiles
            .map(|profiles| profiles.names().to_vec())
            .unwrap_or_default();
        for profile in &active {
            for location in group {
                match &location.place {
                    Place::File { path, format } => {
                        if let Some(path) = of_profile(path, profile).filter(|path| path.is_file()) {
                            self.file(&path, format.as_deref(), depth)?;
                        }
                    }
                    Place::Directory(directory) => self.directory(directory, Some(profile), depth)?,
                    Place::Subdirectories(parent) => {
                        for directory in subdirectories(parent) {
                            self.directory(&directory, Some(profile), depth)?;
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn place(&mut self, location: &Location, named_by: &str, depth: usize) -> Result<(), ConfigError> {
        let missing = |path: &Path| {
            if location.is_optional {
                return Ok(());
            }
            Err(ConfigError::Missing {
                path: path.to_path_buf(),
                named_by: named_by.to_owned(),
            })
        };
        match &location.place {
            Place::ClassPath => Ok(()),
            Place::File { path, format } if path.is_file() => self.file(path, format.as_deref(), depth),
            Place::Directory(path) if path.is_dir() => self.directory(path, None, depth),
            Place::Subdirectories(path) if path.is_dir() => {
                for directory in subdirectories(path) {
                    self.directory(&directory, None, depth)?;
                }
                Ok(())
            }
            Place::Tree(path) if path.is_dir() => self.config_tree(path),
            Place::File { path, .. }
            | Place::Directory(path)
            | Place::Subdirectories(path)
            | Place::Tree(path) => missing(path),
            Place::Variable { name, format } => {
                let value = self.search.variables.iter().find(|(known, _)| known == name);
                let Some((_, text)) = value else {
                    return missing(Path::new(&location.text));
                };
                let path = Arc::from(Path::new(&format!("environment variable {name}")));
                let format = format.as_deref().unwrap_or("properties");
                let documents = documents(text, &path, format)?;
                self.lay(documents, self.search.directory, depth)
            }
            Place::Unsupported if location.is_optional => Ok(()),
            Place::Unsupported => Err(ConfigError::Location {
                location: location.text.clone(),
                named_by: named_by.to_owned(),
                reason: match location.text.starts_with("configserver:") {
                    true => "remote configuration servers are not supported".to_owned(),
                    false => "only files, directories, configtree: and env: are supported".to_owned(),
                },
            }),
        }
    }

    fn directory(
        &mut self,
        directory: &Path,
        profile: Option<&str>,
        depth: usize,
    ) -> Result<(), ConfigError> {
        for name in self.names.clone() {
            for ending in ENDINGS {
                let file = match profile {
                    Some(profile) => format!("{name}-{profile}.{ending}"),
                    None => format!("{name}.{ending}"),
                };
                let path = location::join(directory, &file);
                if path.is_file() {
                    self.file(&path, None, depth)?;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, format: Option<&str>, depth: usize) -> Result<(), ConfigError> {
        let text = read_text(path)?;
        let ending = path.extension().and_then(|ending| ending.to_str());
        let format = format.or(ending).unwrap_or("yml");
        let documents = documents(&text, &Arc::from(path), format)?;
        self.files.read.push(path.to_path_buf());
        let base = path.parent().filter(|parent| *parent != Path::new(""));
        self.lay(documents, base.unwrap_or(Path::new(".")), depth)
    }

    /// Lays the documents that count over the tree, and what each of them imports over it.
    fn lay(&mut self, documents: Vec<Node>, base: &Path, depth: usize) -> Result<(), ConfigError> {
        for document in documents {
            let document = document.expanded();
            if !self.counts(&document)? {
                continue;
            }
            let imports = document.at("spring.config.import");
            let imports = imports.and_then(|node| Some((comma_list(node)?, node.origin.clone())));
            let lower = std::mem::take(&mut self.files.tree);
            self.files.tree = lower.overlaid(document);
            if let Some((list, origin)) = imports {
                let list = (self.search.resolve)(&list, &self.files.tree).map_err(|reason| {
                    ConfigError::Location {
                        location: list,
                        named_by: format!("{origin}: spring.config.import"),
                        reason,
                    }
                })?;
                if depth >= MAX_IMPORT_DEPTH {
                    return Err(ConfigError::Location {
                        location: list,
                        named_by: format!("{origin}: spring.config.import"),
                        reason: format!("more than {MAX_IMPORT_DEPTH} imports inside each other"),
                    });
                }
                let named_by = format!("{origin}: spring.config.import");
                self.groups(&list, base, &named_by, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Whether the conditions of a document hold.
    fn counts(&mut self, document: &Node) -> Result<bool, ConfigError> {
        if let Some(platform) = document.at("spring.config.activate.on-cloud-platform") {
            self.files.findings.warning(
                &platform.origin,
                "documents with spring.config.activate.on-cloud-platform are left out",
            );
            return Ok(false);
        }
        let Some(condition) = document.at("spring.config.activate.on-profile") else {
            return Ok(true);
        };
        let Some(profiles) = self.profiles else {
            return Ok(false);
        };
        profiles
            .admit(condition)
            .map_err(|expression| ConfigError::Syntax {
                origin: condition.origin.clone(),
                kind: "a profile expression",
                reason: format!("`{expression}`"),
            })
    }

    /// Each file is a value, its path the key.
    fn config_tree(&mut self, root: &Path) -> Result<(), ConfigError> {
        let mut found = Vec::new();
        collect_tree(root, "", &mut found, 0);
        let mut tree = Node::empty();
        for (key, path) in found {
            let text = read_text(&path)?;
            let value = text.strip_suffix('\n').unwrap_or(&text);
            let value = value.strip_suffix('\r').unwrap_or(value);
            let steps = super::path::parse(&key).map(super::path::with_dotted_keys);
            if let Some(steps) = steps {
                tree.insert(
                    &steps,
                    Node::text_at(value, Origin::file(&Arc::from(path.as_path()), 0)),
                );
            }
        }
        self.files.read.push(root.to_path_buf());
        let lower = std::mem::take(&mut self.files.tree);
        self.files.tree = lower.overlaid(tree);
        Ok(())
    }
}

fn documents(text: &str, path: &Arc<Path>, format: &str) -> Result<Vec<Node>, ConfigError> {
    match format {
        "properties" => properties::parse(text, path),
        _ => yaml::parse(text, path),
    }
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    let io = |source| ConfigError::Read {
        path: path.to_path_buf(),
        source,
    };
    if std::fs::metadata(path).map_err(io)?.len() > MAX_FILE_BYTES {
        return Err(ConfigError::TooLarge {
            path: path.to_path_buf(),
            limit: MAX_FILE_BYTES,
        });
    }
    std::fs::read_to_string(path).map_err(io)
}

/// `x.yml` of profile `p` is `x-p.yml`.
fn of_profile(path: &Path, profile: &str) -> Option<PathBuf> {
    let stem = path.file_stem()?.to_str()?;
    let name = match path.extension().and_then(|ending| ending.to_str()) {
        Some(ending) => format!("{stem}-{profile}.{ending}"),
        None => format!("{stem}-{profile}"),
    };
    Some(path.with_file_name(name))
}

/// Directories in a directory by name, hidden ones left out.
fn subdirectories(parent: &Path) -> Vec<PathBuf> {
    let mut found = entries(parent);
    found.retain(|path| path.is_dir());
    found
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        // Kubernetes keeps its own links under names that begin with dots.
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| !name.to_string_lossy().starts_with('.'))
        })
        .collect();
    found.sort();
    found
}

fn collect_tree(directory: &Path, prefix: &str, found: &mut Vec<(String, PathBuf)>, depth: usize) {
    for path in entries(directory) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let key = match prefix {
            "" => name.to_owned(),
            _ => format!("{prefix}.{name}"),
        };
        if path.is_dir() {
            if depth < MAX_TREE_DEPTH {
                collect_tree(&path, &key, found, depth + 1);
            }
        } else if found.len() < MAX_TREE_FILES {
            found.push((key, path));
        }
    }
}
