//! Nothing a bot's users write makes the node connect to the network it stands in.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use fake_services::{FakeServices, Resource};
use lavalink_blackbox::{Node, NodeOptions};

#[tokio::test]
async fn what_is_inside_is_not_asked_unless_the_operator_says_so() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    std::thread::spawn(move || {
        while listener.accept().is_ok() {
            counted.fetch_add(1, Relaxed);
        }
    });
    let node = Node::start(NodeOptions {
        allow_private: false,
        ..NodeOptions::default()
    })
    .await;
    let own = node.address();
    for (identifier, reason) in [
        (format!("http://127.0.0.1:{port}/a.mp3"), "a loopback address"),
        (format!("http://0x7f000001:{port}/a.m3u8"), "a loopback address"),
        (format!("http://localhost:{port}/"), "a loopback address"),
        (format!("icy://[::ffff:7f00:1]:{port}/"), "a loopback address"),
        (format!("http://{own}/v4/info"), "a loopback address"),
        (
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "metadata service",
        ),
        ("https://10.0.0.1:8443/".to_owned(), "a private network"),
        ("http://1.1.1.1:22/".to_owned(), "port 22"),
    ] {
        let answer = node.rest().load(&identifier).await;
        assert_eq!(answer["loadType"], "error", "{identifier}: {answer}");
        let data = &answer["data"];
        assert_eq!(data["severity"], "common", "{identifier}: {answer}");
        let message = data["message"].as_str().unwrap_or_default();
        assert!(message.contains(reason), "{identifier}: {message}");
        assert!(
            message.contains("lavalink.server.egress."),
            "{identifier}: {message}"
        );
    }
    assert_eq!(visits.load(Relaxed), 0);
}

#[tokio::test]
async fn one_line_lets_a_network_through() {
    let services = FakeServices::start().await.expect("a server");
    services.serve("/gone.mp3", Resource::text());
    let node = Node::start(NodeOptions {
        allow_private: false,
        arguments: vec!["--lavalink.server.egress.allow=127.0.0.0/8".to_owned()],
        ..NodeOptions::default()
    })
    .await;
    let _text_is_no_track = node.rest().load(&services.url("/gone.mp3")).await;
    assert!(services.hits("/gone.mp3") > 0);
}
