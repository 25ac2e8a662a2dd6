//! What the host lends a plugin: the only door to the outside world.

use std::time::Duration;

use crate::{Failure, HttpRequest, HttpResponse, Loaded, Media, SessionRef};

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
///
/// The methods with a body are those a host outside a node, such as one of a test, may do without.
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

    /// Whether lines of this level get anywhere; spares the work of writing those that do not.
    fn enabled(&self, level: Level) -> bool {
        let _all = level;
        true
    }

    /// Random bytes fit for secrets; at most 4,096 at once, fewer are given when more are asked for.
    fn random(&self, length: usize) -> Vec<u8>;

    /// Looks an identifier up through all sources, to mirror a track of one's own: what `/v4/loadtracks` would find, with
    /// the name of the source that found it (empty when none did). Redirects are followed, so there are none in the answer.
    ///
    /// # Errors
    /// When the source whose identifier it is could not look it up, or when plugins refer to each other without end.
    fn load(&self, identifier: &str) -> Result<(String, Loaded), Failure> {
        Err(missing("looks identifiers up", identifier))
    }

    /// A value kept by [`Host::store_set`]; it outlives the node.
    ///
    /// # Errors
    /// When it cannot be read.
    fn store_get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        Err(missing("keeps values", key))
    }

    /// Keeps a value of this plugin for good. Keys have 128 bytes at most, values 64 KiB, all of a plugin 1 MiB.
    ///
    /// # Errors
    /// When a bound is passed or it cannot be written.
    fn store_set(&self, key: &str, value: &[u8]) -> Result<(), Failure> {
        Err(missing(&format!("keeps values ({} bytes)", value.len()), key))
    }

    /// Forgets a value kept.
    ///
    /// # Errors
    /// When that cannot be written.
    fn store_delete(&self, key: &str) -> Result<(), Failure> {
        Err(missing("keeps values", key))
    }

    /// The sessions there are, those waiting to be resumed too.
    fn sessions(&self) -> Vec<SessionRef> {
        Vec::new()
    }

    /// Sends a JSON object to a client, as any message of the node is: while the client is away it is kept for it.
    ///
    /// # Errors
    /// When there is no such session, or the text is no JSON object.
    fn send_event(&self, session_id: &str, message: &str) -> Result<(), Failure> {
        let _nobody_to_send_to = message;
        Err(missing("has sessions", session_id))
    }

    /// A player as `GET /v4/sessions/{sessionId}/players/{guildId}` answers it, JSON text. `None` when it is not there.
    fn player(&self, session_id: &str, guild_id: u64) -> Option<String> {
        let _nobody_plays = (session_id, guild_id);
        None
    }

    /// Changes a player: `update` is the JSON body of the request `PATCH /v4/sessions/{sessionId}/players/{guildId}`. Answers
    /// the player.
    ///
    /// # Errors
    /// What that request would be refused with.
    fn update_player(&self, session_id: &str, guild_id: u64, update: &str) -> Result<String, Failure> {
        let _nobody_plays = (guild_id, update);
        Err(missing("has players", session_id))
    }

    /// Sets a marker in the track a player plays; [`crate::Event::Marker`] tells this plugin when playback gets there. A
    /// track has 64 markers at most.
    ///
    /// # Errors
    /// When nothing plays there, when there are too many markers, or when this plugin has no listener.
    fn add_marker(
        &self,
        session_id: &str,
        guild_id: u64,
        position: Duration,
        marker: &str,
    ) -> Result<(), Failure> {
        let _nobody_plays = (guild_id, position, marker);
        Err(missing("has players", session_id))
    }
}

/// The failure of a host that lacks a service, on what it was asked for.
fn missing(what: &str, on: &str) -> Failure {
    Failure::common("The host of this plugin lacks a service.")
        .because(format!("it is none that {what}; asked for {on:?}"))
}
