//! Configuration of the real binary: every source it reads, what wrong settings do, and `check-config`.
//!
//! Children get no environment but what a test gives them.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lavalink_blackbox::client::{PATIENCE, Rest, Socket};
use lavalink_blackbox::node::{build_directory, built_plugin};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A directory with files, arguments and variables for one run.
struct Setting {
    directory: tempfile::TempDir,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Setting {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temp dir can be made");
        for (name, content) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
            fs::write(path, content).expect("a file can be written");
        }
        Self {
            directory,
            arguments: Vec::new(),
            variables: Vec::new(),
        }
    }

    fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    fn variables(mut self, variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.variables = variables.iter().map(owned).collect();
        self
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(build_directory().join("lavalink-rust"));
        command
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(&self.arguments)
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    fn output(&self) -> Output {
        self.command().output().expect("the binary can be run")
    }

    /// Starts a node on a free port of loopback.
    async fn start(self) -> Node {
        let plugins = self.path().join("plugins");
        fs::create_dir_all(&plugins).expect("a folder can be made");
        for name in ["lavalink_plugin_http", "lavalink_plugin_local"] {
            fs::copy(built_plugin(name), plugins.join(format!("{name}.so"))).expect("a plugin can be copied");
        }
        let log = File::create(self.path().join("out.log")).expect("a log can be made");
        let mut command = self.command();
        command
            .args(["--server.port=0", "--server.address=127.0.0.1"])
            .stdout(log.try_clone().expect("a file handle can be cloned"))
            .stderr(log);
        let child = command.spawn().expect("the node can be started");
        let mut node = Node {
            child,
            setting: self,
            port: 0,
        };
        let line = node.wait_for("Listening on 127.0.0.1:").await;
        let digits: String = line.chars().take_while(char::is_ascii_digit).collect();
        node.port = digits.parse().expect("a port");
        node
    }
}

struct Node {
    child: Child,
    setting: Setting,
    port: u16,
}

impl Node {
    fn log(&self) -> String {
        fs::read_to_string(self.setting.path().join("out.log")).unwrap_or_default()
    }

    /// Waits until the text is in the log and returns what follows it.
    async fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if let Some((_, after)) = log.split_once(text) {
                return after.to_owned();
            }
            let status = self.child.try_wait().expect("a child can be asked");
            assert!(
                status.is_none() && Instant::now() < deadline,
                "no {text:?} ({status:?}) in\n{log}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn rest(&self, password: &str) -> Rest {
        Rest::new(format!("127.0.0.1:{}", self.port), Some(password.to_owned()))
    }

    fn terminate(&self) {
        let status = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .expect("kill can be run");
        assert!(status.success());
    }

    async fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "still there:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The child may have ended by itself; then there is nothing left to do.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn names(info: &Value, list: &str) -> Vec<String> {
    let items = info[list].as_array().expect("a list");
    items
        .iter()
        .map(|item| item.as_str().expect("a name").to_owned())
        .collect()
}

#[tokio::test]
async fn all_sources_come_together() {
    let node = Setting::new(&[
        (
            "application.yml",
            "lavalink:\n  server:\n    password: of the file\n    sources: {local: true, http: true}\n    filters: {karaoke: false, tremolo: false}\n\
             logging.request.includeClientInfo: true\n---\nspring.config.activate.on-profile: prod & !test\nlavalink.server.filters.vibrato: false\n---\n\
             spring.config.activate.on-profile: test\nlavalink.server.filters.volume: false\n",
        ),
        ("application.properties", "lavalink.server.filters.tremolo=true\nlavalink.server.filters.low-pass=off\n"),
        ("config/application-prod.yml", "lavalink: {server: {password: '${SECRET:none}', filters: {rotation: no}}}\n"),
    ])
    .variables(&[
        ("SPRING_PROFILES_ACTIVE", "prod"),
        ("SECRET", "of the environment"),
        ("LAVALINK_SERVER_FILTERS_CHANNEL_MIX", "false"),
        ("LAVALINK_SERVER_SOURCES_HTTP", "0"),
        ("SPRING_APPLICATION_JSON", r#"{"lavalink": {"server.filters": {"timescale": false}}}"#),
    ])
    .arguments(&[
        "--lavalink.server.filters.distortion=false",
        "-Dlavalink.server.filters.equalizer=false",
        "--lavalink.native-plugins=all",
    ])
    .start()
    .await;
    let answer = node.rest("of the environment").get("/v4/info").await;
    assert_eq!(answer.status, 200, "{}", node.log());
    let info = answer.json();
    assert_eq!(names(&info, "filters"), ["volume", "tremolo"], "{info}");
    assert_eq!(names(&info, "sourceManagers"), ["local"], "{info}");
    assert_eq!(node.rest("of the file").get("/v4/info").await.status, 403);
    let log = node.log();
    assert!(log.contains("Active profiles: prod"), "{log}");
    assert!(log.contains("GET /v4/info, client=127.0.0.1"), "{log}");
}

#[tokio::test]
async fn what_is_odd_is_logged_once_and_does_not_keep_the_node_from_starting() {
    let mut node = Setting::new(&[(
        "application.yml",
        "server.undertow.threads.io: 4\nlavalink:\n  server:\n    password: p\n    gc-warnings: true\n    passwort: secret-word\n    \
         opusEncodingQuality: 99\nsentry: {dsn: ''}\n",
    )])
    .variables(&[("LAVALINK_SERVER_PLAYERUPDATEINTERVALL", "5")])
    .start()
    .await;
    node.wait_for("ready to accept connections").await;
    let log = node.log();
    for expected in [
        "have no effect here: server.undertow.threads.io, lavalink.server.gc-warnings, sentry.dsn",
        "application.yml:6: lavalink.server.passwort is not known and is ignored; did you mean lavalink.server.password?",
        "application.yml:7: lavalink.server.opusEncodingQuality is 99, outside 0..10; 10 is used",
        "LAVALINK_SERVER_PLAYERUPDATEINTERVALL: no setting has this name; did you mean LAVALINK_SERVER_PLAYERUPDATEINTERVAL?",
    ] {
        assert_eq!(log.matches(expected).count(), 1, "{expected} in\n{log}");
    }
    assert!(!log.contains("secret-word"), "{log}");
}

#[test]
fn values_that_do_not_convert_stop_the_start() {
    for (files, arguments, variables, expected) in [
        (
            vec![(
                "application.yml",
                "lavalink:\n  server:\n    opusEncodingQuality: best\n    useSeekGhosting: perhaps\n",
            )],
            vec![],
            vec![],
            vec![
                "application.yml:3: lavalink.server.opusEncodingQuality is `best`, but must be a whole number from 0 to 10",
                "application.yml:4: lavalink.server.useSeekGhosting is `perhaps`, but must be true or false",
            ],
        ),
        (
            vec![("application.yml", "server:\n  port: [1\n")],
            vec![],
            vec![],
            vec!["application.yml:", "YAML"],
        ),
        (
            vec![],
            vec!["--server.port=many"],
            vec![],
            vec!["command line --server.port: server.port is `many`"],
        ),
        (
            vec![],
            vec![],
            vec![
                ("LAVALINK_SERVER_RATELIMIT_STRATEGY", "Best"),
                ("LAVALINK_SERVER_RATELIMIT_IPBLOCKS", "10.0.0.0/8"),
            ],
            vec![
                "environment variable LAVALINK_SERVER_RATELIMIT_STRATEGY",
                "RotateOnBan",
            ],
        ),
        (
            vec![("application.properties", "\nlavalink.server.password=${NOPE}\n")],
            vec![],
            vec![],
            vec!["application.properties:2: lavalink.server.password", "NOPE"],
        ),
        (
            vec![("application.yml", "server.ssl.key-store: keys.p12\n")],
            vec![],
            vec![],
            vec![
                "application.yml:1: server.ssl.key-store",
                "openssl pkcs12 -in keys.p12",
            ],
        ),
        (
            vec![],
            vec!["--spring.config.location=nope.yml"],
            vec![],
            vec!["nope.yml", "optional:"],
        ),
        (vec![], vec!["serve"], vec![], vec!["unknown argument `serve`"]),
    ] {
        let setting = Setting::new(&files).arguments(&arguments).variables(&variables);
        let output = setting.output();
        let shown = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{shown}");
        for part in expected {
            assert!(shown.contains(part), "{part} in\n{shown}");
        }
    }
}

#[test]
fn check_config_says_what_is_wrong_and_what_counts() {
    let setting = Setting::new(&[
        (
            "application.yml",
            "server:\n  prt: 1\nlavalink:\n  server:\n    password: hunter2\n    trackStuckThresholdMs: soon\n    gc-warnings: false\n\
             plugins: {yt: {oauth: {refreshToken: abcdef}}}\n",
        ),
        ("application-dev.yml", "server.port: 1234\n"),
    ])
    .arguments(&["check-config", "--logging.level.root=debug"])
    .variables(&[("SPRING_PROFILES_ACTIVE", "dev"), ("LAVALINK_SERVER_FILTERS_LOW_PASS", "no")]);
    let output = setting.output();
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    let head: Vec<&str> = shown.lines().take(6).collect();
    assert_eq!(
        head,
        [
            "application.yml:6: error: lavalink.server.trackStuckThresholdMs is `soon`, but must be a whole number, at least 100",
            "application.yml:2: warning: server.prt is not known and is ignored; did you mean server.port?",
            "Read application.yml",
            "Read application-dev.yml",
            "Active profiles: dev",
            "Accepted without effect: lavalink.server.gc-warnings",
        ],
        "{shown}"
    );
    for (line, place) in [
        ("  port: 1234", "application-dev.yml:1"),
        ("    password: \"***\"", "application.yml:5"),
        ("      refreshToken: \"***\"", "application.yml:8"),
        (
            "      lowPass: \"no\"",
            "environment variable LAVALINK_SERVER_FILTERS_LOW_PASS",
        ),
        ("    root: debug", "command line --logging.level.root"),
        ("    opusEncodingQuality: 10", "default"),
    ] {
        let found = shown
            .lines()
            .find(|found| found.starts_with(&format!("{line} ")) && found.ends_with(&format!("# {place}")));
        assert!(found.is_some(), "{line} of {place} in\n{shown}");
    }
    assert!(shown.ends_with("\n1 error, 1 warning\n"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("abcdef"), "{shown}");
}

#[test]
fn check_config_exits_with_the_worst_finding_and_starts_nothing() {
    for (file, arguments, code) in [
        (
            "lavalink.server.password: x\n",
            vec!["check-config", "--strict"],
            0,
        ),
        ("lavalink.server.pasword: x\n", vec!["check-config"], 0),
        (
            "lavalink.server.pasword: x\n",
            vec!["check-config", "--strict"],
            1,
        ),
        ("server.port: x\n", vec!["check-config"], 1),
        ("a: [\n", vec!["check-config"], 1),
        (
            "server.ssl: {certificate: nope.pem, certificate-private-key: nope.pem}\n",
            vec!["check-config"],
            1,
        ),
        (
            "metrics.prometheus: {enabled: true, endpoint: /v4/info}\n",
            vec!["check-config"],
            1,
        ),
    ] {
        let setting = Setting::new(&[("application.yml", file)]).arguments(&arguments);
        let output = setting.output();
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{file} {arguments:?}: {shown}");
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        assert!(
            !shown.contains("Listening") && !shown.contains("ready"),
            "{shown}"
        );
        let left: Vec<_> = fs::read_dir(setting.path()).expect("a directory").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

#[test]
fn the_schema_is_printed() {
    for arguments in [vec!["--json-schema"], vec!["check-config", "--json-schema"]] {
        let output = Setting::new(&[]).arguments(&arguments).output();
        assert!(output.status.success());
        let schema: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let server = &schema["properties"]["lavalink"]["properties"]["server"];
        assert_eq!(server["properties"]["opusEncodingQuality"]["default"], 10);
    }
}

#[tokio::test]
async fn the_log_goes_to_a_file_that_rolls_and_levels_are_javas() {
    let mut node = Setting::new(&[(
        "application.yml",
        "lavalink.server.password: p\nlogging:\n  file: {path: logs}\n  level: {root: WARN, lavalink.server.io: INFO}\n  \
         logback: {rollingpolicy: {max-file-size: 2KB}}\n",
    )])
    .arguments(&["--logging.level.lavalink.server.Launcher=INFO"])
    .start()
    .await;
    let rest = node.rest("p");
    for _ in 0..40 {
        assert_eq!(rest.get("/v4/info").await.status, 200);
    }
    let logs = node.setting.path().join("logs");
    let deadline = Instant::now() + PATIENCE;
    let packed = loop {
        let packed = fs::read_dir(&logs)
            .expect("the directory is made")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with("spring.log.") && name.ends_with(".0.gz"))
            .count();
        if packed > 0 || Instant::now() > deadline {
            break packed;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(packed, 1);
    node.terminate();
    assert_eq!(node.ended().await, Some(0));
    let written = fs::read_to_string(logs.join("spring.log")).expect("a log file");
    assert!(written.contains("Bye"), "{written}");
    assert!(!written.contains('\u{1b}'), "{written}");
    let log = node.log();
    assert!(log.contains("GET /v4/info"), "{log}");
}

/// The log once it has `text` so many times: it is written by a thread of its own.
async fn logged(node: &Node, text: &str, times: usize) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let log = node.log();
        if log.matches(text).count() >= times || Instant::now() > deadline {
            return log;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_context_path_is_in_front_of_everything() {
    let node = Setting::new(&[("application.yml", "lavalink.server.password: p\n")])
        .arguments(&[
            "--server.servlet.context-path=/music",
            "--server.forward-headers-strategy=native",
            "--logging.request.includeClientInfo",
        ])
        .start()
        .await;
    let rest = node.rest("p");
    assert_eq!(rest.get("/music/v4/info").await.status, 200);
    let outside = rest.get("/v4/info").await;
    assert_eq!(outside.status, 404);
    assert_eq!(outside.json()["path"], "/v4/info");
    let document = rest.get("/music/v4/openapi.json").await;
    assert_eq!(document.json()["servers"][0]["url"], "/music");
    let unknown = rest.get("/music/v4/nothing").await;
    assert_eq!(
        (unknown.status, unknown.json()["path"].as_str()),
        (404, Some("/music/v4/nothing"))
    );
    let missing = rest.get("/music/v4/loadtracks").await;
    assert_eq!(
        (missing.status, missing.json()["path"].as_str()),
        (400, Some("/music/v4/loadtracks"))
    );
    let request = rest
        .request(reqwest::Method::GET, "/music/version")
        .header("X-Forwarded-For", "192.0.2.77, 10.0.0.1");
    assert_eq!(rest.send(request).await.status, 200);
    let log = logged(&node, "GET /music/version", 1).await;
    assert!(log.contains("GET /music/version, client=192.0.2.77"), "{log}");
    let (mut socket, _) = tokio_tungstenite::connect_async(handshake(&format!(
        "ws://127.0.0.1:{}/music/v4/websocket",
        node.port
    )))
    .await
    .expect("the handshake succeeds");
    let ready = futures_util::StreamExt::next(&mut socket)
        .await
        .expect("a message")
        .expect("a frame");
    assert!(ready.to_text().expect("text").contains("ready"), "{ready}");
}

#[tokio::test]
async fn the_request_log_tells_what_was_asked_and_no_secret() {
    let node = Setting::new(&[(
        "application.yml",
        "lavalink.server.password: hush-hush\nlogging.request:\n  enabled: true\n  includeClientInfo: true\n  \
         includeHeaders: true\n  includeQueryString: true\n  includePayload: true\n  maxPayloadLength: 60\n  \
         beforeRequest: true\n",
    )])
    .start()
    .await;
    let rest = node.rest("hush-hush");
    let path = "/v4/sessions/none/players/1?noReplace=%74rue";
    let body = r#"{"voice":{"token":"do-not-tell","endpoint":"e","sessionId":"nor-this"}}"#;
    assert_eq!(rest.patch_text(path, body).await.status, 400);
    let stranger = node.rest("wrong-password");
    assert_eq!(
        stranger
            .get("/v4/loadtracks?identifier=ytsearch%3Aa+b")
            .await
            .status,
        403
    );

    let log = logged(&node, "/v4/loadtracks", 2).await;
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("lavalink.server.io.RequestLoggingFilter"))
        .collect();
    let asked = |line: &str, text: &str| line.contains(text) && line.contains("headers=[");
    assert_eq!(lines.len(), 4, "{log}");
    assert!(asked(
        lines[0],
        ">> PATCH /v4/sessions/none/players/1?noReplace=%74rue, client=127.0.0.1"
    ));
    assert!(!lines[0].contains("payload="), "{log}");
    assert!(asked(
        lines[1],
        " PATCH /v4/sessions/none/players/1?noReplace=%74rue, client=127.0.0.1"
    ));
    assert!(
        lines[1].ends_with(r#", payload={"voice":{"token":"***","endpoint":"e","sessionId":"***""#),
        "{log}"
    );
    assert!(asked(
        lines[2],
        ">> GET /v4/loadtracks?identifier=ytsearch%3Aa+b, client=127.0.0.1"
    ));
    assert!(asked(lines[3], r#"Authorization:"***""#));
    for secret in ["hush-hush", "wrong-password", "do-not-tell", "nor-this"] {
        assert!(!log.contains(secret), "{secret} stands in the log: {log}");
    }
}

fn handshake(url: &str) -> tokio_tungstenite::tungstenite::http::Request<()> {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let mut request = url.into_client_request().expect("a URL");
    for (name, value) in [
        ("Authorization", "p"),
        ("User-Id", "170939974227541168"),
        ("Client-Name", "test/1"),
    ] {
        request
            .headers_mut()
            .insert(name, value.parse().expect("a header"));
    }
    request
}

#[tokio::test]
async fn tls_is_spoken_with_pem_files() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let node = Setting::new(&[
        ("application.yml", "lavalink.server.password: p\n"),
        ("cert.pem", &made.cert.pem()),
        ("key.pem", &made.signing_key.serialize_pem()),
    ])
    .variables(&[
        ("SERVER_SSL_CERTIFICATE", "cert.pem"),
        ("SERVER_SSL_CERTIFICATE_PRIVATE_KEY", "file:key.pem"),
    ])
    .start()
    .await;
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .expect("a client can be built");
    let url = format!("https://localhost:{}", node.port);
    let request = client.get(format!("{url}/version")).header("Authorization", "p");
    assert_eq!(request.send().await.expect("an answer").status().as_u16(), 200);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_tungstenite::Connector::Rustls(std::sync::Arc::new(config));
    let request = handshake(&format!("wss://localhost:{}/v4/websocket", node.port));
    let (mut socket, _) =
        tokio_tungstenite::connect_async_tls_with_config(request, None, false, Some(connector))
            .await
            .expect("the handshake succeeds");
    let ready = futures_util::StreamExt::next(&mut socket)
        .await
        .expect("a message")
        .expect("a frame");
    assert!(ready.to_text().expect("text").contains("ready"), "{ready}");
    // Plain HTTP gets nothing.
    assert!(node.rest("p").try_get("/version").await.is_err());
}

#[tokio::test]
async fn a_graceful_shutdown_answers_requests_under_way() {
    let mut node = Setting::new(&[(
        "application.yml",
        "lavalink.server.password: p\nserver.shutdown: graceful\n",
    )])
    .start()
    .await;
    let mut slow = tokio::net::TcpStream::connect(("127.0.0.1", node.port))
        .await
        .expect("a connection");
    slow.write_all(b"POST /v4/decodetracks HTTP/1.1\r\nHost: x\r\nAuthorization: p\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[")
        .await
        .expect("sent");
    // A session must not be waited for.
    let _socket = Socket::open(
        &format!("127.0.0.1:{}", node.port),
        "p",
        "170939974227541168",
        None,
    )
    .await;
    // The head of the request is being handled once another request was answered after it.
    assert_eq!(node.rest("p").get("/version").await.status, 200);
    node.terminate();
    node.wait_for("Waiting for requests under way").await;
    slow.write_all(b"]").await.expect("sent");
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.expect("an answer");
    let answer = text(&answer);
    assert!(answer.contains("No tracks to decode provided"), "{answer}");
    assert_eq!(node.ended().await, Some(0));
    assert!(!node.log().contains("were not answered"), "{}", node.log());
}

#[test]
fn settings_of_plugins_are_left_as_they_are() {
    let setting = Setting::new(&[("application.yml", "plugins:\n  http: {some.key: [1, {A: b}]}\n")])
        .arguments(&["check-config"])
        .variables(&[("PLUGINS_HTTP_OTHER", "x")]);
    let shown = text(&setting.output().stdout);
    assert!(
        shown.contains("    some.key:") && shown.contains("      - 1"),
        "{shown}"
    );
    assert!(shown.contains("    other: x"), "{shown}");
    assert!(shown.ends_with("\n0 errors, 0 warnings\n"), "{shown}");
}
