//! Why a medium cannot be probed or played, in the terms of Lavalink's exception object.

use lavalink_protocol::exception::Severity;
use thiserror::Error;

/// Failure of probing, playing or of the engine itself. `Display` is the text for users.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AudioError {
    /// No container was recognised, or its header is broken.
    #[error("Unknown file format.")]
    UnknownFormat {
        /// What the container reader said; empty when nothing was recognised.
        cause: String,
    },
    /// The container is known but nothing in it can be played.
    #[error("{message}")]
    NothingPlayable {
        /// Text for users, one per container.
        message: &'static str,
        /// What was found instead; may be empty.
        cause: String,
    },
    /// A playlist without a usable link.
    #[error("The playlist file contains no links.")]
    EmptyPlaylist,
    /// A recognised kind of stream this build cannot play.
    #[error("{what} streams are not supported yet.")]
    NotSupportedYet {
        /// Name of the kind, such as `HLS`.
        what: &'static str,
    },
    /// The input failed while its kind was being found out.
    #[error("Could not read the file for detecting file type.")]
    ReadForDetection {
        /// The I/O error.
        cause: String,
    },
    /// Reading or decoding failed during playback.
    #[error("Something went wrong when decoding the track.")]
    Decode {
        /// The reason given by the input, container reader or decoder.
        cause: String,
    },
    /// Going to another position failed.
    #[error("Something went wrong when seeking to a position.")]
    Seek {
        /// The reason given by the input or container reader.
        cause: String,
    },
    /// The engine could not be set up or a playback broke in an unexpected way.
    #[error("Something broke when playing the track.")]
    Broken {
        /// What broke.
        cause: String,
    },
}

impl AudioError {
    /// How bad it is: common for what the medium is, suspicious for its transport, fault for the rest.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::UnknownFormat { .. }
            | Self::NothingPlayable { .. }
            | Self::EmptyPlaylist
            | Self::NotSupportedYet { .. } => Severity::Common,
            Self::ReadForDetection { .. } => Severity::Suspicious,
            Self::Decode { .. } | Self::Seek { .. } | Self::Broken { .. } => Severity::Fault,
        }
    }

    /// Text for users; what `Display` prints.
    #[must_use]
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// The technical reason, if there is one beyond the message.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        let cause = match self {
            Self::UnknownFormat { cause }
            | Self::NothingPlayable { cause, .. }
            | Self::ReadForDetection { cause }
            | Self::Decode { cause }
            | Self::Seek { cause }
            | Self::Broken { cause } => cause,
            Self::EmptyPlaylist | Self::NotSupportedYet { .. } => return None,
        };
        (!cause.is_empty()).then_some(cause)
    }
}
