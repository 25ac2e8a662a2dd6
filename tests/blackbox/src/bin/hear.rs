//! Plays a file through the real node into the fake Discord and writes what a listener decoded as WAV.
//!
//! Usage: `hear [FILE] [OUT.wav]`; without FILE a generated tone is played.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use fake_discord::Config;
use lavalink_blackbox::{Stage, media};

/// Longest piece that is recorded.
const LONGEST: Duration = Duration::from_secs(600);
const GUILD: u64 = 1;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next();
    let out = PathBuf::from(arguments.next().unwrap_or_else(|| "heard.wav".to_owned()));

    let mut stage = Stage::start(Config {
        record_limit: LONGEST,
        ..Config::default()
    })
    .await;
    let file = match file {
        Some(file) => match std::fs::canonicalize(&file) {
            Ok(path) => path.to_string_lossy().into_owned(),
            // Perhaps a URL.
            Err(_) => file,
        },
        None => {
            let encoder = ["-c:a", "libmp3lame", "-b:a", "192k"];
            let path = media::tone(
                stage.node.directory(),
                "tone.mp3",
                &encoder,
                48_000,
                5.0,
                440,
                660,
            );
            path.to_string_lossy().into_owned()
        }
    };
    let loaded = stage.rest.load(&file).await;
    if loaded["loadType"] != "track" {
        eprintln!("the node cannot play {file}: {loaded}");
        return ExitCode::FAILURE;
    }
    let info = &loaded["data"]["info"];
    eprintln!(
        "playing {} by {} ({} ms), recording at most 10 minutes",
        info["title"], info["author"], info["length"]
    );
    stage.join(GUILD).await;
    stage.play(GUILD, &file).await;
    let end = stage
        .socket
        .wait_for(LONGEST + Duration::from_secs(30), |m| {
            m["type"] == "TrackEndEvent"
        })
        .await;
    let report = stage
        .heard(GUILD, "the closing silence", |r| r.frames.silence >= 5)
        .await;
    if let Err(error) = stage.discord.write_wav(GUILD, &out) {
        eprintln!("{} cannot be written: {error}", out.display());
        return ExitCode::FAILURE;
    }
    eprintln!(
        "track ended ({}); {} frames heard, {} of them end-to-end encrypted, {} lost, {} gaps over 60 ms, lateness p99 {:.1} ms",
        end["reason"],
        report.frames.media,
        report.dave.decrypted,
        report.rtp.lost,
        report.timing.gap_count,
        report.timing.late_p99_ms
    );
    for problem in report.violations() {
        eprintln!("problem: {problem}");
    }
    eprintln!("written: {}", out.display());
    if report.violations().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
