//! A supply against a repository on loopback.

use std::path::Path;
use std::sync::Arc;

use fake_services::{FakeServices, Resource};
use lavalink_net::{EgressGuard, HttpClient, NetConfig};
use lavalink_plugins::Sha256;
use lavalink_supply::{Declared, LockFile, Refresh, Store, Supply, SupplyError, Wanted};
use url::Url;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 and more";
const OTHER: &[u8] = b"\0asm\x0d\0\x01\0 and other";
const LIBRARY: &[u8] = b"\x7fELF and more";
const WASM: &str = "/releases/com/example/my-plugin/1.0/my-plugin-1.0.wasm";

fn supply(folder: &Path) -> Supply {
    let client = HttpClient::new(NetConfig {
        egress: Arc::new(EgressGuard::allowing_private()),
        ..NetConfig::default()
    })
    .expect("a client");
    Supply::new(
        Store::new(folder.join("store")),
        LockFile::open(folder.join("plugins.lock")),
        Arc::new(move || Ok(client.clone())),
    )
}

/// One that has no network.
fn offline(folder: &Path) -> Supply {
    Supply::new(
        Store::new(folder.join("store")),
        LockFile::open(folder.join("plugins.lock")),
        Arc::new(|| Err("no network here".to_owned())),
    )
}

fn declared(services: &FakeServices, coordinates: &str) -> Declared {
    Declared {
        wanted: Wanted::Dependency {
            coordinates: coordinates.parse().expect("coordinates"),
            repository: Url::parse(&services.url("/releases/")).expect("a URL"),
        },
        sha256: None,
        is_snapshot: false,
    }
}

fn pinned(mut declared: Declared, content: &[u8]) -> Declared {
    declared.sha256 = Some(Sha256::of_bytes(content));
    declared
}

fn wasm(content: &'static [u8]) -> Resource {
    Resource::bytes("application/wasm", content)
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("store")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn what_was_fetched_is_at_hand_without_the_network() {
    let services = FakeServices::start().await.unwrap();
    services.serve(WASM, wasm(COMPONENT));
    let folder = tempfile::tempdir().unwrap();
    let wanted = declared(&services, "com.example:my-plugin:1.0");
    assert!(offline(folder.path()).at_hand(&wanted).unwrap().is_none());

    let got = supply(folder.path()).obtain(&wanted, Refresh::No).await.unwrap();
    assert_eq!(std::fs::read(&got.path).unwrap(), COMPONENT);
    assert_eq!(got.sha256, Sha256::of_bytes(COMPONENT));
    assert_eq!(got.from, services.url(WASM));

    let again = offline(folder.path()).at_hand(&wanted).unwrap().unwrap();
    assert_eq!(again, got);
    // Without the lock file the operator's hash alone finds it.
    std::fs::remove_file(folder.path().join("plugins.lock")).unwrap();
    assert!(offline(folder.path()).at_hand(&wanted).unwrap().is_none());
    let pinned = pinned(wanted, COMPONENT);
    assert_eq!(
        offline(folder.path()).at_hand(&pinned).unwrap().unwrap().path,
        got.path
    );
    assert_eq!(services.hits(WASM), 1);
}

#[tokio::test]
async fn a_file_that_changed_under_its_name_is_not_used_unless_asked_for() {
    let services = FakeServices::start().await.unwrap();
    services.serve(WASM, wasm(COMPONENT));
    let folder = tempfile::tempdir().unwrap();
    let supply = supply(folder.path());
    let wanted = declared(&services, "com.example:my-plugin:1.0");
    supply.obtain(&wanted, Refresh::No).await.unwrap();
    services.serve(WASM, wasm(OTHER));

    let error = supply.obtain(&wanted, Refresh::No).await.unwrap_err();
    assert!(matches!(error, SupplyError::Changed { .. }), "{error}");
    assert_eq!(files(folder.path()), 1);
    let got = supply.obtain(&wanted, Refresh::Yes).await.unwrap();
    assert_eq!(got.sha256, Sha256::of_bytes(OTHER));

    // The operator's own hash is above both.
    let error = supply
        .obtain(&pinned(wanted, COMPONENT), Refresh::Yes)
        .await
        .unwrap_err();
    assert!(matches!(error, SupplyError::Pin { .. }), "{error}");
    assert!(!error.is_retriable());
}

#[tokio::test]
async fn the_repositorys_checksum_is_held_against_the_file() {
    let services = FakeServices::start().await.unwrap();
    services.serve(WASM, wasm(COMPONENT));
    let folder = tempfile::tempdir().unwrap();
    let supply = supply(folder.path());
    let wanted = declared(&services, "com.example:my-plugin:1.0");
    let text = |content: &[u8]| {
        Resource::bytes(
            "text/plain",
            format!("{}  my-plugin-1.0.wasm\n", Sha256::of_bytes(content)),
        )
    };
    services.serve(format!("{WASM}.sha256"), text(OTHER));
    let error = supply.obtain(&wanted, Refresh::No).await.unwrap_err();
    assert!(
        matches!(error, SupplyError::Checksum { .. }) && error.is_retriable(),
        "{error}"
    );
    assert_eq!(files(folder.path()), 0);
    services.serve(format!("{WASM}.sha256"), text(COMPONENT));
    supply.obtain(&wanted, Refresh::No).await.unwrap();
}

#[tokio::test]
async fn native_files_need_the_operators_hash() {
    let services = FakeServices::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let supply = supply(folder.path());
    let url = Url::parse(&services.url("/download")).unwrap();
    services.serve("/download", Resource::bytes("application/octet-stream", LIBRARY));
    let wanted = Declared {
        wanted: Wanted::Url(url),
        sha256: None,
        is_snapshot: false,
    };
    let error = supply.obtain(&wanted, Refresh::No).await.unwrap_err();
    let told = format!("`sha256: {}`", Sha256::of_bytes(LIBRARY));
    assert!(
        matches!(error, SupplyError::NativeUnpinned { .. }) && error.to_string().contains(&told),
        "{error}"
    );
    assert_eq!(files(folder.path()), 0);
    let pinned = pinned(wanted.clone(), LIBRARY);
    let got = supply.obtain(&pinned, Refresh::No).await.unwrap();
    assert_eq!(got.path.extension().unwrap(), std::env::consts::DLL_EXTENSION);
    // The hash taken away again, the cached file is none that may be used.
    assert!(matches!(
        supply.at_hand(&wanted),
        Err(SupplyError::NativeUnpinned { .. })
    ));
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_by_its_content() {
    let services = FakeServices::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let supply = supply(folder.path());
    let wanted = declared(&services, "com.example:my-plugin:1.0");
    services.serve(WASM, Resource::text());
    let error = supply.obtain(&wanted, Refresh::No).await.unwrap_err();
    assert!(matches!(error, SupplyError::NotAPlugin { .. }), "{error}");
    services.serve(WASM, Resource::bytes("application/zip", &b"PK\x03\x04 a jar"[..]));
    let error = supply.obtain(&wanted, Refresh::No).await.unwrap_err();
    assert!(matches!(error, SupplyError::Archive { .. }), "{error}");
    services.serve(WASM, wasm(COMPONENT).cut_after(5, usize::MAX));
    let error = supply.obtain(&wanted, Refresh::No).await.unwrap_err();
    assert!(
        matches!(error, SupplyError::Net { .. }) && error.is_retriable(),
        "{error}"
    );
    services.serve(
        WASM,
        Resource::bytes("application/wasm", vec![0; 64 * 1024 * 1024 + 1]),
    );
    let error = supply.obtain(&wanted, Refresh::No).await.unwrap_err();
    assert!(
        matches!(error, SupplyError::Net { .. }) && !error.is_retriable(),
        "{error}"
    );
    assert_eq!(files(folder.path()), 0);
    assert!(
        LockFile::open(folder.path().join("plugins.lock"))
            .entries()
            .is_empty()
    );
}

#[tokio::test]
async fn plugins_of_the_java_node_are_named() {
    let services = FakeServices::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let supply = supply(folder.path());
    let known = declared(&services, "dev.lavalink.youtube:youtube-plugin:1.7.2");
    for error in [
        supply.at_hand(&known).unwrap_err(),
        supply.obtain(&known, Refresh::No).await.unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("youtube-plugin for the Java node"),
            "{error}"
        );
    }
    assert_eq!(services.connections(), 0);
    let unknown = declared(&services, "com.example:some-plugin:1.0");
    let error = supply
        .obtain(&unknown, Refresh::No)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("some-plugin-1.0.wasm") && !error.contains("jar"),
        "{error}"
    );
    services.serve(
        "/releases/com/example/some-plugin/1.0/some-plugin-1.0.jar",
        Resource::bytes("application/java-archive", &b"PK\x03\x04"[..]),
    );
    let error = supply
        .obtain(&unknown, Refresh::No)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("it has a jar"), "{error}");
}

#[tokio::test]
async fn files_of_this_machine_are_used_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.wasm");
    let wanted = Declared {
        wanted: Wanted::File(path.clone()),
        sha256: Some(Sha256::of_bytes(COMPONENT)),
        is_snapshot: false,
    };
    let supply = offline(folder.path());
    assert!(matches!(supply.at_hand(&wanted), Err(SupplyError::File { .. })));
    std::fs::write(&path, COMPONENT).unwrap();
    assert_eq!(
        supply.at_hand(&wanted).unwrap().unwrap().path,
        path.canonicalize().unwrap()
    );
    std::fs::write(&path, OTHER).unwrap();
    assert!(matches!(supply.at_hand(&wanted), Err(SupplyError::Pin { .. })));
}

#[tokio::test]
async fn newer_versions_are_told() {
    let services = FakeServices::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let supply = supply(folder.path());
    let wanted = declared(&services, "com.example:my-plugin:1.0");
    assert_eq!(supply.newer(&wanted).await.unwrap(), None);
    services.serve(
        "/releases/com/example/my-plugin/maven-metadata.xml",
        Resource::bytes(
            "text/xml",
            "<metadata><versioning><release>1.10</release></versioning></metadata>",
        ),
    );
    assert_eq!(supply.newer(&wanted).await.unwrap().as_deref(), Some("1.10"));
}
