//! Requests over planned routes against a server that sees where they come from. Linux answers to all of 127/8.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use fake_services::{FakeServices, Resource};
use lavalink_net::{
    HttpClient, HttpOrigin, NetConfig, NetError, Outcome, Position, Request, Retries, Route, RouteConfig,
    RoutePlanner,
};

fn config(block: &str, strategy: &str) -> RouteConfig {
    RouteConfig {
        blocks: vec![block.to_owned()],
        excluded: Vec::new(),
        strategy: strategy.to_owned(),
        retries: Retries::Default,
        search_triggers_fail: true,
    }
}

fn client(config: &RouteConfig) -> (HttpClient, Arc<RoutePlanner>, NetConfig) {
    let planner = Arc::new(RoutePlanner::new(config).unwrap());
    let net = NetConfig {
        route_planner: Some(Arc::clone(&planner)),
        ..open()
    };
    (HttpClient::new(net.clone()).unwrap(), planner, net)
}

fn planned(url: String) -> Request {
    Request {
        route: Route::Planned,
        ..Request::get(url)
    }
}

fn last(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 9, number).into()
}

fn peers(services: &FakeServices, path: &str) -> Vec<IpAddr> {
    services
        .requests(path)
        .iter()
        .map(|request| request.peer.unwrap().ip())
        .collect()
}

#[tokio::test]
async fn a_refused_address_is_left_and_the_next_one_is_kept() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::text().refuse([last(0), last(1)]));
    let (client, planner, net) = client(&config("127.0.9.0/29", "RotateOnBan"));
    for _ in 0..2 {
        let response = client.fetch(planned(services.url("/a"))).await.unwrap();
        assert_eq!(
            (response.status(), response.local_address()),
            (200, Some(last(2)))
        );
    }
    assert_eq!(peers(&services, "/a"), [last(0), last(1), last(2), last(2)]);
    let status = planner.status();
    let failing: Vec<IpAddr> = status.failing.iter().map(|(address, _)| *address).collect();
    assert_eq!(failing, [last(0), last(1)]);
    assert_eq!(
        status.position,
        Position::Rotating {
            rotations: 2,
            index: 3,
            current: Some(last(2))
        }
    );
    assert_eq!(net.outcomes.of(Outcome::Success), 2);
}

#[tokio::test]
async fn requests_that_do_not_ask_for_it_are_not_routed() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::text());
    let (client, planner, _) = client(&config("127.0.9.0/29", "RotateOnBan"));
    client.fetch(Request::get(services.url("/a"))).await.unwrap();
    assert_eq!(peers(&services, "/a"), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
    assert!(matches!(
        planner.status().position,
        Position::Rotating { index: 0, .. }
    ));
}

#[tokio::test]
async fn the_retries_are_counted_and_their_end_has_javas_text() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::status(429));
    for (retries, attempts) in [(Retries::Times(2), 3), (Retries::Default, 11)] {
        let before = services.hits("/a");
        let (client, planner, net) = client(&RouteConfig {
            retries,
            ..config("127.0.9.0/24", "LoadBalance")
        });
        let error = client.fetch(planned(services.url("/a"))).await.unwrap_err();
        assert_eq!(error, NetError::RateLimited);
        assert_eq!(error.to_string(), "Retry aborted, too many retries on ratelimit.");
        assert_eq!(services.hits("/a") - before, attempts);
        assert_eq!(planner.status().failing.len(), attempts);
        assert_eq!(net.outcomes.of(Outcome::RateLimited), 1);
    }
}

#[tokio::test]
async fn without_a_usable_address_nothing_is_sent() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::status(429));
    let (client, planner, _) = client(&RouteConfig {
        excluded: vec!["127.0.9.0".to_owned()],
        retries: Retries::Unlimited,
        ..config("127.0.9.0/31", "RotateOnBan")
    });
    let error = client.fetch(planned(services.url("/a"))).await.unwrap_err();
    assert!(error.to_string().ends_with("Can't find a free ip"), "{error}");
    assert_eq!(peers(&services, "/a"), [last(1)]);
    planner.free_all();
    assert!(client.fetch(planned(services.url("/a"))).await.is_err());
    assert_eq!(services.hits("/a"), 2);
}

#[tokio::test]
async fn searches_may_be_let_off() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::status(429));
    let (client, planner, _) = client(&RouteConfig {
        search_triggers_fail: false,
        retries: Retries::Times(1),
        ..config("127.0.9.0/29", "RotateOnBan")
    });
    let search = Request {
        route: Route::PlannedSearch,
        ..Request::get(services.url("/a"))
    };
    assert_eq!(client.fetch(search).await.unwrap_err(), NetError::RateLimited);
    assert_eq!(peers(&services, "/a"), [last(0), last(0)]);
    assert!(planner.status().failing.is_empty());
}

#[tokio::test]
async fn connections_are_kept_per_source_address() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::text());
    let (client, _, _) = client(&config("127.0.9.0/30", "LoadBalance"));
    for _ in 0..60 {
        let mut response = client.fetch(planned(services.url("/a"))).await.unwrap();
        while !response.chunk(usize::MAX).await.unwrap().is_empty() {}
    }
    let mut sources: Vec<_> = services
        .requests("/a")
        .iter()
        .map(|request| request.peer.unwrap())
        .collect();
    assert_eq!(sources.len(), 60);
    sources.sort();
    sources.dedup();
    assert_eq!(
        sources.len(),
        services.connections(),
        "a connection has one source"
    );
    assert!(
        services.connections() <= 8,
        "{} connections for 4 addresses",
        services.connections()
    );
}

#[tokio::test]
async fn a_media_stream_is_read_over_planned_routes() {
    let services = FakeServices::start().await.unwrap();
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i >> 3) as u8).collect();
    let resource = Resource::bytes("audio/mpeg", bytes.clone())
        .cut_after(50_000, 2)
        .refuse([last(0)]);
    services.serve("/m", resource);
    let (client, _, _) = client(&config("127.0.9.0/30", "RotateOnBan"));
    let mut origin = HttpOrigin::new(client, planned(services.url("/m")));
    use lavalink_net::ByteOrigin;
    origin.open(0).await.unwrap();
    let mut read = Vec::new();
    loop {
        let piece = origin.read(65_536).await.unwrap();
        if piece.is_empty() {
            break;
        }
        read.extend_from_slice(&piece);
    }
    assert!(read == bytes, "{} bytes", read.len());
    let peers = peers(&services, "/m");
    assert!(
        peers.len() >= 3 && peers[1..].iter().all(|peer| *peer == last(1)),
        "{peers:?}"
    );
}

#[tokio::test]
async fn redirects_are_followed_hop_by_hop_and_not_for_ever() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/end", Resource::text().refuse([last(0)]));
    services.serve("/start", Resource::redirect("/end"));
    services.serve("/loop", Resource::redirect("/loop"));
    let (client, _, _) = client(&config("127.0.9.0/29", "RotateOnBan"));
    let response = client.fetch(planned(services.url("/start"))).await.unwrap();
    assert_eq!(
        (response.status(), response.url()),
        (200, services.url("/end").as_str())
    );
    assert_eq!(peers(&services, "/end"), [last(0), last(1)]);
    let stay = Request {
        follow_redirects: false,
        ..planned(services.url("/start"))
    };
    assert_eq!(client.fetch(stay).await.unwrap().status(), 302);
    let error = client.fetch(planned(services.url("/loop"))).await.unwrap_err();
    assert!(matches!(error, NetError::Redirects { .. }), "{error}");
}

#[tokio::test]
async fn the_family_of_the_block_decides_what_can_be_reached() {
    let services = FakeServices::start().await.unwrap();
    services.serve("/a", Resource::text());
    let (v6, _, _) = client(&config("2001:db8::/64", "NanoSwitch"));
    let response = v6.fetch(planned(services.url("/a"))).await.unwrap();
    assert_eq!(
        response.local_address(),
        Some(Ipv4Addr::LOCALHOST.into()),
        "a host without IPv6 is asked over plain IPv4"
    );
    let (v4, _, _) = client(&config("127.0.9.0/30", "LoadBalance"));
    let error = v4
        .fetch(planned("http://[::1]:1025/".to_owned()))
        .await
        .unwrap_err();
    assert!(error.to_string().ends_with("Could not resolve host"), "{error}");
}

#[tokio::test]
async fn ipv6_sources_are_used_and_one_that_cannot_be_bound_is_left() {
    let Ok(listener) = tokio::net::TcpListener::bind("[::1]:0").await else {
        eprintln!("no IPv6 on this machine, nothing is tested");
        return;
    };
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, peer) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _length = tokio::io::AsyncReadExt::read(&mut stream, &mut request)
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        peer.ip()
    });
    // A multicast address can be no source.
    let (client, planner, _) = client(&RouteConfig {
        blocks: vec!["ff02::1".to_owned(), "::1".to_owned()],
        ..config("", "RotateOnBan")
    });
    let response = client.fetch(planned(url)).await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(server.await.unwrap(), "::1".parse::<IpAddr>().unwrap());
    let failing: Vec<String> = planner
        .status()
        .failing
        .iter()
        .map(|(a, _)| a.to_string())
        .collect();
    assert_eq!(failing, ["ff02::1"]);
}

/// Settings that let the servers of these tests, on loopback, be reached.
fn open() -> NetConfig {
    NetConfig {
        egress: std::sync::Arc::new(lavalink_net::EgressGuard::allowing_private()),
        ..NetConfig::default()
    }
}
