//! `lavalink-rust plugin list|add|update|verify|reload`, as an operator calls them.

use std::path::Path;
use std::process::Stdio;

use fake_services::{FakeServices, Resource};
use lavalink_blackbox::node::binary;
use lavalink_blackbox::{Node, NodeOptions};
use lavalink_test_guests::{PARROT, component, parrot};
use tokio::process::Command;

const PLACE: &str = "/releases/test/birds/ara/1.0/ara-1.0.wasm";
const METADATA: &str = "/releases/test/birds/ara/maven-metadata.xml";

/// Runs a command in a folder; whether it succeeded, and what it printed.
async fn plugin(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(binary())
        .arg("plugin")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the program can be run");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn wasm(bytes: Vec<u8>) -> Resource {
    Resource::bytes("application/wasm", bytes)
}

/// The parrot as version 2.
fn newer() -> Vec<u8> {
    let manifest = r#"{"name":"ara","version":"2.0.0","generations":[1],"hosts":["*"]}"#;
    component(&PARROT.replace("SOURCE_NAME", "ara"), Some(manifest))
}

#[tokio::test]
async fn a_plugin_is_added_listed_and_verified() {
    let services = FakeServices::start().await.expect("a repository");
    services.serve(PLACE, wasm(parrot("ara")));
    let folder = tempfile::tempdir().expect("a folder");
    let yaml = folder.path().join("application.yml");
    let head = format!(
        "lavalink:\n  defaultPluginRepository: {}\n  plugins:\n",
        services.url("/releases")
    );
    std::fs::write(&yaml, &head).expect("a configuration");
    assert_eq!(
        plugin(folder.path(), &["verify"]).await,
        (true, "\n0 bad\n".to_owned())
    );

    let (is_good, told) = plugin(folder.path(), &["add", "test.birds:ara:1.0"]).await;
    assert!(
        is_good && told.contains("ara 1.0.0 (wasm)") && told.contains("hosts it wants to reach: *"),
        "{told}"
    );
    let written = std::fs::read_to_string(&yaml).expect("a configuration");
    assert!(
        written.starts_with(&head)
            && written.contains("    - dependency: \"test.birds:ara:1.0\"\n      sha256: \""),
        "{written}"
    );
    let (is_good, told) = plugin(folder.path(), &["add", "test.birds:ara:1.0"]).await;
    assert!(is_good && told.contains("has it already"), "{told}");
    let url = services.url(PLACE);
    let (is_good, told) = plugin(folder.path(), &["add", &url, "--print"]).await;
    assert!(
        is_good && told.contains(&format!("    - url: \"{url}\"\n      sha256: \"")),
        "{told}"
    );
    assert_eq!(std::fs::read_to_string(&yaml).expect("a configuration"), written);
    drop(services);

    let (is_good, told) = plugin(folder.path(), &["list"]).await;
    assert!(
        is_good && told.starts_with("ara 1.0.0  wasm  test.birds:ara:1.0  sha256 "),
        "{told}"
    );
    let (is_good, told) = plugin(folder.path(), &["verify"]).await;
    assert!(is_good && told.starts_with("ok   ara 1.0.0"), "{told}");

    // A file that has changed on the disk is found out.
    let cache = folder.path().join("plugin-data/~fetched");
    let file = std::fs::read_dir(cache)
        .expect("a cache")
        .next()
        .expect("a file")
        .expect("a file")
        .path();
    std::fs::write(file, "something else").expect("a file");
    let (is_good, told) = plugin(folder.path(), &["verify"]).await;
    assert!(
        !is_good && told.contains("BAD  test.birds:ara:1.0") && told.ends_with("\n1 bad\n"),
        "{told}"
    );

    for (arguments, reason) in [
        (&["add", "test.birds:ara"][..], "cannot be read"),
        (&["add", "http://127.0.0.1:9/x.wasm"], "cannot be fetched"),
        (&["update", "lory"], "declares no lory"),
        (&["fly"], "no `plugin fly`"),
    ] {
        let (is_good, told) = plugin(folder.path(), arguments).await;
        assert!(!is_good && told.contains(reason), "{arguments:?}: {told}");
    }
}

#[tokio::test]
async fn an_update_reaches_the_running_node_by_a_reload() {
    let services = FakeServices::start().await.expect("a repository");
    services.serve(PLACE, wasm(parrot("ara")));
    services.serve(
        METADATA,
        Resource::bytes("text/xml", "<metadata><release>1.1</release></metadata>"),
    );
    let options = NodeOptions {
        extra_yaml: format!(
            "  plugin-exchange: {{share: 0}}\n  defaultPluginRepository: {}\n  plugins:\n    - {{dependency: 'test.birds:ara:1.0'}}\n",
            services.url("/releases")
        ),
        ..NodeOptions::default()
    };
    let node = Node::start(options).await;
    let folder = node.directory();
    let (is_good, told) = plugin(folder, &["reload", "ara"]).await;
    assert!(is_good && told.contains("ara: unchanged"), "{told}");

    services.serve(PLACE, wasm(newer()));
    let (is_good, told) = plugin(folder, &["update", "ara"]).await;
    assert!(
        is_good && told.contains("is now the file") && told.contains("version 1.1"),
        "{told}"
    );
    assert!(told.contains("Removed from the cache: 1"), "{told}");
    let (is_good, told) = plugin(folder, &["reload", "ara"]).await;
    assert!(
        is_good && told.contains("ara: replaced (version 2.0.0, before 1.0.0)"),
        "{told}"
    );
    let plugins = node.rest().get("/v4/plugins").await.json();
    let ara = plugins
        .as_array()
        .expect("a list")
        .iter()
        .find(|plugin| plugin["name"] == "ara")
        .expect("it is there");
    assert_eq!(
        (&ara["version"], &ara["origin"]["kind"]),
        (&"2.0.0".into(), &"dependency".into())
    );

    let (is_good, told) = plugin(folder, &["reload", "http"]).await;
    assert!(!is_good && told.contains("answers 409"), "{told}");
    let (is_good, told) = plugin(folder, &["reload", "lory"]).await;
    assert!(!is_good && told.contains("answers 404"), "{told}");
}
