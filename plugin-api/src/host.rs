//! What the host lends a plugin: the only door to the outside world.

use std::time::Duration;

use crate::{Failure, HttpRequest, HttpResponse, Media};

/// Importance of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is broken.
    Error,
    /// Something is wrong but handled.
    Warn,
    /// Worth knowing.
    Info,
    /// For finding errors.
    Debug,
    /// Everything.
    Trace,
}

/// What the host found in a medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A container the host plays.
    Audio {
        /// Name as it stands in encoded tracks: `wav`, `matroska/webm`, `mp4`, `flac`, `ogg`, `mp3`, `adts`, …
        container: String,
        /// Parameters of the container, only used by `m3u`.
        parameters: Option<String>,
        /// From the tags of the file.
        title: Option<String>,
        /// From the tags of the file.
        author: Option<String>,
        /// From the tags of the file.
        isrc: Option<String>,
        /// Play time; `None` for a stream whose end is not known.
        length: Option<Duration>,
        /// Whether playback can jump.
        is_seekable: bool,
    },
    /// A playlist (m3u, pls, plain) whose first entry is to be loaded instead.
    Reference {
        /// What to load instead.
        identifier: String,
        /// Title the playlist gives its entry.
        title: Option<String>,
    },
}

/// The services of the host. All calls may block; each is bounded by the deadline of the call the plugin is in.
pub trait Host: Send + Sync {
    /// Writes a line to the node's log under this plugin's name.
    fn log(&self, level: Level, message: &str);

    /// The plugin's own configuration, `plugins.<name>` of application.yml, as JSON text; `{}` when there is none.
    fn config(&self) -> String;

    /// Wall clock, milliseconds since 1970.
    fn now_unix_ms(&self) -> u64;

    /// Monotonic clock, nanoseconds from an arbitrary start.
    fn monotonic_ns(&self) -> u64;

    /// Waits.
    fn sleep(&self, time: Duration) -> Result<(), Failure>;

    /// Sends an HTTP request through the node's client (pool, timeouts, proxy, address rotation, egress rules).
    ///
    /// # Errors
    /// When no answer came. An answer of any status is `Ok`.
    fn fetch(&self, request: HttpRequest) -> Result<Box<dyn HttpResponse>, Failure>;

    /// A value stored by [`Host::cache_set`] that has not expired.
    fn cache_get(&self, key: &str) -> Option<Vec<u8>>;

    /// Keeps a value for `ttl`, shared by all calls of this plugin. The host bounds the total size.
    fn cache_set(&self, key: &str, value: &[u8], ttl: Duration);

    /// Opens a medium and says what it is. [`Media::Redirect`] cannot be probed.
    ///
    /// # Errors
    /// `Unknown file format.` when it is nothing the host knows; the container's reason when its codec is not supported.
    fn probe(&self, media: Media) -> Result<Probe, Failure>;
}
