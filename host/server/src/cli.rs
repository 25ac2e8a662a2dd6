//! The command line.

pub mod plugin;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Run the node; the arguments are configuration.
    Run(Vec<String>),
    /// Check the configuration a start with these arguments would have.
    CheckConfig {
        /// The arguments that are configuration.
        arguments: Vec<String>,
        /// Whether warnings count as errors.
        is_strict: bool,
    },
    /// Do something with plugins and end; these are the arguments of it.
    Plugin(Vec<String>),
    /// Print the JSON Schema of `application.yml` and end.
    JsonSchema,
    /// Print the version and end.
    Version,
    /// Print how to use the program and end.
    Help,
}

/// Text of `--help`.
pub const HELP: &str = "\
Usage: lavalink-rust [--<key>=<value> ...]            run the node
       lavalink-rust check-config [--strict] [--<key>=<value> ...]
                                                      check the configuration a start would have: errors and
                                                      unknown keys with file and line, then what counts.
                                                      Exit code 1 on errors, with --strict also on warnings
       lavalink-rust plugin new|build ...             write and build plugins, see plugin --help
       lavalink-rust plugin list|add|update|verify|reload ...
                                                      look after the plugins of a configuration
       lavalink-rust --json-schema                    print a JSON Schema of application.yml
       lavalink-rust --version

Any key of application.yml can be given, for example
  --server.port=2333 --server.address=127.0.0.1
  --lavalink.server.password=secret --lavalink.pluginsDir=/opt/lavalink/plugins
  --spring.config.location=/etc/lavalink/application.yml
";

/// Reads the arguments that follow the program name.
pub fn parse(mut arguments: Vec<String>) -> Invocation {
    match arguments.first().map(String::as_str) {
        Some("-v" | "--version") => Invocation::Version,
        Some("-h" | "--help") => Invocation::Help,
        Some("--json-schema") => Invocation::JsonSchema,
        Some("plugin") => Invocation::Plugin(arguments.split_off(1)),
        Some("check-config") => {
            arguments.remove(0);
            let has = |switch: &str| arguments.iter().any(|argument| argument == switch);
            if has("--json-schema") {
                return Invocation::JsonSchema;
            }
            if has("--help") || has("-h") {
                return Invocation::Help;
            }
            let is_strict = has("--strict");
            arguments.retain(|argument| argument != "--strict");
            Invocation::CheckConfig { arguments, is_strict }
        }
        _ => Invocation::Run(arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(arguments: &[&str]) -> Invocation {
        parse(arguments.iter().map(|a| (*a).to_owned()).collect())
    }

    #[test]
    fn the_first_argument_decides() {
        assert_eq!(invocation(&["-v"]), Invocation::Version);
        assert_eq!(invocation(&["--version", "--server.port=1"]), Invocation::Version);
        assert_eq!(invocation(&["--help"]), Invocation::Help);
        assert_eq!(invocation(&["--json-schema"]), Invocation::JsonSchema);
        assert_eq!(
            invocation(&["plugin", "build", "--help"]),
            Invocation::Plugin(vec!["build".to_owned(), "--help".to_owned()])
        );
        assert_eq!(
            invocation(&["check-config", "--json-schema"]),
            Invocation::JsonSchema
        );
        assert_eq!(
            invocation(&["--server.port=1"]),
            Invocation::Run(vec!["--server.port=1".to_owned()])
        );
        assert_eq!(invocation(&[]), Invocation::Run(vec![]));
        assert_eq!(
            invocation(&["check-config", "--server.port=1", "--strict"]),
            Invocation::CheckConfig {
                arguments: vec!["--server.port=1".to_owned()],
                is_strict: true
            }
        );
    }
}
