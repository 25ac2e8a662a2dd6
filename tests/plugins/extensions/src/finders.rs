//! Additions to tracks, a probe, a search and lyrics.

use std::time::Duration;

use lavalink_plugin_api::{
    ContainerProbe, Failure, Hint, Host, InfoModifier, Lyrics, LyricsLine, LyricsSource, Playlist, Search,
    SearchKinds, SearchResults, SearchText, SourcedTrack, Track, TrackInfo,
};

pub struct Modifier;

impl InfoModifier for Modifier {
    fn modify_tracks(&self, _: &dyn Host, tracks: &[SourcedTrack]) -> Result<Vec<Option<String>>, Failure> {
        let answers = tracks.iter().map(|SourcedTrack { source, track }| {
            let title = &track.info.title;
            match title.as_str() {
                "plain" => None,
                "slow additions" => crate::hang(),
                "override" => Some("{\"probeInfo\":\"mine\"}".to_owned()),
                _ => Some(format!("{{\"from\":\"{source}\",\"batch\":{}}}", tracks.len())),
            }
        });
        Ok(answers.collect())
    }

    fn modify_playlist(
        &self,
        _: &dyn Host,
        source: &str,
        playlist: &Playlist,
    ) -> Result<Option<String>, Failure> {
        Ok(Some(format!(
            "{{\"listOf\":\"{source}\",\"tracks\":{}}}",
            playlist.tracks.len()
        )))
    }
}

/// Knows a container of its own: the bytes `EXTC`, and somewhere behind them an MP3 stream.
pub struct Sniffer;

impl ContainerProbe for Sniffer {
    fn sniff(&self, _: &dyn Host, head: &[u8], _: &Hint) -> Result<Option<String>, Failure> {
        if head.starts_with(b"SLOW") {
            crate::hang();
        }
        Ok(head.starts_with(b"EXTC").then(|| "mp3".to_owned()))
    }
}

fn track(title: &str) -> Track {
    Track {
        info: TrackInfo {
            identifier: format!("ext:{title}"),
            is_seekable: true,
            author: "the catalogue".to_owned(),
            length: Some(Duration::from_secs(60)),
            is_stream: false,
            title: title.to_owned(),
            uri: None,
            artwork_url: None,
            isrc: None,
        },
        details: Vec::new(),
        plugin_info: Some("{\"own\":1}".to_owned()),
    }
}

fn list(name: &str) -> Playlist {
    Playlist {
        name: name.to_owned(),
        selected: None,
        tracks: vec![track("inside")],
        plugin_info: Some("{\"url\":\"x\"}".to_owned()),
    }
}

pub struct Catalogue;

impl Search for Catalogue {
    fn source_name(&self) -> String {
        "extensions".to_owned()
    }

    fn search(
        &self,
        _: &dyn Host,
        query: &str,
        kinds: SearchKinds,
    ) -> Result<Option<SearchResults>, Failure> {
        match query {
            "nothing" => return Ok(None),
            "fail" => return Err(Failure::suspicious("the catalogue is closed")),
            "panic" => panic!("a search that panics"),
            "hang" => crate::hang(),
            _ => {}
        }
        let all = kinds == SearchKinds::default();
        let only = |wanted: bool, playlist: Playlist| if wanted || all { vec![playlist] } else { Vec::new() };
        Ok(Some(SearchResults {
            tracks: if kinds.tracks || all {
                vec![track(query)]
            } else {
                Vec::new()
            },
            albums: only(kinds.albums, list("album")),
            artists: only(kinds.artists, list("artist")),
            playlists: only(kinds.playlists, list("playlist")),
            texts: if kinds.texts || all {
                vec![SearchText {
                    text: format!("{query}?"),
                    plugin_info: None,
                }]
            } else {
                Vec::new()
            },
            plugin_info: Some("{\"pages\":2}".to_owned()),
        }))
    }
}

pub struct Songbook;

impl LyricsSource for Songbook {
    fn source_name(&self) -> String {
        "extensions".to_owned()
    }

    fn load_lyrics(&self, _: &dyn Host, track: &SourcedTrack) -> Result<Option<Lyrics>, Failure> {
        match track.track.info.title.as_str() {
            "instrumental" => return Ok(None),
            "slow lyrics" => crate::hang(),
            _ => {}
        }
        let line = |at: u64, text: &str| LyricsLine {
            timestamp: Duration::from_millis(at),
            duration: Some(Duration::from_millis(400)),
            line: text.to_owned(),
            plugin_info: None,
        };
        Ok(Some(Lyrics {
            source_name: "extensions".to_owned(),
            provider: "the songbook".to_owned(),
            text: None,
            lines: Some(vec![line(0, "la"), line(500, "la la"), line(1_000, "la la la")]),
            plugin_info: Some("{\"verses\":1}".to_owned()),
        }))
    }
}
