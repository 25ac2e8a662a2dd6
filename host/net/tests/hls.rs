//! HLS as bytes: where parts of a stream begin, which sections come before segments, and where reading starts.

use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::time::Duration;

use fake_services::{FakeServices, Resource};
use lavalink_net::{
    ByteOrigin, EgressGuard, HlsOrigin, HttpClient, MediaReader, NetConfig, NetError, ReaderConfig, Request,
};
use tokio::runtime::Handle;

fn list(services: &FakeServices, path: &str, lines: &str) {
    let text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n{lines}#EXT-X-ENDLIST\n");
    services.serve(
        path,
        Resource::bytes("application/vnd.apple.mpegurl", text.into_bytes()),
    );
}

fn file(services: &FakeServices, path: &str, bytes: &[u8]) {
    services.serve(path, Resource::bytes("video/mp4", bytes.to_vec()));
}

fn origin(services: &FakeServices, path: &str) -> HlsOrigin {
    let config = NetConfig {
        egress: std::sync::Arc::new(EgressGuard::allowing_private()),
        ..NetConfig::default()
    };
    let client = HttpClient::new(config).expect("a client");
    HlsOrigin::new(client, Request::get(services.url(path)))
}

/// The stream from where it was opened, cut where parts begin.
async fn parts(origin: &mut HlsOrigin) -> Result<Vec<String>, NetError> {
    let mut parts = vec![String::new()];
    loop {
        let bytes = origin.read(7).await?;
        let begins_part = origin.begins_part();
        if bytes.is_empty() {
            return Ok(parts);
        }
        if begins_part {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
}

async fn served() -> FakeServices {
    let services = FakeServices::start().await.expect("a server");
    for (path, text) in [
        ("/init-a", "[the section a]"),
        ("/init-a-moved", "[the section a]"),
        ("/init-b", "[the section b]"),
        ("/0", "zero "),
        ("/1", "one "),
        ("/2", "two "),
        ("/3", "three "),
    ] {
        file(&services, path, text.as_bytes());
    }
    services
}

#[tokio::test]
async fn another_section_begins_a_part_and_the_same_one_under_a_new_address_does_not() {
    let services = served().await;
    list(
        &services,
        "/list",
        "#EXT-X-MAP:URI=\"init-a\"\n#EXTINF:2,\n0\n#EXT-X-MAP:URI=\"init-a-moved\"\n#EXTINF:2,\n1\n\
         #EXT-X-MAP:URI=\"init-b\"\n#EXTINF:2,\n2\n#EXTINF:2,\n3\n",
    );
    let mut origin = origin(&services, "/list");
    assert_eq!(origin.open(0).await.expect("opens").offset, 0);
    assert_eq!(
        parts(&mut origin).await.expect("reads"),
        ["[the section a]zero one ", "[the section b]two three "]
    );
    assert_eq!(services.hits("/init-b"), 1, "asked for once");
}

#[tokio::test]
async fn a_discontinuity_begins_a_part_with_its_section() {
    let services = served().await;
    list(
        &services,
        "/list",
        "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-a\"\n#EXTINF:2,\n0\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\n1\n",
    );
    let mut first = origin(&services, "/list");
    first.open(0).await.expect("opens");
    assert_eq!(
        parts(&mut first).await.expect("reads"),
        ["[the section a]zero ", "[the section a]one "],
        "the beginning of the stream is no new part"
    );
    list(
        &services,
        "/bare",
        "#EXTINF:2,\n0\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\n1\n",
    );
    let mut bare = origin(&services, "/bare");
    bare.open(0).await.expect("opens");
    assert_eq!(parts(&mut bare).await.expect("reads"), ["zero ", "one "]);
}

#[tokio::test]
async fn reading_starts_with_the_segment_playback_begins_in() {
    let services = served().await;
    list(
        &services,
        "/list",
        "#EXT-X-MAP:URI=\"init-a\"\n#EXTINF:2,\n0\n#EXTINF:2,\n1\n#EXTINF:2,\n2\n#EXTINF:2,\n3\n",
    );
    for (start_ms, expected) in [
        (5_000, "[the section a]two three "),
        // A decoder needs a little of what is before.
        (4_050, "[the section a]one two three "),
        (0, "[the section a]zero one two three "),
        (99_000, "[the section a]three "),
    ] {
        let mut origin = origin(&services, "/list");
        let start = Duration::from_millis(start_ms);
        origin.begin_at(start);
        let opened = origin.open(0).await.expect("opens");
        let piece = origin
            .pieces()
            .and_then(|pieces| pieces.at(start.saturating_sub(Duration::from_millis(100))));
        assert_eq!(
            Some(opened.offset),
            piece.map(|piece| piece.offset),
            "{start_ms} ms"
        );
        assert_eq!(
            parts(&mut origin).await.expect("reads"),
            [expected],
            "{start_ms} ms"
        );
        assert_eq!(
            origin.open(0).await.expect("opens again").offset,
            0,
            "a jump goes where it is told"
        );
        assert!(parts(&mut origin).await.expect("reads")[0].contains("zero"));
    }
}

#[tokio::test]
async fn a_section_without_an_end_is_refused() {
    let services = served().await;
    file(&services, "/flood", &vec![b'x'; 3 * 1024 * 1024]);
    list(&services, "/list", "#EXT-X-MAP:URI=\"flood\"\n#EXTINF:2,\n0\n");
    let error = origin(&services, "/list").open(0).await.expect_err("too large");
    assert!(error.to_string().contains("initialisation section"), "{error}");
}

/// All bytes up to the next end.
async fn to_the_end(reader: &mut MediaReader) -> String {
    let mut all = String::new();
    let mut buffer = [0; 5];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return all,
            Ok(count) => all.push_str(&String::from_utf8_lossy(&buffer[..count])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_reader_stops_where_a_part_begins_and_goes_over_when_told() {
    let services = served().await;
    list(
        &services,
        "/list",
        "#EXTINF:2,\n0\n#EXTINF:2,\n1\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\n2\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\n3\n",
    );
    let config = ReaderConfig {
        start: Duration::from_secs(3),
        ..ReaderConfig::default()
    };
    let mut reader = MediaReader::spawn(&Handle::current(), Box::new(origin(&services, "/list")), config);
    reader.ready().await.expect("opens");
    assert_eq!(to_the_end(&mut reader).await, "one ");
    assert_eq!(to_the_end(&mut reader).await, "", "it stays at the end");
    assert!(reader.next_part());
    assert!(!reader.next_part(), "once");
    assert_eq!(to_the_end(&mut reader).await, "two ");
    assert!(reader.next_part());
    assert_eq!(to_the_end(&mut reader).await, "three ");
    assert!(!reader.next_part());
    assert_eq!(
        services.hits("/0"),
        0,
        "what is before the start is not asked for"
    );

    let first = reader.piece_at(Duration::from_secs(2)).expect("a piece").offset;
    reader.seek(SeekFrom::Start(first)).expect("held in memory");
    assert_eq!(
        to_the_end(&mut reader).await,
        "one ",
        "parts end again after a step back"
    );
    assert!(reader.next_part());
    reader.seek(SeekFrom::Start(0)).expect("a piece");
    assert_eq!(to_the_end(&mut reader).await, "zero one ");
    assert!(reader.next_part());
    assert_eq!(to_the_end(&mut reader).await, "two ");
}
