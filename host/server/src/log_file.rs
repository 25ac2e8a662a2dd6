//! The log file: a new one is begun each day and when it is full, old ones are packed and after a time removed.
//!
//! Old files are called `<file>.<date>.<number>.gz`, Java's default; the date is that of UTC, like the times in the lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::config::LogFileConfig;

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;
/// Files that may wait to be packed; with more, packing is waited for.
const MAX_WAITING: usize = 16;
/// A file that cannot be written is tried again after this many bytes of lines.
const RETRY_BYTES: u64 = 64 * 1024;

/// Writes to the file; a lack of space or rights costs lines and nothing else.
#[derive(Debug)]
pub struct LogFile {
    config: LogFileConfig,
    clock: fn() -> SystemTime,
    file: Option<BufWriter<File>>,
    /// Bytes in the file, or of lines lost since it could not be opened.
    size: u64,
    /// Days since 1970 of the lines in the file.
    day: u64,
    packer: SyncSender<PathBuf>,
}

impl LogFile {
    /// Opens or creates the file, and its directory, and goes on writing at its end.
    ///
    /// # Errors
    /// When that cannot be done, or the thread that packs cannot be started.
    pub fn open(config: LogFileConfig) -> io::Result<Self> {
        Self::with_clock(config, SystemTime::now)
    }

    fn with_clock(config: LogFileConfig, clock: fn() -> SystemTime) -> io::Result<Self> {
        if let Some(parent) = config.path.parent().filter(|parent| *parent != Path::new("")) {
            fs::create_dir_all(parent)?;
        }
        let (packer, waiting) = sync_channel::<PathBuf>(MAX_WAITING);
        let rules = config.clone();
        std::thread::Builder::new()
            .name("log-pack".to_owned())
            .spawn(move || {
                if rules.is_cleaned_on_start {
                    remove_old(&rules, clock());
                }
                // What an earlier run could not finish.
                for path in unpacked(&rules.path) {
                    pack(&path);
                }
                for path in waiting {
                    pack(&path);
                    remove_old(&rules, clock());
                }
            })?;
        let mut log = Self {
            config,
            clock,
            file: None,
            size: 0,
            day: 0,
            packer,
        };
        log.attach()?;
        // Lines of an earlier day belong to the file of that day.
        let written = fs::metadata(&log.config.path)?
            .modified()
            .unwrap_or_else(|_| clock());
        log.day = if log.size == 0 {
            day_of(clock())
        } else {
            day_of(written)
        };
        Ok(log)
    }

    fn attach(&mut self) -> io::Result<()> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.config.path)?;
        self.size = file.metadata()?.len();
        self.file = Some(BufWriter::new(file));
        Ok(())
    }

    /// Moves the file away and begins a new one.
    fn roll(&mut self, today: u64) {
        // A failed flush loses lines; there is nowhere to complain.
        if let Some(mut file) = self.file.take() {
            let _lost = file.flush();
        }
        let old = free_name(&self.config.path, self.day);
        if self.size > 0 && fs::rename(&self.config.path, &old).is_ok() {
            // Only a packer that is gone refuses; then the file stays as it is.
            let _unpacked = self.packer.send(old);
        }
        self.day = today;
        if self.attach().is_err() {
            self.size = 0;
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let today = day_of((self.clock)());
        let length = line.len() as u64;
        let is_full = self.size > 0 && self.size.saturating_add(length) > self.config.max_size;
        if self.file.is_some() && (today != self.day || is_full) {
            self.roll(today);
        } else if self.file.is_none() && self.size > RETRY_BYTES && self.attach().is_err() {
            self.size = 0;
        }
        self.size = self.size.saturating_add(length);
        match &mut self.file {
            Some(file) => file.write_all(line).map(|()| line.len()),
            None => Ok(line.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

fn day_of(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() / DAY)
}

/// `2026-11-23` of days since 1970, by the algorithm of Howard Hinnant's `civil_from_days`.
fn date(days: u64) -> String {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `<file>.<date>.<number>`, the next number of that day.
fn free_name(path: &Path, day: u64) -> PathBuf {
    let date = date(day);
    let next = history(path)
        .into_iter()
        .filter(|old| old.date == date)
        .map(|old| old.number + 1)
        .max()
        .unwrap_or(0);
    with_suffix(path, &format!(".{date}.{next}"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// One old file.
#[derive(Debug)]
struct Old {
    path: PathBuf,
    date: String,
    number: u64,
    is_packed: bool,
    size: u64,
}

/// All old files, oldest first.
fn history(path: &Path) -> Vec<Old> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let Some(prefix) = path.file_name().and_then(|name| name.to_str()) else {
        return Vec::new();
    };
    let mut found: Vec<Old> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let rest = name.to_str()?.strip_prefix(prefix)?.strip_prefix('.')?;
            let plain = rest.strip_suffix(".gz");
            let (date, number) = plain.unwrap_or(rest).split_once('.')?;
            is_date(date).then_some(Old {
                path: entry.path(),
                date: date.to_owned(),
                number: number.parse().ok()?,
                is_packed: plain.is_some(),
                size: entry.metadata().ok()?.len(),
            })
        })
        .collect();
    found.sort_by(|a, b| (&a.date, a.number).cmp(&(&b.date, b.number)));
    found
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(index, b)| match index {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        })
}

fn unpacked(path: &Path) -> Vec<PathBuf> {
    history(path)
        .into_iter()
        .filter(|old| !old.is_packed)
        .map(|old| old.path)
        .collect()
}

/// Packs a file and removes the unpacked one; if that fails, it stays as it is.
fn pack(path: &Path) {
    let packed = with_suffix(path, ".gz");
    let work = with_suffix(path, ".gz.part");
    let written = (|| {
        let mut encoder = GzEncoder::new(BufWriter::new(File::create(&work)?), Compression::default());
        io::copy(&mut File::open(path)?, &mut encoder)?;
        encoder.finish()?.flush()?;
        fs::rename(&work, &packed)
    })();
    // Nobody is there to be told: the log itself is what is being written.
    let _kept = match written {
        Ok(()) => fs::remove_file(path),
        Err(_) => fs::remove_file(&work),
    };
}

/// Removes what is too old, and then the oldest until the rest fits into the total size.
fn remove_old(config: &LogFileConfig, now: SystemTime) {
    let mut kept = history(&config.path);
    if let Some(max_age) = config.max_age {
        let first = day_of(now).saturating_sub(max_age.as_secs() / DAY);
        let first = date(first);
        kept.retain(|old| {
            let is_kept = old.date >= first;
            if !is_kept {
                let _still_there = fs::remove_file(&old.path);
            }
            is_kept
        });
    }
    if let Some(total) = config.total_size {
        let mut size = 0_u64;
        for old in kept.iter().rev() {
            size = size.saturating_add(old.size);
            if size > total {
                let _still_there = fs::remove_file(&old.path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use std::time::Duration;

    /// Longest time the packer is waited for.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn config(directory: &Path) -> LogFileConfig {
        LogFileConfig {
            path: directory.join("logs/spring.log"),
            max_size: 20,
            max_age: Some(Duration::from_secs(7 * DAY)),
            total_size: None,
            is_cleaned_on_start: false,
        }
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory.join("logs"))
            .expect("a directory")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    fn wait_for(directory: &Path, expected: &[&str]) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while names(directory) != expected {
            assert!(std::time::Instant::now() < deadline, "{:?}", names(directory));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn unpack(path: &Path) -> String {
        let mut text = String::new();
        flate2::read::GzDecoder::new(File::open(path).expect("a file"))
            .read_to_string(&mut text)
            .expect("packed text");
        text
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (19_782, "2024-02-29"),
            (20_780, "2026-11-23"),
        ] {
            assert_eq!(date(days), expected);
        }
    }

    #[test]
    fn a_full_file_is_packed_and_a_new_one_begun() {
        fn clock() -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(20_780 * DAY)
        }
        let directory = tempfile::tempdir().expect("a directory");
        let mut log = LogFile::with_clock(config(directory.path()), clock).expect("a log");
        for line in ["first line\n", "second line\n", "third\n"] {
            log.write_all(line.as_bytes()).expect("written");
        }
        log.flush().expect("flushed");
        wait_for(directory.path(), &["spring.log", "spring.log.2026-11-23.0.gz"]);
        let logs = directory.path().join("logs");
        assert_eq!(unpack(&logs.join("spring.log.2026-11-23.0.gz")), "first line\n");
        assert_eq!(
            fs::read_to_string(logs.join("spring.log")).expect("text"),
            "second line\nthird\n"
        );
        // The next start goes on at the end and with the next number.
        drop(log);
        let mut log = LogFile::with_clock(config(directory.path()), clock).expect("a log");
        // The file was written today by the system's clock, another day by the test's.
        log.day = day_of(clock());
        log.write_all(b"fourth line\n").expect("written");
        wait_for(
            directory.path(),
            &[
                "spring.log",
                "spring.log.2026-11-23.0.gz",
                "spring.log.2026-11-23.1.gz",
            ],
        );
    }

    #[test]
    fn a_new_day_begins_a_new_file_and_ends_old_ones() {
        static NOW: AtomicU64 = AtomicU64::new(20_780);
        fn clock() -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.load(SeqCst) * DAY)
        }
        let directory = tempfile::tempdir().expect("a directory");
        let logs = directory.path().join("logs");
        fs::create_dir(&logs).expect("mkdir");
        for old in [
            "spring.log.2026-11-16.0.gz",
            "spring.log.2026-11-17.0.gz",
            "spring.log.other",
            "x.2020-01-01.0.gz",
        ] {
            fs::write(logs.join(old), "old").expect("write");
        }
        let mut log = LogFile::with_clock(config(directory.path()), clock).expect("a log");
        log.write_all(b"monday\n").expect("written");
        NOW.store(20_781, SeqCst);
        log.write_all(b"tuesday\n").expect("written");
        // 7 days before the 24th is the 17th.
        wait_for(
            directory.path(),
            &[
                "spring.log",
                "spring.log.2026-11-17.0.gz",
                "spring.log.2026-11-23.0.gz",
                "spring.log.other",
                "x.2020-01-01.0.gz",
            ],
        );
    }

    #[test]
    fn the_oldest_go_when_all_are_too_large() {
        let directory = tempfile::tempdir().expect("a directory");
        let logs = directory.path().join("logs");
        fs::create_dir(&logs).expect("mkdir");
        for old in [
            "spring.log.2026-11-20.0.gz",
            "spring.log.2026-11-20.10.gz",
            "spring.log.2026-11-20.9.gz",
        ] {
            fs::write(logs.join(old), [0; 10]).expect("write");
        }
        let rules = LogFileConfig {
            max_age: None,
            total_size: Some(25),
            is_cleaned_on_start: true,
            ..config(directory.path())
        };
        let _log = LogFile::open(rules).expect("a log");
        wait_for(
            directory.path(),
            &[
                "spring.log",
                "spring.log.2026-11-20.10.gz",
                "spring.log.2026-11-20.9.gz",
            ],
        );
    }

    #[test]
    fn a_path_that_cannot_be_written_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("logs"), "a file").expect("write");
        assert!(LogFile::open(config(directory.path())).is_err());
    }
}
