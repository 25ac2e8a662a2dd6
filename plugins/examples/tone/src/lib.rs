//! A source that makes its own audio: `tone:440` is ten seconds of a sine of 440 Hz, `tone:440 880` are two of them in turn.
//!
//! The same file becomes a native library (`cargo build`) and a WebAssembly component (`lavalink-rust plugin build --kind
//! wasm`).

#[cfg(test)]
mod tests;
mod wave;

use std::time::Duration;

use lavalink_plugin_api::{
    Details, Failure, Hint, Host, Level, Loaded, Media, Playlist, Plugin, Source, SourceDescriptor, Track,
    TrackInfo, export,
};

use crate::wave::Wave;

const PREFIX: &str = "tone:";

/// Frequencies a tone may have, hertz.
const AUDIBLE: std::ops::RangeInclusive<u32> = 20..=20_000;

struct Tones;

fn track(frequency: u32) -> Track {
    Track {
        info: TrackInfo {
            identifier: frequency.to_string(),
            is_seekable: true,
            author: "Sine".to_owned(),
            length: Some(wave::LENGTH),
            is_stream: false,
            title: format!("{frequency} Hz"),
            uri: None,
            artwork_url: None,
            isrc: None,
        },
        details: Vec::new(),
        plugin_info: None,
    }
}

/// The frequency a text names.
fn frequency(text: &str) -> Result<u32, Failure> {
    let number = text.parse().ok().filter(|number| AUDIBLE.contains(number));
    number.ok_or_else(|| {
        Failure::common("This is no tone.")
            .because(format!("{text:?} is not a whole number from 20 to 20000"))
    })
}

impl Source for Tones {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: "tone".to_owned(),
            search_prefixes: vec![PREFIX.to_owned()],
            is_fallback: false,
        }
    }

    fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        let Some(wish) = identifier.strip_prefix(PREFIX) else {
            return Ok(Loaded::NotMine);
        };
        let mut tracks = Vec::new();
        for text in wish.split_whitespace() {
            tracks.push(track(frequency(text)?));
        }
        host.log(Level::Debug, &format!("{} tones", tracks.len()));
        Ok(match tracks.len() {
            0 => Loaded::Nothing,
            1 => Loaded::Track(tracks.remove(0)),
            _ => Loaded::Playlist(Playlist {
                name: "Tones".to_owned(),
                selected: None,
                tracks,
                plugin_info: None,
            }),
        })
    }

    fn decode_details(&self, _version: u8, details: &[u8]) -> Result<Details, Failure> {
        if !details.is_empty() {
            return Err(Failure::common("This is no track of tones.").because("tones have no details"));
        }
        Ok(Details {
            details: Vec::new(),
            plugin_info: None,
        })
    }

    fn open(&self, _host: &dyn Host, track: &Track, _position: Duration) -> Result<Media, Failure> {
        let wave = Wave::new(frequency(&track.info.identifier)?);
        let hint = Hint {
            mime: Some("audio/wav".to_owned()),
            ..Hint::default()
        };
        Ok(Media::Bytes(Box::new(wave), hint))
    }
}

export!(|| Plugin::new().source(Tones), name = "tone", offers = [source]);
