//! A plugin is exchanged for a newer artefact while it is in use.

use std::sync::Weak;
use std::sync::mpsc;

use lavalink_plugin_api::ByteStream;

use super::*;

/// A source whose every track is titled by its version, and whose streams hold on to it.
pub(super) struct Versioned {
    name: &'static str,
    version: u8,
    alive: Arc<()>,
    /// `load` of "slow" waits for this.
    gate: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Versioned {
    fn new(name: &'static str, version: u8) -> Self {
        Self {
            name,
            version,
            alive: Arc::default(),
            gate: Mutex::default(),
        }
    }
}

struct Held {
    version: u8,
    _alive: Arc<()>,
}

impl ByteStream for Held {
    fn read(&mut self, _: usize) -> Result<Vec<u8>, Failure> {
        Ok(vec![self.version])
    }
    fn seek(&mut self, _: u64) -> Result<(), Failure> {
        Ok(())
    }
    fn length(&self) -> Option<u64> {
        None
    }
}

impl Source for Versioned {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: self.name.to_owned(),
            search_prefixes: Vec::new(),
            is_fallback: false,
        }
    }
    fn load(&self, _: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        if identifier == "slow"
            && let Some(gate) = self.gate.lock().take()
        {
            let _opened = gate.recv();
        }
        Ok(Loaded::Track(track(identifier, &self.version.to_string())))
    }
    fn decode_details(&self, _: u8, _: &[u8]) -> Result<Details, Failure> {
        Ok(Details {
            details: vec![self.version],
            plugin_info: None,
        })
    }
    fn open(&self, _: &dyn Host, _: &Track, _: Duration) -> Result<Media, Failure> {
        let stream = Held {
            version: self.version,
            _alive: Arc::clone(&self.alive),
        };
        Ok(Media::Bytes(Box::new(stream), Hint::default()))
    }
}

fn start(sources: Vec<(&str, Versioned)>) -> Plugins {
    let (plugins, _) = empty();
    let mut table = Table::default();
    for (plugin, source) in sources {
        let loaded = artefact(plugin, "1", vec![source]);
        plugins.register(&mut table, PathBuf::from(plugin), loaded, None, &mut Vec::new());
    }
    plugins.table.store(Arc::new(table));
    plugins
}

async fn title(plugins: &Plugins, identifier: &str) -> String {
    match plugins.load_identifier(identifier).await.unwrap().item {
        Item::Track(track) => track.info.title,
        other => panic!("{other:?}"),
    }
}

async fn stream(plugins: &Plugins, source: &str) -> Box<dyn ByteStream> {
    match plugins
        .open(source, &track("t", ""), Duration::ZERO)
        .await
        .unwrap()
        .media
    {
        Media::Bytes(stream, _) => stream,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn new_calls_go_to_the_new_one_and_streams_end_on_the_old() {
    let first = Versioned::new("a", 1);
    let alive: Weak<()> = Arc::downgrade(&first.alive);
    let plugins = start(vec![("plugin-a", first), ("plugin-b", Versioned::new("b", 1))]);
    let mut running = stream(&plugins, "a").await;

    let change = plugins.introduce(
        PathBuf::from("new"),
        artefact("plugin-a", "2", vec![Versioned::new("a", 2)]),
        None,
    );

    assert_eq!(change.unwrap(), Exchange::Replaced);
    assert_eq!(plugins.infos()[0].path, PathBuf::from("new"));
    assert_eq!(title(&plugins, "x").await, "2");
    assert_eq!(running.read(1), Ok(vec![1]));
    assert_eq!(stream(&plugins, "a").await.read(1), Ok(vec![2]));
    assert_eq!(plugins.source_names(), ["a", "b"], "it keeps its place");
    let versions: Vec<_> = plugins.infos().into_iter().map(|info| info.version).collect();
    assert_eq!(versions, ["2", "1"]);
    assert!(alive.upgrade().is_some());
    drop(running);
    assert!(alive.upgrade().is_none(), "the old one goes with its last stream");
}

#[tokio::test]
async fn a_call_under_way_ends_on_the_old_one() {
    let first = Versioned::new("a", 1);
    let (open, gate) = mpsc::channel();
    *first.gate.lock() = Some(gate);
    let plugins = start(vec![("plugin-a", first)]);
    let exchange = async {
        plugins
            .introduce(
                PathBuf::from("new"),
                artefact("plugin-a", "2", vec![Versioned::new("a", 2)]),
                None,
            )
            .unwrap();
        let meanwhile = title(&plugins, "x").await;
        open.send(()).unwrap();
        meanwhile
    };
    let (under_way, meanwhile) = tokio::join!(title(&plugins, "slow"), exchange);
    assert_eq!((under_way.as_str(), meanwhile.as_str()), ("1", "2"));
}

#[tokio::test]
async fn sources_come_and_go_with_the_artefact() {
    let plugins = start(vec![
        ("plugin-a", Versioned::new("a", 1)),
        ("plugin-b", Versioned::new("b", 1)),
    ]);
    let wider = artefact(
        "plugin-a",
        "2",
        vec![Versioned::new("c", 2), Versioned::new("a", 2)],
    );
    plugins.introduce(PathBuf::from("new"), wider, None).unwrap();
    assert_eq!(plugins.source_names(), ["c", "a", "b"]);
    let narrower = artefact("plugin-a", "3", vec![Versioned::new("c", 3)]);
    plugins.introduce(PathBuf::from("new"), narrower, None).unwrap();
    assert_eq!(plugins.source_names(), ["c", "b"]);
    assert!(!plugins.has_source("a"));
}

#[tokio::test]
async fn an_artefact_that_does_not_fit_changes_nothing() {
    let plugins = start(vec![
        ("plugin-a", Versioned::new("a", 1)),
        ("plugin-b", Versioned::new("b", 1)),
    ]);
    let taken = artefact(
        "plugin-b",
        "2",
        vec![Versioned::new("b", 2), Versioned::new("a", 2)],
    );
    let error = plugins.introduce(PathBuf::from("new"), taken, None).unwrap_err();
    assert!(
        matches!(&error, LoadError::DuplicateSource { source_name, first, .. } if source_name == "a" && first == "plugin-a"),
        "{error}"
    );
    let unknown = artefact("plugin-z", "1", vec![Versioned::new("z", 1)]);
    let error = plugins
        .introduce(PathBuf::from("new"), unknown, None)
        .unwrap_err();
    assert!(matches!(error, LoadError::Unknown { .. }), "{error}");
    assert_eq!(plugins.source_names(), ["a", "b"]);
    assert_eq!(title(&plugins, "x").await, "1");
}

#[test]
fn a_plugin_that_comes_late_stands_behind_the_others() {
    let (dir, path, plugins, _) = super::trials::with_file("plugin-a 1 sound");
    let late = dir.path().canonicalize().unwrap().join("late.so");
    std::fs::write(&late, "plugin-a 2 sound").unwrap();
    assert_eq!(
        plugins.install(&late).unwrap().version,
        "2",
        "takes the place of its name"
    );
    assert_eq!(plugins.infos().len(), 1);
    assert_eq!(
        plugins.install(&late).unwrap().version,
        "2",
        "the same again changes nothing"
    );

    std::fs::write(&path, "plugin-b 1 sound").unwrap();
    let error = plugins.install(&path).unwrap_err();
    assert!(matches!(error, LoadError::DuplicateSource { .. }), "{error}");
    std::fs::write(&path, "nonsense").unwrap();
    assert!(plugins.install(&path).is_err());
    assert_eq!(plugins.infos().len(), 1);
}
