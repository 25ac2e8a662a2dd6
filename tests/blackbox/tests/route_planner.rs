//! The route planner of a real node: a service that refuses some of its addresses, and what the REST interface shows.
//!
//! Linux answers to every address of 127/8, so that the service sees which one was used.

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};

use fake_discord::Config;
use fake_services::{FakeServices, Resource};
use lavalink_blackbox::{Node, NodeOptions, Stage, media, node::build_directory};
use serde_json::{Value, json};

const GUILD: u64 = 51;

fn options(ratelimit: &str) -> NodeOptions {
    NodeOptions {
        extra_yaml: format!("    ratelimit: {ratelimit}\nplugins:\n  http:\n    useRoutePlanner: true\n"),
        ..NodeOptions::default()
    }
}

fn last(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 7, number).into()
}

fn peers(services: &FakeServices, path: &str) -> Vec<IpAddr> {
    services
        .requests(path)
        .iter()
        .map(|request| request.peer.expect("a peer").ip())
        .collect()
}

/// What `date` of the system makes of a timestamp, in Java's order of fields.
fn system_date(unix_ms: i64) -> String {
    let output = Command::new("date")
        .args(["-d", &format!("@{}", unix_ms / 1000), "+%a %b %d %H:%M:%S %Z %Y"])
        .env("LC_ALL", "C")
        .output()
        .expect("date runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn refused_addresses_are_shown_and_can_be_freed() {
    let mut stage = Stage::start_with(
        Config::default(),
        options("{ipBlocks: ['127.0.7.0/29'], excludedIps: ['127.0.7.1'], strategy: RotateOnBan}"),
    )
    .await;
    let services = FakeServices::start().await.expect("a media server");
    let file = media::tone(
        stage.node.directory(),
        "tone.mp3",
        &["-c:a", "libmp3lame", "-b:a", "128k"],
        48_000,
        2.0,
        440,
        660,
    );
    let bytes = std::fs::read(file).expect("the file was made");
    services.serve(
        "/tone.mp3",
        Resource::bytes("audio/mpeg", bytes).refuse([last(0), last(2)]),
    );
    let before = stage.rest.get("/v4/routeplanner/status").await;
    assert_eq!(
        before.text,
        r#"{"class":"RotatingIpRoutePlanner","details":{"ipBlock":{"type":"Inet4Address","size":"8"},"failingAddresses":[],"rotateIndex":"0","ipIndex":"0","currentAddress":""}}"#
    );
    let url = services.url("/tone.mp3");
    let track = stage.rest.load(&url).await;
    assert_eq!(track["loadType"], "track", "{track}");
    assert_eq!(peers(&services, "/tone.mp3")[..3], [last(0), last(2), last(3)]);

    let answer = stage.rest.get("/v4/routeplanner/status").await;
    let failing = answer.json()["details"]["failingAddresses"].clone();
    let expected: Vec<Value> = ["/127.0.7.0", "/127.0.7.2"]
        .iter()
        .zip(failing.as_array().expect("an array"))
        .map(|(address, entry)| {
            let marked = entry["failingTimestamp"].as_i64().expect("ms");
            json!({"failingAddress": address, "failingTimestamp": marked, "failingTime": system_date(marked)})
        })
        .collect();
    assert_eq!(failing, Value::from(expected));
    assert!(
        answer
            .text
            .ends_with(r#"],"rotateIndex":"2","ipIndex":"4","currentAddress":"/127.0.7.3"}}"#),
        "{}",
        answer.text
    );

    stage.join(GUILD).await;
    stage.play(GUILD, &url).await;
    let report = stage
        .heard(GUILD, "the tone", |report| report.frames.media >= 80)
        .await;
    assert_eq!(report.violations(), Vec::<String>::new());
    assert!(
        peers(&services, "/tone.mp3")[3..]
            .iter()
            .all(|peer| *peer == last(3)),
        "the media stream is routed as well: {:?}",
        peers(&services, "/tone.mp3")
    );

    let free = |address: &str| {
        let (rest, body) = (stage.rest.clone(), json!({"address": address}));
        async move { rest.post("/v4/routeplanner/free/address", &body).await }
    };
    let freed = free("127.0.7.0").await;
    assert_eq!((freed.status, freed.text.as_str()), (204, ""));
    assert_eq!(
        free("127.0.7.0").await.status,
        204,
        "also when it was not failing"
    );
    let wrong = free("999.1.1.1").await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.message().starts_with("Invalid address: 999.1.1.1: "),
        "{}",
        wrong.text
    );
    let status = stage.rest.get("/v4/routeplanner/status").await.json();
    assert_eq!(
        status["details"]["failingAddresses"][0]["failingAddress"],
        "/127.0.7.2"
    );
    assert_eq!(
        status["details"]["failingAddresses"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(
        stage
            .rest
            .post("/v4/routeplanner/free/all", &json!({}))
            .await
            .status,
        204
    );
    let status = stage.rest.get("/v4/routeplanner/status").await.json();
    assert_eq!(status["details"]["failingAddresses"], json!([]));
}

#[tokio::test]
async fn retries_end_and_users_urls_are_not_routed_by_default() {
    let limited = options("{ipBlocks: ['127.0.7.0/24'], strategy: LoadBalance, retryLimit: 2}");
    let direct = NodeOptions {
        extra_yaml: "    ratelimit: {ipBlocks: ['127.0.7.0/24']}\n".to_owned(),
        ..NodeOptions::default()
    };
    let (limited, direct) = tokio::join!(Node::start(limited), Node::start(direct));
    let services = FakeServices::start().await.expect("a media server");
    services.serve("/429", Resource::status(429));
    services.serve("/text", Resource::text());

    let result = limited.rest().load(&services.url("/429")).await;
    assert_eq!(result["loadType"], "error", "{result}");
    assert!(
        result["data"]["cause"]
            .as_str()
            .is_some_and(|cause| cause.contains("Retry aborted, too many retries on ratelimit.")),
        "{result}"
    );
    let peers = peers(&services, "/429");
    assert_eq!(peers.len(), 3, "{peers:?}");
    assert!(
        peers.iter().all(|peer| peer.to_string().starts_with("127.0.7.")),
        "{peers:?}"
    );
    let status = limited.rest().get("/v4/routeplanner/status").await;
    assert!(
        status.text.starts_with(
            r#"{"class":"BalancingIpRoutePlanner","details":{"ipBlock":{"type":"Inet4Address","size":"256"},"failingAddresses":[{"failingAddress":"/127.0.7."#
        ),
        "{}",
        status.text
    );

    direct.rest().load(&services.url("/text")).await;
    assert_eq!(
        self::peers(&services, "/text"),
        [IpAddr::from(Ipv4Addr::LOCALHOST)]
    );
}

#[tokio::test]
async fn nano_planners_show_their_offsets() {
    for (settings, front) in [
        (
            "{ipBlocks: ['2001:db8::/48'], strategy: RotatingNanoSwitch}",
            r#"{"class":"RotatingNanoIpRoutePlanner","details":{"ipBlock":{"type":"Inet6Address","size":"1208925819614629174706176"},"failingAddresses":[],"blockIndex":"0","currentAddressIndex":""#,
        ),
        (
            "{ipBlocks: ['2001:db8::/64'], strategy: NanoSwitch}",
            r#"{"class":"NanoIpRoutePlanner","details":{"ipBlock":{"type":"Inet6Address","size":"18446744073709551616"},"failingAddresses":[],"currentAddressIndex":""#,
        ),
    ] {
        let node = Node::start(options(settings)).await;
        let text = node.rest().get("/v4/routeplanner/status").await.text;
        let rest = text.strip_prefix(front).unwrap_or_else(|| panic!("{text}"));
        let nanos: u128 = rest.trim_end_matches("\"}}").parse().expect("a number");
        assert!(nanos > 0);
    }
}

#[test]
fn settings_that_make_no_planner_stop_the_start() {
    for (ratelimit, reason) in [
        (
            "{ipBlocks: ['10.0.0.0/99']}",
            "Invalid IP Block '10.0.0.0/99', make sure to provide a valid CIDR notation",
        ),
        (
            "{ipBlocks: ['10.0.0.0/8'], strategy: Rotate}",
            "Unknown strategy!",
        ),
        (
            "{ipBlocks: ['10.0.0.0/8', '::/64']}",
            "All Ip Blocks must have the same type for a combined block",
        ),
        (
            "{ipBlocks: ['10.0.0.0/8'], strategy: NanoSwitch}",
            "Nano IP Route planner requires an IPv6Block which is greater or equal to a /64",
        ),
        (
            "{ipBlocks: ['::/65'], strategy: RotatingNanoSwitch}",
            "Please use a bigger IPv6 Block!",
        ),
    ] {
        let directory = tempfile::tempdir().expect("a temp dir");
        let yaml = format!(
            "server: {{port: 0, address: 127.0.0.1}}\nlavalink:\n  server:\n    ratelimit: {ratelimit}\n"
        );
        std::fs::write(directory.path().join("application.yml"), yaml).expect("a config can be written");
        let output = Command::new(build_directory().join("lavalink-rust"))
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .output()
            .expect("the node can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(reason),
            "{ratelimit}: {said}"
        );
    }
}
