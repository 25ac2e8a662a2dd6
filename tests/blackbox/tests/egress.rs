//! Nothing a bot's users write makes the node connect to the network it stands in.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use fake_services::{FakeServices, Resource};
use lavalink_blackbox::{Node, NodeOptions};
use serde_json::json;

/// Listens on all addresses of this machine: its port, and how often somebody came.
fn canary() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    std::thread::spawn(move || {
        while listener.accept().is_ok() {
            counted.fetch_add(1, Relaxed);
        }
    });
    (port, visits)
}

#[tokio::test]
async fn what_is_inside_is_not_asked_unless_the_operator_says_so() {
    let (port, visits) = canary();
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

/// Hops of a long chain of redirects.
const CHAIN: usize = 30;

#[tokio::test]
async fn what_a_server_outside_names_is_held_against_the_rules_too() {
    let (port, visits) = canary();
    let services = FakeServices::start().await.expect("a server");
    // The server of the test counts as outside; every other address of the machine is inside.
    let node = Node::start(NodeOptions {
        allow_private: false,
        arguments: vec!["--lavalink.server.egress.allow=127.0.0.1/32".to_owned()],
        ..NodeOptions::default()
    })
    .await;
    let rest = node.rest();
    let mut refused = 0;
    for host in [
        "127.0.0.2",
        "0x7f.2",
        "2130706434",
        "[::1]",
        "[::ffff:127.0.0.2]",
        "169.254.169.254",
    ] {
        let inside = format!("http://{host}:{port}");
        let mut paths = Vec::new();
        for status in [301, 302, 303, 307, 308] {
            let path = format!("/{status}");
            services.serve(
                &path,
                Resource::status(status).header("location", format!("{inside}/a.mp3")),
            );
            paths.push(path);
        }
        for (path, kind, text) in [
            (
                "/a.m3u",
                "audio/x-mpegurl",
                format!("#EXTM3U\n#EXTINF:9,A song\n{inside}/a.mp3\n"),
            ),
            ("/bare.m3u", "audio/x-mpegurl", format!("{inside}/a.mp3\n")),
            (
                "/a.pls",
                "audio/x-scpls",
                format!("[playlist]\nNumberOfEntries=1\nFile1={inside}/a.mp3\n"),
            ),
            ("/link", "text/plain", format!("{inside}/a.mp3")),
        ] {
            services.serve(path, Resource::bytes(kind, text));
            paths.push(path.to_owned());
        }
        for path in paths {
            let answer = rest.load(&services.url(&path)).await;
            assert_eq!(answer["loadType"], "error", "{path} to {host}: {answer}");
            let message = answer["data"]["message"].as_str().unwrap_or_default();
            assert!(
                message.contains("lavalink.server.egress."),
                "{path} to {host}: {message}"
            );
            refused += 1;
        }
    }
    assert_eq!(refused, 54);

    let next = |hop: usize| match hop + 1 {
        CHAIN => format!("http://127.0.0.2:{port}/a.mp3"),
        next => format!("/hop/{next}"),
    };
    for hop in 0..CHAIN {
        services.serve(format!("/hop/{hop}"), Resource::redirect(next(hop)));
    }
    for start in 0..CHAIN {
        let answer = rest.load(&services.url(&format!("/hop/{start}"))).await;
        assert_ne!(answer["loadType"], "track", "from {start}: {answer}");
    }
    assert_eq!(visits.load(Relaxed), 0);
}

#[tokio::test]
async fn no_part_of_a_stream_is_fetched_from_inside() {
    let (port, visits) = canary();
    let services = FakeServices::start().await.expect("a server");
    let node = Node::start(NodeOptions {
        allow_private: false,
        arguments: vec!["--lavalink.server.egress.allow=127.0.0.1/32".to_owned()],
        ..NodeOptions::default()
    })
    .await;
    let (rest, mut socket) = (node.rest(), node.socket().await);
    services.serve("/a.ts", Resource::bytes("video/mp2t", vec![0x47; 188]));
    let head = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n";
    let inside = format!("http://127.0.0.2:{port}");
    let lists = [
        format!("{head}#EXTINF:4,\n{inside}/a.ts\n#EXT-X-ENDLIST\n"),
        format!("{head}#EXT-X-KEY:METHOD=AES-128,URI=\"{inside}/key\"\n#EXTINF:4,\n/a.ts\n#EXT-X-ENDLIST\n"),
        format!("{head}#EXT-X-MAP:URI=\"{inside}/init.mp4\"\n#EXTINF:4,\n/a.ts\n#EXT-X-ENDLIST\n"),
        format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{inside}/list.m3u8\n"),
        format!("{head}#EXTINF:4,\n/away.ts\n#EXT-X-ENDLIST\n"),
    ];
    services.serve("/away.ts", Resource::redirect(format!("{inside}/a.ts")));
    for (index, list) in (1..).zip(lists) {
        let path = format!("/{index}.m3u8");
        services.serve(
            path.clone(),
            Resource::bytes("application/vnd.apple.mpegurl", list),
        );
        let url = services.url(&path);
        let loaded = rest.load(&url).await;
        if loaded["loadType"] == "track" {
            let body = json!({"track": {"encoded": loaded["data"]["encoded"]}});
            let answer = rest.patch(&socket.player(index), &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            socket.event("TrackExceptionEvent", index).await;
        } else {
            assert_eq!(loaded["loadType"], "error", "{path}: {loaded}");
        }
    }
    assert_eq!(visits.load(Relaxed), 0);
}
