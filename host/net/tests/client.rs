//! The HTTP client against a server on loopback.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use fake_services::{FakeServices, Resource};
use lavalink_net::{HttpClient, NetConfig, NetError, ProxyConfig, Request, Response, Stage};

fn client() -> HttpClient {
    HttpClient::new(open()).unwrap()
}

/// A client that loses patience quickly; for tests in which nothing is ever answered.
fn impatient() -> HttpClient {
    let short = Duration::from_millis(100);
    HttpClient::new(NetConfig {
        connect_timeout: short,
        read_timeout: short,
        ..open()
    })
    .unwrap()
}

async fn body(response: &mut Response) -> Result<Vec<u8>, NetError> {
    let mut all = Vec::new();
    loop {
        let bytes = response.chunk(10_000).await?;
        assert!(bytes.len() <= 10_000);
        if bytes.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&bytes);
    }
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 + i / 256) as u8).collect()
}

#[tokio::test]
async fn an_answer_arrives_whole() {
    let services = FakeServices::start().await.unwrap();
    let bytes = noise(100_000);
    services.serve(
        "/a",
        Resource::bytes("audio/mpeg", bytes.clone()).header("X-Name", b"caf\xe9".to_vec()),
    );
    let mut request = Request::get(services.url("/a?token=1"));
    request.headers = vec![("X-Asked".to_owned(), b"yes".to_vec())];
    let mut response = client().fetch(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.content_length(), Some(100_000));
    assert_eq!(response.header("content-type"), Some("audio/mpeg"));
    assert!(
        response
            .headers()
            .contains(&("x-name".to_owned(), b"caf\xe9".to_vec()))
    );
    assert_eq!(response.url(), services.url("/a?token=1"));
    assert_eq!(response.local_address(), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    assert_eq!(body(&mut response).await.unwrap(), bytes);
    let asked = &services.requests("/a")[0];
    assert_eq!(asked.header("x-asked"), Some("yes"));
    assert!(asked.header("user-agent").unwrap().starts_with("lavalink-rust/"));
    assert_eq!(asked.header("accept-encoding"), None);
}

#[tokio::test]
async fn a_range_is_asked_for() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::bytes("audio/mpeg", noise(1000)));
    let mut request = Request::get(services.url("/a"));
    request.range = Some((100, Some(199)));
    let mut response = client().fetch(request).await.unwrap();
    assert_eq!(response.status(), 206);
    assert_eq!(body(&mut response).await.unwrap(), noise(1000)[100..200]);
}

#[tokio::test]
async fn a_body_is_posted() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::status(204));
    let mut request = Request::get(services.url("/a"));
    request.method = "POST".to_owned();
    request.body = Some(b"{}".to_vec());
    assert_eq!(client().fetch(request).await.unwrap().status(), 204);
    let asked = &services.requests("/a")[0];
    assert_eq!(
        (asked.method.as_str(), asked.header("content-length")),
        ("POST", Some("2"))
    );
}

#[tokio::test]
async fn redirects_are_followed_when_asked() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/from", Resource::redirect("/to"));
    services.serve("/to", Resource::text());
    let mut request = Request::get(services.url("/from"));
    let followed = client().fetch(request.clone()).await.unwrap();
    assert_eq!(
        (followed.status(), followed.url()),
        (200, services.url("/to").as_str())
    );
    request.follow_redirects = false;
    let direct = client().fetch(request).await.unwrap();
    assert_eq!((direct.status(), direct.header("location")), (302, Some("/to")));
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/loop", Resource::redirect("/loop"));
    let error = client()
        .fetch(Request::get(services.url("/loop")))
        .await
        .unwrap_err();
    assert!(matches!(error, NetError::Redirects { .. }), "{error}");
    assert_eq!(services.hits("/loop"), lavalink_net::MAX_REDIRECTS + 1);
}

#[tokio::test]
async fn the_body_is_bounded() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::bytes("audio/mpeg", noise(50_000)));
    for (max_bytes, fits) in [(49_999, false), (50_000, true)] {
        let mut request = Request::get(services.url("/a"));
        request.max_bytes = Some(max_bytes);
        let mut response = client().fetch(request).await.unwrap();
        let mut received = 0;
        let outcome = loop {
            match response.chunk(10_000).await {
                Ok(bytes) if bytes.is_empty() => break Ok(()),
                Ok(bytes) => received += bytes.len() as u64,
                Err(error) => break Err(error),
            }
        };
        assert_eq!(received, max_bytes);
        assert_eq!(outcome.is_ok(), fits, "{outcome:?}");
        if let Err(error) = outcome {
            assert!(
                matches!(
                    error,
                    NetError::TooLarge {
                        what: "body",
                        limit: 49_999,
                        ..
                    }
                ),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_large_header_is_refused() {
    let services = FakeServices::start().await.unwrap();
    services.serve(
        "/a",
        Resource::text().header("x-large", vec![b'a'; lavalink_net::MAX_HEADER_BYTES]),
    );
    let error = client()
        .fetch(Request::get(services.url("/a")))
        .await
        .unwrap_err();
    assert!(
        matches!(error, NetError::TooLarge { what: "header", .. }),
        "{error}"
    );
}

#[tokio::test]
async fn silence_before_the_head_is_a_timeout() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/hang", Resource::hang());
    let error = impatient()
        .fetch(Request::get(services.url("/hang")))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            NetError::Timeout {
                stage: Stage::Head,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.is_retriable());
}

#[tokio::test]
async fn silence_in_the_body_is_a_timeout() {
    let services = FakeServices::start().await.unwrap();
    services.serve(
        "/stall",
        Resource::bytes("audio/mpeg", noise(50_000)).stall_after(20_000, usize::MAX),
    );
    let mut response = impatient()
        .fetch(Request::get(services.url("/stall")))
        .await
        .unwrap();
    let error = body(&mut response).await.unwrap_err();
    assert!(
        matches!(
            error,
            NetError::Timeout {
                stage: Stage::Body,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_cut_body_is_an_error() {
    let services = FakeServices::start().await.unwrap();
    services.serve(
        "/cut",
        Resource::bytes("audio/mpeg", noise(50_000)).cut_after(20_000, 1),
    );
    services.serve(
        "/chunked",
        Resource::bytes("audio/mpeg", noise(50_000))
            .without_length()
            .cut_after(20_000, 1),
    );
    for path in ["/cut", "/chunked"] {
        let mut response = client().fetch(Request::get(services.url(path))).await.unwrap();
        let error = body(&mut response).await.unwrap_err();
        assert!(matches!(error, NetError::Interrupted { .. }), "{error:?}");
        assert!(error.is_retriable());
    }
}

#[tokio::test]
async fn a_closed_port_is_a_connect_error_without_secrets() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://user:hunter2@{address}/path?token=abc");
    let error = client().fetch(Request::get(url)).await.unwrap_err();
    assert!(matches!(error, NetError::Connect { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains(&address.to_string()), "{text}");
    for secret in ["hunter2", "path", "abc"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn other_protocols_are_named_so() {
    let services = FakeServices::start().await.unwrap();
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 xyz\r\n\r\n",
        "\0\x01\x02\x03\x04",
    ] {
        let url = services.serve_raw(answer).await.unwrap();
        let error = client().fetch(Request::get(url)).await.unwrap_err();
        assert!(
            matches!(error, NetError::Protocol { .. }),
            "{answer:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn shoutcast_answers_are_understood() {
    let services = FakeServices::start().await.unwrap();
    let sound = noise(30_000);
    let answer = [
        b"ICY 200 OK\r\nicy-name: Radio\r\nContent-Type: audio/mpeg\r\n\r\n".as_slice(),
        &sound,
    ]
    .concat();
    let url = services.serve_raw(answer).await.unwrap();
    let mut response = client().fetch(Request::get(url)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("icy-name"), Some("Radio"));
    assert_eq!(response.header("content-type"), Some("audio/mpeg"));
    assert_eq!(body(&mut response).await.unwrap(), sound);
}

#[tokio::test]
async fn a_proxy_is_used_with_its_credentials() {
    let proxy = FakeServices::start().await.unwrap();
    proxy.serve("/song", Resource::text());
    let address = proxy.address();
    let config = ProxyConfig::new(address.ip().to_string(), address.port()).with_credentials("user", "pass");
    let client = HttpClient::new(NetConfig {
        proxy: Some(config),
        ..open()
    })
    .unwrap();
    let response = client
        .fetch(Request::get("http://media.invalid/song"))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let asked = &proxy.requests("/song")[0];
    assert!(asked.absolute);
    assert_eq!(asked.header("host"), Some("media.invalid"));
    assert_eq!(asked.header("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
}

#[tokio::test]
async fn connections_are_reused() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::text());
    let client = client();
    for _ in 0..3 {
        let mut response = client.fetch(Request::get(services.url("/a"))).await.unwrap();
        body(&mut response).await.unwrap();
    }
    assert_eq!((services.hits("/a"), services.connections()), (3, 1));
}

/// Settings that let the servers of these tests, on loopback, be reached.
fn open() -> NetConfig {
    NetConfig {
        egress: std::sync::Arc::new(lavalink_net::EgressGuard::allowing_private()),
        ..NetConfig::default()
    }
}
