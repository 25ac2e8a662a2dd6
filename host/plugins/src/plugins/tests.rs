//! Look-ups and opening across several sources that live in this process.

use lavalink_plugin_api::{
    Hint, HttpRequest, HttpResponse, Level, Playlist, Probe, Source, SourceDescriptor, TrackInfo,
};
use parking_lot::Mutex;

use super::*;
use crate::extensions::Extensions;
use crate::manifest::Manifest;

mod exchange;
mod parts;
mod trials;

type Answer = fn(&str) -> Result<Loaded, Failure>;
type Opened = fn(&Track) -> Result<Media, Failure>;

/// A source that answers by functions.
struct Scripted {
    name: &'static str,
    is_fallback: bool,
    load: Answer,
    open: Opened,
}

impl Source for Scripted {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: self.name.to_owned(),
            search_prefixes: Vec::new(),
            is_fallback: self.is_fallback,
        }
    }
    fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        host.log(Level::Info, &format!("{} {identifier}", self.name));
        (self.load)(identifier)
    }
    fn decode_details(&self, _: u8, _: &[u8]) -> Result<Details, Failure> {
        panic!("decode in {}", self.name)
    }
    fn open(&self, _: &dyn Host, track: &Track, _: Duration) -> Result<Media, Failure> {
        (self.open)(track)
    }
}

/// A host that only takes notes: who was asked for what.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

struct Desk(Arc<Notes>);

impl Host for Desk {
    fn log(&self, _: Level, message: &str) {
        self.0.0.lock().push(message.to_owned());
    }
    fn config(&self) -> String {
        "{}".to_owned()
    }
    fn now_unix_ms(&self) -> u64 {
        0
    }
    fn random(&self, length: usize) -> Vec<u8> {
        vec![7; length]
    }
    fn monotonic_ns(&self) -> u64 {
        0
    }
    fn sleep(&self, _: Duration) -> Result<(), Failure> {
        Ok(())
    }
    fn fetch(&self, _: HttpRequest) -> Result<Box<dyn HttpResponse>, Failure> {
        Err(Failure::common("no network"))
    }
    fn cache_get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn cache_set(&self, _: &str, _: &[u8], _: Duration) {}
    fn probe(&self, _: Media) -> Result<Probe, Failure> {
        Err(Failure::common("no probe"))
    }
}

struct Factory(Arc<Notes>);

impl HostFactory for Factory {
    fn host_for(&self, plugin: &str, _: &Arc<Grants>, deadline: Instant) -> Arc<dyn Host> {
        assert!(plugin.starts_with("plugin-") && deadline > Instant::now());
        Arc::new(Desk(self.0.clone()))
    }
    fn exchanged(&self, plugin: &str, exchange: Exchange) {
        self.0.0.lock().push(format!("{plugin} {}", exchange.as_str()));
    }
}

/// No plugins yet; none can be had from a file, and new versions are taken into use without a trial.
fn empty() -> (Plugins, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let plugins = Plugins {
        table: Arc::default(),
        change: Mutex::default(),
        reloading: Mutex::default(),
        loader: Box::new(|_| Err(LoadError::Empty)),
        trial: TrialPolicy {
            share: 0,
            ..TrialPolicy::default()
        },
        source_enabled: Box::new(|_| true),
        limits: GuardLimits::default(),
        factory: Arc::new(Factory(notes.clone())),
        threads: PluginThreads::new(),
        tallies: Tallies::default(),
    };
    (plugins, notes)
}

/// A plugin `plugin-<name>` for each source.
fn plugins(sources: Vec<Scripted>) -> (Plugins, Arc<Notes>) {
    let (plugins, notes) = empty();
    let mut table = Table::default();
    let mut reports = Vec::new();
    for source in sources {
        let loaded = artefact(&format!("plugin-{}", source.name), "1", vec![source]);
        plugins.register(&mut table, PathBuf::from("file"), loaded, None, &mut reports);
    }
    assert!(reports.iter().all(|report| report.result.is_ok()), "{reports:?}");
    plugins.table.store(Arc::new(table));
    (plugins, notes)
}

/// What a loader would make of a file with these sources.
fn artefact<S: Source>(name: &str, version: &str, sources: Vec<S>) -> extensions::Loaded {
    extensions::Loaded {
        manifest: Manifest {
            name: name.to_owned(),
            version: version.to_owned(),
            generations: vec![1],
            ..Manifest::default()
        },
        form: Form::Wasm,
        grants: Arc::new(Grants::wanted_by(&Manifest::default(), Form::Wasm)),
        generation: 1,
        extensions: Extensions {
            sources: sources
                .into_iter()
                .map(|source| (source.describe(), Arc::new(source) as Arc<dyn Source>))
                .collect(),
            ..Extensions::default()
        },
        tally: Some(Arc::default()),
    }
}

fn track(identifier: &str, title: &str) -> Track {
    let info = TrackInfo {
        identifier: identifier.to_owned(),
        is_seekable: true,
        author: String::new(),
        length: None,
        is_stream: false,
        title: title.to_owned(),
        uri: None,
        artwork_url: None,
        isrc: None,
    };
    Track {
        info,
        details: Vec::new(),
        plugin_info: None,
    }
}

fn source(name: &'static str, load: Answer) -> Scripted {
    Scripted {
        name,
        is_fallback: false,
        load,
        open: |_| Err(Failure::common("not to be opened")),
    }
}

fn redirect(identifier: &str, title: Option<&str>) -> Result<Loaded, Failure> {
    Ok(Loaded::Redirect {
        identifier: identifier.to_owned(),
        title: title.map(str::to_owned),
    })
}

#[tokio::test]
async fn the_first_source_that_claims_an_identifier_answers() {
    let (plugins, notes) = plugins(vec![
        source("a", |_| Ok(Loaded::NotMine)),
        source("b", |_| Ok(Loaded::Nothing)),
        source("c", |_| panic!("must not be asked")),
    ]);
    let found = plugins.load_identifier("x").await.unwrap();
    assert_eq!((found.source.as_str(), found.item), ("b", Item::Empty));
    assert_eq!(*notes.0.lock(), ["a x", "b x"]);
}

#[tokio::test]
async fn nobody_knows_it() {
    let (plugins, _) = plugins(vec![source("a", |_| Ok(Loaded::NotMine))]);
    assert_eq!(plugins.load_identifier("x").await.unwrap(), Resolution::empty());
}

#[tokio::test]
async fn a_failure_of_the_owner_ends_the_search() {
    let (plugins, notes) = plugins(vec![
        source("a", |_| Err(Failure::suspicious("site is down"))),
        source("b", |_| Ok(Loaded::Nothing)),
    ]);
    assert_eq!(
        plugins.load_identifier("x").await.unwrap_err().message,
        "site is down"
    );
    assert_eq!(*notes.0.lock(), ["a x"]);
}

#[tokio::test]
async fn a_fault_does_not_hide_what_others_know_but_is_told_when_nobody_does() {
    let sources = |last: Answer| vec![source("a", |_| panic!("bug")), source("b", last)];
    let (known, _) = plugins(sources(|x| Ok(Loaded::Track(track(x, "T")))));
    assert_eq!(known.load_identifier("x").await.unwrap().source, "b");

    for last in [
        (|_: &str| Ok(Loaded::NotMine)) as Answer,
        |_| Ok(Loaded::Nothing),
        |_| Err(Failure::common("Unknown file format.")),
        |_| Err(Failure::fault("second bug")),
    ] {
        let (unknown, _) = plugins(sources(last));
        let failure = unknown.load_identifier("x").await.unwrap_err();
        assert!(
            failure.cause.contains("bug") && failure.message.contains("plugin-a"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_asked_of_all_sources_and_lends_its_title() {
    let a: Answer = |x| {
        if x == "real" {
            Ok(Loaded::Track(track(x, "Unknown title")))
        } else {
            Ok(Loaded::NotMine)
        }
    };
    let b: Answer = |_| redirect("real", Some("From the playlist"));
    let (plugins, notes) = plugins(vec![source("a", a), source("b", b)]);
    let found = plugins.load_identifier("list").await.unwrap();
    assert_eq!(found.item, Item::Track(track("real", "From the playlist")));
    assert_eq!(found.source, "a");
    assert_eq!(*notes.0.lock(), ["a list", "b list", "a real"]);

    let own = titled(track("x", "Own"), Some("From the playlist".to_owned()));
    assert_eq!(own.info.title, "Own");
}

#[tokio::test]
async fn five_redirects_are_followed_and_no_more() {
    // "5" redirects to "4" and so on; "0" is a track.
    let count: Answer = |x| match x.parse::<u32>() {
        Ok(0) => Ok(Loaded::Track(track("0", "end"))),
        Ok(n) => redirect(&(n - 1).to_string(), None),
        Err(_) => Ok(Loaded::NotMine),
    };
    let (plugins, _) = plugins(vec![source("a", count)]);
    assert_eq!(plugins.load_identifier("5").await.unwrap().source, "a");
    assert_eq!(plugins.load_identifier("6").await.unwrap(), Resolution::empty());
}

#[tokio::test]
async fn opening_follows_a_mirror_to_the_selected_track() {
    let mirror = Scripted {
        name: "mirror",
        is_fallback: false,
        load: |_| Ok(Loaded::NotMine),
        open: |track| Ok(Media::Redirect(format!("search {}", track.info.identifier))),
    };
    let site = Scripted {
        name: "site",
        is_fallback: false,
        load: |x| match x {
            "search song" => Ok(Loaded::Playlist(Playlist {
                name: String::new(),
                selected: Some(1),
                tracks: vec![track("first", ""), track("second", "")],
                plugin_info: None,
            })),
            _ => Ok(Loaded::Search(Vec::new())),
        },
        open: |track| {
            Ok(Media::Http {
                request: HttpRequest::get(&track.info.identifier),
                expires: None,
                length: None,
                hint: Hint::default(),
            })
        },
    };
    let (plugins, _) = plugins(vec![mirror, site]);

    let media = plugins
        .open("mirror", &track("song", ""), Duration::ZERO)
        .await
        .unwrap()
        .media;
    assert!(
        matches!(media, Media::Http { ref request, .. } if request.url == "second"),
        "{media:?}"
    );
    let failure = plugins
        .open("mirror", &track("unknown", ""), Duration::ZERO)
        .await
        .unwrap_err();
    assert!(failure.cause.contains("search unknown"), "{failure}");
    let failure = plugins
        .open("absent", &track("song", ""), Duration::ZERO)
        .await
        .unwrap_err();
    assert!(failure.message.contains("absent"), "{failure}");
}

#[tokio::test]
async fn mirrors_that_point_at_each_other_end() {
    let ring = Scripted {
        name: "ring",
        is_fallback: false,
        load: |x| Ok(Loaded::Track(track(x, ""))),
        open: |_| Ok(Media::Redirect("again".to_owned())),
    };
    let (plugins, _) = plugins(vec![ring]);
    let failure = plugins
        .open("ring", &track("x", ""), Duration::ZERO)
        .await
        .unwrap_err();
    assert!(failure.message.contains("without end"), "{failure}");
}

#[tokio::test]
async fn a_panic_while_decoding_is_a_fault() {
    let (plugins, _) = plugins(vec![source("a", |_| Ok(Loaded::NotMine))]);
    let tails = vec![Tail {
        version: 3,
        details: Vec::new(),
    }];
    let failure = plugins.decode_details("a", tails).await.unwrap_err();
    assert!(
        failure.message.contains("plugin-a") && failure.cause.contains("decode in a"),
        "{failure}"
    );
    assert!(plugins.has_source("a") && !plugins.has_source("b"));
    assert!(plugins.decode_details("b", Vec::new()).await.is_err());
}
