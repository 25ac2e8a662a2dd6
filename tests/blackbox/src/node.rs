//! Starts the real `lavalink-rust` binary with the real plugin dylibs in a directory of its own.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::client::{Rest, Socket};

/// The password every test node is given.
pub const PASSWORD: &str = "youshallnotpass";

/// How to start a node.
pub struct NodeOptions {
    /// File of certificate authorities the node trusts (its `SSL_CERT_FILE`).
    pub ca_file: Option<PathBuf>,
    /// Plugins to place in the plugin directory, by crate name with underscores.
    pub plugins: Vec<&'static str>,
    /// Further files to place in the plugin directory: name and content.
    pub plugin_files: Vec<(&'static str, Vec<u8>)>,
    /// Further lines for `application.yml`, below the test defaults.
    pub extra_yaml: String,
    /// `lavalink.native-plugins`.
    pub native_plugins: &'static str,
    /// Whether the node may fetch from loopback, where the tests' servers are.
    pub allow_private: bool,
    /// Arguments of the command line.
    pub arguments: Vec<String>,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            ca_file: None,
            plugins: vec!["lavalink_plugin_http", "lavalink_plugin_local"],
            plugin_files: Vec::new(),
            extra_yaml: String::new(),
            // Those of the tests lie in the plugin directory and came with no node.
            native_plugins: "all",
            allow_private: true,
            arguments: Vec::new(),
        }
    }
}

/// A running node; killed on drop, and its log printed when the test is failing.
pub struct Node {
    child: Child,
    ca_file: Option<PathBuf>,
    arguments: Vec<String>,
    directory: tempfile::TempDir,
    port: u16,
}

/// Folder cargo put this build's binaries and dylibs in.
pub fn build_directory() -> PathBuf {
    let own = std::env::current_exe().expect("a program knows its own path");
    let folder = own.parent().expect("a file has a folder");
    // Tests lie in `deps` below the profile folder, binaries in the profile folder itself.
    let is_test = folder.file_name().is_some_and(|name| name == "deps");
    if is_test {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    }
    .to_owned()
}

/// Path of a plugin dylib this build made.
///
/// # Panics
/// When it is not there: the test command builds the whole workspace first.
pub fn built_plugin(name: &str) -> PathBuf {
    let path = build_directory().join(format!("lib{name}.so"));
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build --workspace` first",
        path.display()
    );
    path
}

/// Path of the node's binary.
///
/// # Panics
/// When it is not there.
pub fn binary() -> PathBuf {
    let binary = build_directory().join("lavalink-rust");
    assert!(
        binary.is_file(),
        "{} is missing: run `cargo build --workspace` first",
        binary.display()
    );
    binary
}

/// Starts the node in a folder.
fn spawn(directory: &Path, ca_file: Option<&Path>, arguments: &[String]) -> Child {
    let log = fs::File::create(directory.join("node.log")).expect("a log can be made");
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file handle can be cloned"))
        .stderr(log);
    if let Some(ca) = ca_file {
        command.env("SSL_CERT_FILE", ca);
    }
    command.spawn().expect("the node can be started")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

impl Node {
    /// Starts a node and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up within 20 s.
    pub async fn start(options: NodeOptions) -> Self {
        let directory = tempfile::tempdir().expect("a temp dir can be made");
        let plugins = directory.path().join("plugins");
        fs::create_dir(&plugins).expect("a folder can be made");
        for name in &options.plugins {
            fs::copy(built_plugin(name), plugins.join(format!("{name}.so"))).expect("a plugin can be copied");
        }
        for (name, content) in &options.plugin_files {
            fs::write(plugins.join(name), content).expect("a plugin file can be written");
        }
        let port = free_port();
        let yaml = format!(
            "server:\n  port: {port}\n  address: 127.0.0.1\nlavalink:\n  pluginsDir: ./plugins\n  native-plugins: {}\n  server:\n    password: {PASSWORD}\n    egress:\n      allow-private: {}\n    \
             sources:\n      http: true\n      local: true\n{}",
            options.native_plugins, options.allow_private, options.extra_yaml
        );
        fs::write(directory.path().join("application.yml"), yaml).expect("a config can be written");
        let mut node = Self {
            child: spawn(directory.path(), options.ca_file.as_deref(), &options.arguments),
            ca_file: options.ca_file,
            arguments: options.arguments,
            directory,
            port,
        };
        node.wait_until_up().await;
        node
    }

    /// Stops the node and starts it again in the same folder; the log begins anew.
    pub async fn restart(&mut self) {
        self.terminate().await;
        self.child = spawn(self.directory.path(), self.ca_file.as_deref(), &self.arguments);
        self.wait_until_up().await;
    }

    async fn wait_until_up(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                panic!("the node ended with {status}:\n{}", self.log());
            }
            if let Ok((200, _)) = self.rest().try_get("/version").await {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the node did not answer within 20 s:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder the node runs in.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A REST client with the right password.
    pub fn rest(&self) -> Rest {
        Rest::new(self.address(), Some(PASSWORD.to_owned()))
    }

    /// A REST client with these credentials.
    pub fn rest_as(&self, password: Option<&str>) -> Rest {
        Rest::new(self.address(), password.map(str::to_owned))
    }

    /// Opens a session.
    pub async fn socket(&self) -> Socket {
        Socket::open(&self.address(), PASSWORD, "170939974227541168", None).await
    }

    /// All the node has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("node.log")).unwrap_or_default()
    }

    /// Whether the process is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops the process for `time` as a host that is busy with something else would.
    pub async fn freeze(&self, time: Duration) {
        self.signal(libc::SIGSTOP);
        tokio::time::sleep(time).await;
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: kill with the id of our own child, which has not been reaped yet, has no memory effects.
        #[allow(unsafe_code)]
        unsafe {
            libc::kill(self.child.id() as libc::pid_t, signal);
        }
    }

    /// Asks the node to end as an operator would, and returns its exit code.
    pub async fn terminate(&mut self) -> Option<i32> {
        self.signal(libc::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status.code();
            }
            assert!(
                Instant::now() < deadline,
                "the node did not end within 15 s of SIGTERM:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The child may have ended by itself; then there is nothing left to do.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(20_000);
            eprintln!("---- log of the node ----\n{}", log.get(from..).unwrap_or(&log));
        }
    }
}
