//! The source against files in a temporary folder and a host in memory.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lavalink_plugin_api::{
    Failure, Host, HttpRequest, HttpResponse, Level, Loaded, Media, Probe, Severity, Source, Track,
};

use crate::LocalSource;

/// Takes every file for a mono `wav` titled by its bytes and extension.
struct Desk {
    config: String,
    length: Option<Duration>,
}

impl Desk {
    fn new() -> Self {
        Self {
            config: "{}".to_owned(),
            length: Some(Duration::from_secs(2)),
        }
    }

    fn with_roots(roots: &[&Path]) -> Self {
        let roots: Vec<_> = roots.iter().map(|root| root.to_str().unwrap()).collect();
        Self {
            config: serde_json::json!({ "roots": roots }).to_string(),
            ..Self::new()
        }
    }
}

impl Host for Desk {
    fn log(&self, _: Level, _: &str) {}
    fn config(&self) -> String {
        self.config.clone()
    }
    fn now_unix_ms(&self) -> u64 {
        0
    }
    fn random(&self, length: usize) -> Vec<u8> {
        vec![7; length]
    }
    fn monotonic_ns(&self) -> u64 {
        0
    }
    fn sleep(&self, _: Duration) -> Result<(), Failure> {
        panic!("nothing to wait for")
    }
    fn fetch(&self, _: HttpRequest) -> Result<Box<dyn HttpResponse>, Failure> {
        panic!("files need no network")
    }
    fn cache_get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn cache_set(&self, _: &str, _: &[u8], _: Duration) {}
    fn probe(&self, media: Media) -> Result<Probe, Failure> {
        let Media::Bytes(mut stream, hint) = media else {
            panic!("files are streams of bytes: {media:?}")
        };
        let bytes = stream.read(usize::MAX)?;
        if bytes == b"list" {
            return Ok(Probe::Reference {
                identifier: "http://a.test/".to_owned(),
                title: Some("T".to_owned()),
            });
        }
        let text = String::from_utf8(bytes).map_err(|_| Failure::common("Unknown file format."))?;
        Ok(Probe::Audio {
            container: "wav".to_owned(),
            parameters: None,
            title: (!text.is_empty()).then(|| format!("{text}.{}", hint.extension.unwrap_or_default())),
            author: None,
            isrc: None,
            length: self.length,
            is_seekable: true,
        })
    }
}

fn load(desk: &Desk, path: &Path) -> Result<Loaded, Failure> {
    LocalSource.load(desk, path.to_str().unwrap())
}

fn track(desk: &Desk, path: &Path) -> Track {
    match load(desk, path) {
        Ok(Loaded::Track(track)) => track,
        other => panic!("not a track: {other:?}"),
    }
}

#[test]
fn what_is_no_file_is_not_claimed() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.mp3");
    for identifier in [
        "",
        "ytsearch:x",
        "http://a.test/x.mp3",
        "a\0b",
        dir.path().to_str().unwrap(),
        missing.to_str().unwrap(),
    ] {
        assert_eq!(
            LocalSource.load(&Desk::new(), identifier),
            Ok(Loaded::NotMine),
            "{identifier:?}"
        );
    }
    assert!(!LocalSource.describe().is_fallback);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_claimed_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.mp3");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert_eq!(load(&Desk::new(), &pipe), Ok(Loaded::NotMine));
}

#[test]
fn a_file_becomes_a_track_with_its_path_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("song.WAV"), "tune").unwrap();
    let path = dir.path().join("sub/../song.WAV");
    let track = track(&Desk::new(), &path);
    assert_eq!(track.info.identifier, path.to_str().unwrap());
    assert_eq!(track.info.uri.as_deref(), path.to_str());
    assert_eq!(
        (track.info.title.as_str(), track.info.author.as_str()),
        ("tune.WAV", "Unknown artist")
    );
    assert!(track.info.is_seekable && !track.info.is_stream);
    assert_eq!(track.details, b"\0\x03wav");
    assert_eq!(track.plugin_info.as_deref(), Some(r#"{"probeInfo":"wav"}"#));
}

#[test]
fn defaults_streams_references_and_unknown_formats() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    fs::write(&path, "").unwrap();
    let track = track(
        &Desk {
            length: None,
            ..Desk::new()
        },
        &path,
    );
    assert_eq!(track.info.title, "Unknown title");
    assert!(track.info.is_stream && !track.info.is_seekable);

    fs::write(&path, "list").unwrap();
    let expected = Loaded::Redirect {
        identifier: "http://a.test/".to_owned(),
        title: Some("T".to_owned()),
    };
    assert_eq!(load(&Desk::new(), &path), Ok(expected));

    fs::write(&path, [0xff]).unwrap();
    assert_eq!(
        load(&Desk::new(), &path),
        Err(Failure::common("Unknown file format."))
    );
}

#[test]
fn opens_the_bytes_and_seeks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("big.wav");
    let content: String = ('a'..='z').cycle().take(200_000).collect();
    fs::write(&path, &content).unwrap();
    let track = track(&Desk::new(), &path);

    let Ok(Media::Bytes(mut stream, hint)) = LocalSource.open(&Desk::new(), &track, Duration::ZERO) else {
        panic!("not bytes")
    };
    assert_eq!(
        (hint.container.as_deref(), hint.extension.as_deref()),
        (Some("wav"), Some("wav"))
    );
    assert_eq!(stream.length(), Some(200_000));
    let mut read = Vec::new();
    loop {
        let bytes = stream.read(70_000).unwrap();
        assert!(bytes.len() <= 70_000);
        if bytes.is_empty() {
            break;
        }
        read.extend(bytes);
    }
    assert!(read == content.as_bytes());
    stream.seek(26 * 3 + 1).unwrap();
    assert_eq!(stream.read(2), Ok(b"bc".to_vec()));
    stream.seek(1 << 40).unwrap();
    assert_eq!(stream.read(2), Ok(Vec::new()));
}

#[test]
fn only_files_below_the_roots_are_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (music, other) = (dir.path().join("music"), dir.path().join("music-private"));
    fs::create_dir(&music).unwrap();
    fs::create_dir(&other).unwrap();
    fs::write(music.join("a.wav"), "a").unwrap();
    fs::write(other.join("b.wav"), "b").unwrap();
    let desk = Desk::with_roots(&[&dir.path().join("missing"), &music]);

    let allowed = track(&desk, &music.join("a.wav"));
    assert_eq!(load(&desk, &other.join("b.wav")), Ok(Loaded::NotMine));
    assert_eq!(
        load(&desk, &music.join("../music-private/b.wav")),
        Ok(Loaded::NotMine)
    );
    assert_eq!(
        load(&Desk::with_roots(&[]), &music.join("a.wav")),
        Ok(Loaded::NotMine)
    );

    // An encoded track is no way around.
    let mut forged = allowed.clone();
    forged.info.identifier = other.join("b.wav").to_str().unwrap().to_owned();
    let failure = LocalSource.open(&desk, &forged, Duration::ZERO).unwrap_err();
    assert_eq!(failure.severity, Severity::Common);
    assert!(LocalSource.open(&desk, &allowed, Duration::ZERO).is_ok());
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_roots_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let music = dir.path().join("music");
    fs::create_dir(&music).unwrap();
    fs::write(dir.path().join("secret"), "s").unwrap();
    std::os::unix::fs::symlink(dir.path().join("secret"), music.join("link.wav")).unwrap();
    assert_eq!(
        load(&Desk::with_roots(&[&music]), &music.join("link.wav")),
        Ok(Loaded::NotMine)
    );
    assert_eq!(track(&Desk::new(), &music.join("link.wav")).info.title, "s.wav");
}

#[test]
fn a_broken_configuration_opens_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for config in [r#"{"roots":"/music"}"#, r#"{"roots":[1]}"#, "[]x"] {
        let desk = Desk {
            config: config.to_owned(),
            ..Desk::new()
        };
        let failure = load(&desk, file.path()).unwrap_err();
        assert!(failure.message.contains("plugins.local"), "{config}: {failure}");
    }
}

#[test]
fn checks_details() {
    assert_eq!(
        LocalSource.decode_details(3, b"\0\x04flac").unwrap().details,
        b"\0\x04flac"
    );
    assert!(LocalSource.decode_details(3, b"\0\x04flacx").is_err());
}
