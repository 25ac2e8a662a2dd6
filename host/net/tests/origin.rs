//! The reconnecting HTTP origin against servers that misbehave.

use std::io::Write;
use std::time::Duration;

use fake_services::{FakeServices, Resource};
use lavalink_net::{ByteOrigin, HttpClient, HttpOrigin, NetConfig, NetError, Opened, Request};

fn client() -> HttpClient {
    HttpClient::new(open()).unwrap()
}

fn origin(url: String) -> HttpOrigin {
    HttpOrigin::new(client(), Request::get(url))
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 13 + i / 251) as u8).collect()
}

async fn rest(origin: &mut HttpOrigin) -> Result<Vec<u8>, NetError> {
    let mut all = Vec::new();
    loop {
        let bytes = origin.read(7000).await?;
        assert!(bytes.len() <= 7000);
        if bytes.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&bytes);
    }
}

async fn serve(resource: Resource) -> (FakeServices, HttpOrigin) {
    let services = FakeServices::start().await.unwrap();
    services.serve("/m", resource);
    let origin = origin(services.url("/m"));
    (services, origin)
}

fn mp3(length: usize) -> Resource {
    Resource::bytes("audio/mpeg", noise(length))
}

#[tokio::test]
async fn a_whole_medium_needs_no_range() {
    let (services, mut origin) = serve(mp3(100_000)).await;
    let opened = origin.open(0).await.unwrap();
    assert_eq!(
        opened,
        Opened {
            offset: 0,
            total: Some(100_000),
            seekable: true
        }
    );
    assert_eq!(rest(&mut origin).await.unwrap(), noise(100_000));
    assert_eq!(services.ranges("/m"), [None]);
}

#[tokio::test]
async fn an_offset_is_asked_for_by_range() {
    let (services, mut origin) = serve(mp3(100_000)).await;
    let opened = origin.open(60_000).await.unwrap();
    assert_eq!(
        opened,
        Opened {
            offset: 60_000,
            total: Some(100_000),
            seekable: true
        }
    );
    assert_eq!(rest(&mut origin).await.unwrap(), noise(100_000)[60_000..]);
    assert_eq!(services.ranges("/m"), [Some("bytes=60000-".to_owned())]);
}

#[tokio::test]
async fn a_cut_is_resumed_where_it_happened() {
    let (services, mut origin) = serve(mp3(100_000).cut_after(40_000, 1)).await;
    origin.open(0).await.unwrap();
    assert_eq!(rest(&mut origin).await.unwrap(), noise(100_000));
    assert_eq!(services.ranges("/m"), [None, Some("bytes=40000-".to_owned())]);
}

#[tokio::test]
async fn a_medium_survives_more_cuts_than_the_budget_has_retries() {
    let (services, mut origin) = serve(mp3(300_000).cut_after(20_000, usize::MAX)).await;
    origin.open(0).await.unwrap();
    assert_eq!(rest(&mut origin).await.unwrap(), noise(300_000));
    assert_eq!(services.hits("/m"), 15);
}

#[tokio::test]
async fn small_progress_renews_the_budget() {
    let (services, mut origin) = serve(mp3(8_000).cut_after(1_000, usize::MAX)).await;
    origin.open(0).await.unwrap();
    assert_eq!(rest(&mut origin).await.unwrap(), noise(8_000));
    assert_eq!(services.hits("/m"), 8);
}

#[tokio::test]
async fn a_cut_chunked_body_is_resumed() {
    let (_services, mut origin) = serve(mp3(100_000).without_length().cut_after(40_000, 1)).await;
    assert_eq!(origin.open(0).await.unwrap().total, None);
    assert_eq!(rest(&mut origin).await.unwrap(), noise(100_000));
}

#[tokio::test]
async fn a_server_without_ranges_is_skipped_forward() {
    for resource in [mp3(100_000).without_ranges(), mp3(100_000).with_false_ranges()] {
        let (services, mut origin) = serve(resource.cut_after(40_000, 1)).await;
        assert!(
            origin.open(0).await.unwrap().seekable,
            "small enough to be skipped through"
        );
        assert_eq!(rest(&mut origin).await.unwrap(), noise(100_000));
        assert_eq!(services.hits("/m"), 2);
        let opened = origin.open(50_000).await.unwrap();
        assert_eq!(
            opened,
            Opened {
                offset: 50_000,
                total: Some(100_000),
                seekable: true
            }
        );
        assert_eq!(rest(&mut origin).await.unwrap(), noise(100_000)[50_000..]);
    }
}

#[tokio::test]
async fn a_large_medium_without_ranges_cannot_be_skipped_through() {
    const LARGE: usize = 17 * 1024 * 1024;
    let (_services, mut origin) = serve(mp3(LARGE).without_ranges()).await;
    assert!(!origin.open(0).await.unwrap().seekable);
    let error = origin.open(LARGE as u64 - 1).await.unwrap_err();
    assert!(matches!(error, NetError::NotSeekable { .. }), "{error}");
}

#[tokio::test]
async fn another_range_than_asked_is_refused() {
    let (_services, mut origin) = serve(mp3(100_000).with_wrong_ranges(10)).await;
    let error = origin.open(50_000).await.unwrap_err();
    assert!(matches!(error, NetError::Protocol { .. }), "{error}");
}

#[tokio::test]
async fn a_medium_that_changes_is_not_spliced() {
    let (services, mut origin) = serve(mp3(100_000).cut_after(40_000, 1)).await;
    origin.open(0).await.unwrap();
    services.serve("/m", mp3(99_000));
    let error = rest(&mut origin).await.unwrap_err();
    assert!(
        matches!(&error, NetError::Protocol { reason, .. } if reason.contains("changed")),
        "{error}"
    );
}

#[tokio::test]
async fn a_medium_of_another_tag_is_not_spliced_though_it_is_as_long() {
    let tagged =
        |tag: &str, modified: &str| mp3(100_000).header("etag", tag).header("last-modified", modified);
    for (tag, modified, is_same) in [
        ("\"b\"", "Tue, 24 Nov 2026 00:00:00 GMT", false),
        // Another server of the same name tags the same file in its own way.
        ("\"b\"", "Mon, 23 Nov 2026 00:00:00 GMT", true),
        ("\"a\"", "Tue, 24 Nov 2026 00:00:00 GMT", true),
        ("W/\"b\"", "Tue, 24 Nov 2026 00:00:00 GMT", true),
    ] {
        let first = tagged("\"a\"", "Mon, 23 Nov 2026 00:00:00 GMT").cut_after(40_000, 1);
        let (services, mut origin) = serve(first).await;
        origin.open(0).await.unwrap();
        services.serve("/m", tagged(tag, modified));
        match rest(&mut origin).await {
            Ok(bytes) => assert!(is_same && bytes == noise(100_000), "{tag} {modified}"),
            Err(error) => assert!(!is_same && error.to_string().contains("changed"), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_compressed_answer_is_unpacked_and_gone_on_with_where_it_broke() {
    // Noise that does not repeat itself.
    let mut state = 1_u32;
    let medium: Vec<u8> = (0..100_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let packed = packed(&medium);
    let resource = || Resource::bytes("audio/mpeg", packed.clone()).header("content-encoding", "gzip");
    let (_services, mut origin) = serve(resource()).await;
    let opened = origin.open(0).await.unwrap();
    assert_eq!(
        (opened.total, opened.seekable),
        (None, false),
        "the length is that of the packed bytes"
    );
    assert_eq!(rest(&mut origin).await.unwrap(), medium);
    // A part of what is packed cannot be unpacked: with a server that sends the whole again it goes on.
    let (_services, mut origin) = serve(resource().without_ranges().cut_after(packed.len() / 2, 1)).await;
    origin.open(0).await.unwrap();
    assert_eq!(rest(&mut origin).await.unwrap(), medium);
    let (_services, mut origin) = serve(resource().cut_after(packed.len() / 2, 1)).await;
    origin.open(0).await.unwrap();
    let error = rest(&mut origin).await.expect_err("a part");
    assert!(matches!(error, NetError::Protocol { .. }), "{error}");
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn an_offset_behind_the_end_delivers_the_end() {
    let (_services, mut origin) = serve(mp3(1000)).await;
    for offset in [1000, 5000] {
        assert_eq!(origin.open(offset).await.unwrap().offset, offset);
        assert!(rest(&mut origin).await.unwrap().is_empty());
    }
    assert_eq!(origin.open(990).await.unwrap().total, Some(1000));
    assert_eq!(rest(&mut origin).await.unwrap(), noise(1000)[990..]);
}

#[tokio::test]
async fn server_errors_are_retried_and_refusals_are_not() {
    let (services, mut origin) = serve(mp3(1000).fail_first(2, 503)).await;
    origin.open(0).await.unwrap();
    assert_eq!(rest(&mut origin).await.unwrap(), noise(1000));
    assert_eq!(services.hits("/m"), 3);

    let (services, mut origin) = serve(Resource::status(404)).await;
    let error = origin.open(0).await.unwrap_err();
    assert!(matches!(error, NetError::Status { status: 404, .. }), "{error}");
    assert_eq!(services.hits("/m"), 1);
}

#[tokio::test]
async fn the_budget_ends() {
    let (services, mut origin) = serve(mp3(100_000).cut_at(40_000)).await;
    origin.open(0).await.unwrap();
    let mut received = Vec::new();
    let error = loop {
        match origin.read(usize::MAX).await {
            Ok(bytes) => received.extend_from_slice(&bytes),
            Err(error) => break error,
        }
    };
    assert_eq!(received, noise(100_000)[..40_000]);
    let NetError::Exhausted { attempts, last } = &error else {
        panic!("{error}")
    };
    assert_eq!(*attempts, 6);
    assert!(matches!(**last, NetError::Interrupted { .. }), "{last}");
    assert_eq!(services.hits("/m"), 6);
    assert!(!error.is_retriable());
}

#[tokio::test]
async fn a_stall_is_a_timeout_and_then_a_reconnect() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/m", mp3(100_000).stall_after(40_000, 1));
    let config = NetConfig {
        read_timeout: Duration::from_millis(300),
        ..open()
    };
    let mut origin = HttpOrigin::new(HttpClient::new(config).unwrap(), Request::get(services.url("/m")));
    origin.open(0).await.unwrap();
    assert_eq!(rest(&mut origin).await.unwrap(), noise(100_000));
    assert_eq!(services.ranges("/m"), [None, Some("bytes=40000-".to_owned())]);
}

#[tokio::test]
async fn a_redirect_is_followed_again_on_reconnect() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/short", Resource::redirect("/m"));
    services.serve("/m", mp3(100_000).cut_after(40_000, 1));
    let mut origin = origin(services.url("/short"));
    origin.open(0).await.unwrap();
    assert_eq!(rest(&mut origin).await.unwrap(), noise(100_000));
    assert_eq!((services.hits("/short"), services.hits("/m")), (2, 2));
}

#[tokio::test]
async fn a_live_stream_goes_on_without_a_range() {
    let (services, mut origin) = serve(
        mp3(50_000)
            .without_ranges()
            .without_length()
            .header("icy-name", "Radio")
            .cut_after(40_000, 1),
    )
    .await;
    assert_eq!(
        origin.open(0).await.unwrap(),
        Opened {
            offset: 0,
            total: None,
            seekable: false
        }
    );
    let expected = [&noise(50_000)[..40_000], &noise(50_000)].concat();
    assert_eq!(rest(&mut origin).await.unwrap(), expected);
    assert_eq!(services.ranges("/m"), [None, None]);
}

#[tokio::test]
async fn an_answer_that_is_already_there_is_used() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/m", mp3(100_000));
    let client = client();
    let request = Request::get(services.url("/m"));
    let response = client.fetch(request.clone()).await.unwrap();
    let mut origin = HttpOrigin::with_response(client.clone(), request.clone(), response);
    origin.open(0).await.unwrap();
    assert_eq!(rest(&mut origin).await.unwrap(), noise(100_000));
    assert_eq!(services.hits("/m"), 1);

    let mut partly_read = client.fetch(request.clone()).await.unwrap();
    partly_read.chunk(10).await.unwrap();
    let mut origin = HttpOrigin::with_response(client, request, partly_read);
    origin.open(0).await.unwrap();
    assert_eq!(rest(&mut origin).await.unwrap(), noise(100_000));
    assert_eq!(services.hits("/m"), 3);
}

/// Settings that let the servers of these tests, on loopback, be reached.
fn open() -> NetConfig {
    NetConfig {
        egress: std::sync::Arc::new(lavalink_net::EgressGuard::allowing_private()),
        ..NetConfig::default()
    }
}
