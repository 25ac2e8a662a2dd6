//! Memory figures for the stats message, from `/proc`.

use lavalink_protocol::stats::Memory;

/// Bytes of a page when the system does not say; every Linux target of the node uses it or a multiple.
const FALLBACK_PAGE: i64 = 4096;

/// Reads the current figures: `used` is the resident set, `reservable` the memory limit of the container or machine.
/// Zero where the system does not tell.
pub fn read() -> Memory {
    let resident = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| resident_pages(&text))
        .unwrap_or(0);
    let used = resident.saturating_mul(page_size());
    Memory {
        free: 0,
        used,
        allocated: used,
        reservable: limit(),
    }
}

/// Second field of `statm`.
fn resident_pages(statm: &str) -> Option<i64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Page size from the kernel's own report about this process (`KernelPageSize` in kB).
fn page_size() -> i64 {
    static SIZE: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    *SIZE.get_or_init(|| {
        use std::io::{BufRead, BufReader};
        let Ok(file) = std::fs::File::open("/proc/self/smaps") else {
            return FALLBACK_PAGE;
        };
        BufReader::new(file)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| kilobytes(&line, "KernelPageSize:"))
            .unwrap_or(FALLBACK_PAGE)
    })
}

/// The smaller of the cgroup's limit and the machine's memory.
fn limit() -> i64 {
    let machine = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| text.lines().find_map(|line| kilobytes(line, "MemTotal:")))
        .unwrap_or(0);
    [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]
    .iter()
    .filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<i64>().ok())
    .fold(
        machine,
        |least, limit| if least == 0 { limit } else { least.min(limit) },
    )
}

/// The value of a `Name:   123 kB` line in bytes.
fn kilobytes(line: &str, name: &str) -> Option<i64> {
    let value: i64 = line
        .strip_prefix(name)?
        .trim()
        .strip_suffix("kB")?
        .trim()
        .parse()
        .ok()?;
    value.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_formats_are_understood() {
        assert_eq!(resident_pages("1000 250 30 1 0 99 0\n"), Some(250));
        assert_eq!(resident_pages(""), None);
        assert_eq!(
            kilobytes("MemTotal:       16384 kB", "MemTotal:"),
            Some(16_777_216)
        );
        assert_eq!(kilobytes("MemFree:        1 kB", "MemTotal:"), None);
    }

    #[test]
    fn this_process_uses_memory() {
        let memory = read();
        assert!(
            memory.used > 100_000 && memory.allocated >= memory.used,
            "{memory:?}"
        );
        assert!(memory.reservable > memory.used, "{memory:?}");
    }
}
