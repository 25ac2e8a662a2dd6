//! Ways inside that begin outside: redirects of every kind, long chains of them, playlists, and names that flip in between.

use lavalink_net::Response;

use super::*;

/// Statuses that lead on.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];
/// Hops of a long chain.
const CHAIN: usize = 30;
const HLS: &str = "application/vnd.apple.mpegurl";
const HEAD: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n";

/// Hosts that are inside in any spelling, and are not the one server that is trusted.
fn hosts() -> Vec<String> {
    let mut hosts = Vec::new();
    for address in ["127.0.0.2", "127.9.9.9", "0.0.0.0", "10.1.2.3", "169.254.169.254"] {
        hosts.extend(spellings(address.parse().unwrap()));
    }
    for host in [
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fd12::1]",
        "localhost",
    ] {
        hosts.push(host.to_owned());
    }
    hosts
}

/// Whether a URL in any of these places was not followed: refused by rule, no URL at all, or nothing but text.
fn is_held<T>(outcome: &Result<T, NetError>) -> bool {
    matches!(
        outcome,
        Err(NetError::Refused { .. } | NetError::Url { .. } | NetError::Request { .. })
    )
}

/// Whether an answer is the redirect itself, which nobody could follow.
fn is_unfollowed(outcome: &Result<Response, NetError>) -> bool {
    outcome
        .as_ref()
        .is_ok_and(|answer| REDIRECTS.contains(&answer.status()))
}

async fn read_through(client: &HttpClient, url: String) -> Result<(), NetError> {
    let mut origin = HlsOrigin::new(client.clone(), Request::get(url));
    origin.open(0).await?;
    origin.read(1000).await.map(|_| ())
}

#[tokio::test]
async fn hundreds_of_redirects_inside_are_not_followed() {
    let canary = Canary::start();
    let (services, client) = outside().await;
    let mut tried = 0;
    for host in hosts() {
        for status in REDIRECTS {
            let target = format!("http://{host}:{}/{status}", canary.port);
            services.serve(
                "/away",
                Resource::status(status).header("location", target.clone()),
            );
            let outcome = client.fetch(Request::get(services.url("/away"))).await;
            assert!(
                is_held(&outcome) || is_unfollowed(&outcome),
                "{status} {target}: {outcome:?}"
            );
            tried += 1;
        }
    }
    assert!(tried >= 700, "{tried}");
    assert_eq!(services.hits("/away"), tried, "each redirect was seen");
    assert_eq!(canary.visits(), 0);
}

#[tokio::test]
async fn chains_of_redirects_lead_nowhere_inside() {
    let canary = Canary::start();
    let (services, client) = outside().await;
    for status in REDIRECTS {
        for hop in 0..CHAIN {
            let next = match hop + 1 {
                CHAIN => format!("http://127.0.0.2:{}/", canary.port),
                next => format!("/hop/{next}"),
            };
            services.serve(
                format!("/hop/{hop}"),
                Resource::status(status).header("location", next),
            );
        }
        for start in 0..CHAIN {
            let url = services.url(&format!("/hop/{start}"));
            let error = client.fetch(Request::get(&*url)).await.err();
            assert!(
                matches!(error, Some(NetError::Refused { .. } | NetError::Redirects { .. })),
                "{status} from {start}: {error:?}"
            );
            let opened = HttpOrigin::new(client.clone(), Request::get(url)).open(0).await;
            assert!(opened.is_err(), "{status} from {start}");
        }
    }
    assert!(
        services.hits(&format!("/hop/{}", CHAIN - 1)) > 0,
        "the last hop was reached"
    );
    assert_eq!(canary.visits(), 0);
}

#[tokio::test]
async fn no_line_of_a_playlist_leads_inside() {
    let canary = Canary::start();
    let (services, client) = outside().await;
    services.serve("/a.ts", Resource::bytes("video/mp2t", vec![0x47; 188]));
    services.serve(
        "/good.m3u8",
        Resource::bytes(HLS, format!("{HEAD}#EXTINF:4,\n/a.ts\n#EXT-X-ENDLIST\n")),
    );
    let mut tried = 0;
    for host in hosts() {
        let inside = format!("http://{host}:{}", canary.port);
        let segments = "#EXTINF:4,\n/a.ts\n#EXT-X-ENDLIST\n";
        for playlist in [
            format!("{HEAD}#EXTINF:4,\n{inside}/a.ts\n#EXT-X-ENDLIST\n"),
            format!("{HEAD}#EXT-X-BYTERANGE:188@0\n#EXTINF:4,\n{inside}/a.ts\n#EXT-X-ENDLIST\n"),
            format!("{HEAD}#EXT-X-KEY:METHOD=AES-128,URI=\"{inside}/key\"\n{segments}"),
            format!("{HEAD}#EXT-X-MAP:URI=\"{inside}/init.mp4\"\n{segments}"),
            format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{inside}/list.m3u8\n"),
            format!(
                "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\",DEFAULT=YES,URI=\"{inside}/audio.m3u8\"\n\
                 #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\n/good.m3u8\n"
            ),
        ] {
            services.serve("/list.m3u8", Resource::bytes(HLS, playlist.clone()));
            let outcome = read_through(&client, services.url("/list.m3u8")).await;
            assert!(outcome.is_err(), "{playlist}");
            tried += 1;
        }
    }
    assert!(tried >= 800, "{tried}");
    assert!(services.hits("/list.m3u8") >= tried, "each playlist was read");
    assert_eq!(canary.visits(), 0);
}

#[tokio::test]
async fn names_that_flip_on_the_way_lead_nowhere_inside() {
    let canary = Canary::start();
    let services = FakeServices::start().await.unwrap();
    let rules = EgressRules {
        trusted_hosts: vec![services.address().ip().to_string()],
        // Stands for a public address; see above.
        allow: vec![parse_network("192.0.2.1").unwrap()],
        ..EgressRules::default()
    };
    let inside = format!("http://flip.test:{}", canary.port);
    services.serve("/away", Resource::redirect(format!("{inside}/")));
    services.serve("/a.ts", Resource::bytes("video/mp2t", vec![0x47; 188]));
    let lists = [
        format!("{HEAD}#EXTINF:4,\n{inside}/a.ts\n#EXT-X-ENDLIST\n"),
        format!("{HEAD}#EXT-X-KEY:METHOD=AES-128,URI=\"{inside}/key\"\n#EXTINF:4,\n/a.ts\n#EXT-X-ENDLIST\n"),
        format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{inside}/list.m3u8\n"),
    ];
    let public: IpAddr = "192.0.2.1".parse().unwrap();
    for address in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
        let address: IpAddr = address.parse().unwrap();
        for answers in [vec![vec![address]], vec![vec![public], vec![address]]] {
            let names = Arc::new(Flipping {
                answers,
                asked: AtomicUsize::new(0),
            });
            let client = client(rules.clone(), Some(names), false);
            for _ in 0..2 {
                assert!(client.fetch(Request::get(services.url("/away"))).await.is_err());
            }
            for list in &lists {
                services.serve("/list.m3u8", Resource::bytes(HLS, list.clone()));
                assert!(read_through(&client, services.url("/list.m3u8")).await.is_err());
            }
        }
    }
    assert_eq!(canary.visits(), 0);
}
