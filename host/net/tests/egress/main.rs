//! Nothing of what users can write leads inside: a listener on this machine counts who comes.

mod detours;

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use fake_services::{FakeServices, Resource};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lavalink_net::{
    ByteOrigin, EgressGuard, EgressRules, HlsOrigin, HostList, HttpClient, HttpOrigin, LookUp, NetConfig,
    NetError, Request, Retries, Route, RouteConfig, RoutePlanner, parse_network,
};

/// Counts connections to a port of 127.0.0.1.
struct Canary {
    port: u16,
    count: Arc<AtomicUsize>,
}

impl Canary {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                counted.fetch_add(1, Relaxed);
                drop(stream);
            }
        });
        Self { port, count }
    }

    fn visits(&self) -> usize {
        self.count.load(Relaxed)
    }
}

/// Names that answer something else each time.
#[derive(Debug)]
struct Flipping {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl LookUp for Flipping {
    fn look_up(&self, _name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let turn = self.asked.fetch_add(1, Relaxed);
        let answer = self.answers[turn % self.answers.len()].clone();
        std::future::ready(Ok(answer)).boxed()
    }
}

fn client(rules: EgressRules, names: Option<Arc<dyn LookUp>>, routed: bool) -> HttpClient {
    let planner = RoutePlanner::new(&RouteConfig {
        blocks: vec!["127.0.0.0/24".to_owned()],
        excluded: Vec::new(),
        strategy: "LoadBalance".to_owned(),
        retries: Retries::Times(1),
        search_triggers_fail: true,
    })
    .unwrap();
    let mut config = NetConfig {
        connect_timeout: Duration::from_millis(300),
        read_timeout: Duration::from_millis(300),
        egress: Arc::new(EgressGuard::new(rules)),
        route_planner: routed.then(|| Arc::new(planner)),
        ..NetConfig::default()
    };
    if let Some(names) = names {
        config.names = names;
    }
    HttpClient::new(config).unwrap()
}

fn get(url: &str, routed: bool) -> Request {
    Request {
        route: if routed { Route::Planned } else { Route::Direct },
        ..Request::get(url)
    }
}

/// Every way to write an IPv4 address that URL parsers or systems are known to take.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let whole = u32::from(address);
    let low = u32::from(c) << 8 | u32::from(d);
    let lower = u32::from(b) << 16 | low;
    let wide: String = address.to_string().chars().map(fullwidth).collect();
    let mut all = vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        format!("{a}.{b}.{low}"),
        format!("{a}.{lower}"),
        whole.to_string(),
        format!("{whole:#x}"),
        format!("0{whole:o}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0x{a:02X}.{b}.0{c:o}.{d}"),
        format!("000{a:o}.{b}.{c}.{d}"),
        format!("{a}%2e{b}%2E{c}.{d}"),
        format!("%3{a}.{b}.{c}.{d}"),
        wide,
        format!("{a}。{b}。{c}。{d}"),
    ];
    // As IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo.
    for prefix in ["::ffff:", "::", "::ffff:0:", "64:ff9b::", "64:ff9b:1::"] {
        all.push(format!("[{prefix}{a}.{b}.{c}.{d}]"));
        all.push(format!("[{prefix}{:x}:{:x}]", whole >> 16, whole & 0xffff));
    }
    all.push(format!("[2002:{:x}:{:x}::1]", whole >> 16, whole & 0xffff));
    all.push(format!("[2001:0:{:x}:{:x}::1]", whole >> 16, whole & 0xffff));
    all
}

fn fullwidth(digit: char) -> char {
    match digit {
        '0'..='9' => char::from_u32(0xff10 + digit as u32 - '0' as u32).unwrap(),
        other => other,
    }
}

fn corpus(port: u16) -> Vec<String> {
    let mut hosts = Vec::new();
    for address in [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "203.0.113.5",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
    ] {
        hosts.extend(spellings(address.parse().unwrap()));
    }
    for host in [
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[fe80::1]",
        "[fd00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[fec0::1]",
        "localhost",
        "LOCALHOST.",
        "localhost.localdomain",
    ] {
        hosts.push(host.to_owned());
    }
    let mut urls = Vec::new();
    for host in &hosts {
        urls.push(format!("http://{host}:{port}/"));
        urls.push(format!("https://{host}:{port}/x.mp3"));
        urls.push(format!("HTTP:\\\\{host}:{port}\\x"));
        urls.push(format!("http://1.1.1.1@{host}:{port}/"));
        urls.push(format!(
            "http://user:pass%40example.org@{host}:0{port}/?http://example.org#x"
        ));
    }
    urls
}

#[tokio::test]
async fn a_thousand_spellings_of_inside_addresses_reach_nothing() {
    let canary = Canary::start();
    let urls = corpus(canary.port);
    assert!(urls.len() > 1000, "{}", urls.len());
    for routed in [false, true] {
        let client = client(EgressRules::default(), None, routed);
        for url in &urls {
            let error = client.fetch(get(url, routed)).await.err();
            // A name may not exist on this machine; everything else is refused by rule or is no URL.
            let is_fine = matches!(
                &error,
                Some(NetError::Refused { .. } | NetError::Url { .. } | NetError::Request { .. })
            ) || (url.to_lowercase().contains("local")
                && matches!(&error, Some(NetError::Connect { .. })));
            assert!(is_fine, "{url}: {error:?}");
        }
    }
    assert_eq!(canary.visits(), 0);
}

#[tokio::test]
async fn the_canary_would_notice() {
    let canary = Canary::start();
    let client = client(
        EgressRules {
            allow_private: true,
            ..EgressRules::default()
        },
        None,
        false,
    );
    for spelling in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "１２７.0.0.1",
        "localhost",
    ] {
        let before = canary.visits();
        let _broken = client
            .fetch(Request::get(format!("http://{spelling}:{}/", canary.port)))
            .await;
        assert!(canary.visits() > before, "{spelling}");
    }
}

#[tokio::test]
async fn names_that_flip_between_looks_lead_nowhere_inside() {
    let canary = Canary::start();
    let public: IpAddr = "192.0.2.1".parse().unwrap();
    let inside: IpAddr = "127.0.0.1".parse().unwrap();
    // The documentation address stands for a public one here, so that no packet leaves for a real host.
    let rules = EgressRules {
        allow: vec![parse_network("192.0.2.1").unwrap()],
        ..EgressRules::default()
    };
    for answers in [
        vec![vec![public], vec![inside]],
        vec![vec![inside], vec![public]],
        vec![vec![public, inside]],
        vec![vec!["::ffff:127.0.0.1".parse().unwrap()]],
    ] {
        for routed in [false, true] {
            let names = Arc::new(Flipping {
                answers: answers.clone(),
                asked: AtomicUsize::new(0),
            });
            let client = client(rules.clone(), Some(names), routed);
            for _ in 0..4 {
                let url = format!("http://flip.test:{}/", canary.port);
                assert!(client.fetch(get(&url, routed)).await.is_err());
            }
        }
    }
    assert_eq!(canary.visits(), 0);
}

/// A server whose own address may be reached, and a client that may reach nothing else.
async fn outside() -> (FakeServices, HttpClient) {
    let services = FakeServices::start().await.unwrap();
    let trusted = services.address().ip().to_string();
    let rules = EgressRules {
        trusted_hosts: vec![trusted],
        ..EgressRules::default()
    };
    (services, client(rules, None, false))
}

#[tokio::test]
async fn redirects_and_playlists_are_held_against_the_rules_at_each_step() {
    let canary = Canary::start();
    let (services, client) = outside().await;
    // 127.0.0.2 is as much inside as 127.0.0.1, and not the server that is trusted.
    let inside = format!("http://127.0.0.2:{}", canary.port);
    services.serve("/1", Resource::redirect(format!("{inside}/")));
    services.serve("/2", Resource::redirect("/1"));
    services.serve("/3", Resource::redirect("/2"));
    for start in ["/1", "/2", "/3"] {
        let error = client.fetch(Request::get(services.url(start))).await.err();
        assert!(
            matches!(error, Some(NetError::Refused { .. })),
            "{start}: {error:?}"
        );
        let opened = HttpOrigin::new(client.clone(), Request::get(services.url(start)))
            .open(0)
            .await;
        assert!(
            matches!(opened, Err(NetError::Refused { .. })),
            "{start}: {opened:?}"
        );
    }
    let head = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n";
    for (path, playlist) in [
        (
            "/segment.m3u8",
            format!("{head}#EXTINF:4,\n{inside}/a.ts\n#EXT-X-ENDLIST\n"),
        ),
        (
            "/key.m3u8",
            format!(
                "{head}#EXT-X-KEY:METHOD=AES-128,URI=\"{inside}/key\"\n#EXTINF:4,\n/a.ts\n#EXT-X-ENDLIST\n"
            ),
        ),
        (
            "/master.m3u8",
            format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{inside}/list.m3u8\n"),
        ),
        (
            "/map.m3u8",
            format!("{head}#EXT-X-MAP:URI=\"{inside}/init.mp4\"\n#EXTINF:4,\n/a.ts\n#EXT-X-ENDLIST\n"),
        ),
    ] {
        services.serve(
            path,
            Resource::bytes("application/vnd.apple.mpegurl", playlist.into_bytes()),
        );
        services.serve("/a.ts", Resource::bytes("video/mp2t", vec![0x47; 188]));
        let mut origin = HlsOrigin::new(client.clone(), Request::get(services.url(path)));
        let outcome = match origin.open(0).await {
            Ok(_) => origin.read(1000).await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(outcome.is_err(), "{path}");
    }
    assert_eq!(canary.visits(), 0);
}

#[tokio::test]
async fn a_plugin_reaches_its_hosts_and_no_others() {
    let (services, _) = outside().await;
    services.serve("/a", Resource::text());
    let elsewhere = services.url("/a").replace("127.0.0.1", "127.0.0.2");
    services.serve("/away", Resource::redirect(elsewhere));
    let client = client(
        EgressRules {
            allow_private: true,
            ..EgressRules::default()
        },
        None,
        false,
    );
    let with = |hosts: &str, path: &str| Request {
        hosts: Some(Arc::new(HostList::parse([hosts]).unwrap())),
        ..Request::get(services.url(path))
    };
    assert_eq!(client.fetch(with("127.0.0.1", "/a")).await.unwrap().status(), 200);
    for (hosts, path) in [("example.org", "/a"), ("127.0.0.1", "/away")] {
        let error = client.fetch(with(hosts, path)).await.err();
        assert!(
            matches!(error, Some(NetError::Refused { .. })),
            "{path}: {error:?}"
        );
    }

    // What a playlist leads to is fetched in the plugin's name as well.
    let segment = services.url("/a").replace("127.0.0.1", "127.0.0.2");
    let list = format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{segment}\n#EXT-X-ENDLIST\n");
    services.serve(
        "/list.m3u8",
        Resource::bytes("application/vnd.apple.mpegurl", list),
    );
    let mut origin = HlsOrigin::new(client, with("127.0.0.1", "/list.m3u8"));
    let error = match origin.open(0).await {
        Ok(_) => origin.read(1000).await.err(),
        Err(error) => Some(error),
    };
    let told = error.map(|error| error.to_string()).unwrap_or_default();
    assert!(told.contains("the plugin may not reach this host"), "{told}");
}

#[tokio::test]
async fn behind_a_proxy_addresses_in_urls_are_still_looked_at() {
    let proxy = FakeServices::start().await.unwrap();
    let address = proxy.address();
    let client = HttpClient::new(NetConfig {
        proxy: Some(lavalink_net::ProxyConfig::new(
            address.ip().to_string(),
            address.port(),
        )),
        ..NetConfig::default()
    })
    .unwrap();
    for url in [
        "http://127.0.0.1:8000/",
        "http://0x7f.1/",
        "http://169.254.169.254/latest/",
    ] {
        let error = client.fetch(Request::get(url)).await.err();
        assert!(
            matches!(error, Some(NetError::Refused { .. })),
            "{url}: {error:?}"
        );
    }
    assert_eq!(proxy.connections(), 0);
}
