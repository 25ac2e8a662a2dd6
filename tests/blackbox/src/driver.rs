//! Leads a program of `tests/clients`, which drives one client library (see the README there).

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a library may take over one command or event. lavalink-rs looks every 15 s whether it is still connected.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Folder of the programs' sources.
pub fn sources() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../clients")).to_owned()
}

/// Folder that `deployment/setup.sh --tests` installs packages in.
///
/// # Panics
/// When `wanted` is not there below it.
pub fn packages(wanted: &str) -> PathBuf {
    let target = crate::node::build_directory();
    let folder = target.parent().unwrap_or(&target).join("clients");
    let path = folder.join(wanted);
    assert!(
        path.exists(),
        "{} is missing: run deployment/setup.sh --tests",
        path.display()
    );
    path
}

/// A running program; killed on drop.
pub struct Driver {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    events: VecDeque<Value>,
    log: PathBuf,
}

impl Driver {
    /// Starts a program. What it writes to standard error goes to `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(mut command: Command, log: PathBuf) -> Self {
        let errors = std::fs::File::create(&log).expect("a log can be made");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let input = child.stdin.take().expect("piped");
        let output = child.stdout.take().expect("piped");
        Self {
            _child: child,
            input,
            output: BufReader::new(output).lines(),
            events: VecDeque::new(),
            log,
        }
    }

    /// Gives a command and returns the answer.
    ///
    /// # Panics
    /// When the library fails to carry it out, or takes too long.
    pub async fn ask(&mut self, name: &str, mut parameters: Value) -> Value {
        parameters["do"] = json!(name);
        let line = format!("{parameters}\n");
        if let Err(error) = self.input.write_all(line.as_bytes()).await {
            self.give_up(&format!("does not take {name:?}: {error}"));
        }
        loop {
            let message = self.message(name).await;
            if message["done"] == name {
                return message;
            }
            if message["failed"] == name {
                self.give_up(&format!("failed at {parameters}: {}", message["error"]));
            }
            self.events.push_back(message);
        }
    }

    /// As [`Driver::ask`], for commands without parameters.
    pub async fn tell(&mut self, name: &str) {
        self.ask(name, json!({})).await;
    }

    /// The next event of this kind; those before it are forgotten.
    ///
    /// # Panics
    /// When it does not come, or the library reports an error instead.
    pub async fn event(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = match self.events.pop_front() {
                Some(event) => event,
                None => self.message(kind).await,
            };
            if event["event"] == kind && fits(&event) {
                return event;
            }
        }
    }

    async fn message(&mut self, awaited: &str) -> Value {
        match tokio::time::timeout(PATIENCE, self.output.next_line()).await {
            Ok(Ok(Some(line))) => serde_json::from_str(&line)
                .unwrap_or_else(|error| self.give_up(&format!("printed {line:?}: {error}"))),
            Ok(other) => self.give_up(&format!("ended before {awaited:?}: {other:?}")),
            Err(_) => self.give_up(&format!("said nothing of {awaited:?} within {PATIENCE:?}")),
        }
    }

    fn give_up(&self, why: &str) -> ! {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        panic!(
            "the client {why}\nits last events: {:#?}\nits log:\n{log}",
            self.events
        )
    }
}
