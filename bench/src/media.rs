//! Music-like test media, made by ffmpeg.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// What players are given to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 48 kHz stereo mp3, 192 kbit/s: decoded and encoded again.
    Mp3,
    /// 48 kHz stereo Opus in Ogg, 128 kbit/s, 20 ms: handed through.
    Opus,
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "mp3" => Ok(Self::Mp3),
            "opus" => Ok(Self::Opus),
            _ => bail!("{text:?} is no kind of media; say mp3 or opus"),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
        })
    }
}

/// A chord with a beat and noise, different on both sides: gives encoders the work that music does.
const LEFT: &str = "0.12*sin(2*PI*220*t)+0.1*sin(2*PI*277.2*t)+0.08*sin(2*PI*1318.5*t)*exp(-6*mod(t,0.5))+0.04*(random(0)-0.5)";
const RIGHT: &str = "0.12*sin(2*PI*220*t)+0.1*sin(2*PI*329.6*t)+0.08*sin(2*PI*1760*t)*exp(-6*mod(t,0.25))+0.04*(random(1)-0.5)";

/// Makes `seconds` of music in `directory` and returns the file.
///
/// # Errors
/// When ffmpeg is missing or fails.
pub fn make(directory: &Path, kind: Kind, seconds: u32) -> Result<PathBuf> {
    let (name, encoder): (_, &[&str]) = match kind {
        Kind::Mp3 => ("music.mp3", &["-c:a", "libmp3lame", "-b:a", "192k"]),
        Kind::Opus => (
            "music.opus",
            &["-c:a", "libopus", "-b:a", "128k", "-frame_duration", "20"],
        ),
    };
    let path = directory.join(name);
    let output = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-hide_banner",
            "-loglevel",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
        ])
        .arg(format!("aevalsrc={LEFT}|{RIGHT}:s=48000:d={seconds}"))
        .args(encoder)
        .arg(&path)
        .output()
        .context("ffmpeg cannot be started; install it")?;
    if !output.status.success() {
        bail!(
            "ffmpeg could not make {name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(path)
}
