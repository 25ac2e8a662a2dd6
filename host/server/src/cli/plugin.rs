//! `lavalink-rust plugin …`: what is done with plugins without running a node.

mod manage;

use std::path::PathBuf;

pub use self::manage::unfit_settings;
use lavalink_authoring::{AuthoringError, BuildOptions, Kind, Language, NewOptions};

/// Text of `plugin --help`.
pub const HELP: &str = "\
Usage: lavalink-rust plugin new <name> --api-path <folder> [--kind wasm|native] [--in <folder>]
       lavalink-rust plugin new <name> --language c [--in <folder>]
           write a plugin that compiles and plays, into a folder of its name, in Rust or in C.
           --api-path is the folder plugin-api of a checkout of lavalink-rust; --kind is wasm
           unless given
       lavalink-rust plugin build [<folder>] [--kind wasm|native] [--target-dir <folder>] [--debug]
           build the plugin in the folder, the present one unless given, and print the path of the
           file for the node's plugin folder. It is a crate, or C described by a plugin.json.
           --kind is what its Cargo.toml says unless given;
           --debug builds a native plugin without optimisation
";

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What is to be printed.
    pub text: String,
    /// Whether something is wrong that the text tells of.
    pub is_bad: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Look after the plugins of a configuration, which these arguments belong to.
    Manage(manage::Task, Vec<String>),
    /// Write a new plugin.
    New(NewOptions),
    /// Build one.
    Build(BuildOptions),
    /// Print how the commands are used.
    Help,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The command line makes no sense.
    #[error("{0}; see lavalink-rust plugin --help")]
    Usage(String),
    /// Writing or building failed.
    #[error(transparent)]
    Authoring(#[from] AuthoringError),
    /// Looking after plugins failed.
    #[error(transparent)]
    Manage(#[from] manage::ManageError),
}

/// Reads the arguments behind `plugin`.
///
/// # Errors
/// When they make no sense.
pub fn parse(arguments: &[String]) -> Result<Command, PluginError> {
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        return Ok(Command::Help);
    }
    let Some((what, rest)) = arguments.split_first() else {
        return Ok(Command::Help);
    };
    if manage::knows(what) {
        let (task, configuration) = manage::parse(what, rest).map_err(PluginError::Usage)?;
        return Ok(Command::Manage(task, configuration));
    }
    let mut given = Given::default();
    given.read(rest, what)?;
    let kind = given.kind.as_deref().map(str::parse::<Kind>).transpose()?;
    match what.as_str() {
        "new" => Ok(Command::New(NewOptions {
            language: language(&given, kind)?,
            name: given.place.ok_or_else(|| usage("plugin new needs a name"))?,
            parent: given.parent.map_or_else(|| PathBuf::from("."), PathBuf::from),
        })),
        "build" => Ok(Command::Build(BuildOptions {
            folder: given.place.map_or_else(|| PathBuf::from("."), PathBuf::from),
            kind,
            target: given.target.map(PathBuf::from),
            is_debug: given.is_debug,
        })),
        other => Err(usage(&format!("there is no `plugin {other}`"))),
    }
}

/// What a new plugin is written in.
fn language(given: &Given, kind: Option<Kind>) -> Result<Language, PluginError> {
    match given.language.as_deref() {
        None | Some("rust") => Ok(Language::Rust {
            kind: kind.unwrap_or(Kind::Wasm),
            api: given
                .api
                .as_ref()
                .ok_or_else(|| usage("plugin new needs --api-path"))?
                .into(),
        }),
        Some("c") if kind == Some(Kind::Native) => Err(usage("a plugin in C is a component")),
        Some("c") if given.api.is_some() => Err(usage("a plugin in C needs no --api-path")),
        Some("c") => Ok(Language::C),
        Some(other) => Err(AuthoringError::Language(other.to_owned()).into()),
    }
}

fn usage(what: &str) -> PluginError {
    PluginError::Usage(what.to_owned())
}

/// The arguments of one command.
#[derive(Default)]
struct Given {
    place: Option<String>,
    kind: Option<String>,
    api: Option<String>,
    language: Option<String>,
    parent: Option<String>,
    target: Option<String>,
    is_debug: bool,
}

impl Given {
    fn read(&mut self, arguments: &[String], command: &str) -> Result<(), PluginError> {
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (name, attached) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            let slot = match (name, command) {
                ("--kind", _) => &mut self.kind,
                ("--api-path", "new") => &mut self.api,
                ("--language", "new") => &mut self.language,
                ("--in", "new") => &mut self.parent,
                ("--target-dir", "build") => &mut self.target,
                ("--debug", "build") => {
                    self.is_debug = true;
                    continue;
                }
                (place, _) if !place.starts_with('-') && self.place.is_none() => {
                    self.place = Some(argument.clone());
                    continue;
                }
                _ => return Err(usage(&format!("plugin {command} does not take {argument}"))),
            };
            let value = attached.or_else(|| arguments.next().cloned());
            *slot = Some(value.ok_or_else(|| usage(&format!("{name} needs a value")))?);
        }
        Ok(())
    }
}

/// Does what was asked for.
///
/// # Errors
/// What kept it from being done.
pub fn run(command: Command) -> Result<Outcome, PluginError> {
    let text = match command {
        Command::Manage(task, configuration) => return Ok(manage::run(task, configuration)?),
        Command::Help => format!("{HELP}{}", manage::HELP),
        Command::New(options) => {
            let folder = lavalink_authoring::create(&options)?;
            format!("{}\n", folder.display())
        }
        Command::Build(options) => {
            let built = lavalink_authoring::build(&options)?;
            format!("{}\n", built.path.display())
        }
    };
    Ok(Outcome { text, is_bad: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, PluginError> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments)
    }

    #[test]
    fn reads_both_commands() {
        assert_eq!(
            parsed("new hymns --api-path=../api --kind native").unwrap(),
            Command::New(NewOptions {
                name: "hymns".to_owned(),
                language: Language::Rust {
                    kind: Kind::Native,
                    api: "../api".into(),
                },
                parent: ".".into(),
            })
        );
        assert_eq!(
            parsed("new hymns --language c --in x").unwrap(),
            Command::New(NewOptions {
                name: "hymns".to_owned(),
                language: Language::C,
                parent: "x".into(),
            })
        );
        assert_eq!(
            parsed("build --debug x --target-dir t").unwrap(),
            Command::Build(BuildOptions {
                folder: "x".into(),
                kind: None,
                target: Some("t".into()),
                is_debug: true,
            })
        );
        assert!(matches!(parsed(""), Ok(Command::Help)));
        assert!(matches!(parsed("new --help"), Ok(Command::Help)));
    }

    #[test]
    fn says_what_it_does_not_understand() {
        for (line, reason) in [
            ("fly", "no `plugin fly`"),
            ("new --language c", "needs a name"),
            ("new a --language c --kind native", "a plugin in C is a component"),
            ("new a --language go", "no template in \"go\""),
            ("new a", "needs --api-path"),
            ("new a --api-path", "--api-path needs a value"),
            ("new a b --api-path x", "does not take b"),
            ("build --in x", "does not take --in"),
            ("build --kind jar", "\"jar\" is no kind"),
        ] {
            let error = parsed(line).unwrap_err().to_string();
            assert!(error.contains(reason), "{line}: {error}");
        }
    }
}
