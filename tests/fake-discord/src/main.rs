//! `fake-discord`: the fake voice server as a program, for clients that are not Rust tests.
//!
//! Prints one line with endpoint and certificate file, serves until interrupted (Ctrl-C or SIGTERM), then writes
//! what it recorded.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use fake_discord::{Config, Content, FakeDiscord};

const USAGE: &str = "usage: fake-discord [--listen 127.0.0.1:PORT] [--ca-out FILE] [--record-dir DIR]
                    [--record-seconds N] [--dave on|off] [--listeners N] [--content full|decrypt|transport]

  --listen          address of the gateway, default 127.0.0.1 and a free port
  --ca-out          write the system's roots and this server's authority there, for SSL_CERT_FILE
  --record-dir      at the end write <guild>.wav and <guild>.json there for every guild
  --record-seconds  newest audio kept per connection, default 120
  --dave            end-to-end encryption, default on
  --listeners       simulated listeners per channel, 0 to 64, default 1
  --content         how far packets are opened, default full";

struct Options {
    config: Config,
    ca_out: Option<PathBuf>,
    record_dir: Option<PathBuf>,
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let config = Config {
        record_limit: Duration::from_secs(120),
        ..Config::default()
    };
    let mut options = Options {
        config,
        ca_out: None,
        record_dir: None,
    };
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let wrong = |expected: &str| format!("{flag} is {expected}, not {value:?}");
        let config = &mut options.config;
        match flag.as_str() {
            "--listen" => config.listen = value.parse().map_err(|_| wrong("an address with port"))?,
            "--ca-out" => options.ca_out = Some(value.into()),
            "--record-dir" => options.record_dir = Some(value.into()),
            "--record-seconds" => {
                config.record_limit = Duration::from_secs(value.parse().map_err(|_| wrong("a number"))?);
            }
            "--dave" => {
                config.dave_version = match value.as_str() {
                    "on" => 1,
                    "off" => 0,
                    _ => return Err(wrong("on or off")),
                };
            }
            "--listeners" => config.listeners = value.parse().map_err(|_| wrong("a number"))?,
            "--content" => {
                config.content = match value.as_str() {
                    "full" => Content::Full,
                    "decrypt" => Content::Decrypt,
                    "transport" => Content::TransportOnly,
                    _ => return Err(wrong("full, decrypt or transport")),
                };
            }
            _ => return Err(format!("unknown option {flag}")),
        }
    }
    Ok(options)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        eprintln!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match parse(arguments.into_iter()) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("fake-discord: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fake-discord: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let discord = FakeDiscord::start(options.config).await?;
    if let Some(path) = &options.ca_out {
        discord.write_ca_bundle(path)?;
    }
    announce(&discord.endpoint());
    interrupted().await?;
    for fault in discord.faults() {
        eprintln!("fake-discord: fault: {fault}");
    }
    if let Some(directory) = &options.record_dir {
        save(&discord, directory)?;
    }
    Ok(())
}

/// The one line of standard output; scripts wait for it.
#[allow(clippy::print_stdout)]
fn announce(endpoint: &str) {
    println!("fake-discord listening on {endpoint}");
}

#[cfg(unix)]
async fn interrupted() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Writes `<guild>.json` with all reports of a guild and `<guild>.wav` with the newest session's audio, if any.
fn save(discord: &FakeDiscord, directory: &Path) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(directory)?;
    let reports = discord.reports();
    for guild in discord.guilds() {
        let of_guild: Vec<_> = reports.iter().filter(|report| report.guild_id == guild).collect();
        let file = std::fs::File::create(directory.join(format!("{guild}.json")))?;
        serde_json::to_writer_pretty(std::io::BufWriter::new(file), &of_guild)?;
        if !discord.pcm(guild).is_empty() {
            discord.write_wav(guild, directory.join(format!("{guild}.wav")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Result<Options, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_reach_the_configuration() {
        let parsed = options(
            "--listen 127.0.0.1:9000 --ca-out ca.pem --record-dir out --dave off --listeners 3 --content transport",
        )
        .unwrap();
        assert_eq!(parsed.config.listen, "127.0.0.1:9000".parse().unwrap());
        assert_eq!((parsed.config.dave_version, parsed.config.listeners), (0, 3));
        assert_eq!(parsed.config.content, Content::TransportOnly);
        assert_eq!(
            (parsed.ca_out, parsed.record_dir),
            (Some("ca.pem".into()), Some("out".into()))
        );
    }

    #[test]
    fn mistakes_name_the_option() {
        for line in [
            "--dave maybe",
            "--listen here",
            "--listeners many",
            "--nonsense 1",
            "--dave",
        ] {
            let flag = line.split(' ').next().unwrap();
            assert!(
                options(line).is_err_and(|problem| problem.contains(flag)),
                "{line}"
            );
        }
    }
}
