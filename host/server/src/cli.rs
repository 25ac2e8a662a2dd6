//! The command line.

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Run the node; the arguments are configuration.
    Run(Vec<String>),
    /// Print the version and end.
    Version,
    /// Print how to use the program and end.
    Help,
}

/// Text of `--help`.
pub const HELP: &str = "\
Usage: lavalink-rust [--version] [--<key>=<value> ...]

Any key of application.yml can be given, for example
  --server.port=2333 --server.address=127.0.0.1
  --lavalink.server.password=secret --lavalink.pluginsDir=/opt/lavalink/plugins
  --spring.config.location=/etc/lavalink/application.yml
";

/// Reads the arguments that follow the program name.
pub fn parse(arguments: Vec<String>) -> Invocation {
    match arguments.first().map(String::as_str) {
        Some("-v" | "--version") => Invocation::Version,
        Some("-h" | "--help") => Invocation::Help,
        _ => Invocation::Run(arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_decides() {
        assert_eq!(parse(vec!["-v".into()]), Invocation::Version);
        assert_eq!(
            parse(vec!["--version".into(), "--server.port=1".into()]),
            Invocation::Version
        );
        assert_eq!(parse(vec!["--help".into()]), Invocation::Help);
        let options = vec!["--server.port=1".to_owned()];
        assert_eq!(parse(options.clone()), Invocation::Run(options));
        assert_eq!(parse(vec![]), Invocation::Run(vec![]));
    }
}
