//! The source against a host in memory.

use std::time::Duration;

use lavalink_plugin_api::{
    Failure, Header, Host, HttpRequest, HttpResponse, Level, Loaded, Media, Probe, Route, Severity, Source,
    Track,
};
use parking_lot::Mutex;

use crate::HttpSource;

/// Answers one request and one probe, and remembers what it was asked.
struct Desk {
    answer: Result<(u16, Vec<Header>), Failure>,
    probe: Result<Probe, Failure>,
    asked: Mutex<Vec<HttpRequest>>,
    mime: Mutex<Option<String>>,
    config: &'static str,
}

struct Answer(u16, Vec<Header>, String);

impl HttpResponse for Answer {
    fn status(&self) -> u16 {
        self.0
    }
    fn headers(&self) -> Vec<Header> {
        self.1.clone()
    }
    fn url(&self) -> String {
        self.2.clone()
    }
    fn read(&mut self, _: usize) -> Result<Vec<u8>, Failure> {
        panic!("the bytes are the host's business")
    }
}

impl Desk {
    fn answering(status: u16, headers: &[(&str, &[u8])]) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect();
        Self {
            answer: Ok((status, headers)),
            probe: Err(Failure::common("Unknown file format.")),
            asked: Mutex::default(),
            mime: Mutex::default(),
            config: "{}",
        }
    }

    fn finding(mut self, probe: Probe) -> Self {
        self.probe = Ok(probe);
        self
    }
}

impl Host for Desk {
    fn log(&self, _: Level, _: &str) {}
    fn config(&self) -> String {
        self.config.to_owned()
    }
    fn now_unix_ms(&self) -> u64 {
        0
    }
    fn random(&self, length: usize) -> Vec<u8> {
        vec![7; length]
    }
    fn monotonic_ns(&self) -> u64 {
        0
    }
    fn sleep(&self, _: Duration) -> Result<(), Failure> {
        panic!("nothing to wait for")
    }
    fn fetch(&self, request: HttpRequest) -> Result<Box<dyn HttpResponse>, Failure> {
        let url = request.url.clone();
        self.asked.lock().push(request);
        let (status, headers) = self.answer.clone()?;
        Ok(Box::new(Answer(status, headers, url)))
    }
    fn cache_get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn cache_set(&self, _: &str, _: &[u8], _: Duration) {}
    fn probe(&self, media: Media) -> Result<Probe, Failure> {
        let Media::Response(_, hint) = media else {
            panic!("the response itself is to be probed: {media:?}")
        };
        assert_eq!((hint.extension, hint.container), (None, None));
        *self.mime.lock() = hint.mime;
        self.probe.clone()
    }
}

fn audio(container: &str, title: Option<&str>, length: Option<u64>) -> Probe {
    Probe::Audio {
        container: container.to_owned(),
        parameters: None,
        title: title.map(str::to_owned),
        author: None,
        isrc: Some("DE1".to_owned()),
        length: length.map(Duration::from_millis),
        is_seekable: true,
    }
}

fn load(desk: &Desk, identifier: &str) -> Result<Loaded, Failure> {
    HttpSource.load(desk, identifier)
}

fn track(desk: &Desk, identifier: &str) -> Track {
    match load(desk, identifier) {
        Ok(Loaded::Track(track)) => track,
        other => panic!("not a track: {other:?}"),
    }
}

#[test]
fn claims_only_its_urls_and_only_last() {
    let desk = Desk::answering(200, &[]);
    for identifier in ["", "ytsearch:x", "ftp://x/", "/etc/passwd", "http:/x", "HTTPS"] {
        assert_eq!(load(&desk, identifier), Ok(Loaded::NotMine), "{identifier}");
    }
    assert!(desk.asked.lock().is_empty());
    assert!(HttpSource.describe().is_fallback);
}

#[test]
fn asks_once_without_following_redirects() {
    let desk = Desk::answering(404, &[]);
    assert_eq!(load(&desk, "icy://radio.test:8000/live"), Ok(Loaded::Nothing));
    let asked = desk.asked.into_inner();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].method.as_str(), asked[0].url.as_str()),
        ("GET", "http://radio.test:8000/live")
    );
    assert!(!asked[0].follow_redirects && asked[0].range.is_none() && asked[0].headers.is_empty());
}

#[test]
fn a_text_that_is_no_url_is_refused_unasked() {
    let desk = Desk::answering(200, &[]);
    let failure = load(&desk, "http://").unwrap_err();
    assert_eq!(
        (failure.message.as_str(), failure.severity),
        ("Not a valid URL.", Severity::Common)
    );
    assert!(desk.asked.lock().is_empty());
}

#[test]
fn redirects_go_back_to_the_host_resolved() {
    for (status, location, expected) in [
        (301, "https://youtu.test/x y", "https://youtu.test/x y"),
        (302, "/other?a=b", "http://a.test/other?a=b"),
        (303, "next.mp3", "http://a.test/dir/next.mp3"),
        (307, "//b.test/z", "http://b.test/z"),
        (308, "icy://radio.test/", "icy://radio.test/"),
    ] {
        let desk = Desk::answering(status, &[("location", location.as_bytes())]);
        let expected = Loaded::Redirect {
            identifier: expected.to_owned(),
            title: None,
        };
        assert_eq!(
            load(&desk, "http://a.test/dir/file.mp3"),
            Ok(expected),
            "{status}"
        );
    }
    let failure = load(&Desk::answering(302, &[]), "http://a.test/").unwrap_err();
    assert_eq!(failure.message, "That URL is not playable.");
}

#[test]
fn other_answers_are_not_playable() {
    for status in [204, 304, 403, 410, 500, 503] {
        let failure = load(&Desk::answering(status, &[]), "https://a.test/").unwrap_err();
        assert_eq!(
            (failure.message.as_str(), failure.severity),
            ("That URL is not playable.", Severity::Common)
        );
        assert!(failure.cause.contains(&status.to_string()));
    }
}

#[test]
fn a_failed_connection_is_suspicious_and_keeps_its_reason() {
    let mut desk = Desk::answering(200, &[]);
    desk.answer = Err(Failure::suspicious("refused").because("port 1"));
    let failure = load(&desk, "https://a.test/").unwrap_err();
    assert_eq!(
        (failure.message.as_str(), failure.severity),
        ("Connecting to the URL failed.", Severity::Suspicious)
    );
    assert_eq!(failure.cause, "refused (port 1)");
}

#[test]
fn what_the_nodes_rules_refuse_is_told_in_the_nodes_words() {
    let mut desk = Desk::answering(200, &[]);
    desk.answer = Err(Failure::common("connecting to 10.0.0.1 is not allowed"));
    let failure = load(&desk, "http://10.0.0.1/").unwrap_err();
    assert_eq!(
        (failure.message.as_str(), failure.severity),
        ("connecting to 10.0.0.1 is not allowed", Severity::Common)
    );
}

#[test]
fn an_unknown_format_is_the_probes_failure() {
    let desk = Desk::answering(200, &[("content-type", b"text/html")]);
    assert_eq!(
        load(&desk, "https://a.test/").unwrap_err(),
        Failure::common("Unknown file format.")
    );
    assert_eq!(desk.mime.into_inner().as_deref(), Some("text/html"));
}

#[test]
fn tags_win_over_station_headers_and_those_over_defaults() {
    let station: &[(&str, &[u8])] = &[
        ("icy-name", b"Radio"),
        ("icy-url", b"http://r"),
        ("icy-description", b"Best\xfc "),
    ];

    let plain = track(
        &Desk::answering(200, &[]).finding(audio("mp3", None, Some(1500))),
        "http://a.test/x.mp3",
    );
    assert_eq!(
        (plain.info.title.as_str(), plain.info.author.as_str()),
        ("Unknown title", "Unknown artist")
    );

    let headers = track(
        &Desk::answering(200, station).finding(audio("mp3", None, None)),
        "http://a.test/",
    );
    assert_eq!(
        (headers.info.title.as_str(), headers.info.author.as_str()),
        ("Bestü", "Radio")
    );

    let tags = track(
        &Desk::answering(206, station).finding(audio("mp3", Some("Tag"), Some(1))),
        "http://a.test/",
    );
    assert_eq!(
        (tags.info.title.as_str(), tags.info.author.as_str()),
        ("Tag", "Radio")
    );

    let url_only: &[(&str, &[u8])] = &[("icy-description", b" "), ("icy-url", b"http://r")];
    let url_only = track(
        &Desk::answering(203, url_only).finding(audio("adts", None, None)),
        "http://a.test/",
    );
    assert_eq!(url_only.info.title, "http://r");

    let wav = track(
        &Desk::answering(200, station).finding(audio("wav", None, Some(1))),
        "http://a.test/",
    );
    assert_eq!(
        (wav.info.title.as_str(), wav.info.author.as_str()),
        ("Unknown title", "Unknown artist")
    );
}

#[test]
fn a_track_carries_url_length_and_probe() {
    let track = track(
        &Desk::answering(200, &[]).finding(audio("mp4", None, Some(1500))),
        "icy://a.test/x?y=1",
    );
    assert_eq!(track.info.identifier, "http://a.test/x?y=1");
    assert_eq!(track.info.uri.as_deref(), Some("http://a.test/x?y=1"));
    assert_eq!(track.info.length, Some(Duration::from_millis(1500)));
    assert!(track.info.is_seekable && !track.info.is_stream);
    assert_eq!(track.info.isrc.as_deref(), Some("DE1"));
    assert_eq!(track.details, b"\0\x03mp4");
    assert_eq!(track.plugin_info.as_deref(), Some(r#"{"probeInfo":"mp4"}"#));
}

#[test]
fn unknown_length_makes_a_stream_that_cannot_seek() {
    let track = track(
        &Desk::answering(200, &[]).finding(audio("mp3", None, None)),
        "http://a.test/",
    );
    assert!(track.info.is_stream && !track.info.is_seekable && track.info.length.is_none());
}

#[test]
fn a_playlist_entry_goes_back_and_never_becomes_a_local_path() {
    for (entry, expected) in [
        ("https://b.test/a", "https://b.test/a"),
        ("/etc/passwd", "http://a.test/etc/passwd"),
        ("seg.mp3", "http://a.test/dir/seg.mp3"),
    ] {
        let reference = Probe::Reference {
            identifier: entry.to_owned(),
            title: Some("T".to_owned()),
        };
        let desk = Desk::answering(200, &[]).finding(reference);
        let expected = Loaded::Redirect {
            identifier: expected.to_owned(),
            title: Some("T".to_owned()),
        };
        assert_eq!(load(&desk, "http://a.test/dir/list.pls"), Ok(expected));
    }
}

#[test]
fn opens_as_a_description() {
    let desk = Desk::answering(200, &[]).finding(audio("flac", None, Some(1)));
    let mut track = track(&desk, "http://a.test/x");
    let media = HttpSource.open(&desk, &track, Duration::ZERO).unwrap();
    let Media::Http { request, hint, .. } = media else {
        panic!("not http: {media:?}")
    };
    let direct = HttpRequest {
        route: Route::Direct,
        ..HttpRequest::get("http://a.test/x")
    };
    assert_eq!(request, direct);
    assert_eq!(hint.container.as_deref(), Some("flac"));

    track.details = b"\0\x0dm3u|hls-inner".to_vec();
    track.info.is_stream = true;
    let media = HttpSource.open(&desk, &track, Duration::ZERO).unwrap();
    assert!(
        matches!(media, Media::Hls { live: true, ref request } if request.url == "http://a.test/x"),
        "{media:?}"
    );

    track.info.identifier = "file:///etc/passwd".to_owned();
    assert_eq!(
        HttpSource
            .open(&desk, &track, Duration::ZERO)
            .unwrap_err()
            .message,
        "Not a valid URL."
    );
}

#[test]
fn checks_details() {
    let details = HttpSource.decode_details(2, b"\0\x0dm3u|hls-outer").unwrap();
    assert_eq!(details.details, b"\0\x0dm3u|hls-outer");
    assert_eq!(
        details.plugin_info.as_deref(),
        Some(r#"{"probeInfo":"m3u|hls-outer"}"#)
    );
    assert!(HttpSource.decode_details(3, b"\0\x04midi").is_err());
    assert!(HttpSource.decode_details(3, b"").is_err());
}

#[test]
fn the_planned_route_is_taken_only_when_the_operator_says_so() {
    for (config, expected) in [
        ("{}", Some(Route::Direct)),
        (r#"{"useRoutePlanner":true}"#, Some(Route::Planned)),
        (r#"{"use-route-planner":true,"other":1}"#, Some(Route::Planned)),
        (r#"{"useRoutePlanner":"perhaps"}"#, None),
    ] {
        let mut desk = Desk::answering(200, &[]).finding(audio("mp3", None, Some(1500)));
        desk.config = config;
        let loaded = load(&desk, "http://a.test/a.mp3");
        let asked = desk.asked.lock().first().map(|request| request.route);
        assert_eq!(asked, expected, "{config}");
        let Ok(Loaded::Track(track)) = loaded else {
            assert!(expected.is_none(), "{config}");
            continue;
        };
        match HttpSource.open(&desk, &track, Duration::ZERO) {
            Ok(Media::Http { request, .. }) => assert_eq!(Some(request.route), expected, "{config}"),
            other => panic!("{config}: {other:?}"),
        }
    }
}
