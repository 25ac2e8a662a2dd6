//! What the system says about a process.

use std::{fs, io};

/// Raises this process's limit of open files as far as it may; tests with a thousand connections need it.
///
/// # Errors
/// When the system refuses.
#[allow(unsafe_code)]
pub fn raise_open_files() -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit that outlives both calls; the first writes to it, the second only reads.
    let done = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && {
            limit.rlim_cur = limit.rlim_max.min(1 << 16);
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0
        }
    };
    if done {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Open file descriptors.
///
/// # Panics
/// When the process is gone.
pub fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the process runs")
        .count()
}

/// Threads.
///
/// # Panics
/// When the process is gone.
pub fn threads(pid: u32) -> u64 {
    status(pid, "Threads:")
}

/// Resident memory, bytes.
///
/// # Panics
/// When the process is gone.
pub fn resident(pid: u32) -> u64 {
    status(pid, "VmRSS:") * 1024
}

/// Name and niceness of each thread.
///
/// # Panics
/// When the process is gone.
pub fn niceness(pid: u32) -> Vec<(String, i32)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let stats = tasks.filter_map(|task| {
        // Threads may end meanwhile.
        let stat = fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (front, behind) = stat.rsplit_once(')')?;
        let (_, name) = front.split_once('(')?;
        // Field 19; the third is the first behind the name.
        let nice = behind.split_whitespace().nth(16)?.parse().ok()?;
        Some((name.to_owned(), nice))
    });
    stats.collect()
}

fn status(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .expect("the kernel writes a number")
}
