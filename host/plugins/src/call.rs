//! How calls of plugins ended, for whoever counts them.

use std::time::Duration;

use lavalink_plugin_api::{Failure, Loaded, Media, Severity};

/// One call of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallReport<'a> {
    /// Name in the plugin's manifest.
    pub plugin: &'a str,
    /// Name of the source.
    pub source: &'a str,
    /// `load` or `open`.
    pub call: &'static str,
    /// How it ended.
    pub outcome: CallOutcome,
    /// From the wish to call to the answer, waiting for a free place included.
    pub elapsed: Duration,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// `load`: the identifier is another source's.
    NotMine,
    /// `load`: nothing is there.
    Nothing,
    /// `load`: a track.
    Track,
    /// `load`: a playlist.
    Playlist,
    /// `load`: hits of a search.
    Search,
    /// Another identifier stands behind it.
    Redirect,
    /// `open`: the bytes can be had.
    Opened,
    /// The source says that it cannot.
    Failed,
    /// A bug or a deadline.
    Fault,
}

impl CallOutcome {
    pub(crate) fn of_load(answer: &Result<Loaded, Failure>) -> Self {
        match answer {
            Ok(Loaded::NotMine) => Self::NotMine,
            Ok(Loaded::Nothing) => Self::Nothing,
            Ok(Loaded::Track(_)) => Self::Track,
            Ok(Loaded::Playlist(_)) => Self::Playlist,
            Ok(Loaded::Search(_)) => Self::Search,
            Ok(Loaded::Redirect { .. }) => Self::Redirect,
            Err(failure) => Self::of_failure(failure),
        }
    }

    pub(crate) fn of_open(answer: &Result<Media, Failure>) -> Self {
        match answer {
            Ok(Media::Redirect(_)) => Self::Redirect,
            Ok(_) => Self::Opened,
            Err(failure) => Self::of_failure(failure),
        }
    }

    fn of_failure(failure: &Failure) -> Self {
        if failure.severity == Severity::Fault {
            Self::Fault
        } else {
            Self::Failed
        }
    }
}

/// One call of a plugin, of whatever kind, as its guard saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardReport<'a> {
    /// Name in the plugin's manifest.
    pub plugin: &'a str,
    /// The method.
    pub call: &'static str,
    /// How it ended.
    pub ending: CallEnding,
    /// From the wish to call to the end, waiting for a free place included.
    pub elapsed: Duration,
}

/// How a guarded call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnding {
    /// With an answer.
    Ok,
    /// The plugin said that it cannot.
    Failed,
    /// The plugin said that something is broken.
    Fault,
    /// It panicked or trapped.
    Panicked,
    /// It did not answer in time.
    Overdue,
    /// There was no free place for the call within its deadline.
    Busy,
    /// The plugin is suspended; it was not called.
    Suspended,
}

impl CallEnding {
    /// Name, as in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Fault => "fault",
            Self::Panicked => "panicked",
            Self::Overdue => "overdue",
            Self::Busy => "busy",
            Self::Suspended => "suspended",
        }
    }
}
