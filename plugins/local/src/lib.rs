//! The `local` source: plays files of the machine the node runs on.
//!
//! An identifier is a path, absolute or relative to the node's working directory, and stays the track's identifier as it
//! is written. Whoever may look tracks up may play every file the node can read, unless `plugins.local.roots` names the
//! folders that are allowed.

mod access;
mod stream;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lavalink_plugin_api::probe_info::ProbeInfo;
use lavalink_plugin_api::{
    Details, Failure, Hint, Host, Loaded, Media, Plugin, Probe, Source, SourceDescriptor, Track, TrackInfo,
    export,
};

use crate::stream::FileStream;

/// The source of this plugin.
#[derive(Debug, Default, Clone, Copy)]
pub struct LocalSource;

impl Source for LocalSource {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: "local".to_owned(),
            search_prefixes: Vec::new(),
            is_fallback: false,
        }
    }

    fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        let Some(file) = access::open(host, identifier)? else {
            return Ok(Loaded::NotMine);
        };
        let hint = Hint {
            extension: Hint::extension_of(identifier),
            ..Hint::default()
        };
        match host.probe(Media::Bytes(Box::new(FileStream::new(file)?), hint))? {
            Probe::Reference { identifier, title } => Ok(Loaded::Redirect { identifier, title }),
            Probe::Audio {
                container,
                parameters,
                title,
                author,
                isrc,
                length,
                is_seekable,
            } => {
                let info = TrackInfo {
                    identifier: identifier.to_owned(),
                    is_seekable: is_seekable && length.is_some(),
                    author: author.unwrap_or_else(|| "Unknown artist".to_owned()),
                    length,
                    is_stream: length.is_none(),
                    title: title.unwrap_or_else(|| "Unknown title".to_owned()),
                    uri: Some(identifier.to_owned()),
                    artwork_url: None,
                    isrc,
                };
                let tail = ProbeInfo {
                    container,
                    parameters,
                }
                .details()?;
                Ok(Loaded::Track(Track {
                    info,
                    details: tail.details,
                    plugin_info: tail.plugin_info,
                }))
            }
        }
    }

    fn decode_details(&self, _version: u8, details: &[u8]) -> Result<Details, Failure> {
        ProbeInfo::from_details(details)?.details()
    }

    fn open(&self, host: &dyn Host, track: &Track, _position: Duration) -> Result<Media, Failure> {
        let probe = ProbeInfo::from_details(&track.details)?;
        // An encoded track may come from anywhere, so its path is checked as one that is looked up.
        let file = access::open(host, &track.info.identifier)?
            .ok_or_else(|| Failure::common("The file does not exist or cannot be read."))?;
        let hint = Hint {
            extension: Hint::extension_of(&track.info.identifier),
            container: Some(probe.container),
            ..Hint::default()
        };
        Ok(Media::Bytes(Box::new(FileStream::new(file)?), hint))
    }
}

export!(
    || Plugin::new().source(LocalSource),
    name = "local",
    offers = [source],
    settings = include_str!("../settings.schema.json")
);
