//! Loads the real plugin libraries this workspace builds, sound and unsound ones.

mod fixtures;

use std::sync::Arc;
use std::time::Duration;

use fixtures::{Desk, library, place, track};
use lavalink_plugin_api::{Media, Severity};
use lavalink_plugins::{
    AdmitAll, GuardLimits, Item, LoadError, LoadOptions, LoadReport, PluginThreads, Plugins, Tail,
};

fn load(files: &[(&str, Vec<u8>)], limits: GuardLimits) -> (Plugins, Vec<LoadReport>) {
    let dir = place(files);
    let options = LoadOptions {
        dirs: vec![dir.path().to_owned()],
        files: Vec::new(),
        built_in: Vec::new(),
        source_enabled: Box::new(|_| true),
        limits,
        admission: Arc::new(AdmitAll),
        cache_dir: None,
        threads: PluginThreads::new(),
    };
    Plugins::load(options, Arc::new(Desk))
}

fn tail(details: &[u8]) -> Tail {
    Tail {
        version: 3,
        details: details.to_vec(),
    }
}

fn refusal(files: &[(&str, Vec<u8>)]) -> LoadError {
    let (plugins, mut reports) = load(files, GuardLimits::default());
    assert_eq!(plugins.source_names(), Vec::<String>::new());
    assert!(plugins.infos().is_empty());
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports.remove(0).result.unwrap_err()
}

#[test]
fn text_in_a_so_file() {
    let error = refusal(&[("x.so", b"this is text, not a library".to_vec())]);
    assert!(error.to_string().contains("not a shared library"), "{error}");
}

#[test]
fn an_elf_that_is_no_plugin() {
    let executable = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let error = refusal(&[("x.so", executable)]);
    assert!(error.to_string().contains("without a plugin manifest"), "{error}");
}

#[test]
fn a_truncated_plugin() {
    let mut bytes = library("lavalink_test_plugin_slow");
    bytes.truncate(bytes.len() / 2);
    refusal(&[("x.so", bytes)]);
}

#[test]
fn a_plugin_of_another_generation_is_refused_unrun() {
    let error = refusal(&[("x.so", library("lavalink_test_plugin_wrong_generation"))]);
    let text = error.to_string();
    assert!(matches!(error, LoadError::WrongGeneration { .. }), "{text}");
    assert!(
        text.contains("generation 99") && text.contains("generation 1;"),
        "{text}"
    );
}

#[test]
fn a_plugin_with_other_types_is_refused_before_its_entry_is_called() {
    let error = refusal(&[("x.so", library("lavalink_test_plugin_wrong_layout"))]);
    assert!(matches!(error, LoadError::Layout { .. }), "{error}");
    assert!(
        error.to_string().len() < 1500 && error.to_string().contains("rebuild"),
        "{error}"
    );
}

#[test]
fn a_promised_interface_that_is_not_there() {
    let error = refusal(&[("x.so", library("lavalink_test_plugin_missing_symbol"))]);
    assert!(error.to_string().contains("lavalink_source_v1"), "{error}");
}

#[test]
fn the_first_of_two_plugins_with_one_source_wins() {
    let bytes = library("lavalink_test_plugin_slow");
    let (plugins, reports) = load(
        &[("a.so", bytes.clone()), ("b.so", bytes)],
        GuardLimits::default(),
    );
    assert_eq!(plugins.source_names(), ["slow"]);
    assert_eq!(plugins.infos().len(), 1);
    assert!(reports[0].result.is_ok() && reports[0].path.ends_with("a.so"));
    assert!(
        matches!(&reports[1].result, Err(LoadError::DuplicateSource { source_name, .. }) if source_name == "slow")
    );
}

#[test]
fn a_source_that_is_switched_off_is_not_offered() {
    let dir = place(&[("a.so", library("lavalink_test_plugin_slow"))]);
    let options = LoadOptions {
        dirs: vec![dir.path().to_owned()],
        files: Vec::new(),
        built_in: Vec::new(),
        source_enabled: Box::new(|name| name != "slow"),
        limits: GuardLimits::default(),
        admission: Arc::new(AdmitAll),
        cache_dir: None,
        threads: PluginThreads::new(),
    };
    let (plugins, reports) = Plugins::load(options, Arc::new(Desk));
    assert_eq!(plugins.source_names(), Vec::<String>::new());
    assert_eq!(plugins.infos()[0].name, "slow");
    assert!(reports[0].result.as_ref().unwrap().sources.is_empty());
    assert!(!plugins.has_source("slow"));
}

#[tokio::test]
async fn the_bundled_plugins_load_and_http_is_asked_last() {
    let (plugins, reports) = load(
        &[
            ("a.so", library("lavalink_plugin_http")),
            ("b.so", library("lavalink_plugin_local")),
        ],
        GuardLimits::default(),
    );
    assert!(reports.iter().all(|report| report.result.is_ok()), "{reports:?}");
    assert_eq!(plugins.source_names(), ["local", "http"]);
    let infos = plugins.infos();
    let names: Vec<_> = infos
        .iter()
        .map(|info| (info.name.as_str(), info.generation))
        .collect();
    assert_eq!(names, [("http", 1), ("local", 1)]);
    assert_eq!(infos[0].licence, "MIT OR Apache-2.0");

    let found = plugins
        .load_identifier("neither a file nor an address")
        .await
        .unwrap();
    assert_eq!(found.item, Item::Empty);
    let tails = vec![tail(b"\0\x03mp3"), tail(b"\0\x04flac")];
    let details = plugins.decode_details("http", tails.clone()).await.unwrap();
    assert_eq!(details[1].plugin_info.as_deref(), Some(r#"{"probeInfo":"flac"}"#));
    assert!(
        details
            .iter()
            .map(|details| &details.details)
            .eq(tails.iter().map(|tail| &tail.details))
    );
    let tails = vec![tail(b"\0\x03mp3"), tail(b"\0\x03xyz")];
    assert!(plugins.decode_details("local", tails).await.is_err());

    // A real file, through the real border, probed by the host made for tests.
    let file = tempfile::NamedTempFile::with_suffix(".mp3").unwrap();
    std::fs::write(file.path(), b"some bytes").unwrap();
    let found = plugins
        .load_identifier(file.path().to_str().unwrap())
        .await
        .unwrap();
    assert_eq!(found.source, "local");
    let Item::Track(track) = found.item else {
        panic!("not a track: {:?}", found.item)
    };
    assert_eq!(track.info.title, "10 bytes, mp3");
    let Media::Bytes(mut stream, hint) = plugins.open("local", &track, Duration::ZERO).await.unwrap().media
    else {
        panic!("not bytes")
    };
    assert_eq!(hint.container.as_deref(), Some("mp3"));
    stream.seek(5).unwrap();
    assert_eq!(stream.read(100), Ok(b"bytes".to_vec()));
}

#[tokio::test]
async fn a_plugin_that_panics_is_survived_and_does_not_hide_the_others() {
    let (plugins, _) = load(
        &[
            ("a.so", library("lavalink_test_plugin_panicking")),
            ("b.so", library("lavalink_plugin_http")),
        ],
        GuardLimits::default(),
    );
    assert_eq!(plugins.source_names(), ["panicking", "http"]);

    let failure = plugins.load_identifier("anything").await.unwrap_err();
    assert_eq!(failure.severity, Severity::Fault);
    assert!(failure.cause.contains("load of anything"), "{failure}");
    let failure = plugins
        .open("panicking", &track("t"), Duration::ZERO)
        .await
        .unwrap_err();
    assert!(failure.cause.contains("open of t"), "{failure}");
    let failure = plugins
        .decode_details("panicking", vec![tail(b"")])
        .await
        .unwrap_err();
    assert!(failure.cause.contains("decode of version 3"), "{failure}");

    // The host for tests answers 404 to every request.
    let found = plugins.load_identifier("http://127.0.0.1/x").await.unwrap_err();
    assert!(
        found.cause.contains("load of http://"),
        "the fault is told when nobody else knows: {found}"
    );
}

#[test]
fn a_plugin_that_hangs_is_given_up_and_later_refused_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let limits = GuardLimits {
            load: Duration::from_millis(20),
            decode: Duration::from_millis(20),
            in_flight: 2,
            ..GuardLimits::default()
        };
        let (plugins, _) = load(&[("a.so", library("lavalink_test_plugin_slow"))], limits);
        let failure = plugins.load_identifier("slow:x").await.unwrap_err();
        assert!(failure.message.contains("in time"), "{failure}");
        let failure = plugins
            .decode_details("slow", vec![tail(b"hang")])
            .await
            .unwrap_err();
        assert!(
            failure.message.contains("in time") && failure.cause.contains("decode_details"),
            "{failure}"
        );
        let failure = plugins.load_identifier("slow:x").await.unwrap_err();
        assert!(failure.message.contains("does not respond"), "{failure}");
    });
    // Dropping it would wait for the calls that hang.
    runtime.shutdown_background();
}
