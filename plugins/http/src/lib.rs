//! The `http` source: plays what lies behind an `http`, `https` or `icy` URL.
//!
//! It claims every such URL, so it is asked last. It makes one request without following redirects itself: a redirect or
//! an entry of a playlist goes back to the host, where another source may know it better.

mod address;
mod icy;
mod load;
mod settings;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lavalink_plugin_api::probe_info::ProbeInfo;
use lavalink_plugin_api::{
    Details, Failure, Hint, Host, HttpRequest, Loaded, Media, Plugin, Source, SourceDescriptor, Track, export,
};

/// The source of this plugin.
#[derive(Debug, Default, Clone, Copy)]
pub struct HttpSource;

impl Source for HttpSource {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: "http".to_owned(),
            search_prefixes: Vec::new(),
            is_fallback: true,
        }
    }

    fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        match address::claimed(identifier) {
            Some(url) => load::load(host, url),
            None => Ok(Loaded::NotMine),
        }
    }

    fn decode_details(&self, _version: u8, details: &[u8]) -> Result<Details, Failure> {
        ProbeInfo::from_details(details)?.details()
    }

    fn open(&self, host: &dyn Host, track: &Track, _position: Duration) -> Result<Media, Failure> {
        let url = address::claimed(&track.info.identifier).ok_or_else(address::invalid)?;
        address::parse(&url)?;
        let probe = ProbeInfo::from_details(&track.details)?;
        let mut request = HttpRequest {
            route: settings::route(host)?,
            ..HttpRequest::get(url)
        };
        if probe.is_hls() {
            return Ok(Media::Hls {
                request,
                live: track.info.is_stream,
            });
        }
        if track.info.is_stream {
            // The host takes the titles out again and tells them to clients.
            request.headers.push(("Icy-MetaData".to_owned(), b"1".to_vec()));
        }
        let hint = Hint {
            container: Some(probe.container),
            ..Hint::default()
        };
        Ok(Media::Http {
            request,
            expires: None,
            length: None,
            hint,
        })
    }
}

export!(
    || Plugin::new().source(HttpSource),
    name = "http",
    offers = [source],
    settings = include_str!("../settings.schema.json")
);
