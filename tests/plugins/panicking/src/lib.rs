//! A plugin that panics in every method the node calls while it runs.

use std::time::Duration;

use lavalink_plugin_api::{
    Details, Failure, Host, Loaded, Media, Plugin, Source, SourceDescriptor, Track, export,
};

struct Panicking;

impl Source for Panicking {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: "panicking".to_owned(),
            search_prefixes: Vec::new(),
            is_fallback: false,
        }
    }

    fn load(&self, _: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        panic!("load of {identifier}")
    }

    fn decode_details(&self, version: u8, _: &[u8]) -> Result<Details, Failure> {
        panic!("decode of version {version}")
    }

    fn open(&self, _: &dyn Host, track: &Track, _: Duration) -> Result<Media, Failure> {
        panic!("open of {}", track.info.identifier)
    }
}

export!(
    || Plugin::new().source(Panicking),
    name = "panicking",
    offers = [source]
);
