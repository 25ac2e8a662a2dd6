//! Sources on their way from a plugin to the host.

use std::time::Duration;

use abi_stable::std_types::{RDuration, RResult, RSlice, RStr};

use super::abi::{self, HostRef, SourceApi, SourceBox};
use super::cross::Cross;
use super::lent::Lent;
use super::lent_host::lend;
use crate::{Details, Failure, Host, Loaded, Media, Source, SourceDescriptor, Track};

impl SourceApi for Lent<dyn Source> {
    fn describe(&self) -> RResult<abi::SourceDescriptor, abi::Failure> {
        self.call("describe", |source| Ok(source.describe()))
    }
    fn load(&self, host: HostRef<'_>, identifier: RStr<'_>) -> RResult<abi::Loaded, abi::Failure> {
        self.call_with(host, "load", |source, host| {
            source.load(host, identifier.as_str())
        })
    }
    fn decode_details(&self, version: u8, details: RSlice<'_, u8>) -> RResult<abi::Details, abi::Failure> {
        self.call("decode_details", |source| {
            source.decode_details(version, details.as_slice())
        })
    }
    fn open(
        &self,
        host: HostRef<'_>,
        track: abi::Track,
        position: RDuration,
    ) -> RResult<abi::Media, abi::Failure> {
        self.call_with(host, "open", |source, host| {
            source.open(host, &Cross::back(track), Cross::back(position))
        })
    }
}

/// A source of a loaded plugin, as the host uses it.
pub struct ForeignSource {
    descriptor: SourceDescriptor,
    inner: SourceBox,
}

impl ForeignSource {
    /// Takes a source and asks it to describe itself.
    ///
    /// # Errors
    /// When describing itself makes it panic.
    pub fn new(inner: SourceBox) -> Result<Self, Failure> {
        let descriptor: Result<SourceDescriptor, Failure> = Cross::back(inner.describe());
        Ok(Self {
            descriptor: descriptor?,
            inner,
        })
    }
}

impl Source for ForeignSource {
    fn describe(&self) -> SourceDescriptor {
        self.descriptor.clone()
    }
    fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        lend(host, |host| self.inner.load(host, identifier.into()))
    }
    fn decode_details(&self, version: u8, details: &[u8]) -> Result<Details, Failure> {
        Cross::back(self.inner.decode_details(version, details.into()))
    }
    fn open(&self, host: &dyn Host, track: &Track, position: Duration) -> Result<Media, Failure> {
        lend(host, |host| {
            self.inner.open(host, track.clone().out(), position.out())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use abi_stable::sabi_trait::TD_Opaque;

    use super::*;
    use crate::Plugin;
    use crate::v1::interface::{self, Built, Interface};
    use crate::{ByteStream, Hint, HttpRequest, HttpResponse, Level, Probe, Severity, TrackInfo};

    /// Does what its identifier says.
    struct Obedient;

    struct Two(usize);

    impl ByteStream for Two {
        fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
            let n = max.min(2 - self.0);
            self.0 += n;
            Ok(vec![7; n])
        }
        fn seek(&mut self, offset: u64) -> Result<(), Failure> {
            self.0 = offset as usize;
            Ok(())
        }
        fn length(&self) -> Option<u64> {
            Some(2)
        }
    }

    impl Source for Obedient {
        fn describe(&self) -> SourceDescriptor {
            SourceDescriptor {
                name: "obedient".to_owned(),
                search_prefixes: vec!["o:".to_owned()],
                is_fallback: true,
            }
        }
        fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
            match identifier {
                "services" => {
                    host.log(Level::Warn, "hello");
                    host.cache_set("k", b"v", Duration::from_secs(3));
                    let cached = host
                        .cache_get("k")
                        .map(|v| String::from_utf8_lossy(&v).into_owned());
                    host.sleep(Duration::from_millis(host.now_unix_ms()))?;
                    let title = Some(format!("{} {cached:?} {}", host.config(), host.monotonic_ns()));
                    Ok(Loaded::Redirect {
                        identifier: "done".to_owned(),
                        title,
                    })
                }
                "probe" => {
                    let probe = host.probe(Media::Bytes(Box::new(Two(0)), Hint::default()))?;
                    Ok(Loaded::Redirect {
                        identifier: format!("{probe:?}"),
                        title: None,
                    })
                }
                "fetch" => host.fetch(HttpRequest::get("http://x/")).map(|_| Loaded::Nothing),
                other => panic!("cannot {other}"),
            }
        }
        fn decode_details(&self, version: u8, details: &[u8]) -> Result<Details, Failure> {
            Ok(Details {
                details: [details, &[version]].concat(),
                plugin_info: None,
            })
        }
        fn open(&self, _: &dyn Host, track: &Track, position: Duration) -> Result<Media, Failure> {
            Ok(Media::Redirect(format!(
                "{}@{}",
                track.info.identifier,
                position.as_millis()
            )))
        }
    }

    /// Answers everything, and panics where it is asked for HTTP.
    #[derive(Default)]
    struct Desk(AtomicU64);

    impl Host for Desk {
        fn log(&self, level: Level, message: &str) {
            assert_eq!((level, message), (Level::Warn, "hello"));
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn config(&self) -> String {
            "{\"a\":1}".to_owned()
        }
        fn now_unix_ms(&self) -> u64 {
            5
        }
        fn random(&self, length: usize) -> Vec<u8> {
            vec![7; length]
        }
        fn monotonic_ns(&self) -> u64 {
            6
        }
        fn sleep(&self, time: Duration) -> Result<(), Failure> {
            assert_eq!(time, Duration::from_millis(5));
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        fn fetch(&self, request: HttpRequest) -> Result<Box<dyn HttpResponse>, Failure> {
            panic!("no way to {}", request.url)
        }
        fn cache_get(&self, key: &str) -> Option<Vec<u8>> {
            (key == "k").then(|| b"v".to_vec())
        }
        fn cache_set(&self, key: &str, value: &[u8], ttl: Duration) {
            assert_eq!((key, value, ttl), ("k", &b"v"[..], Duration::from_secs(3)));
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn probe(&self, media: Media) -> Result<Probe, Failure> {
            let Media::Bytes(mut stream, _) = media else {
                panic!("only bytes")
            };
            let bytes = stream.read(10)?;
            Ok(Probe::Reference {
                identifier: format!("{bytes:?}"),
                title: None,
            })
        }
    }

    fn source() -> ForeignSource {
        let lent = Lent::<dyn Source>::new("The plugin test".to_owned(), Arc::new(Obedient));
        ForeignSource::new(SourceBox::from_value(lent, TD_Opaque)).unwrap()
    }

    #[test]
    fn passes_everything_both_ways() {
        let (source, desk) = (source(), Desk::default());
        assert_eq!(source.describe().search_prefixes, ["o:"]);
        assert!(source.describe().is_fallback);
        assert_eq!(
            source.load(&desk, "services"),
            Ok(Loaded::Redirect {
                identifier: "done".to_owned(),
                title: Some("{\"a\":1} Some(\"v\") 6".to_owned())
            })
        );
        assert_eq!(desk.0.into_inner(), 3);
        let Ok(Loaded::Redirect { identifier, .. }) = source.load(&Desk::default(), "probe") else {
            panic!("not probed")
        };
        assert!(identifier.contains("[7, 7]"), "{identifier}");
        assert_eq!(source.decode_details(3, &[1]).unwrap().details, [1, 3]);
        let info = TrackInfo {
            identifier: "id".to_owned(),
            is_seekable: true,
            author: String::new(),
            length: None,
            is_stream: false,
            title: String::new(),
            uri: None,
            artwork_url: None,
            isrc: None,
        };
        let track = Track {
            info,
            details: Vec::new(),
            plugin_info: None,
        };
        let media = source
            .open(&Desk::default(), &track, Duration::from_millis(250))
            .unwrap();
        assert!(matches!(media, Media::Redirect(to) if to == "id@250"));
    }

    #[test]
    fn panics_of_the_plugin_become_its_faults() {
        let failure = source().load(&Desk::default(), "fly").unwrap_err();
        assert_eq!(failure.severity, Severity::Fault);
        assert_eq!(
            failure.to_string(),
            "The plugin test panicked. (`load`: cannot fly)"
        );
    }

    #[test]
    fn panics_of_the_node_become_faults_the_plugin_sees() {
        let failure = source().load(&Desk::default(), "fetch").unwrap_err();
        assert!(
            failure.message.contains("The node") && failure.cause.contains("no way to http://x/"),
            "{failure}"
        );
    }

    fn sources(built: &'static Built) -> Result<usize, Failure> {
        let objects = built.objects::<interface::Source>().into_result();
        objects.map(|sources| sources.len()).map_err(Cross::back)
    }

    #[test]
    fn a_constructor_that_panics_is_a_failure() {
        static BROKEN: Built = Built::new("test", &["source"], || panic!("not today"));
        static SOUND: Built = Built::new("test", &["source"], || Plugin::new().source(Obedient));
        for _ in 0..2 {
            assert!(sources(&BROKEN).unwrap_err().cause.contains("not today"));
            assert_eq!(sources(&SOUND), Ok(1));
        }
        extern "C" fn make() -> interface::Made<SourceBox> {
            SOUND.objects::<interface::Source>()
        }
        let entry = interface::Source::entry(make);
        assert_eq!(
            interface::objects_of::<interface::Source>(&entry).unwrap().len(),
            1
        );
    }

    #[test]
    fn a_plugin_offers_no_more_than_it_exports() {
        static SILENT: Built = Built::new("test", &["filters"], || Plugin::new().source(Obedient));
        let failure = sources(&SILENT).unwrap_err();
        assert!(failure.cause.contains("`source`"), "{failure}");
    }
}
