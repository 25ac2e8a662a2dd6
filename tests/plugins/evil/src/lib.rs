//! A plugin that does one wrong thing for each identifier `evil:<deed>`. Panics and calls that never return are the
//! business of `panicking` and `slow`.

use std::time::Duration;

use lavalink_plugin_api::{
    ByteStream, Details, Failure, Hint, Host, HttpRequest, Level, Loaded, Media, Plugin, Source,
    SourceDescriptor, Track, TrackInfo, export,
};

/// Lines of a flood.
const LINES: u32 = 50_000;
/// Tracks of a list that no client could want.
const TRACKS: usize = 200_000;
/// Bytes of a title that no client could want.
const TITLE: usize = 80 * 1024 * 1024;

/// Messages to a client that no client could want.
const MESSAGES: u32 = 3_000;

struct Evil;

/// Does not return.
fn hang() -> ! {
    loop {
        // Nothing can be waited for in a component.
        if cfg!(target_family = "wasm") {
            std::hint::spin_loop();
        } else {
            std::thread::park();
        }
    }
}

fn track(identifier: &str, title: String) -> Track {
    Track {
        info: TrackInfo {
            identifier: identifier.to_owned(),
            is_seekable: true,
            author: String::new(),
            length: Some(Duration::MAX),
            is_stream: false,
            title,
            uri: None,
            artwork_url: None,
            isrc: None,
        },
        details: Vec::new(),
        plugin_info: None,
    }
}

/// A stream that does the wrong thing its track is named after.
struct Stream(String);

impl ByteStream for Stream {
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        match self.0.as_str() {
            // More than was asked for.
            "more" => Ok(vec![0; max * 3]),
            "panics" => panic!("in a stream"),
            // As much as was asked for, and none of it is audio.
            "noise" => Ok(vec![0xff; max]),
            // The end, at once, of what was said to be very long.
            _ => Ok(Vec::new()),
        }
    }

    fn seek(&mut self, _: u64) -> Result<(), Failure> {
        Ok(())
    }

    fn length(&self) -> Option<u64> {
        if self.0 == "hangs" {
            hang();
        }
        Some(u64::MAX)
    }
}

impl Source for Evil {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: "evil".to_owned(),
            search_prefixes: vec!["evil:".to_owned()],
            is_fallback: false,
        }
    }

    fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        let Some(deed) = identifier.strip_prefix("evil:") else {
            return Ok(Loaded::NotMine);
        };
        Ok(match deed {
            "floods" => {
                for number in 0..LINES {
                    host.log(Level::Error, &format!("{number} \x1b[2J\r\n forged line"));
                }
                host.log(Level::Error, &"long".repeat(1 << 20));
                Loaded::Nothing
            }
            "many" => Loaded::Search(vec![track("x", String::new()); TRACKS]),
            "long" => Loaded::Track(track("x", "x".repeat(TITLE))),
            "bomb" => {
                let mut all = Vec::new();
                loop {
                    all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
                }
            }
            "hang" => hang(),
            "crash" => panic!("on purpose"),
            "trespasses" => {
                host.fetch(HttpRequest::get("http://somebody-else.example/"))?;
                Loaded::Nothing
            }
            "shouts" => {
                for session in host.sessions() {
                    for number in 0..MESSAGES {
                        let message = format!("{{\"op\":\"shout\",\"number\":{number}}}");
                        host.send_event(&session.session_id, &message)?;
                    }
                }
                Loaded::Nothing
            }
            "itself" => Loaded::Redirect {
                identifier: "evil:itself".to_owned(),
                title: None,
            },
            stream => Loaded::Track(track(stream, "a stream".to_owned())),
        })
    }

    fn decode_details(&self, _: u8, details: &[u8]) -> Result<Details, Failure> {
        Ok(Details {
            details: details.to_vec(),
            plugin_info: Some("not an object, nor even JSON".to_owned()),
        })
    }

    fn open(&self, _: &dyn Host, track: &Track, _: Duration) -> Result<Media, Failure> {
        let hint = Hint {
            container: Some("wav".to_owned()),
            ..Hint::default()
        };
        Ok(Media::Bytes(
            Box::new(Stream(track.info.identifier.clone())),
            hint,
        ))
    }
}

export!(
    || Plugin::new().source(Evil),
    name = "evil",
    offers = [source],
    hosts = ["evil.example"]
);
