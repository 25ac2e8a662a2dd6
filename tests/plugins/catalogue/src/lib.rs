//! A plugin with a fixed catalogue under the name `youtube`: what the example payloads of the wire speak of.
//!
//! The audio of every track is what lies behind the URL in `song.url`, or else `song.wav`, in the node's working
//! directory; without either nothing can be played. While there is a `song.eof`, playing fails without a message.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use lavalink_plugin_api::{
    ByteStream, Details, Failure, Hint, Host, HttpRequest, Loaded, Media, Playlist, Plugin, Source,
    SourceDescriptor, Track, TrackInfo, export,
};

/// Where pages of tracks are.
const PAGE: &str = "https://www.youtube.com/watch?v=";
/// Where pages of playlists are.
const LIST: &str = "https://www.youtube.com/playlist?list=";

struct Catalogue;

fn track(identifier: &str, title: &str, author: &str, seconds: u64) -> Track {
    Track {
        info: TrackInfo {
            identifier: identifier.to_owned(),
            is_seekable: true,
            author: author.to_owned(),
            length: Some(Duration::from_secs(seconds)),
            is_stream: false,
            title: title.to_owned(),
            uri: Some(format!("{PAGE}{identifier}")),
            artwork_url: Some(format!("https://i.ytimg.com/vi/{identifier}/maxresdefault.jpg")),
            isrc: None,
        },
        details: Vec::new(),
        plugin_info: None,
    }
}

fn song() -> Track {
    track("aBcDeFgHiJk", "Example Song", "Example Artist", 183)
}

fn second() -> Track {
    track("zYxWvUtSrQp", "Zweites Stück \"B\"", "Künstler/in", 241)
}

fn cloud() -> Track {
    Track {
        info: TrackInfo {
            identifier: "U:https://api-v2.soundcloud.com/media/soundcloud:tracks:1/stream/hls".to_owned(),
            uri: Some("https://soundcloud.com/dj/cloud".to_owned()),
            artwork_url: Some("https://i1.sndcdn.com/artworks-x-original.jpg".to_owned()),
            isrc: Some("QZABC2400001".to_owned()),
            ..track("", "Cloud", "DJ", 95).info
        },
        ..song()
    }
}

fn playlist(selected: Option<u32>, tracks: Vec<Track>) -> Loaded {
    Loaded::Playlist(Playlist {
        name: "My list".to_owned(),
        selected,
        tracks,
        plugin_info: None,
    })
}

struct Wave(File, u64);

impl ByteStream for Wave {
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; max];
        let count = self.0.read(&mut bytes).map_err(|error| broken().because(error))?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn seek(&mut self, offset: u64) -> Result<(), Failure> {
        let sought = self.0.seek(SeekFrom::Start(offset));
        sought.map(drop).map_err(|error| broken().because(error))
    }

    fn length(&self) -> Option<u64> {
        Some(self.1)
    }
}

fn broken() -> Failure {
    Failure::fault("Something broke when playing the track.")
}

impl Source for Catalogue {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: "youtube".to_owned(),
            search_prefixes: vec!["ytsearch:".to_owned()],
            is_fallback: false,
        }
    }

    fn load(&self, _: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        if let Some(query) = identifier.strip_prefix("ytsearch:") {
            return Ok(Loaded::Search(match query {
                "songs" => vec![song(), second()],
                _ => Vec::new(),
            }));
        }
        if let Some(id) = identifier.strip_prefix(PAGE) {
            return match id {
                "aBcDeFgHiJk" => Ok(Loaded::Track(song())),
                "unavailable" => Err(Failure::common("This video is not available")),
                _ => Ok(Loaded::Nothing),
            };
        }
        Ok(match identifier.strip_prefix(LIST) {
            Some("selected") => playlist(Some(1), vec![song(), second()]),
            Some(_) => playlist(None, vec![cloud()]),
            None => Loaded::NotMine,
        })
    }

    fn decode_details(&self, _: u8, details: &[u8]) -> Result<Details, Failure> {
        Ok(Details {
            details: details.to_vec(),
            plugin_info: None,
        })
    }

    fn open(&self, _: &dyn Host, _: &Track, _: Duration) -> Result<Media, Failure> {
        if std::fs::exists("song.eof").is_ok_and(|there| there) {
            return Err(Failure::suspicious("").because("java.io.EOFException"));
        }
        let hint = Hint {
            container: Some("wav".to_owned()),
            ..Hint::default()
        };
        if let Ok(url) = std::fs::read_to_string("song.url") {
            return Ok(Media::Http {
                request: HttpRequest::get(url),
                expires: None,
                length: None,
                hint,
            });
        }
        let no_song = |_| broken().because("java.net.SocketTimeoutException: Read timed out");
        let file = File::open("song.wav").map_err(no_song)?;
        let length = file.metadata().map_err(no_song)?.len();
        Ok(Media::Bytes(Box::new(Wave(file, length)), hint))
    }
}

export!(
    || Plugin::new().source(Catalogue),
    name = "youtube",
    offers = [source]
);
