//! A plugin that never returns from a look-up, hangs over some tracks' details, and hands out streams that never deliver.

use std::time::Duration;

use lavalink_plugin_api::{
    ByteStream, Details, Failure, Hint, Host, Loaded, Media, Plugin, Source, SourceDescriptor, Track, export,
};

struct Slow;

/// A call that does not come back, as a deadlock would.
fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

struct Dry;

impl ByteStream for Dry {
    fn read(&mut self, _: usize) -> Result<Vec<u8>, Failure> {
        hang()
    }

    fn seek(&mut self, _: u64) -> Result<(), Failure> {
        hang()
    }

    fn length(&self) -> Option<u64> {
        Some(1 << 20)
    }
}

impl Source for Slow {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: "slow".to_owned(),
            search_prefixes: vec!["slow:".to_owned()],
            is_fallback: false,
        }
    }

    fn load(&self, _: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        if identifier.starts_with("slow:") {
            hang()
        } else {
            Ok(Loaded::NotMine)
        }
    }

    fn decode_details(&self, _: u8, details: &[u8]) -> Result<Details, Failure> {
        if details == b"hang" {
            hang()
        }
        Ok(Details {
            details: details.to_vec(),
            plugin_info: None,
        })
    }

    fn open(&self, _: &dyn Host, _: &Track, _: Duration) -> Result<Media, Failure> {
        Ok(Media::Bytes(Box::new(Dry), Hint::default()))
    }
}

export!(|| Plugin::new().source(Slow), name = "slow", offers = [source]);
