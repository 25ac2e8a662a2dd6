//! Test media, made by ffmpeg: 440 Hz on the left, 660 Hz on the right unless said otherwise.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// One container and codec the node must play.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// File name.
    pub file: &'static str,
    /// Arguments of the encoder.
    pub encoder: &'static [&'static str],
    /// Probe name in `pluginInfo`.
    pub probe: &'static str,
    /// Whether the packets go to Discord as they are.
    pub passthrough: bool,
}

/// Every format of the first stage.
pub const FORMATS: &[Format] = &[
    Format {
        file: "tone.mp3",
        encoder: &["-c:a", "libmp3lame", "-b:a", "192k"],
        probe: "mp3",
        passthrough: false,
    },
    Format {
        file: "tone.flac",
        encoder: &["-c:a", "flac"],
        probe: "flac",
        passthrough: false,
    },
    Format {
        file: "tone.wav",
        encoder: &["-c:a", "pcm_s16le"],
        probe: "wav",
        passthrough: false,
    },
    Format {
        file: "vorbis.ogg",
        encoder: &["-c:a", "libvorbis", "-q:a", "5"],
        probe: "ogg",
        passthrough: false,
    },
    Format {
        file: "opus.ogg",
        encoder: &["-c:a", "libopus", "-b:a", "96k"],
        probe: "ogg",
        passthrough: true,
    },
    Format {
        file: "opus.webm",
        encoder: &["-c:a", "libopus", "-b:a", "96k"],
        probe: "matroska/webm",
        passthrough: true,
    },
    Format {
        file: "vorbis.webm",
        encoder: &["-c:a", "libvorbis", "-q:a", "5"],
        probe: "matroska/webm",
        passthrough: false,
    },
    Format {
        file: "opus.mkv",
        encoder: &["-c:a", "libopus", "-b:a", "96k"],
        probe: "matroska/webm",
        passthrough: true,
    },
    Format {
        file: "vorbis.mkv",
        encoder: &["-c:a", "libvorbis", "-q:a", "5"],
        probe: "matroska/webm",
        passthrough: false,
    },
    Format {
        file: "aac.m4a",
        encoder: &["-c:a", "aac", "-b:a", "160k"],
        probe: "mp4",
        passthrough: false,
    },
];

/// Runs ffmpeg.
///
/// # Panics
/// When it is missing or fails; the test command installs it.
pub fn ffmpeg(arguments: &[&str]) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments)
        .output()
        .expect("ffmpeg runs (deployment/setup.sh --tests installs it)");
    assert!(
        output.status.success(),
        "ffmpeg {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Writes a tone of `seconds`, `left` Hz and `right` Hz at -12 dBFS peak, into `directory`, at `rate` Hz.
pub fn tone(
    directory: &Path,
    file: &str,
    encoder: &[&str],
    rate: u32,
    seconds: f64,
    left: u32,
    right: u32,
) -> PathBuf {
    let path = directory.join(file);
    let source = format!("aevalsrc=0.25*sin(2*PI*{left}*t)|0.25*sin(2*PI*{right}*t):s={rate}:d={seconds}");
    let target = path.to_str().expect("temp paths are text");
    let mut arguments = vec!["-f", "lavfi", "-i", &source];
    arguments.extend([
        "-metadata",
        "title=Test Tone",
        "-metadata",
        "artist=Signal Generator",
    ]);
    arguments.extend(encoder);
    arguments.push(target);
    ffmpeg(&arguments);
    path
}
