//! `logging`: levels, file and request log.

use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::key::Converted;
use super::keys;
use super::reader::Reader;

/// Name of the file in `logging.file.path`.
const FILE_IN_PATH: &str = "spring.log";
/// Most of a body that is kept for the log, bytes.
const MOST_PAYLOAD: i64 = 1 << 20;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Settings of the log.
#[derive(Debug, Clone)]
pub struct LoggingConfig {
    /// `logging.level.root`.
    pub root: LevelFilter,
    /// `logging.level.<logger>` for the other loggers, logger name as written.
    pub loggers: Vec<(String, LevelFilter)>,
    /// The file, if one is written.
    pub file: Option<LogFileConfig>,
    /// The request log.
    pub request: RequestLogConfig,
}

/// `logging.file` and `logging.logback.rollingpolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFileConfig {
    /// The file that is written to.
    pub path: PathBuf,
    /// Bytes after which a new file is begun.
    pub max_size: u64,
    /// How long old files are kept; `None` for ever.
    pub max_age: Option<Duration>,
    /// Bytes of all old files together; `None` without limit.
    pub total_size: Option<u64>,
    /// Whether old files are removed at start, too.
    pub is_cleaned_on_start: bool,
}

/// `logging.request`.
#[derive(Debug, Clone)]
pub struct RequestLogConfig {
    /// Whether requests are logged at all.
    pub enabled: bool,
    /// Append the client's address.
    pub client_info: bool,
    /// Append all headers.
    pub headers: bool,
    /// Append the raw query.
    pub query_string: bool,
    /// Append the body.
    pub payload: bool,
    /// Bytes of the body that are shown.
    pub max_payload_length: usize,
    /// Log a second line before the request is handled.
    pub before_request: bool,
}

/// Reads the settings.
pub fn read(reader: &Reader<'_>) -> LoggingConfig {
    let loggers = reader
        .entries(&keys::LEVELS_OF_LOGGERS)
        .into_iter()
        .filter_map(|(logger, level)| match level {
            Converted::Level(level) if !logger.eq_ignore_ascii_case("root") => Some((logger, level)),
            _ => None,
        })
        .collect();
    let payload = reader.integer(&keys::REQUEST_MAX_PAYLOAD).clamp(0, MOST_PAYLOAD);
    LoggingConfig {
        root: reader.level(&keys::LEVEL_ROOT).unwrap_or(LevelFilter::INFO),
        loggers,
        file: file(reader),
        request: RequestLogConfig {
            enabled: reader.boolean(&keys::REQUEST_LOG),
            client_info: reader.boolean(&keys::REQUEST_CLIENT),
            headers: reader.boolean(&keys::REQUEST_HEADERS),
            query_string: reader.boolean(&keys::REQUEST_QUERY),
            payload: reader.boolean(&keys::REQUEST_PAYLOAD),
            max_payload_length: usize::try_from(payload).unwrap_or_default(),
            before_request: reader.boolean(&keys::REQUEST_BEFORE),
        },
    }
}

fn file(reader: &Reader<'_>) -> Option<LogFileConfig> {
    // A name outranks a path, as in Spring Boot.
    let path = match (
        reader.text(&keys::LOG_FILE_NAME),
        reader.text(&keys::LOG_FILE_PATH),
    ) {
        (Some(name), _) => PathBuf::from(name.trim()),
        (None, Some(directory)) => PathBuf::from(directory.trim()).join(FILE_IN_PATH),
        (None, None) => return None,
    };
    let days = u32::try_from(reader.integer(&keys::LOG_MAX_HISTORY)).unwrap_or_default();
    let cap = reader.size(&keys::LOG_TOTAL_CAP);
    Some(LogFileConfig {
        path,
        max_size: reader.size(&keys::LOG_MAX_SIZE).max(1),
        max_age: (days > 0).then(|| DAY * days),
        total_size: (cap > 0).then_some(cap),
        is_cleaned_on_start: reader.boolean(&keys::LOG_CLEAN_ON_START),
    })
}
