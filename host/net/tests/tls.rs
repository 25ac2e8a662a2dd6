//! HTTPS with the platform's roots, which `SSL_CERT_FILE` replaces.
//!
//! The variable is read by the process as a whole, so each case runs this test binary again with its own environment.

use std::process::Command;

use fake_services::{FakeServices, Resource};
use lavalink_net::{HttpClient, NetConfig, Request};

const TARGET: &str = "NET_TEST_TARGET";

/// Does nothing unless started by the tests below.
#[tokio::test]
async fn child_fetches() {
    let Ok(url) = std::env::var(TARGET) else { return };
    let client = HttpClient::new(open()).unwrap();
    match client.fetch(Request::get(url)).await {
        Ok(response) => eprintln!("outcome: status {}", response.status()),
        Err(error) => eprintln!("outcome: {error}"),
    }
}

fn fetch_in_child(url: &str, roots: &std::path::Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_fetches", "--nocapture"])
        .env(TARGET, url)
        .env("SSL_CERT_FILE", roots)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn outcome(url: String, authority: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, authority).unwrap();
    tokio::task::spawn_blocking(move || fetch_in_child(&url, &roots))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_authority_is_accepted() {
    let services = FakeServices::start_tls().await.unwrap();
    services.serve("/a", Resource::text());
    let authority = services.authority_pem().unwrap();
    let text = outcome(services.url("/a"), authority).await;
    assert!(text.contains("outcome: status 200"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_authority_is_refused() {
    let services = FakeServices::start_tls().await.unwrap();
    services.serve("/a", Resource::text());
    let foreign = FakeServices::start_tls().await.unwrap();
    let text = outcome(services.url("/a"), foreign.authority_pem().unwrap()).await;
    assert!(
        text.contains("outcome: connecting to") && text.contains("certificate"),
        "{text}"
    );
    assert_eq!(services.hits("/a"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_roots_plain_http_still_works() {
    let plain = FakeServices::start().await.unwrap();
    plain.serve("/a", Resource::text());
    let text = outcome(plain.url("/a"), "").await;
    assert!(text.contains("outcome: status 200"), "{text}");
    let secure = FakeServices::start_tls().await.unwrap();
    let text = outcome(secure.url("/a"), "").await;
    assert!(
        text.contains("outcome: connecting to") && text.contains("No CA certificates"),
        "{text}"
    );
}

/// Settings that let the servers of these tests, on loopback, be reached.
fn open() -> NetConfig {
    NetConfig {
        egress: std::sync::Arc::new(lavalink_net::EgressGuard::allowing_private()),
        ..NetConfig::default()
    }
}
