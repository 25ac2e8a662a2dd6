//! WebAssembly components as plugins, in the sandbox: what they can do, and that they can do nothing else.
#![cfg(feature = "wasm")]

#[allow(dead_code, reason = "shared with the tests of native plugins")]
mod fixtures;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lavalink_plugin_api::{Failure, Media, Severity};
use lavalink_plugins::{
    AdmitAll, BreakerPolicy, ComponentError, GuardLimits, Item, LoadError, LoadOptions, LoadReport,
    PluginThreads, Plugins, Tail,
};
use lavalink_test_guests::{PARROT, component, manifest, parrot};

use fixtures::{Desk, place, track};

/// Short, so that guests that never end are cut soon; the machine may be slow.
const CUT: Duration = Duration::from_millis(400);

fn load_with(files: &[(&str, Vec<u8>)], cache_dir: Option<PathBuf>) -> (Plugins, Vec<LoadReport>) {
    let dir = place(files);
    let options = LoadOptions {
        dirs: vec![dir.path().to_owned()],
        files: Vec::new(),
        built_in: Vec::new(),
        source_enabled: Box::new(|_| true),
        limits: GuardLimits {
            start: Duration::from_secs(30),
            load: CUT,
            open: CUT,
            in_flight: 2,
            // What is tested here is each fault by itself.
            breaker: BreakerPolicy {
                faults: 1000,
                ..BreakerPolicy::default()
            },
            ..GuardLimits::default()
        },
        admission: Arc::new(AdmitAll),
        cache_dir,
        threads: PluginThreads::new(),
    };
    Plugins::load(options, Arc::new(Desk))
}

fn load(files: &[(&str, Vec<u8>)]) -> (Plugins, Vec<LoadReport>) {
    load_with(files, None)
}

fn parrots() -> Plugins {
    let (plugins, reports) = load(&[("parrot.wasm", parrot("parrot"))]);
    assert!(reports[0].result.is_ok(), "{reports:?}");
    plugins
}

fn refusal(bytes: Vec<u8>) -> LoadError {
    let (plugins, mut reports) = load(&[("x.wasm", bytes)]);
    assert_eq!(plugins.source_names(), Vec::<String>::new());
    reports.remove(0).result.unwrap_err()
}

async fn fault(plugins: &Plugins, identifier: &str) -> Failure {
    let failure = plugins.load_identifier(identifier).await.unwrap_err();
    assert_eq!(failure.severity, Severity::Fault, "{failure}");
    failure
}

#[tokio::test]
async fn a_component_is_a_source_like_any_other() {
    let plugins = parrots();
    assert_eq!(plugins.source_names(), ["parrot"]);
    assert_eq!(
        (plugins.infos()[0].name.as_str(), plugins.infos()[0].generation),
        ("parrot", 1)
    );

    let found = plugins.load_identifier("parrot:thttp://there/").await.unwrap();
    let Item::Track(track) = &found.item else {
        panic!("{found:?}")
    };
    assert_eq!(found.source, "parrot");
    assert_eq!(track.info.identifier, "parrot:thttp://there/");
    assert_eq!(track.info.author, "parrot");
    assert_eq!(track.info.length, Some(Duration::from_secs(10)));

    let item = async |identifier: &str| plugins.load_identifier(identifier).await.unwrap().item;
    assert_eq!(item("somebody:else").await, Item::Empty);
    assert_eq!(item("parrot:n").await, Item::Empty);
    assert!(
        matches!(item("parrot:rparrot:tabc").await, Item::Track(track) if track.info.title == "parrot:tabc")
    );
    // The host answers 404, so the guest says that it is not its own.
    assert_eq!(item("parrot:fhttp://there/").await, Item::Empty);

    let failure = plugins.load_identifier("parrot:e").await.unwrap_err();
    assert_eq!(failure.severity, Severity::Common);
    assert_eq!(failure.to_string(), "it said no (because it was told to)");

    let tails = vec![
        Tail {
            version: 3,
            details: vec![1, 2],
        },
        Tail {
            version: 3,
            details: vec![],
        },
    ];
    let details = plugins.decode_details("parrot", tails).await.unwrap();
    assert_eq!((details[0].details.as_slice(), details.len()), (&[1, 2][..], 2));
}

#[tokio::test]
async fn all_kinds_of_media() {
    let plugins = parrots();
    let open = async |identifier: &str| {
        plugins
            .open("parrot", &track(identifier), Duration::ZERO)
            .await
            .unwrap()
            .media
    };
    let Media::Http { request, .. } = open("parrot:thhttp://there/a.mp3").await else {
        panic!("no request")
    };
    assert_eq!(
        (request.method.as_str(), request.url.as_str()),
        ("GET", "http://there/a.mp3")
    );
    assert!(request.follow_redirects);

    // The very answer the host gave, not a copy.
    let Media::Response(body, _) = open("parrot:tphttp://there/b").await else {
        panic!("no answer")
    };
    assert_eq!((body.status(), body.url().as_str()), (404, "http://there/b"));

    let Media::Bytes(mut stream, hint) = open("parrot:tw").await else {
        panic!("no stream")
    };
    assert_eq!(hint.extension.as_deref(), Some("wav"));
    assert_eq!(stream.length(), Some(960_044));
    assert!(stream.read(12).unwrap().starts_with(b"RIFF"));
    stream.seek(40).unwrap();
    assert_eq!(stream.read(4).unwrap(), 960_000u32.to_le_bytes());
    stream.seek(960_040).unwrap();
    assert_eq!(stream.read(100).unwrap().len(), 4);
    assert!(stream.read(100).unwrap().is_empty());
}

#[tokio::test]
async fn each_stream_has_an_instance_of_its_own() {
    let plugins = parrots();
    let mut streams = Vec::new();
    for _ in 0..20 {
        let media = plugins
            .open("parrot", &track("parrot:tw"), Duration::ZERO)
            .await
            .unwrap()
            .media;
        let Media::Bytes(stream, _) = media else {
            panic!("no stream")
        };
        streams.push(stream);
    }
    // The place in the stream is a global of the guest.
    for (n, stream) in streams.iter_mut().enumerate() {
        stream.seek(n as u64).unwrap();
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        let expected = b"RIFF\x24\xa6\x0e\x00WAVEfmt \x10\0\0\0\x01\0\x01\0"[n];
        assert_eq!(stream.read(1).unwrap(), [expected], "stream {n}");
    }
}

#[tokio::test]
async fn a_guest_that_breaks_is_reported_and_the_next_call_works() {
    let plugins = parrots();
    for (identifier, message, cause) in [
        ("parrot:u", "crashed", "unreachable"),
        ("parrot:m", "ran out of memory", "64 MiB"),
        ("parrot:b", "cannot be read", "bounds"),
        ("parrot:x", "cannot be read", "host"),
        ("parrot:i", "cannot be read", "utf-8"),
        ("parrot:d", "cannot be read", "discriminant"),
    ] {
        let failure = fault(&plugins, identifier).await;
        assert!(
            failure.message.contains(message)
                && failure.message.contains("parrot")
                && failure.cause.contains("`load`")
                && failure.cause.contains(cause),
            "{identifier}: {failure}"
        );
        assert_eq!(failure.to_string().lines().count(), 1, "{failure}");
        let next = plugins.load_identifier("parrot:tnext").await.unwrap();
        assert!(matches!(next.item, Item::Track(_)), "after {identifier}");
    }
}

#[tokio::test]
async fn a_guest_that_never_ends_is_cut_and_gives_its_thread_back() {
    let plugins = parrots();
    // Twice as many as may be in flight: native calls would hold their places for good.
    for _ in 0..4 {
        let begun = Instant::now();
        let failure = fault(&plugins, "parrot:l").await;
        assert!(failure.message.contains("did not answer in time"), "{failure}");
        assert!(begun.elapsed() < CUT + Duration::from_secs(5));
    }
    let failure = plugins
        .open("parrot", &track("parrot:tl"), Duration::ZERO)
        .await
        .unwrap_err();
    assert!(failure.message.contains("did not answer in time"), "{failure}");
    let next = plugins.load_identifier("parrot:tnext").await.unwrap();
    assert!(matches!(next.item, Item::Track(_)));
}

#[tokio::test]
async fn a_call_that_needs_a_moment_does_not_wait_for_calls_that_never_end() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let files: Vec<(String, Vec<u8>)> = names
        .iter()
        .map(|name| (format!("{name}.wasm"), parrot(name)))
        .collect();
    let files: Vec<(&str, Vec<u8>)> = files
        .iter()
        .map(|(name, file)| (name.as_str(), file.clone()))
        .collect();
    let (plugins, _) = load(&files);
    let plugins = Arc::new(plugins);
    // Two calls of each but the last compute until they are cut, more than there are processors for on most machines.
    let mut hanging = Vec::new();
    for name in &names[..7] {
        for _ in 0..2 {
            let (plugins, identifier) = (Arc::clone(&plugins), format!("{name}:l"));
            hanging.push(tokio::spawn(
                async move { plugins.load_identifier(&identifier).await },
            ));
        }
    }
    tokio::task::yield_now().await;
    let mut answered = 0;
    while !hanging.iter().all(tokio::task::JoinHandle::is_finished) {
        let next = plugins.load_identifier("h:tnext").await.unwrap();
        assert!(matches!(next.item, Item::Track(_)));
        answered += 1;
    }
    assert!(answered > 1, "{answered} answers in {CUT:?}");
    for call in hanging {
        let failure = call.await.unwrap().unwrap_err();
        assert!(failure.message.contains("did not answer in time"), "{failure}");
    }
}

#[tokio::test]
async fn streams_that_break_end_with_a_failure_each() {
    let plugins = parrots();
    for (letter, message) in [
        ('v', "crashed"),
        ('y', "did not answer in time"),
        ('z', "more bytes than it was asked for"),
    ] {
        let media = plugins
            .open("parrot", &track(&format!("parrot:t{letter}")), Duration::ZERO)
            .await
            .unwrap()
            .media;
        let Media::Bytes(mut stream, _) = media else {
            panic!("no stream")
        };
        let failure = stream.read(1000).unwrap_err();
        assert!(failure.message.contains(message), "{letter}: {failure}");
        let failure = stream.read(1000).unwrap_err();
        assert!(failure.message.contains("broke off"), "{letter}: {failure}");
    }
}

#[tokio::test]
async fn answers_a_guest_leaves_open_are_bounded() {
    let plugins = parrots();
    for _ in 0..3 {
        let failure = fault(&plugins, "parrot:ohttp://there/").await;
        assert!(failure.message.contains("Too many HTTP answers"), "{failure}");
    }
}

#[test]
fn the_manifest_alone_decides_what_is_refused_unrun() {
    let module = PARROT.replace("SOURCE_NAME", "x");
    let with = |text: &str| refusal(component(&module, Some(text)));

    let error = with(r#"{"name":"x","version":"1","generations":[99]}"#);
    assert!(matches!(error, LoadError::WrongGeneration { .. }), "{error}");
    assert!(error.to_string().contains("generation 99"), "{error}");
    let error = with(r#"{"name":"../x","version":"1","generations":[1]}"#);
    assert!(error.to_string().contains("../x"), "{error}");
    let error = with("no JSON");
    assert!(error.to_string().contains("malformed"), "{error}");
    let error = refusal(component(&module, None));
    assert!(
        matches!(error, LoadError::Component(ComponentError::NoManifest)),
        "{error}"
    );
}

#[test]
fn files_that_are_no_components() {
    let module = wat::parse_str("(module)").unwrap();
    let error = refusal(module);
    assert!(error.to_string().contains("not a component"), "{error}");
    let error = refusal(b"MZ, or whatever else".to_vec());
    assert!(error.to_string().contains("no WebAssembly"), "{error}");
    let mut cut = parrot("x");
    cut.truncate(cut.len() / 2);
    refusal(cut);
}

#[test]
fn what_is_imported_and_not_lent_is_named() {
    let wasi = format!(
        r#"(component (import "wasi:filesystem/types@0.2.0" (instance))
           (@custom "lavalink-plugin" {:?}))"#,
        manifest("thief")
    );
    let error = refusal(wat::parse_str(wasi).unwrap());
    let text = error.to_string();
    assert!(
        text.contains("thief") && text.contains("wasi:filesystem/types@0.2.0"),
        "{text}"
    );
}

#[test]
fn interfaces_of_another_shape_are_refused() {
    let odd = format!(
        r#"(component (instance $i) (export "lavalink:plugin/source@1.0.0" (instance $i))
           (@custom "lavalink-plugin" {:?}))"#,
        manifest("odd")
    );
    let error = refusal(wat::parse_str(odd).unwrap());
    assert!(
        matches!(error, LoadError::Component(ComponentError::Shape { .. })),
        "{error}"
    );
    let silent = format!(
        r#"(component (@custom "lavalink-plugin" {:?}))"#,
        manifest("silent")
    );
    let error = refusal(wat::parse_str(silent).unwrap());
    assert!(error.to_string().contains("exports no interface"), "{error}");
}

#[test]
fn a_guest_that_breaks_while_it_describes_itself_is_skipped() {
    let describe = r#"(func (export "lavalink:plugin/source@1.0.0#describe") (result i32)"#;
    for (trouble, expected) in [
        ("unreachable", "crashed"),
        ("(drop (memory.grow (i32.const 2000)))", "ran out of memory"),
    ] {
        let module = PARROT.replace(describe, &format!("{describe}\n{trouble}"));
        // `local` has to come first in a function, so the trouble goes behind the declarations.
        let module = module.replace(
            &format!("{describe}\n{trouble}\n    (local $a i32) (local $d i32)"),
            &format!("{describe}\n    (local $a i32) (local $d i32)\n{trouble}"),
        );
        let error = refusal(component(&module, Some(&manifest("x"))));
        assert!(
            matches!(&error, LoadError::Start { failure, .. } if failure.message.contains(expected)),
            "{error}"
        );
    }
}

#[test]
fn compiled_code_is_kept_and_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("compiled");
    let files = [("parrot.wasm", parrot("parrot"))];
    let stamp = || {
        let entries: Vec<_> = std::fs::read_dir(&cache).unwrap().map(|e| e.unwrap()).collect();
        assert_eq!(entries.len(), 1);
        entries[0].metadata().unwrap().modified().unwrap()
    };
    for _ in 0..2 {
        let (plugins, reports) = load_with(&files, Some(cache.clone()));
        assert!(reports[0].result.is_ok(), "{reports:?}");
        assert_eq!(plugins.source_names(), ["parrot"]);
    }
    let first = stamp();
    let (plugins, _) = load_with(&files, Some(cache.clone()));
    assert_eq!((plugins.source_names().len(), stamp()), (1, first));
}

#[test]
fn a_cache_others_can_write_to_is_not_used_but_the_plugin_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let (plugins, _) = load_with(&[("parrot.wasm", parrot("parrot"))], Some(dir.path().to_owned()));
    assert_eq!(plugins.source_names(), ["parrot"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
