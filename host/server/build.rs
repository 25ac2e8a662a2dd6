//! Tells the binary what it was built from: commit, branch, times and compiler.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    for path in ["HEAD", "refs/heads"] {
        println!("cargo::rerun-if-changed=../../.git/{path}");
    }
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let built = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse::<u64>().ok())
        .unwrap_or_else(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs())
        });
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let values = [
        (
            "GIT_BRANCH",
            output("git", &["rev-parse", "--abbrev-ref", "HEAD"]),
        ),
        ("GIT_COMMIT", output("git", &["rev-parse", "--short", "HEAD"])),
        ("GIT_COMMIT_TIME", output("git", &["log", "-1", "--format=%ct"])),
        ("BUILD_TIME", Some(built.to_string())),
        ("BUILD_RUSTC", output(&rustc, &["--version"])),
    ];
    for (name, value) in values {
        println!(
            "cargo::rustc-env=LAVALINK_{name}={}",
            value.unwrap_or_else(|| "unknown".to_owned())
        );
    }
}

/// First line a program prints; `None` when it is missing or fails, as in a source archive without git.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines()
        .next()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
}
