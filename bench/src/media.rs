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

/// One side of piece number `piece`: a chord with a beat and noise, which gives encoders the work that music does.
/// Pieces differ in pitch, tempo and noise.
fn side(piece: u32, third: f64, generator: u32) -> String {
    let root = 180.0 * 2f64.powf(f64::from(piece % 24) / 12.0);
    let (third, high) = (root * third, root * 6.0);
    let beat = 0.35 + 0.03 * f64::from(piece % 11);
    // ffmpeg's generators begin with a seed of 0; a number that differs puts each piece elsewhere in the sequence.
    let noise = format!("0.04*(mod(random({generator})*{}+{root},1)-0.5)", 997 + piece);
    format!(
        "0.12*sin(2*PI*{root}*t)+0.1*sin(2*PI*{third}*t)+0.08*sin(2*PI*{high}*t)*exp(-6*mod(t,{beat}))+{noise}"
    )
}

/// Makes `seconds` of music in `directory` and returns the file. Each number of `piece` is other music.
///
/// # Errors
/// When ffmpeg is missing or fails.
pub fn make(directory: &Path, kind: Kind, piece: u32, seconds: u32) -> Result<PathBuf> {
    let (name, encoder): (_, &[&str]) = match kind {
        Kind::Mp3 => (
            format!("music-{piece}.mp3"),
            &["-c:a", "libmp3lame", "-b:a", "192k"],
        ),
        Kind::Opus => (
            format!("music-{piece}.opus"),
            &["-c:a", "libopus", "-b:a", "128k", "-frame_duration", "20"],
        ),
    };
    let path = directory.join(&name);
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
        .arg(format!(
            "aevalsrc='{}|{}':s=48000:d={seconds}",
            side(piece, 1.26, 0),
            side(piece, 1.5, 1)
        ))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_made() {
        let directory = tempfile::tempdir().unwrap();
        for (kind, magic) in [(Kind::Opus, b"OggS"), (Kind::Mp3, b"ID3\x04")] {
            let bytes = std::fs::read(make(directory.path(), kind, 0, 2).unwrap()).unwrap();
            assert!(bytes.starts_with(magic), "{kind}");
            // Noise keeps encoders busy: silence would be far smaller.
            assert!(bytes.len() > 20_000, "{kind} has {} bytes", bytes.len());
            let other = std::fs::read(make(directory.path(), kind, 1, 2).unwrap()).unwrap();
            assert_ne!(bytes, other);
        }
    }

    #[test]
    fn kinds_are_named() {
        assert_eq!("opus".parse::<Kind>().unwrap(), Kind::Opus);
        assert!("flac".parse::<Kind>().is_err());
    }
}
