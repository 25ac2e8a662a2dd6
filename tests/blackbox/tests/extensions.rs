//! Everything a plugin can offer beside sources, by a real library, and by a component of the same source, in a real node.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use fake_discord::{Config, analysis};
use lavalink_blackbox::{Node, NodeOptions, Stage, authoring::component_of, client::url_encode, media};
use serde_json::{Value, json};
use tokio::time::sleep;

const OPUS: &[&str] = &["-c:a", "libopus", "-b:a", "96k"];

/// What the plugin was built as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Library,
    Component,
}

fn options(form: Form) -> NodeOptions {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    let mut options = NodeOptions::default();
    match form {
        Form::Library => options.plugins.push("lavalink_test_plugin_extensions"),
        Form::Component => {
            let component = COMPONENT.get_or_init(|| component_of("tests/plugins/extensions"));
            options.plugin_files.push(("extensions.wasm", component.clone()));
        }
    }
    options
}

async fn stage(form: Form) -> Stage {
    Stage::start_with(Config::default(), options(form)).await
}

fn file(node: &Node, name: &str, encoder: &[&str], seconds: f64) -> String {
    let path = media::tone(node.directory(), name, encoder, 48_000, seconds, 440, 440);
    path.to_str().expect("text").to_owned()
}

/// What the plugin was told, once it has been told this.
async fn diary_with(node: &Node, what: &str) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let diary = node.rest().get("/v4/ext/diary").await.json();
        let lines: Vec<String> = serde_json::from_value(diary).expect("lines");
        if lines.iter().any(|line| line.contains(what)) {
            return lines;
        }
        assert!(
            Instant::now() < deadline,
            "the plugin never noted {what:?}: {lines:#?}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

async fn log_with(node: &Node, what: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let log = node.log();
        if log.contains(what) {
            return log;
        }
        assert!(Instant::now() < deadline, "the log never had {what:?}:\n{log}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Level of what a guild hears now, dBFS.
async fn level(stage: &Stage, guild: u64) -> f64 {
    sleep(Duration::from_millis(400)).await;
    stage.discord.clear_recording(guild).expect("a recording");
    sleep(Duration::from_millis(1_000)).await;
    let [left, _] = analysis::stereo(&stage.discord.pcm(guild), 48_000).expect("audio");
    assert!((left.peak_hz - 440.0).abs() < 3.0, "{left:?}");
    left.rms_dbfs
}

async fn host(node: &Node, service: &str, body: &Value) -> (u16, Value) {
    let answer = node.rest().post(&format!("/v4/ext/host/{service}"), body).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn filters_by_a_library() {
    filters(Form::Library).await;
}

#[tokio::test]
async fn filters_by_a_component() {
    filters(Form::Component).await;
}

async fn filters(form: Form) {
    let mut stage = stage(form).await;
    let log = stage.node.log();
    assert!(
        log.contains(
            "sources [extensions] and filters, routes, interceptor, events, info, probe, search, lyrics"
        ),
        "{log}"
    );
    let info = stage.rest.get("/v4/info").await.json();
    let names: Vec<&str> = info["filters"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        names[9..],
        ["lowPass", "gain", "nan", "panic", "hang", "odd", "unbuildable"]
    );

    let tone = file(&stage.node, "long.webm", OPUS, 120.0);
    for guild in [1, 2] {
        stage.join(guild).await;
        stage.play(guild, &tone).await;
    }
    let plain = level(&stage, 1).await;
    let witness = stage.discord.report(2).expect("a report");

    // Unknown names vanish; one that is not on leaves the packets as they are.
    let player = stage
        .update(
            1,
            &json!({"filters": {"pluginFilters": {"nobody": 1, "gain": {"factor": 1.0}}}}),
        )
        .await;
    assert_eq!(
        player["filters"],
        json!({"pluginFilters": {"gain": {"factor": 1.0}}})
    );
    let player = stage
        .update(
            1,
            &json!({"filters": {"pluginFilters": {"gain": {"factor": 0.5}}}}),
        )
        .await;
    assert_eq!(
        player["filters"],
        json!({"pluginFilters": {"gain": {"factor": 0.5}}})
    );
    let halved = level(&stage, 1).await;
    assert!(
        (halved - plain + 6.02).abs() < 0.7,
        "{plain} dBFS, halved {halved}"
    );
    // What a component notes stays in the instance of the filter.
    let keeps_a_diary = form == Form::Library;
    if keeps_a_diary {
        diary_with(&stage.node, "gain for 48000 Hz, 2 channels").await;
    }

    stage.update(1, &json!({"position": 60_000})).await;
    if keeps_a_diary {
        diary_with(&stage.node, "gain seeked 60000").await;
    }
    assert!((level(&stage, 1).await - halved).abs() < 0.7);

    // Each of these is given up, and the audio goes on without it.
    for (index, bad) in ["nan", "panic", "odd", "hang", "unbuildable"]
        .into_iter()
        .enumerate()
    {
        stage
            .update(1, &json!({"filters": {"pluginFilters": {bad: {}}}}))
            .await;
        log_with(
            &stage.node,
            &format!("filter {bad} is taken out of a player's chain"),
        )
        .await;
        let heard = level(&stage, 1).await;
        assert!((heard - plain).abs() < 0.7, "{bad}: {plain} dBFS, now {heard}");
        if index == 0 && keeps_a_diary {
            diary_with(&stage.node, "gain flushed").await;
        }
    }
    let log = stage.node.log();
    assert_eq!(
        log.matches("filter nan is taken out").count(),
        1,
        "told once:\n{log}"
    );

    let report = stage.discord.report(2).expect("a report");
    assert!(report.frames.media > witness.frames.media + 100);
    // A worker held up by the filter that hangs would be silent for 300 ms; shorter gaps are the machine's.
    let is_short = report.timing.gaps.iter().all(|gap| gap.length_ms < 200.0);
    assert!(is_short, "the other guild: {:?}", report.timing.gaps);
    assert_eq!(report.violations(), Vec::<String>::new());

    let senseless = json!({"filters": {"pluginFilters": {"gain": {"factor": "loud"}}}});
    stage.update(1, &senseless).await;
    log_with(&stage.node, "filter gain stays off: no factor").await;
    stage.update(1, &json!({"filters": {}})).await;
    assert!((level(&stage, 1).await - plain).abs() < 0.7);
}

#[tokio::test]
async fn a_disabled_plugin_filter() {
    let node = Node::start(NodeOptions {
        extra_yaml: "    filters:\n      gain: false\n".to_owned(),
        ..options(Form::Library)
    })
    .await;
    let info = node.rest().get("/v4/info").await.json();
    assert!(
        !info["filters"]
            .as_array()
            .expect("a list")
            .contains(&json!("gain"))
    );
    let socket = node.socket().await;
    let body = json!({"filters": {"pluginFilters": {"gain": {"factor": 0.5}}}});
    let answer = node.rest().patch(&socket.player(1), &body).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.message(),
        "Following filters are disabled in the config: gain"
    );
}

#[tokio::test]
async fn routes_and_interceptors_of_plugins() {
    let node = Node::start(NodeOptions {
        extra_yaml: "metrics:\n  prometheus:\n    enabled: true\n    endpoint: /metrics\n".to_owned(),
        ..options(Form::Library)
    })
    .await;
    let rest = node.rest();
    let answer = rest.get("/v4/ext/echo/caf%C3%A9?x=1").await;
    assert_eq!(
        (answer.status, answer.headers["x-ext"].to_str().ok()),
        (200, Some("here")),
        "{answer:?}"
    );
    let echo = answer.json();
    assert_eq!(
        (&echo["word"], &echo["query"], &echo["path"], &echo["method"]),
        (
            &json!("café"),
            &json!("x=1"),
            &json!("/v4/ext/echo/caf%C3%A9"),
            &json!("GET")
        )
    );
    let headers = echo["headers"].as_array().expect("a list");
    assert!(!headers.contains(&json!("authorization")), "{headers:?}");
    let posted = rest.post("/v4/ext/echo/a", &json!({"b": 1})).await.json();
    assert_eq!(posted["body"], json!("{\"b\":1}"));

    let refused = rest.get("/v4/ext/refuse").await;
    assert_eq!(
        (refused.status, refused.message()),
        (418, "I am a teapot".to_owned())
    );
    assert_eq!(refused.json()["path"], "/v4/ext/refuse");
    let broken = rest.get("/v4/ext/panic").await;
    assert_eq!(broken.status, 500);
    assert!(broken.message().contains("panicked"), "{}", broken.text);
    assert_eq!(rest.get("/v4/ext/nonsense").await.status, 500);
    let method = rest.delete("/v4/ext/echo/a").await;
    assert_eq!(
        (method.status, method.headers["allow"].to_str().ok()),
        (405, Some("GET,POST"))
    );
    assert_eq!(
        rest.get("/v4/ext/none").await.message(),
        "No endpoint GET /v4/ext/none."
    );
    assert!(
        rest.get("/v4/info").await.json()["version"].is_object(),
        "the node's own path"
    );
    let log = node.log();
    assert!(log.contains("GET /v4/info is never asked"), "{log}");
    for (password, status) in [(None, 401), (Some("wrong"), 403)] {
        let answer = node.rest_as(password).get("/v4/ext/echo/a").await;
        assert_eq!((answer.status, answer.text.as_str()), (status, ""));
    }

    let with = |wish: &str| {
        rest.request(reqwest::Method::GET, "/v4/stats")
            .header("x-ext", wish)
    };
    let answer = rest.send(with("refuse")).await;
    assert_eq!((answer.status, answer.message()), (403, "not today".to_owned()));
    assert_eq!(
        rest.send(with("answer")).await.json(),
        json!({"intercepted": true})
    );
    for wish in ["fail", "panic", "hang"] {
        let begun = Instant::now();
        let answer = rest.send(with(wish)).await;
        assert_eq!(answer.status, 200, "{wish}: the request goes on");
        assert!(answer.json()["players"].is_number());
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{wish} took {:?}",
            begun.elapsed()
        );
    }
    let diary = diary_with(&node, "after GET /v4/ext/panic 500").await;
    assert!(diary.contains(&"after GET /v4/info 200".to_owned()), "{diary:#?}");
    let log = node.log();
    assert!(
        log.contains("its interceptor is passed over for a request"),
        "{log}"
    );
    let metrics = rest.get("/metrics").await;
    assert!(metrics.text.contains("route=\"plugin\""), "{}", metrics.text);
    assert!(
        metrics
            .text
            .contains("lavalink_plugin_events_dropped_total{plugin=\"extensions\"} 0"),
        "{}",
        metrics.text
    );
}

#[tokio::test]
async fn routes_and_interceptors_of_a_component() {
    let node = Node::start(options(Form::Component)).await;
    let rest = node.rest();
    let echo = rest.get("/v4/ext/echo/caf%C3%A9?x=1").await;
    assert_eq!(echo.headers["x-ext"].to_str().ok(), Some("here"), "{echo:?}");
    assert_eq!(echo.json()["word"], "café");
    let posted = rest.post("/v4/ext/echo/a", &json!({"b": 1})).await.json();
    assert_eq!(posted["body"], json!("{\"b\":1}"));
    let refused = rest.get("/v4/ext/refuse").await;
    assert_eq!(
        (refused.status, refused.message()),
        (418, "I am a teapot".to_owned())
    );
    let broken = rest.get("/v4/ext/panic").await;
    assert_eq!(broken.status, 500);
    assert!(broken.message().contains("crashed"), "{}", broken.text);
    // A panic's text would be lost with the instance; it is in the log.
    log_with(&node, "an endpoint that panics").await;
    assert_eq!(rest.get("/v4/ext/nonsense").await.status, 500);

    let with = |wish: &str| {
        rest.request(reqwest::Method::GET, "/v4/stats")
            .header("x-ext", wish)
    };
    let answer = rest.send(with("refuse")).await;
    assert_eq!((answer.status, answer.message()), (403, "not today".to_owned()));
    assert_eq!(
        rest.send(with("answer")).await.json(),
        json!({"intercepted": true})
    );
    for wish in ["fail", "panic"] {
        let answer = rest.send(with(wish)).await;
        assert_eq!(answer.status, 200, "{wish}: the request goes on");
    }
}

#[tokio::test]
async fn events_and_markers() {
    let mut stage = stage(Form::Library).await;
    let tone = file(&stage.node, "long.webm", OPUS, 60.0);
    let session = stage.socket.session_id.clone();
    let diary = diary_with(&stage.node, "open ").await;
    assert!(
        diary.contains(&format!("open {session} blackbox/1.0 false")),
        "{diary:#?}"
    );

    stage.join(7).await;
    stage.play(7, &tone).await;
    let diary = diary_with(&stage.node, "start 7").await;
    let at = |what: &str| diary.iter().position(|line| line.starts_with(what));
    assert!(
        at("new player 7 170939974227541168") < at("start 7 local Test Tone"),
        "{diary:#?}"
    );
    assert!(
        at(&format!(
            "message {session} {{\"op\":\"event\",\"type\":\"TrackStartEvent\""
        ))
        .is_some(),
        "{diary:#?}"
    );

    let marker = |name: &str, position: u64| json!({"session": session, "guild": 7, "position": position, "marker": name});
    for (name, position) in [("late", 0), ("far", 50_000), ("jumped", 20_000), ("soon", 2_500)] {
        assert_eq!(
            host(&stage.node, "marker", &marker(name, position)).await,
            (200, Value::Null)
        );
    }
    diary_with(&stage.node, "marker 7 late Late").await;
    let diary = diary_with(&stage.node, "marker 7 soon Reached").await;
    assert!(
        !diary.iter().any(|line| line.starts_with("marker 7 jumped")),
        "{diary:#?}"
    );
    stage.update(7, &json!({"position": 30_000})).await;
    diary_with(&stage.node, "marker 7 jumped Bypassed").await;
    stage.update(7, &json!({"track": {"encoded": null}})).await;
    diary_with(&stage.node, "marker 7 far Dropped").await;
    diary_with(&stage.node, "end 7 Test Tone Stopped").await;
    let (status, refused) = host(&stage.node, "marker", &marker("none", 1)).await;
    assert_eq!((status, refused["status"].as_u64()), (500, Some(500)));

    assert_eq!(stage.rest.delete(&stage.socket.player(7)).await.status, 204);
    diary_with(&stage.node, "gone player 7").await;

    // What waits for a client is told when it is made, and once more when it is replayed.
    stage
        .rest
        .patch(
            &format!("/v4/sessions/{session}"),
            &json!({"resuming": true, "timeout": 60}),
        )
        .await;
    let address = stage.node.address();
    stage.socket.cut();
    diary_with(&stage.node, &format!("paused {session}")).await;
    let sent = json!({"session": session, "message": "{\"op\":\"mine\", \"n\": 1}"});
    assert_eq!(host(&stage.node, "send", &sent).await.0, 200);
    let mut socket = lavalink_blackbox::client::Socket::open(
        &address,
        lavalink_blackbox::node::PASSWORD,
        "170939974227541168",
        Some(&session),
    )
    .await;
    let mine = socket.wait(|message| message["op"] == "mine").await;
    assert_eq!(mine, json!({"op": "mine", "n": 1}));
    let diary = diary_with(&stage.node, &format!("open {session} blackbox/1.0 true")).await;
    let told = format!("message {session} {{\"op\":\"mine\",\"n\":1}}");
    assert_eq!(
        diary.iter().filter(|line| **line == told).count(),
        2,
        "{diary:#?}"
    );
    stage
        .rest
        .patch(&format!("/v4/sessions/{session}"), &json!({"resuming": false}))
        .await;
    socket.cut();
    diary_with(&stage.node, &format!("destroyed {session}")).await;
}

#[tokio::test]
async fn services_of_the_host_by_a_library() {
    services_of_the_host(Form::Library).await;
}

#[tokio::test]
async fn services_of_the_host_by_a_component() {
    services_of_the_host(Form::Component).await;
}

async fn services_of_the_host(form: Form) {
    let stage = stage(form).await;
    let (node, session) = (&stage.node, stage.socket.session_id.clone());
    let tone = file(node, "tone.flac", &["-c:a", "flac"], 5.0);

    let (_, loaded) = host(node, "load", &json!({"identifier": tone})).await;
    assert_eq!(loaded[0], "local");
    assert!(
        loaded[1].as_str().is_some_and(|text| text.contains("Test Tone")),
        "{loaded}"
    );
    let mirrored = stage.rest.load(&format!("ext:{tone}")).await;
    assert_eq!(mirrored["data"]["info"]["sourceName"], "extensions", "{mirrored}");
    assert_eq!(mirrored["data"]["info"]["title"], "Test Tone of local");
    let endless = stage.rest.load("ext:endless").await;
    assert_eq!(endless["loadType"], "error", "{endless}");
    assert!(
        endless["data"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("without end")),
        "{endless}"
    );

    assert_eq!(host(node, "get", &json!({"key": "a/b"})).await.1, Value::Null);
    assert_eq!(
        host(node, "set", &json!({"key": "a/b", "value": "kept"})).await.0,
        200
    );
    assert_eq!(host(node, "get", &json!({"key": "a/b"})).await.1, "kept");
    assert!(node.directory().join("plugin-data/extensions").is_dir());
    let big = "x".repeat(65_537);
    assert_eq!(
        host(node, "set", &json!({"key": "big", "value": big})).await.0,
        500
    );
    assert_eq!(host(node, "delete", &json!({"key": "a/b"})).await.0, 200);
    assert_eq!(host(node, "get", &json!({"key": "a/b"})).await.1, Value::Null);

    let (_, random) = host(node, "random", &json!({})).await;
    let (_, again) = host(node, "random", &json!({})).await;
    assert_eq!(
        (random[0].as_array().map(Vec::len), &random[1]),
        (Some(32), &json!(4096))
    );
    assert_ne!(random[0], again[0]);
    assert_eq!(host(node, "enabled", &json!({})).await.1, json!([true, false]));

    assert_eq!(host(node, "sessions", &json!({})).await.1, json!([session]));
    let place = |update: &str| json!({"session": session, "guild": 3, "update": update});
    assert_eq!(host(node, "player", &place("")).await.1, Value::Null);
    let (status, player) = host(node, "update", &place(r#"{"volume": 33}"#)).await;
    assert_eq!(status, 200);
    assert!(
        player.as_str().is_some_and(|text| text.contains("\"volume\":33")),
        "{player}"
    );
    assert_eq!(stage.rest.get(&stage.socket.player(3)).await.json()["volume"], 33);
    let (_, refused) = host(node, "update", &place(r#"{"endTime": 0}"#)).await;
    assert_eq!(refused["message"], "End time must be greater than 0");
    assert_eq!(host(node, "update", &place("nonsense")).await.0, 500);
    let unsent = json!({"session": "nobody", "message": "{}"});
    assert_eq!(
        host(node, "send", &unsent).await.1["message"],
        "Session not found"
    );
    let unsent = json!({"session": session, "message": "[1]"});
    assert_eq!(host(node, "send", &unsent).await.0, 500);
}

#[tokio::test]
async fn additions_to_tracks_and_media_by_a_library() {
    additions_to_tracks_and_media(Form::Library).await;
}

#[tokio::test]
async fn additions_to_tracks_and_media_by_a_component() {
    additions_to_tracks_and_media(Form::Component).await;
}

async fn additions_to_tracks_and_media(form: Form) {
    let mut stage = stage(form).await;
    let tone = file(
        &stage.node,
        "tone.mp3",
        &["-c:a", "libmp3lame", "-b:a", "128k"],
        5.0,
    );
    let loaded = stage.rest.load(&tone).await;
    let info = &loaded["data"]["pluginInfo"];
    assert_eq!(
        info,
        &json!({"probeInfo": "mp3", "from": "local", "batch": 1}),
        "{loaded}"
    );
    let encoded = loaded["data"]["encoded"].as_str().expect("text").to_owned();
    let path = format!("/v4/decodetrack?encodedTrack={}", url_encode(&encoded));
    assert_eq!(&stage.rest.get(&path).await.json()["pluginInfo"], info);
    let many = stage
        .rest
        .post("/v4/decodetracks", &json!([encoded, encoded]))
        .await
        .json();
    assert_eq!(many[1]["pluginInfo"]["batch"], 2, "{many}");
    stage.join(1).await;
    stage.update(1, &json!({"track": {"encoded": encoded}})).await;
    let start = stage.socket.event("TrackStartEvent", 1).await;
    assert_eq!(&start["track"]["pluginInfo"], info);

    // Bytes the node does not recognise, and the plugin does.
    let bytes = std::fs::read(&tone).expect("the file");
    let junk = [&b"EXTC"[..], &vec![0; 20_000], &bytes].concat();
    let odd = stage.node.directory().join("odd.bin");
    std::fs::write(&odd, junk).expect("a file");
    let odd = odd.to_str().expect("text");
    let loaded = stage.rest.load(odd).await;
    assert_eq!(loaded["loadType"], "track", "{loaded}");
    assert_eq!(loaded["data"]["pluginInfo"]["probeInfo"], "mp3");
    stage.play(1, odd).await;
    let heard = stage.discord.report(1).expect("a report").frames.media;
    stage
        .heard(1, "the odd file", |report| report.frames.media > heard + 50)
        .await;
    let nothing = stage.node.directory().join("nothing.bin");
    std::fs::write(&nothing, vec![0; 20_000]).expect("a file");
    let loaded = stage.rest.load(nothing.to_str().expect("text")).await;
    assert_eq!(loaded["loadType"], "error", "{loaded}");
}

#[tokio::test]
async fn search_and_lyrics_by_a_library() {
    search_and_lyrics(Form::Library).await;
}

#[tokio::test]
async fn search_and_lyrics_by_a_component() {
    search_and_lyrics(Form::Component).await;
}

async fn search_and_lyrics(form: Form) {
    let mut stage = stage(form).await;
    let found = stage.rest.get("/v4/loadsearch?query=abc").await;
    assert_eq!(found.status, 200, "{}", found.text);
    let found = found.json();
    assert_eq!(found["tracks"][0]["info"]["title"], "abc");
    assert_eq!(found["tracks"][0]["info"]["sourceName"], "extensions");
    assert_eq!(
        found["tracks"][0]["pluginInfo"],
        json!({"own": 1, "from": "extensions", "batch": 1})
    );
    assert_eq!(
        found["albums"],
        json!([{
            "info": {"name": "album", "selectedTrack": -1},
            "pluginInfo": {"url": "x", "listOf": "extensions", "tracks": 0},
            "tracks": [],
        }])
    );
    assert_eq!(found["texts"], json!([{"text": "abc?", "plugin": {}}]));
    assert_eq!(found["plugin"], json!({"pages": 2}));
    let some = stage
        .rest
        .get("/v4/loadsearch?query=abc&types=artist,%20text")
        .await
        .json();
    assert_eq!((&some["tracks"], &some["albums"]), (&json!([]), &json!([])));
    assert_eq!(
        (&some["artists"][0]["info"]["name"], &some["texts"][0]["text"]),
        (&json!("artist"), &json!("abc?"))
    );
    assert_eq!(stage.rest.get("/v4/loadsearch?query=nothing").await.status, 204);
    assert_eq!(stage.rest.get("/v4/loadsearch").await.status, 400);
    let failed = stage.rest.get("/v4/loadsearch?query=fail").await;
    assert_eq!(
        (failed.status, failed.message()),
        (500, "the catalogue is closed".to_owned())
    );
    assert_eq!(stage.rest.get("/v4/loadsearch?query=panic").await.status, 500);

    let tone = file(&stage.node, "tone.wav", &[], 30.0);
    let encoded = stage.rest.load(&tone).await["data"]["encoded"]
        .as_str()
        .expect("text")
        .to_owned();
    let lyrics = stage
        .rest
        .get(&format!("/v4/lyrics?track={}", url_encode(&encoded)))
        .await
        .json();
    assert_eq!(
        lyrics,
        json!({
            "sourceName": "extensions",
            "provider": "the songbook",
            "text": null,
            "lines": [
                {"timestamp": 0, "duration": 400, "line": "la", "plugin": {}},
                {"timestamp": 500, "duration": 400, "line": "la la", "plugin": {}},
                {"timestamp": 1000, "duration": 400, "line": "la la la", "plugin": {}},
            ],
            "plugin": {"verses": 1},
        })
    );
    assert_eq!(stage.rest.get("/v4/lyrics?track=nonsense").await.status, 500);
    assert_eq!(stage.rest.get("/v4/lyrics").await.status, 400);

    let player = stage.socket.player(4);
    assert_eq!(
        stage.rest.get(&format!("{player}/track/lyrics")).await.message(),
        "Player not found"
    );
    stage.join(4).await;
    assert_eq!(
        stage.rest.get(&format!("{player}/track/lyrics")).await.message(),
        "No track playing"
    );
    let subscription = format!("{player}/lyrics/subscribe");
    assert_eq!(stage.rest.post(&subscription, &json!({})).await.status, 204);
    stage.play(4, &tone).await;
    assert_eq!(
        stage.rest.get(&format!("{player}/track/lyrics")).await.json(),
        lyrics
    );
    let event = stage.socket.event("LyricsFoundEvent", 4).await;
    assert_eq!(event["lyrics"], lyrics);
    for index in 0..3 {
        let event = stage.socket.event("LyricsLineEvent", 4).await;
        assert_eq!(
            (&event["lineIndex"], &event["skipped"]),
            (&json!(index), &json!(false)),
            "{event}"
        );
        assert_eq!(event["line"], lyrics["lines"][index]);
    }
    assert_eq!(stage.rest.delete(&subscription).await.status, 204);
    assert_eq!(stage.rest.get(&subscription).await.status, 405);
}

#[tokio::test]
async fn a_node_without_such_plugins() {
    let node = Node::start(NodeOptions::default()).await;
    for path in [
        "/v4/loadsearch?query=x",
        "/v4/lyrics?track=x",
        "/v4/sessions/x/players/1/track/lyrics",
    ] {
        let answer = node.rest().get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        let bare = path.split('?').next().unwrap_or(path);
        assert_eq!(answer.message(), format!("No endpoint GET {bare}."));
    }
}
