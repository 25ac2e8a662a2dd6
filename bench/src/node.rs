//! A node of one's own: the real binary in a directory of its own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lavalink_net::{HttpClient, NetConfig, NetError, Request};
use serde_json::Value;

/// Longest wait for a node to answer.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Most bytes of an answer.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// Password of the node.
pub const PASSWORD: &str = "youshallnotpass";

/// A running node; killed on drop.
#[derive(Debug)]
pub struct Node {
    child: Child,
    client: HttpClient,
    port: u16,
    log: PathBuf,
    start_time: Duration,
}

impl Node {
    /// Starts `binary` in `directory` (which becomes its working directory), trusting the authorities in `ca_file`, and
    /// waits for its first `/v4/info`.
    ///
    /// Plugins come from `plugins/` beside the binary, or else from the dylibs cargo puts beside it.
    ///
    /// # Errors
    /// When it does not start, or does not answer within 30 s.
    pub async fn start(binary: &Path, directory: &Path, ca_file: &Path) -> Result<Self> {
        let port = free_port()?;
        place_plugins(binary, directory)?;
        let config = format!(
            "server:\n  port: {port}\n  address: 127.0.0.1\nlavalink:\n  pluginsDir: ./plugins\n  native-plugins: all\n  server:\n    \
             password: {PASSWORD}\n    egress:\n      allow-private: true\n    sources:\n      local: true\nlogging:\n  request:\n    enabled: false\n"
        );
        fs::write(directory.join("application.yml"), config)
            .context("the configuration cannot be written")?;
        let log = directory.join("node.log");
        let output = fs::File::create(&log).context("the log cannot be made")?;
        let client = HttpClient::new(NetConfig {
            read_timeout: Duration::from_secs(20),
            egress: std::sync::Arc::new(lavalink_net::EgressGuard::allowing_private()),
            ..NetConfig::default()
        })?;
        let started = Instant::now();
        let child = Command::new(binary)
            .current_dir(directory)
            .env("SSL_CERT_FILE", ca_file)
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("the log cannot be shared")?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut node = Self {
            child,
            client,
            port,
            log,
            start_time: Duration::ZERO,
        };
        loop {
            match node.call("GET", "/v4/info", None).await {
                Ok(_) => break,
                Err(error) if !error.is::<NetError>() => return Err(error),
                Err(_) => {}
            }
            if let Some(status) = node.child.try_wait()? {
                bail!("the node ended with {status}:\n{}", node.log());
            }
            if started.elapsed() > START_TIMEOUT {
                bail!(
                    "the node did not answer within {} s:\n{}",
                    START_TIMEOUT.as_secs(),
                    node.log()
                );
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        node.start_time = started.elapsed();
        Ok(node)
    }

    /// From the start of the process to the first answer of `/v4/info`.
    pub fn start_time(&self) -> Duration {
        self.start_time
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// All the node has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A REST call; the answer's JSON, or null when it has no body.
    ///
    /// # Errors
    /// [`NetError`] when there is no answer, another error when its status is not 2xx.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = Request::get(format!("http://{}{path}", self.address()));
        request.method = method.to_owned();
        request.headers = vec![("Authorization".to_owned(), PASSWORD.into())];
        request.max_bytes = Some(MAX_ANSWER_BYTES);
        if let Some(body) = body {
            request
                .headers
                .push(("Content-Type".to_owned(), b"application/json".to_vec()));
            request.body = Some(body.to_string().into_bytes());
        }
        let mut response = self.client.fetch(request).await?;
        let mut text = Vec::new();
        loop {
            let bytes = response.chunk(64 * 1024).await?;
            if bytes.is_empty() {
                break;
            }
            text.extend_from_slice(&bytes);
        }
        let status = response.status();
        if !(200..300).contains(&status) {
            bail!(
                "{method} {path} was answered with {status}: {}",
                String::from_utf8_lossy(&text)
            );
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&text).with_context(|| format!("{method} {path} was not answered with JSON"))
    }

    /// The encoded track behind an identifier.
    ///
    /// # Errors
    /// When it does not load as a single track.
    pub async fn load_track(&self, identifier: &str) -> Result<String> {
        let query: String = url::form_urlencoded::byte_serialize(identifier.as_bytes()).collect();
        let answer = self
            .call("GET", &format!("/v4/loadtracks?identifier={query}"), None)
            .await?;
        let encoded = answer["data"]["encoded"]
            .as_str()
            .filter(|_| answer["loadType"] == "track");
        encoded
            .map(str::to_owned)
            .with_context(|| format!("{identifier} did not load as a track: {answer}"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The node of the build this program is part of; the release build when that has none.
pub fn built() -> PathBuf {
    let own = std::env::current_exe().ok();
    let folder = own.as_deref().and_then(Path::parent);
    // Tests lie in `deps` below the profile folder, binaries in the profile folder itself.
    let beside = folder
        .into_iter()
        .chain(folder.and_then(Path::parent))
        .map(|folder| folder.join("lavalink-rust"))
        .find(|path| path.is_file());
    beside.unwrap_or_else(|| PathBuf::from("target/release/lavalink-rust"))
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("loopback has no free port")?;
    Ok(listener.local_addr()?.port())
}

/// The node looks beside its binary by itself; what a plain cargo build leaves there has other names.
fn place_plugins(binary: &Path, directory: &Path) -> Result<()> {
    let beside = binary.parent().unwrap_or(Path::new("."));
    if beside.join("plugins").is_dir() {
        return Ok(());
    }
    let target = directory.join("plugins");
    fs::create_dir_all(&target).context("the plugin folder cannot be made")?;
    for name in ["http", "local"] {
        let from = beside.join(format!("liblavalink_plugin_{name}.so"));
        fs::copy(&from, target.join(format!("lavalink_plugin_{name}.so")))
            .with_context(|| format!("{} is missing; build the bundled plugins first", from.display()))?;
    }
    Ok(())
}
