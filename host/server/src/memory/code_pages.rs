//! Pages of the program file that only the start needed: the loader's tables, parsers of the configuration, set-up code.
//!
//! They stay mapped, and count as the node's memory, until the kernel runs short. Dropped from the page tables, they remain
//! in the page cache, and those that are still used come back with a soft fault each.

use std::ops::Range;

/// Drops the pages of the program file that nobody has written to.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub(super) fn drop_unused() {
    let (Ok(program), Ok(smaps)) = (
        std::fs::read_link("/proc/self/exe"),
        std::fs::read_to_string("/proc/self/smaps"),
    ) else {
        return;
    };
    for range in unwritten(&smaps, &program.to_string_lossy()) {
        // SAFETY: the range is a mapping of the program file for reading only, none of whose pages differs from the file
        // (the loader has written to none, and nobody can any more), so that what is read there stays the same.
        unsafe {
            libc::madvise(
                std::ptr::with_exposed_provenance_mut(range.start),
                range.len(),
                libc::MADV_DONTNEED,
            );
        }
    }
}

/// Other systems count differently.
#[cfg(not(target_os = "linux"))]
pub(super) fn drop_unused() {}

/// Address ranges of the private mappings of `program` that cannot be written to and have no page of their own.
///
/// `smaps` as of proc_pid_smaps(5): a header line for each mapping, then lines of `Name: value kB`.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "for Linux only"))]
fn unwritten(smaps: &str, program: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        if let Some(kib) = line.strip_prefix("Anonymous:") {
            if let Some(range) = candidate.take()
                && kib.trim() == "0 kB"
            {
                ranges.push(range);
            }
        } else if let Some(range) = header(line, program) {
            candidate = range;
        }
    }
    ranges
}

/// `None` when `line` is not the header of a mapping; the inner is the range if it is one of `program`, private, and not to
/// be written to.
fn header(line: &str, program: &str) -> Option<Option<Range<usize>>> {
    let (start, rest) = line.split_once('-')?;
    let (end, rest) = rest.split_once(' ')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let range = address(start)?..address(end)?;
    let permissions = rest.get(..4)?;
    let is_fixed = permissions.starts_with('r') && !permissions.contains('w') && permissions.ends_with('p');
    let path = rest.find('/').and_then(|at| rest.get(at..));
    Some((is_fixed && path == Some(program)).then_some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
55e818d5f000-55e8195be000 r--p 00000000 fe:00 6675066                    /opt/lavalink rust/node
Size:               8572 kB
Rss:                2628 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
55e8195be000-55e81b225000 r-xp 0085e000 fe:00 6675066                    /opt/lavalink rust/node
Anonymous:             0 kB
55e81b225000-55e81b32b000 r--p 024c4000 fe:00 6675066                    /opt/lavalink rust/node
Anonymous:          1048 kB
55e81b32b000-55e81b331000 rw-p 025c9000 fe:00 6675066                    /opt/lavalink rust/node
Anonymous:             0 kB
7f0000000000-7f0000021000 r--p 00000000 00:00 0
Anonymous:             0 kB
7f1000000000-7f1000021000 r-xp 00000000 fe:00 77                         /opt/lavalink rust/node (deleted)
Anonymous:             0 kB
7f2000000000-7f2000021000 r--s 00000000 fe:00 6675066                    /opt/lavalink rust/node
Anonymous:             0 kB
";

    #[test]
    fn only_what_is_as_in_the_file_and_stays_so_is_dropped() {
        assert_eq!(
            unwritten(SMAPS, "/opt/lavalink rust/node"),
            [
                0x55e8_18d5_f000..0x55e8_195b_e000,
                0x55e8_195b_e000..0x55e8_1b22_5000
            ]
        );
        assert!(unwritten(SMAPS, "/opt/other").is_empty());
        assert!(unwritten("", "/opt/other").is_empty());
    }

    #[test]
    fn damaged_lines_are_passed_over() {
        for line in [
            "-",
            "5-",
            "5- r",
            "zz-5 r--p 0 0 0 /a",
            "5-7 r-\u{e9}p 0 /a",
            "5-7 r--",
        ] {
            assert!(
                unwritten(&format!("{line}\nAnonymous: 0 kB\n"), "/a").is_empty(),
                "{line}"
            );
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_program_goes_on() {
        let program = std::fs::read_link("/proc/self/exe").unwrap();
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        assert!(!unwritten(&smaps, &program.to_string_lossy()).is_empty());
        drop_unused();
        assert_eq!(format!("{:?}", [1.5, 2.0]), "[1.5, 2.0]");
    }
}
