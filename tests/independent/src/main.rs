//! Plays a sine through songbird's voice driver: a client we did not write, to check the fake voice server against.
//!
//! `songbird-client ENDPOINT GUILD CHANNEL USER HZ SECONDS` plays the tone at half scale, then waits for standard
//! input to close, so that a test decides when the call ends. TLS trust comes from `SSL_CERT_FILE`.

use std::io::{Cursor, Read};
use std::num::NonZeroU64;
use std::time::Duration;

use anyhow::{Context, bail};
use songbird::input::RawAdapter;
use songbird::{Config, ConnectionInfo, Driver};

/// Sample rate of the generated tone, Hz.
const RATE: u32 = 48_000;

/// What to play, and where.
struct Call {
    info: ConnectionInfo,
    hz: f64,
    seconds: f64,
}

fn parse(arguments: &[String]) -> anyhow::Result<Call> {
    let [endpoint, guild, channel, user, hz, seconds] = arguments else {
        bail!("usage: songbird-client ENDPOINT GUILD CHANNEL USER HZ SECONDS");
    };
    let id = |text: &str| text.parse::<NonZeroU64>().with_context(|| format!("id {text:?}"));
    Ok(Call {
        info: ConnectionInfo {
            endpoint: endpoint.clone(),
            guild_id: id(guild)?.into(),
            channel_id: id(channel)?.into(),
            user_id: id(user)?.into(),
            session_id: "songbird-session".to_owned(),
            token: "songbird-token".to_owned(),
        },
        hz: hz.parse().context("HZ")?,
        seconds: seconds.parse().context("SECONDS")?,
    })
}

/// Interleaved stereo f32 samples, little endian, as songbird's raw reader takes them.
fn tone(hz: f64, seconds: f64) -> Vec<u8> {
    (0..(seconds * f64::from(RATE)) as u64)
        .flat_map(|n| {
            let sample = (0.5 * (std::f64::consts::TAU * hz * n as f64 / f64::from(RATE)).sin()) as f32;
            [sample.to_le_bytes(), sample.to_le_bytes()].concat()
        })
        .collect()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let call = parse(&arguments)?;
    let mut driver = Driver::new(Config::default());
    tokio::time::timeout(Duration::from_secs(30), driver.connect(call.info))
        .await
        .context("connecting took over 30 s")?
        .context("songbird could not connect")?;
    driver.play_input(RawAdapter::new(Cursor::new(tone(call.hz, call.seconds)), RATE, 2).into());
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    driver.leave();
    // The driver says goodbye from a task of its own, without telling when it is done.
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(())
}
