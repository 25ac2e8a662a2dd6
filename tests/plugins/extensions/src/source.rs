//! A source that mirrors others.

use std::time::Duration;

use lavalink_plugin_api::{Details, Failure, Host, Loaded, Media, Source, SourceDescriptor, Track};

/// `ext:IDENTIFIER` is the track IDENTIFIER of another source under this one's name.
pub struct Mirror;

const PREFIX: &str = "ext:";

impl Source for Mirror {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: "extensions".to_owned(),
            search_prefixes: vec![PREFIX.to_owned()],
            is_fallback: false,
        }
    }

    fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        let Some(mirrored) = identifier.strip_prefix(PREFIX) else {
            return Ok(Loaded::NotMine);
        };
        if mirrored == "endless" {
            return host.load(identifier).map(|(_, loaded)| loaded);
        }
        let (source, loaded) = host.load(mirrored)?;
        let Loaded::Track(mut track) = loaded else {
            return Ok(Loaded::Nothing);
        };
        identifier.clone_into(&mut track.info.identifier);
        track.info.title = format!("{} of {source}", track.info.title);
        track.details = Vec::new();
        track.plugin_info = None;
        Ok(Loaded::Track(track))
    }

    fn decode_details(&self, _: u8, details: &[u8]) -> Result<Details, Failure> {
        Ok(Details {
            details: details.to_vec(),
            plugin_info: None,
        })
    }

    fn open(&self, _: &dyn Host, track: &Track, _: Duration) -> Result<Media, Failure> {
        match track.info.identifier.strip_prefix(PREFIX) {
            Some(mirrored) => Ok(Media::Redirect(mirrored.to_owned())),
            None => Err(Failure::common("not a mirror")),
        }
    }
}
